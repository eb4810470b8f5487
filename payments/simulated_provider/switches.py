"""The provider's arranged faults, kept in its file so that every process meets them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .requests import ID_PREFIX
from .storage import Books, transaction

NAMES: Final = (
    "decline",
    "latency",
    "lost_request",
    "late_request",
    "not_found_then_executes",
    "lost_answer",
    "stored_error",
    "expired_keys",
    "hang",
    "short_authorisation",
    "pending_refund",
    "late_deposit",
    "repeated_webhooks",
    "contradictory_webhooks",
    "reordered_webhooks",
    "early_webhook",
)
#: What may be named when a fault is narrowed to an operation, the inquiry apart.
OPERATIONS: Final = (*ID_PREFIX, "pay_deposit", "dispute")
# These disturb the line to the provider; the others change what it does when it acts.
ON_THE_LINE: Final = frozenset(
    {
        "latency",
        "lost_request",
        "late_request",
        "not_found_then_executes",
        "lost_answer",
        "hang",
        "early_webhook",
    }
)

SCHEMA: Final = """
CREATE TABLE switch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    reference TEXT NOT NULL,
    operation TEXT NOT NULL,
    times INTEGER CONSTRAINT never_used_more_than_allowed CHECK (times >= 0),
    share REAL NOT NULL CONSTRAINT share_is_a_fraction CHECK (share BETWEEN 0 AND 1),
    seed INTEGER NOT NULL,
    code TEXT NOT NULL,
    seconds REAL NOT NULL,
    repeats INTEGER NOT NULL,
    CONSTRAINT one_switch_per_scope UNIQUE (name, reference, operation)
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
class Switch:
    """One arranged fault. An empty ``reference`` or ``operation`` means any of them."""

    id: int
    name: str
    reference: str
    operation: str
    times: int | None
    share: float
    seed: int
    code: str
    seconds: float
    repeats: int

    def covers(self, operation: str, reference: str) -> bool:
        """Tell whether a call of ``operation`` for ``reference`` may be hit."""
        return (
            self.times != 0
            and self.reference in {"", reference}
            and (self.operation == operation or (not self.operation and self._means(operation)))
        )

    def _means(self, operation: str) -> bool:
        # A decline is about a card, and an inquiry acts on nothing: all else must be named.
        return operation == "authorise" if self.name == "decline" else operation != "inquire"

    def hits(self, operation: str, reference: str, n: int) -> bool:
        """Choose by seed: the n-th call for a reference fares the same in every run."""
        seed = f"{self.seed}:{self.name}:{operation}:{reference}:{n}"
        return int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) < self.share * 2**32


def read_switches(books: Books) -> tuple[Switch, ...]:
    """Return the switches, the narrowest of each name first."""
    rows = books.execute("SELECT * FROM switch ORDER BY name, reference DESC, operation DESC")
    return tuple(Switch(**row) for row in rows)


def draw(books: Books, operation: str, reference: str) -> dict[str, Switch]:
    """Return the faults on the line that hit this call, used up by one. Opens a transaction."""
    if not _covering(books, operation, reference, ON_THE_LINE):
        return {}
    with transaction(books):
        return draw_within(books, operation, reference, names=ON_THE_LINE)


def draw_one(
    books: Books,
    name: str,
    operation: str,
    reference: str,
    *,
    fits: Callable[[Switch], bool] = lambda _: True,
) -> Switch | None:
    """Return the fault of this name if it hits and ``fits``. Needs an open transaction."""
    names = frozenset({name})
    return draw_within(books, operation, reference, names=names, fits=fits).get(name)


def draw_within(
    books: Books,
    operation: str,
    reference: str,
    *,
    names: frozenset[str],
    fits: Callable[[Switch], bool] = lambda _: True,
) -> dict[str, Switch]:
    """Return the faults among ``names`` that hit this call. Needs an open transaction."""
    chosen: dict[str, Switch] = {}
    for switch in filter(fits, _covering(books, operation, reference, names)):
        if switch.name not in chosen and _use(books, switch, operation, reference):
            chosen[switch.name] = switch
    return chosen


def _covering(books: Books, operation: str, reference: str, names: frozenset[str]) -> list[Switch]:
    return [
        switch
        for switch in read_switches(books)
        if switch.name in names and switch.covers(operation, reference)
    ]


def _use(books: Books, switch: Switch, operation: str, reference: str) -> bool:
    if not switch.hits(operation, reference, _next(books, switch, operation, reference)):
        return False
    books.execute("UPDATE switch SET times = times - 1 WHERE id = ?", [switch.id])
    return True


def _next(books: Books, switch: Switch, operation: str, reference: str) -> int:
    scope = [switch.name, operation, reference]
    row = books.one(
        "INSERT INTO draw VALUES (?, ?, ?, 1)"
        " ON CONFLICT (name, operation, reference) DO UPDATE SET n = n + 1 RETURNING n",
        scope,
    )
    return int(row["n"]) if row else 0
