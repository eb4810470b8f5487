"""The carrier's answers: each kept under its key, so that the same order is carried out once.

Every function that writes needs an open transaction and either acts completely or refuses with a
code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from . import parcels
from .requests import IdempotencyConflict, Request, Result
from .switches import PICKUP, Subject, draw_within

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
    carrier TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE late (number INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL);
"""


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


def subject_of(books: sqlite3.Connection, request: Request) -> Subject:
    """Return what a request is about, by its parcel if need be."""
    parcel = parcels.find(books, request.tracking)
    about = parcel or {"reference": request.reference, "carrier": request.carrier}
    return Subject(operation=request.kind, reference=about["reference"], carrier=about["carrier"])


def inquiry_about(stored: dict[str, Any] | None) -> Subject:
    """Return what a question about a stored operation is about."""
    about = stored or {"reference": "", "carrier": ""}
    return Subject(operation="inquire", reference=about["reference"], carrier=about["carrier"])


def _act(books: sqlite3.Connection, request: Request) -> Result:
    call = subject_of(books, request)
    faults = draw_within(books, call, names=frozenset({"refuse"}))
    if "refuse" in faults:
        result = _refused(request, faults["refuse"].code, call.reference)
    else:
        result = _OPERATIONS[request.kind](books, request)
    _store(books, request, call, result)
    return result


def _store(books: sqlite3.Connection, request: Request, call: Subject, result: Result) -> None:
    row = {
        "key": request.key,
        "body": request.body,
        "carrier": call.carrier,
        "at": datetime.now(UTC).isoformat(),
    }
    books.execute(
        "INSERT INTO operation (key, body, ok, tracking, code, reference, carrier, kind, at)"
        " VALUES (:key, :body, :ok, :tracking, :code, :reference, :carrier, :kind, :at)",
        row | asdict(result),
    )


def _book(books: sqlite3.Connection, request: Request) -> Result:
    if not request.country:
        return _refused(request, "address_incomplete", request.reference)
    if request.country.upper() in UNSERVED_COUNTRIES:
        return _refused(request, "no_service", request.reference)
    books.execute(
        "INSERT INTO parcel (tracking, reference, key, kind, carrier, direction, country)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            request.new_tracking,
            request.reference,
            request.key,
            request.kind,
            request.carrier,
            "back" if request.kind == "book_return" else "out",
            request.country,
        ],
    )
    return Result(
        ok=True,
        tracking=request.new_tracking,
        code="",
        reference=request.reference,
        kind=request.kind,
    )


def _void(books: sqlite3.Connection, request: Request) -> Result:
    return parcels.move(books, "void", request.tracking)


def _intercept(books: sqlite3.Connection, request: Request) -> Result:
    return parcels.intercept(books, request.tracking)


def _refused(request: Request, code: str, reference: str) -> Result:
    return Result(
        ok=False, tracking=request.tracking, code=code, reference=reference, kind=request.kind
    )


_OPERATIONS: Final[dict[str, Callable[[sqlite3.Connection, Request], Result]]] = {
    "book": _book,
    "book_return": _book,
    "void": _void,
    "intercept": _intercept,
    "send_back": _book,
}
#: What may be named when a fault is narrowed to an operation, the inquiry apart.
OPERATIONS: Final = (*_OPERATIONS, PICKUP)
