"""The servers a run stands on: named in the header, required rather than skipped."""

import os
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from hypothesis import settings as search

from payments.simulated_provider import SimulatedProvider
from shipping.simulated_carrier import SimulatedCarrier
from tests.emptying import empty_all
from tests.world import World

NO_SERVICES = """the suite needs PostgreSQL and Redis. Run `make test`, or one command with both:
  python tools/services.py .venv/bin/pytest ...
or name your own servers in DATABASE_URL and CELERY_BROKER_URL.
On SQLite only what holds on both databases runs: pytest -m both_databases."""
HEADER = pytest.StashKey[str]()

# A busy machine is slow, not wrong.
search.register_profile("suite", deadline=None)
search.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start without the servers: a skipped guarantee looks like a kept one."""
    _take_a_broker_of_ones_own()
    if connection.vendor == "sqlite" and config.option.markexpr != "both_databases":
        raise pytest.UsageError(NO_SERVICES)
    try:
        config.stash[HEADER] = f"services: {_database()} | {_broker()}"
    except (psycopg.OperationalError, redis.RedisError, ValueError) as failure:
        raise pytest.UsageError(f"{NO_SERVICES}\nTried: {failure}") from failure


def _take_a_broker_of_ones_own() -> None:
    """Let no process of a shared-out run empty the broker of another: each has a database of it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        address = urlsplit(settings.CELERY_BROKER_URL)
        own = address._replace(path=f"/{worker.removeprefix('gw')}").geturl()
        # Celery asks the environment before the settings.
        os.environ["CELERY_BROKER_URL"] = settings.CELERY_BROKER_URL = own


def pytest_report_header(config: pytest.Config) -> str:
    return config.stash[HEADER]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """Keep SQLite in a file: threads and processes of a test must meet in one database."""
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("sqlite") / "test.sqlite3"
        connection.settings_dict["TEST"]["NAME"] = str(file)


@pytest.fixture(scope="session", autouse=True)
def emptied_quickly():
    """Empty the tables after a test without making them, and all permissions, anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_all)
        yield


@pytest.fixture(autouse=True)
def unreconciled(settings):
    """Let nothing be reconciled in the background: what a test is about, it does itself."""
    settings.SAGAS = {**settings.SAGAS, "RECONCILE_INTERVAL": None}


@pytest.fixture
def outside(tmp_path, settings):
    """Give the provider and the carrier books of this test's own."""
    settings.PROVIDER_BOOKS = tmp_path / "provider.sqlite3"
    settings.CARRIER_BOOKS = tmp_path / "carrier.sqlite3"
    return SimulatedProvider(settings.PROVIDER_BOOKS), SimulatedCarrier(settings.CARRIER_BOOKS)


@pytest.fixture
def world(transactional_db, outside, settings):
    """Return the shop in one process, with a hundred mugs in stock."""
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    shop = World(*outside)
    shop.stock(MUG=100)
    yield shop
    shop.back_to_now()
    shop.worker.close()


def _database() -> str:
    if connection.vendor != "postgresql":
        return connection.display_name
    with psycopg.connect(**connection.get_connection_params()) as server:
        number = server.info.server_version
    return f"PostgreSQL {number // 10_000}.{number % 10_000}"


def _broker() -> str:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as server:
        answer = server.info("server")
    if "valkey_version" in answer:
        return f"Valkey {answer['valkey_version']}"
    return f"Redis {answer['redis_version']}"
