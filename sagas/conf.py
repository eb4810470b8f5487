"""Settings: one `SAGAS` dict in Django's settings, read lazily into a frozen value.

An unknown key is refused with a suggestion. Durations are `timedelta`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from sagas.brake import Brake
from sagas.exceptions import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a shop may choose; every default is safe for production."""

    #: Deliveries that one batch takes at most (R21).
    BATCH_SIZE: int = 100
    #: Rows that one batch locks at most (R21).
    BATCH_ROWS: int = 2000
    #: How long a batch keeps taking deliveries before it commits (R21).
    BATCH_TIME: timedelta = timedelta(milliseconds=250)
    #: How long one hint is worked on before the next may come in, and shutdown may happen (R13).
    DRAIN_TIME: timedelta = timedelta(seconds=5)
    #: Calls to the outside that one worker has out at once.
    CALL_THREADS: int = 32
    #: How long a call may take when its step declares no deadline; also its lease.
    CALL_DEADLINE: timedelta = timedelta(minutes=2)
    #: After so many calls in a row without an answer, a gateway's breaker opens (decision 20).
    BREAKER_FAILURES: int = 5
    #: How long no call goes out to it then, before one is tried.
    BREAKER_PAUSE: timedelta = timedelta(seconds=30)
    #: The pause grows while it goes on not answering, up to this.
    BREAKER_LONGEST_PAUSE: timedelta = timedelta(minutes=10)
    #: Caps on what calls move, by the brake that they name; over a cap a second person is asked.
    BRAKES: Mapping[str, Brake] = field(default_factory=dict)
    #: How often the relay looks; a lost hint delays at most this long (G9).
    RELAY_INTERVAL: timedelta = timedelta(seconds=1)
    #: How long a queue's oldest due delivery may wait before the relay drains it itself (R1).
    RELAY_DRAINS_AFTER: timedelta = timedelta(seconds=5)
    #: After this silence a worker's slot counts as orphaned (design decision 11).
    SLOT_TIMEOUT: timedelta = timedelta(seconds=30)
    #: How long an early event may wait for its subject before a person is asked (R26).
    PARK_DEADLINE: timedelta = timedelta(hours=1)
    #: The largest encoded event, in bytes.
    MAX_PAYLOAD_BYTES: int = 1_000_000
    #: Dotted path of the transport that carries hints.
    TRANSPORT: str = "sagas.transport.CeleryTransport"
    #: How long hints are withheld after the broker refused one (R3).
    HINT_PAUSE: timedelta = timedelta(seconds=5)
    #: Raise on queries, sockets and threads inside declared steps; None means DEBUG.
    STRICT: bool | None = None
    #: Dotted path of the calendar that says which days are business days.
    CALENDAR: str = "sagas.calendar.KoreanCalendar"
    #: Events of ended sagas are kept at least this long.
    KEEP_EVENTS: timedelta = timedelta(days=400)
    #: How often the books are reconciled; None leaves it to `saga_reconcile` and to the task.
    RECONCILE_INTERVAL: timedelta | None = timedelta(hours=1)
    #: Changes younger than this are left to the next run: others may still commit before them.
    RECONCILE_LAG: timedelta = timedelta(minutes=1)
    #: Whether runs that nobody asked for repair what can't be repaired wrongly.
    RECONCILE_REPAIRS: bool = False


def _known_keys() -> frozenset[str]:
    return frozenset(known.name for known in fields(Settings))


def _refuse_unknown(given: dict[str, Any]) -> None:
    for key in given.keys() - _known_keys():
        close = get_close_matches(key, _known_keys(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        message = f"SAGAS[{key!r}] is not a setting of sagas.{hint}"
        raise ConfigurationError(message)


def _refuse_wrong_types(given: dict[str, Any]) -> None:
    for known in fields(Settings):
        if known.name in given:
            wanted: Any = dict if known.name == "BRAKES" else known.type
            _require(f"SAGAS[{known.name!r}]", given[known.name], wanted)
    for name, brake in given.get("BRAKES", {}).items():
        _require(f'SAGAS["BRAKES"][{name!r}]', brake, Brake)


def _require(place: str, value: Any, wanted: Any) -> None:
    if not isinstance(value, wanted):
        expected = getattr(wanted, "__name__", wanted)
        message = f"{place} must be a {expected}, not {type(value).__name__}."
        raise ConfigurationError(message)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the current settings.

    Raises ConfigurationError for an unknown key or a value of the wrong type.
    """
    given = dict(getattr(django_settings, "SAGAS", {}))
    _refuse_unknown(given)
    _refuse_wrong_types(given)
    return Settings(**given)


def is_strict() -> bool:
    """Whether stray queries and effects inside declared steps raise (design decision 13)."""
    strict = settings().STRICT
    return bool(django_settings.DEBUG) if strict is None else strict


def _reset(*, setting: str, **_: Any) -> None:
    if setting == "SAGAS":
        settings.cache_clear()


setting_changed.connect(_reset, dispatch_uid="sagas.conf")
