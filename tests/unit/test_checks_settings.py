"""Settings that would lose messages or stop workers are named when Django starts."""

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings

from sagas import checks
from sagas.brake import Brake
from sagas.checks import settings as setting_checks
from tests.unit.declarations import (
    declared,
)

__all__ = ["declared"]


@pytest.fixture
def celery(monkeypatch, settings):
    """Return the configuration of the shop's Celery app, and have hints go through it."""
    settings.SAGAS = {"TRANSPORT": "sagas.transport.CeleryTransport"}
    conf = setting_checks._task().app.conf

    def change(name: str, value: Any) -> None:
        before = conf.get(name)
        conf[name] = value
        undo.append((name, before))

    undo: list[tuple[str, Any]] = []
    yield change
    for name, before in undo:
        conf[name] = before


def ids() -> list[str | None]:
    return [issue.id for issue in (*checks.check_settings(), *checks.check_deploy_settings())]


def test_an_unknown_setting_is_an_error(settings):
    settings.SAGAS = {"BATCHSIZE": 5}

    assert "sagas.E100" in ids()


def test_caps_for_a_brake_that_no_call_is_under_are_an_error(declared, settings):
    calls = declared.step("payments.capture").calls
    declared.change("payments.capture", calls=replace(calls, brake="payments.capture"))
    settings.SAGAS = {"BRAKES": {"payments.captures": Brake(per_hour_count=9)}}

    (issue,) = (issue for issue in checks.check_settings() if issue.id == "sagas.E105")
    assert issue.obj == "SAGAS[\"BRAKES\"]['payments.captures']"
    assert "Did you mean 'payments.capture'?" in str(issue.hint)


def test_caps_for_a_brake_that_a_call_is_under_are_fine(declared, settings):
    calls = declared.step("payments.capture").calls
    declared.change("payments.capture", calls=replace(calls, brake="payments.capture"))
    settings.SAGAS = {"BRAKES": {"payments.capture": Brake(per_hour_count=9)}}

    assert "sagas.E105" not in ids()


def test_an_old_celery_is_an_error(monkeypatch):
    monkeypatch.setattr(setting_checks, "version", lambda name: "5.5.3")

    assert "sagas.E101" in ids()


def test_times_without_a_zone_are_an_error(settings):
    settings.USE_TZ = False

    assert "sagas.E104" in ids()


@pytest.mark.parametrize(
    ("name", "value", "identity"),
    [
        ("task_acks_late", True, "sagas.E102"),
        ("task_always_eager", True, "sagas.E103"),
        ("CELERY_DB_REUSE_MAX", None, "sagas.W101"),
        ("task_time_limit", 60, "sagas.W102"),
        ("task_soft_time_limit", 60, "sagas.W102"),
        ("broker_transport_options", {"visibility_timeout": 10}, "sagas.W103"),
    ],
)
def test_a_setting_of_celery_that_loses_messages_is_named(celery, name, value, identity):
    before = ids()
    celery(name, value)

    assert identity not in before
    assert identity in ids()


def test_workers_of_nobody_are_a_warning_in_production(settings):
    settings.DEBUG = False
    settings.SAGAS = {"TRANSPORT": "sagas.transport.InProcessTransport"}

    assert "sagas.W104" in ids()


SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
}


def _database(engine: str, **options: Any) -> dict[str, Any]:
    return {"default": {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}}


def test_sqlite_with_every_option_is_fine(monkeypatch):
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **SQLITE))

    assert "sagas.W111" not in ids()


@pytest.mark.parametrize("option", SQLITE)
def test_sqlite_without_an_option_is_a_warning_that_names_it(monkeypatch, option):
    options = {name: value for name, value in SQLITE.items() if name != option}
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **options))

    (issue,) = setting_checks.sqlite_options()

    assert f'"{option}"' in str(issue.hint)


def test_sqlite_in_production_is_a_warning(monkeypatch, settings):
    settings.DEBUG = False
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **SQLITE))

    assert "sagas.W112" in ids()


def test_mysql_with_gap_locks_is_an_error(monkeypatch):
    changed = _database("mysql", isolation_level="repeatable read")
    monkeypatch.setattr(django_settings, "DATABASES", changed)

    assert "sagas.E113" in ids()


class OrdersElsewhere:
    """A router that keeps orders where no outbox is."""

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == "orders" else None

    def allow_migrate(self, db, app_label, **hints):
        return db != "elsewhere"


def test_state_without_its_outbox_is_an_error(settings):
    settings.DATABASE_ROUTERS = [OrdersElsewhere()]

    found = [issue for issue in checks.check_settings() if issue.id == "sagas.E114"]
    assert "orders.Order" in [issue.obj for issue in found]


def test_a_pool_in_workers_is_a_warning(celery, monkeypatch):
    monkeypatch.setattr(django_settings, "DATABASES", _database("postgresql", pool=True))

    assert "sagas.W115" in ids()
