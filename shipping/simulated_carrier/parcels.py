"""Parcels: where each is, the scans that moved it, and who may move it where.

Every function here needs an open transaction. A parcel goes label -> handed_over -> delivered |
lost, or label -> void; a returning one ends as received. An intercepted one turns round under way:
from out to back. One writer at a time: a driver and a void can never both win, nor can a driver
and an interception.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from .requests import Result
from .switches import PICKUP, Subject, draw_within

SCHEMA: Final = """
CREATE TABLE parcel (
    tracking TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    key TEXT NOT NULL CONSTRAINT one_parcel_per_key UNIQUE,
    kind TEXT NOT NULL,
    carrier TEXT NOT NULL,
    direction TEXT NOT NULL,
    intercepted INTEGER NOT NULL DEFAULT 0,
    country TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'label',
    CONSTRAINT a_parcel_ends_where_its_direction_leads CHECK (
        (direction = 'out' AND state IN ('label', 'handed_over', 'delivered', 'lost', 'void'))
        OR (direction = 'back' AND state IN ('label', 'handed_over', 'received', 'lost', 'void'))
    ),
    CONSTRAINT an_intercepted_parcel_was_under_way_and_comes_back CHECK (
        NOT intercepted
        OR (direction = 'back' AND state IN ('handed_over', 'received', 'lost'))
    )
);
CREATE INDEX parcel_reference ON parcel (reference);
CREATE TABLE scan (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tracking TEXT NOT NULL REFERENCES parcel (tracking),
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE UNIQUE INDEX a_parcel_is_scanned_once_per_kind ON scan (tracking, kind)
 WHERE kind <> 'pickup_failed';
"""

_OUT_AND_BACK: Final = ("out", "back")
# move -> (directions, states it may start from, state it leads to)
MOVES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], str]]] = {
    "void": (_OUT_AND_BACK, ("label",), "void"),
    "hand_over": (_OUT_AND_BACK, ("label",), "handed_over"),
    "deliver": (("out",), ("handed_over",), "delivered"),
    "lose": (_OUT_AND_BACK, ("handed_over",), "lost"),
    "receive_return": (("back",), ("label", "handed_over"), "received"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One parcel as the carrier knows it. ``direction`` is ``out`` or ``back`` (to the shop).

    ``kind`` is the order that booked it: ``book``, ``book_return`` or ``send_back``.
    """

    tracking: str
    reference: str
    key: str
    direction: str
    country: str
    state: str
    kind: str = "book"
    carrier: str = "swift"
    intercepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One fact a driver recorded.

    ``handed_over``, ``delivered``, ``lost`` or ``received`` is where the parcel has got to.
    ``pickup_failed`` left it where it was, and ``intercepted`` turned it round.
    """

    number: int
    tracking: str
    reference: str
    kind: str
    at: datetime


def find(books: sqlite3.Connection, tracking: str) -> dict[str, Any] | None:
    """Return a parcel."""
    row: dict[str, Any] | None = books.execute(
        "SELECT * FROM parcel WHERE tracking = ?", [tracking]
    ).fetchone()
    return row


def move(books: sqlite3.Connection, kind: str, tracking: str) -> Result:
    """Move a parcel if it may go there; a refusal names the state it is in."""
    directions, sources, target = MOVES[kind]
    parcel = find(books, tracking)
    if parcel is None:
        return _unknown(kind, tracking)
    may = parcel["direction"] in directions and parcel["state"] in sources
    if may:
        books.execute("UPDATE parcel SET state = ? WHERE tracking = ?", [target, tracking])
    return _answer(kind, parcel, "" if may else parcel["state"])


def scan(books: sqlite3.Connection, kind: str, tracking: str) -> Result:
    """Move a parcel as a driver does: what happened is recorded as a scan."""
    parcel = find(books, tracking)
    if kind == PICKUP and parcel is not None and _is_missed(books, parcel):
        _record(books, parcel, "pickup_failed")
        return _answer(kind, parcel, "pickup_failed")
    result = move(books, kind, tracking)
    if parcel is not None and result.ok:
        _record(books, parcel, MOVES[kind][2])
    return result


def _is_missed(books: sqlite3.Connection, parcel: dict[str, Any]) -> bool:
    return parcel["state"] == "label" and _is_hit(books, "pickup_failed", PICKUP, parcel)


def intercept(books: sqlite3.Connection, tracking: str) -> Result:
    """Turn a parcel round that is under way to the customer; a refusal says why not."""
    parcel = find(books, tracking)
    if parcel is None:
        return _unknown("intercept", tracking)
    code = _why_not_intercepted(books, parcel)
    if not code:
        books.execute(
            "UPDATE parcel SET direction = 'back', intercepted = 1 WHERE tracking = ?", [tracking]
        )
        _record(books, parcel, "intercepted")
    return _answer("intercept", parcel, code)


def _why_not_intercepted(books: sqlite3.Connection, parcel: dict[str, Any]) -> str:
    if parcel["state"] == "delivered":
        return "too_late"
    if parcel["state"] != "handed_over":
        return str(parcel["state"])
    if parcel["direction"] == "back":
        return "returning"
    return "not_intercepted" if _is_hit(books, "no_intercept", "intercept", parcel) else ""


def _is_hit(books: sqlite3.Connection, switch: str, operation: str, parcel: dict[str, Any]) -> bool:
    call = Subject(operation=operation, reference=parcel["reference"], carrier=parcel["carrier"])
    return bool(draw_within(books, call, names=frozenset({switch})))


def _record(books: sqlite3.Connection, parcel: dict[str, Any], kind: str) -> None:
    books.execute(
        "INSERT INTO scan (tracking, reference, kind, at) VALUES (?, ?, ?, ?)",
        [parcel["tracking"], parcel["reference"], kind, datetime.now(UTC).isoformat()],
    )


def _answer(kind: str, parcel: dict[str, Any], code: str) -> Result:
    return Result(
        ok=not code,
        tracking=parcel["tracking"],
        code=code,
        reference=parcel["reference"],
        kind=kind,
    )


def _unknown(kind: str, tracking: str) -> Result:
    return Result(ok=False, tracking=tracking, code="unknown_parcel", reference="", kind=kind)
