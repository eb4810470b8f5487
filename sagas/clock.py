"""Time and identifiers, the only place they come from.

Times are aware and UTC. Comparisons with stored times use the database's clock (R7); on SQLite,
which lives in the same machine, that is this process's clock. Tests move time with `travel`.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connections

_NOW_SQL = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
}

#: How long something lasts, or a function that says it when it is needed, so that a setting may.
Duration = timedelta | Callable[[], timedelta]

#: How far `travel` has moved time; shared by all threads, so that workers move along.
_shared = {"offset": timedelta(0)}


def now(using: str = "default") -> datetime:
    """Return the time of database `using`, moved by what `travel` added."""
    return _database_time(using) + _shared["offset"]


def _database_time(using: str) -> datetime:
    connection = connections[using]
    sql = _NOW_SQL.get(connection.vendor)
    if sql is None:
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(sql)
        moment: datetime = cursor.fetchone()[0]
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def lasting(duration: Duration) -> timedelta:
    """Return how long something lasts that begins now."""
    return duration() if callable(duration) else duration


@contextmanager
def travel(distance: timedelta) -> Iterator[None]:
    """Move time by `distance` inside the block. For tests: everything that waits becomes due."""
    _shared["offset"] += distance
    try:
        yield
    finally:
        _shared["offset"] -= distance


def _uuid7_source() -> Iterator[UUID]:
    """Yield time-ordered UUIDs (RFC 9562, version 7), strictly increasing in this process."""
    last = 0
    while True:
        stamp = time.time_ns() // 1_000_000
        value = (stamp << 80) | int.from_bytes(os.urandom(10), "big")
        value = (value & ~(0xF << 76)) | (7 << 76)
        value = (value & ~(0x3 << 62)) | (2 << 62)
        last = value if value > last else last + 1
        yield UUID(int=last)


_ids = _uuid7_source()
_ids_lock = threading.Lock()


def new_id() -> UUID:
    """Return a new time-ordered identifier (design decision 31)."""
    with _ids_lock:
        return next(_ids)
