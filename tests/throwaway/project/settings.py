"""A bookshop's settings from before it knew sagas, plus one line in INSTALLED_APPS."""
# ruff: noqa: INP001

import os

import dj_database_url

DEBUG = True
SECRET_KEY = "throwaway"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "sagas",
    "shelf",
]
ROOT_URLCONF = "shelf.urls"
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DATABASES["default"]["ATOMIC_REQUESTS"] = True
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
SAGAS = {"TRANSPORT": "sagas.transport.InProcessTransport"}
