"""Settings: what would lose messages, stop workers, or split state from events (R12, R14-R16)."""

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.db import router

from sagas import conf
from sagas.checks.message import error, warning
from sagas.exceptions import ConfigurationError
from sagas.models import Delivery
from sagas.routing import all_steps

#: Celery before this stops consuming after Redis reconnects (R14).
CELERY = (5, 6)
#: Writers of SQLite queue up at least this long, in seconds (R15).
SQLITE_TIMEOUT = 30
#: Shorter than this, hints that wait in a worker are sent again and again, in seconds.
VISIBILITY = 60


def own_settings() -> Iterator[CheckMessage]:
    """E100: SAGAS holds an unknown key or a value of the wrong type."""
    try:
        conf.settings()
    except ConfigurationError as problem:
        yield error(100, "SAGAS", str(problem), hint="See docs/reference/settings.md.")


def _task() -> Any:
    from sagas.tasks import drain

    return drain


def _uses_celery() -> bool:
    return str(dict(getattr(django_settings, "SAGAS", {})).get("TRANSPORT", "")) in (
        "",
        "sagas.transport.CeleryTransport",
    )


def celery_version() -> Iterator[CheckMessage]:
    """E101: this Celery is too old (R14)."""
    found = version("celery")
    if tuple(int(part) for part in found.split(".")[:2]) < CELERY:
        yield error(
            101,
            "celery",
            f"Celery {found} may stop consuming after its broker reconnects.",
            hint="Install celery>=5.6.",
        )


def times_are_aware() -> Iterator[CheckMessage]:
    """E104: times are stored without a zone, so that no comparison with them is certain (R7)."""
    if not django_settings.USE_TZ:
        yield error(
            104,
            "USE_TZ",
            "Times would be stored without a zone; announcing any event fails.",
            hint="Set USE_TZ = True.",
        )


def celery_acknowledges_early() -> Iterator[CheckMessage]:
    """E102: hints are acknowledged late, which can make message loops (R12)."""
    if _uses_celery() and (_task().acks_late or _task().app.conf.task_acks_late):
        yield error(
            102,
            "celery.task_acks_late",
            "Hints would be acknowledged late: a worker that dies makes them come back for ever.",
            hint="Leave task_acks_late off; nothing is lost, the rows are in the database.",
        )


def celery_is_not_eager() -> Iterator[CheckMessage]:
    """E103: hints run inside the transaction's own process (R12)."""
    if _uses_celery() and _task().app.conf.task_always_eager:
        yield error(
            103,
            "celery.task_always_eager",
            "Steps would run inside the request that announced the event.",
            hint='Use SAGAS["TRANSPORT"] = "sagas.transport.InProcessTransport" where there is'
            " no worker.",
        )


def celery_reuses_connections() -> Iterator[CheckMessage]:
    """W101: Celery closes the database connection around every hint (R14)."""
    if _uses_celery() and not _task().app.conf.get("CELERY_DB_REUSE_MAX"):
        yield warning(
            101,
            "CELERY_DB_REUSE_MAX",
            "Celery closes the database connection before and after every task.",
            hint="Set CELERY_DB_REUSE_MAX, for example to 1000.",
        )


def celery_has_no_time_limits() -> Iterator[CheckMessage]:
    """W102: a worker may be stopped in the middle of a batch (R12, R13)."""
    conf_ = _task().app.conf
    limits = [n for n in ("task_time_limit", "task_soft_time_limit") if conf_.get(n)]
    if _uses_celery() and limits:
        yield warning(
            102,
            f"celery.{limits[0]}",
            "A time limit for all tasks also stops a worker that is draining a queue.",
            hint="Set limits on your own tasks; a step has a deadline=.",
        )


def celery_redelivers_seldom() -> Iterator[CheckMessage]:
    """W103: the broker sends hints again that a worker still has in hand (R12)."""
    options = _task().app.conf.broker_transport_options or {}
    timeout = options.get("visibility_timeout")
    if _uses_celery() and timeout is not None and timeout < VISIBILITY:
        yield warning(
            103,
            "celery.broker_transport_options",
            f"visibility_timeout={timeout} sends hints again that wait in a worker.",
            hint="Leave it out, or set it above every task's longest run.",
        )


