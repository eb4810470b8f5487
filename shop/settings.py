"""Settings of the shop, read from the environment; every default suits a first run on a laptop.

DATABASE_URL          where everything is stored; a SQLite file under var/ by default
CELERY_BROKER_URL     what carries hints; without it, workers run inside the process that asks
SHOP_SECRET_KEY       required unless DEBUG is on
DEBUG                 "1" (default) or "0"
SHOP_HOSTS            names that the shop answers to, separated by commas
SHOP_BOOKS_DIR        where the simulated provider and carrier keep their books; var/ by default
SHOP_CALL_DEADLINE_SECONDS
                      how long a call to the provider or the carrier may take; 120 by default
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = BASE_DIR / "var"

DEBUG = os.environ.get("DEBUG", "1").lower() in ("1", "true", "yes", "on")
ALLOWED_HOSTS = [host for host in os.environ.get("SHOP_HOSTS", "").split(",") if host]


def _secret_key() -> str:
    key = os.environ.get("SHOP_SECRET_KEY", "")
    if not key and not DEBUG:
        message = "SHOP_SECRET_KEY is not set: give the shop a long random string of its own."
        raise ImproperlyConfigured(message)
    return key or "for-development-only"


SECRET_KEY = _secret_key()

# -- Applications -------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "sagas",
    "orders",
    "payments",
    "inventory",
    "shipping",
    "shop",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
STATIC_URL = "static/"

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # Basic stands first, so that who is not known gets a 401 that says how to say who they are.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.BasicAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shop",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "DeliveryKind": "sagas.models.Delivery.KindChoices",
        "SagaCaseKind": "sagas.models.CaseKind",
        "OrderCaseKind": "orders.models.Case.Kind",
        "DeliveryState": "sagas.models.DeliveryState",
        "OrderState": "orders.models.Order.State",
        "ReturnState": "orders.models.Return.State",
    },
}

# -- Database -----------------------------------------------------------------------------------

#: R15: writers queue up for the one lock instead of failing, and a commit survives a power cut.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
}


def _database() -> Any:
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        VAR.mkdir(exist_ok=True)
        url = f"sqlite:///{VAR / 'shop.sqlite3'}"
    parsed: dict[str, Any] = dict(
        dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)
    )
    if "sqlite" in parsed["ENGINE"]:
        parsed["OPTIONS"] = {**_SQLITE_OPTIONS, **parsed.get("OPTIONS", {})}
    return parsed


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Language and time --------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [BASE_DIR / "shop" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# -- Celery -------------------------------------------------------------------------------------

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that hangs must not hold up a web request (R3) or a worker's shutdown.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"socket_connect_timeout": 0.2, "socket_timeout": 5, "socket_keepalive": True}
    if CELERY_BROKER_URL.startswith("redis")
    else {}
)
# Hints are acknowledged early and have no result: nothing is decided by Celery (R12).
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "shop"
# One wake-up drains many deliveries, so few are fetched ahead and connections stay open (R14).
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_DB_REUSE_MAX = 1000

# -- Sagas and the shop's own policy ------------------------------------------------------------

_TRANSPORT = "CeleryTransport" if CELERY_BROKER_URL else "InProcessTransport"
SAGAS = {
    "TRANSPORT": f"sagas.transport.{_TRANSPORT}",
    "CALL_DEADLINE": timedelta(seconds=float(os.environ.get("SHOP_CALL_DEADLINE_SECONDS", "120"))),
    # The test runner turns DEBUG off, and steps are to stay pure in tests, too.
    "STRICT": DEBUG,
}

_BOOKS = Path(os.environ.get("SHOP_BOOKS_DIR") or VAR)
PROVIDER_BOOKS = _BOOKS / "provider.sqlite3"
CARRIER_BOOKS = _BOOKS / "carrier.sqlite3"

SHOP: dict[str, Any] = {
    # Says which articles of a new order do not exist: orders must not know inventory.
    "SKU_CHECK": "inventory.services.unknown_skus",
    # How long stock is kept for an order that is not paid.
    "RESERVATION_TTL": timedelta(minutes=30),
    # How long a confirmed order may take to be captured and committed before it is cancelled.
    "CONFIRMED_PATIENCE": timedelta(days=2),
    # How long a parcel may wait in the house, and be on its way, before the order is stalled.
    "FULFILLING_PATIENCE": timedelta(days=3),
    "SHIPPED_PATIENCE": timedelta(days=21),
    # How long a delivered order may wait for its stock to be booked out.
    "DELIVERED_PATIENCE": timedelta(days=1),
    # How long after its delivery an order may be sent back.
    "RETURN_WINDOW": timedelta(days=30),
    # How long the other side may take to know a key; only then "not known" means "never" (R29).
    "PAYMENT_HORIZON_SECONDS": 300,
    "CARRIER_HORIZON_SECONDS": 300,
}
