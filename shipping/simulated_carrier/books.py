"""The carrier's books: parcels, the scans that moved them, and the answers given.

Every function here needs an open transaction and either acts completely or refuses with a code.
A parcel goes label -> handed_over -> delivered | lost, or label -> void; a returning one ends as
received. One writer at a time: a driver and a void can never both win.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from .requests import IdempotencyConflict, Request, Result
from .switches import draw_within

UNSERVED_COUNTRIES: Final = frozenset({"AQ", "KP", "ANTARCTICA", "NORTH KOREA"})

SCHEMA: Final = """
CREATE TABLE operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL CONSTRAINT one_result_per_key UNIQUE,
    body TEXT NOT NULL,
    ok INTEGER NOT NULL,
    tracking TEXT NOT NULL,
    code TEXT NOT NULL,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE parcel (
    tracking TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    key TEXT NOT NULL CONSTRAINT one_parcel_per_key UNIQUE,
    direction TEXT NOT NULL,
    country TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'label',
    CONSTRAINT a_parcel_ends_where_its_direction_leads CHECK (
        (direction = 'out' AND state IN ('label', 'handed_over', 'delivered', 'lost', 'void'))
        OR (direction = 'back' AND state IN ('label', 'handed_over', 'received', 'lost', 'void'))
    )
);
CREATE INDEX parcel_reference ON parcel (reference);
CREATE TABLE scan (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tracking TEXT NOT NULL REFERENCES parcel (tracking),
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    CONSTRAINT a_parcel_is_scanned_once_per_kind UNIQUE (tracking, kind)
);
CREATE TABLE late (number INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL);
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
    """One parcel as the carrier knows it. ``direction`` is ``out`` or ``back`` (a return)."""

    tracking: str
    reference: str
    key: str
    direction: str
    country: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One fact a driver recorded: ``handed_over``, ``delivered``, ``lost`` or ``received``."""

    number: int
    tracking: str
    reference: str
    kind: str
    at: datetime


def settle(books: sqlite3.Connection, request: Request) -> Result:
    """Replay what is stored under the request's key, or act and store the result."""
    stored = find(books, request.key)
    if stored is None:
        return _act(books, request)
    if stored["body"] != request.body:
        raise IdempotencyConflict(
            f"Key {request.key} was used for another request; send the same body or a new key."
        )
    return result_of(stored)


def find(books: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    """Return the stored operation of a key."""
    row: dict[str, Any] | None = books.execute(
        "SELECT * FROM operation WHERE key = ?", [key]
    ).fetchone()
    return row


def result_of(row: dict[str, Any]) -> Result:
    """Return the result that an operation was answered with."""
    names = ("tracking", "code", "reference", "kind")
    return Result(ok=bool(row["ok"]), **{name: row[name] for name in names})


def reference_of(books: sqlite3.Connection, request: Request) -> str:
    """Return the reference a request is about, by its parcel if need be."""
    parcel = _parcel(books, request.tracking)
    return parcel["reference"] if parcel else request.reference


def move(books: sqlite3.Connection, kind: str, tracking: str) -> Result:
    """Move a parcel if it may go there; a refusal names the state it is in."""
    directions, sources, target = MOVES[kind]
    parcel = _parcel(books, tracking)
    if parcel is None:
        return Result(ok=False, tracking=tracking, code="unknown_parcel", reference="", kind=kind)
    may = parcel["direction"] in directions and parcel["state"] in sources
    if may:
        books.execute("UPDATE parcel SET state = ? WHERE tracking = ?", [target, tracking])
    return Result(
        ok=may,
        tracking=tracking,
        code="" if may else parcel["state"],
        reference=parcel["reference"],
        kind=kind,
    )


def scan(books: sqlite3.Connection, kind: str, tracking: str) -> Result:
    """Move a parcel as a driver does: what happened is recorded as a scan."""
    result = move(books, kind, tracking)
    if result.ok:
        books.execute(
            "INSERT INTO scan (tracking, reference, kind, at) VALUES (?, ?, ?, ?)",
            [tracking, result.reference, MOVES[kind][2], datetime.now(UTC).isoformat()],
        )
    return result


def _parcel(books: sqlite3.Connection, tracking: str) -> dict[str, Any] | None:
    row: dict[str, Any] | None = books.execute(
        "SELECT * FROM parcel WHERE tracking = ?", [tracking]
    ).fetchone()
    return row


def _act(books: sqlite3.Connection, request: Request) -> Result:
    reference = reference_of(books, request)
    faults = draw_within(books, request.kind, reference, names=frozenset({"refuse"}))
    if "refuse" in faults:
        result = _refused(request, faults["refuse"].code, reference)
    else:
        result = _OPERATIONS[request.kind](books, request)
    _store(books, request, result)
    return result


def _store(books: sqlite3.Connection, request: Request, result: Result) -> None:
    row = {"key": request.key, "body": request.body, "at": datetime.now(UTC).isoformat()}
    row |= asdict(result)
    books.execute(
        "INSERT INTO operation (key, body, ok, tracking, code, reference, kind, at)"
        " VALUES (:key, :body, :ok, :tracking, :code, :reference, :kind, :at)",
        row,
    )


def _book(books: sqlite3.Connection, request: Request) -> Result:
    if not request.country:
        return _refused(request, "address_incomplete", request.reference)
    if request.country.upper() in UNSERVED_COUNTRIES:
        return _refused(request, "no_service", request.reference)
    direction = "out" if request.kind == "book" else "back"
    books.execute(
        "INSERT INTO parcel (tracking, reference, key, direction, country) VALUES (?, ?, ?, ?, ?)",
        [request.new_tracking, request.reference, request.key, direction, request.country],
    )
    return Result(
        ok=True,
        tracking=request.new_tracking,
        code="",
        reference=request.reference,
        kind=request.kind,
    )


def _void(books: sqlite3.Connection, request: Request) -> Result:
    return move(books, "void", request.tracking)


def _refused(request: Request, code: str, reference: str) -> Result:
    return Result(
        ok=False, tracking=request.tracking, code=code, reference=reference, kind=request.kind
    )


_OPERATIONS: Final[dict[str, Callable[[sqlite3.Connection, Request], Result]]] = {
    "book": _book,
    "book_return": _book,
    "void": _void,
}
OPERATIONS: Final = tuple(_OPERATIONS)
