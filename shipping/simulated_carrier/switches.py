"""The carrier's arranged faults, kept in its file so that every process meets them."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from typing import Final

from .storage import transaction

NAMES: Final = (
    "refuse",
    "no_intercept",
    "pickup_failed",
    "latency",
    "lost_request",
    "late_request",
    "lost_answer",
    "hang",
)
#: The carrier's own people: what they do is not asked for by a key.
PICKUP: Final = "hand_over"
# These disturb the line to the carrier; the others change what it does when it acts.
ON_THE_LINE: Final = frozenset({"latency", "lost_request", "late_request", "lost_answer", "hang"})

SCHEMA: Final = """
CREATE TABLE switch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    reference TEXT NOT NULL,
    operation TEXT NOT NULL,
    carrier TEXT NOT NULL,
    times INTEGER CONSTRAINT never_used_more_than_allowed CHECK (times >= 0),
    share REAL NOT NULL CONSTRAINT share_is_a_fraction CHECK (share BETWEEN 0 AND 1),
    seed INTEGER NOT NULL,
    code TEXT NOT NULL,
    seconds REAL NOT NULL,
    CONSTRAINT one_switch_per_scope UNIQUE (name, reference, operation, carrier)
);
CREATE TABLE draw (
    name TEXT NOT NULL,
    operation TEXT NOT NULL,
    reference TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (name, operation, reference)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a call is about, as far as a fault may choose by it."""

    operation: str
    reference: str
    carrier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One arranged fault; an empty ``reference``, ``operation`` or ``carrier`` means any."""

    id: int
    name: str
    reference: str
    operation: str
    carrier: str
    times: int | None
    share: float
    seed: int
    code: str
    seconds: float

    def covers(self, call: Subject) -> bool:
        """Tell whether a call may be hit."""
        return (
            self.times != 0
            and self.reference in {"", call.reference}
            and self.carrier in {"", call.carrier}
            and (self.operation == call.operation or self._means(call.operation))
        )

    def _means(self, operation: str) -> bool:
        # A refusal is about booking, and an inquiry acts on nothing: all else must be named.
        meant = operation == "book" if self.name == "refuse" else operation != "inquire"
        return not self.operation and meant

    def hits(self, call: Subject, n: int) -> bool:
        """Choose by seed: the n-th call for a reference fares the same in every run."""
        seed = f"{self.seed}:{self.name}:{call.operation}:{call.reference}:{n}"
        return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) < self.share * 2**32


def read_switches(books: sqlite3.Connection) -> tuple[Switch, ...]:
    """Return the switches, the narrowest of each name first."""
    rows = books.execute(
        "SELECT * FROM switch ORDER BY name, reference DESC, operation DESC, carrier DESC"
    )
    return tuple(Switch(**row) for row in rows)


def draw(books: sqlite3.Connection, call: Subject) -> dict[str, Switch]:
    """Return the faults on the line that hit this call, used up by one. Opens a transaction."""
    if not _covering(books, call, ON_THE_LINE):
        return {}
    with transaction(books):
        return draw_within(books, call, names=ON_THE_LINE)


def draw_within(
    books: sqlite3.Connection, call: Subject, *, names: frozenset[str]
) -> dict[str, Switch]:
    """Return the faults among ``names`` that hit this call. Needs an open transaction."""
    chosen: dict[str, Switch] = {}
    for switch in _covering(books, call, names):
        if switch.name not in chosen and _use(books, switch, call):
            chosen[switch.name] = switch
    return chosen


def _covering(books: sqlite3.Connection, call: Subject, names: frozenset[str]) -> list[Switch]:
    return [
        switch for switch in read_switches(books) if switch.name in names and switch.covers(call)
    ]


def _use(books: sqlite3.Connection, switch: Switch, call: Subject) -> bool:
    if not switch.hits(call, _next(books, switch, call)):
        return False
    books.execute("UPDATE switch SET times = times - 1 WHERE id = ?", [switch.id])
    return True


def _next(books: sqlite3.Connection, switch: Switch, call: Subject) -> int:
    scope = [switch.name, call.operation, call.reference]
    books.execute(
        "INSERT INTO draw VALUES (?, ?, ?, 1)"
        " ON CONFLICT (name, operation, reference) DO UPDATE SET n = n + 1",
        scope,
    )
    row = books.execute(
        "SELECT n FROM draw WHERE name = ? AND operation = ? AND reference = ?", scope
    ).fetchone()
    return int(row["n"])