def has_workers() -> Iterator[CheckMessage]:
    """W104: in production every process would have to be its own worker."""
    if not _uses_celery() and not django_settings.DEBUG:
        yield warning(
            104,
            'SAGAS["TRANSPORT"]',
            "Hints reach this process only; what a web server announces waits for saga_run.",
            hint='Use "sagas.transport.CeleryTransport" and workers, or keep saga_run running.',
        )


# -- databases ------------------------------------------------------------------------------------


def _databases(vendor: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for alias, given in django_settings.DATABASES.items():
        if vendor in given.get("ENGINE", ""):
            yield alias, given.get("OPTIONS") or {}


def sqlite_options() -> Iterator[CheckMessage]:
    """W111: writers on SQLite fail instead of waiting for one another (R15)."""
    for alias, options in _databases("sqlite"):
        missing = []
        if options.get("transaction_mode", "").upper() != "IMMEDIATE":
            missing.append('"transaction_mode": "IMMEDIATE"')
        if options.get("timeout", 0) < SQLITE_TIMEOUT:
            missing.append(f'"timeout": {SQLITE_TIMEOUT}')
        if "WAL" not in options.get("init_command", "").upper():
            missing.append('"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"')
        if missing:
            yield warning(
                111,
                f"DATABASES[{alias!r}]",
                "Two writers at once fail with 'database is locked'.",
                hint=f"Add to its OPTIONS: {', '.join(missing)}.",
            )


def sqlite_in_production() -> Iterator[CheckMessage]:
    """W112: SQLite has one writer at a time."""
    for alias, _options in _databases("sqlite"):
        if not django_settings.DEBUG:
            yield warning(
                112,
                f"DATABASES[{alias!r}]",
                "SQLite lets one transaction write at a time: workers queue up for it.",
                hint="Use PostgreSQL when more than one process announces or reacts.",
            )


def mysql_isolation() -> Iterator[CheckMessage]:
    """E113: MySQL's gap locks would let lanes wait for one another (R15)."""
    for alias, options in _databases("mysql"):
        level = str(options.get("isolation_level", "read committed")).lower()
        if level != "read committed":
            yield error(
                113,
                f"DATABASES[{alias!r}]",
                f"Its isolation level is {level!r}; claims are made for 'read committed'.",
                hint='Set OPTIONS["isolation_level"] = "read committed".',
            )


def one_database_per_outbox() -> Iterator[CheckMessage]:
    """E114: state and its events would be written to different databases (R16)."""
    outbox = router.db_for_write(Delivery)
    for model in sorted({s.model for s in all_steps() if s.model}, key=lambda m: m._meta.label):
        alias = router.db_for_write(model)
        if alias != outbox and not router.allow_migrate(alias, "sagas"):
            yield error(
                114,
                model._meta.label,
                f"It is written to {alias!r}, where the tables of sagas are not: state and events"
                " could not commit together.",
                hint=f"Let DATABASE_ROUTERS allow migrating sagas on {alias!r}, too.",
            )


def pools_and_forks() -> Iterator[CheckMessage]:
    """W115: Celery closes a connection pool around every hint (R14)."""
    for alias, options in _databases("postgresql"):
        if options.get("pool") and _uses_celery():
            yield warning(
                115,
                f"DATABASES[{alias!r}]",
                "Workers that fork close and reopen its connection pool all the time.",
                hint='Leave OPTIONS["pool"] out where workers run; use CONN_MAX_AGE.',
            )


CHECKS = (
    own_settings,
    celery_version,
    times_are_aware,
    celery_acknowledges_early,
    celery_is_not_eager,
    celery_reuses_connections,
    celery_has_no_time_limits,
    celery_redelivers_seldom,
    sqlite_options,
    mysql_isolation,
    one_database_per_outbox,
    pools_and_forks,
)
DEPLOY_CHECKS = (has_workers, sqlite_in_production)
