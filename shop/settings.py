"""Settings of the shop, read from the environment; every default suits a first run on a laptop.

DATABASE_URL          where everything is stored; a SQLite file under var/ by default
CELERY_BROKER_URL     what carries hints; without it, workers run inside the process that asks
SHOP_SECRET_KEY       required unless DEBUG is on
DEBUG                 "1" (default) or "0"
SHOP_HOSTS            names that the shop answers to, separated by commas
SHOP_MAIL_HOST        the server that takes mails to customers; without it they go to var/mail
SHOP_MAIL_FROM        whom they come from
SHOP_BOOKS_DIR        where the simulated provider and carrier keep their books; var/ by default
SHOP_CALL_DEADLINE_SECONDS
                      how long a call to the provider or the carrier may take; 120 by default
PAYMENT_PROVIDER      "simulated" (default), "stripe" or "toss"

With Stripe (its library comes with the extra "stripe"):
STRIPE_API_KEY        required: the account's secret key
STRIPE_WEBHOOK_SECRET required for messages: the signing secret of /api/payments/webhooks/stripe/
STRIPE_API_BASE       another address than Stripe's own
STRIPE_SEARCH         "0" for an account without the search API

With Toss, whose messages go to /api/payments/webhooks/toss/:
TOSS_SECRET_KEY       required: the shop's secret key
TOSS_API_BASE         another address than Toss's own
TOSS_BANK             code of the bank for virtual accounts; "88" by default
TOSS_DEPOSIT_HOURS    how long a virtual account waits for its deposit; Toss says 168
TOSS_SETTLED_SINCE    the first day of the statement, as 2026-01-31; a month ago by default
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from sagas.brake import Brake

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
        "OrderCaseKind": "orders.cases.CHOICES",
        "DeliveryState": "sagas.models.DeliveryState",
        "OrderState": "orders.models.Order.State",
        "ReconciliationState": "sagas.reconciled.RunState",
        "OrderCaseState": "orders.models.Case.State",
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

# -- Mail --------------------------------------------------------------------------------------

#: Without a mail server, mails to customers are files under var/mail.
EMAIL_HOST = os.environ.get("SHOP_MAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR / "mail"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("SHOP_MAIL_FROM", "shop@localhost")

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
    # A mistake in a table must not pay out all night: what goes over waits for a second person.
    # Sums are in minor units; a currency that is not named here has a cap of nothing.
    "BRAKES": {
        "payments.refund": Brake(
            per_hour_count=2_000,
            per_hour_minor={
                "KRW": 1_000_000_000,
                "JPY": 100_000_000,
                "EUR": 80_000_000,
                "GBP": 80_000_000,
                "USD": 80_000_000,
                "KWD": 200_000_000,
            },
        ),
        "payments.capture": Brake(
            per_hour_count=100_000,
            per_hour_minor={
                "KRW": 20_000_000_000,
                "JPY": 2_000_000_000,
                "EUR": 1_500_000_000,
                "GBP": 1_500_000_000,
                "USD": 1_500_000_000,
                "KWD": 4_000_000_000,
            },
        ),
    },
}

# Its credentials stay in the environment, where the adapter reads them when it needs them.
PAYMENT_PROVIDER = os.environ.get("PAYMENT_PROVIDER", "simulated")

_BOOKS = Path(os.environ.get("SHOP_BOOKS_DIR") or VAR)
PROVIDER_BOOKS = _BOOKS / "provider.sqlite3"
CARRIER_BOOKS = _BOOKS / "carrier.sqlite3"

SHOP: dict[str, Any] = {
    # Says which articles of a new order do not exist: orders must not know inventory.
    "SKU_CHECK": "inventory.services.unknown_skus",
    # -- orders: what may be chosen otherwise than in the decision table (orders/decision_table.py)
    # How long after placing it a customer may cancel online; None: until it leaves the house.
    "CANCEL_WINDOW": None,
    # How long a cancelled order may wait for its money and stock before it is stalled.
    "CANCELLING_PATIENCE": timedelta(days=7),
    # How long an accepted case may wait for its money or goods before it is stalled.
    "CASE_PATIENCE": timedelta(days=14),
    # X: what a customer pays who changed their mind, per return, in minor units (D-17).
    "RETURN_FEE_MINOR": {"KRW": 3000},
    # F when a part of an order is given up that would be refunded as a whole: "keep" it until
    # nothing is kept of the order, or refund it "pro_rata" (D-16).
    "PARTIAL_POSTAGE": "keep",
    # What is done for a lost parcel: "ask" the customer, or always send the "goods" once more, or
    # always pay the "money" back (D-15).
    "LOSS_REMEDY": "ask",
    # How long that customer may think about it; after that the money goes back.
    "LOSS_PATIENCE": timedelta(days=7),
    # Whether an order that was paid too late is fulfilled after all, if the stock is still there
    # (D-5); otherwise, and else, the money goes back.
    "REINSTATE_LATE": False,
    # The most that may be given as goodwill, per case, in minor units by currency (D-28); without
    # a limit it is what is left of the payment.
    "GOODWILL_MAX_MINOR": {},
    # What a coupon is worth that is given as an apology for goods that were not there, in minor
    # units by currency (D-9 to D-11); without one, none is given and none is promised.
    "APOLOGY_COUPON_MINOR": {"EUR": 500, "GBP": 500, "KRW": 5000, "USD": 500},
    # Whether suspecting fraud keeps the customer from placing further orders (D-21 to D-23).
    "FRAUD_BLOCKS": True,
    # Within how many business days money has to be back, counted in the days of which place.
    "LEGAL_DAYS": 3,
    "LEGAL_ZONE": "Asia/Seoul",
    # -- payments --
    # How long an amount stays reserved when the provider does not say, and how long before its end
    # it is too late to rely on it (R36).
    "AUTHORISATION_LIFETIME": timedelta(days=7),
    "AUTHORISATION_MARGIN": timedelta(hours=12),
    # How long an account waits for the customer's transfer when the provider does not say (D-6).
    "DEPOSIT_TTL": timedelta(days=3),
    # How long after its horizon a payment that was given up is looked at for late money (D-5).
    "LATE_LOOK_MARGIN": timedelta(minutes=5),
    # How long a refund may be owed before somebody is reminded (D-26).
    "OWED_PATIENCE": timedelta(days=7),
    # By when what a person vouches for is verified with the provider (D-29).
    "EVIDENCE_PATIENCE": timedelta(hours=24),
    # How long the provider's statement may take to show what is in our books (S2).
    "SETTLEMENT_LAG": timedelta(days=2),
    # How long what is settled may take to be paid out, and a payout to reach the bank (S3).
    "PAYOUT_LAG": timedelta(days=7),
    # Where the shop's bank tells of payouts: the path of a function that takes a position and
    # yields the lines behind it (sagas.reconciliation.Line), each with its payout; None: nowhere.
    "BANK_STATEMENT": None,
    # How late the provider's messages may come, but for one in a thousand (E3).
    "WEBHOOK_DELAY": timedelta(minutes=5),
    # -- how long things may take
    # How long stock is kept for an order that is not paid: not less than a payment may take to be
    # known of, which is the provider's horizon, its slowest message, and two rounds of the relay
    # (E3); `manage.py check` compares them.
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
    # -- stock and parcels
    # For how long once more stock is kept while a payment may yet come; only once (E5). An account
    # that waits for a transfer keeps it until it is closed, and RESERVATION_TTL longer (E4).
    "RESERVATION_EXTENSION": timedelta(hours=24),
    # How many orders a customer may have that keep stock and are not paid; None: any number (E8).
    "MAX_OPEN_RESERVATIONS": None,
    # Who looks at what comes back: "by_hand", a person; "accept_all", nobody, all is sold again.
    "INSPECTION": "by_hand",
    # How long goods that came back may wait for that person.
    "INSPECTION_PATIENCE": timedelta(days=2),
    # The carriers in turn, and how often each is asked to take a parcel (D-14).
    "CARRIERS": ("swift", "post"),
    "CARRIER_TRIES": 2,
}
