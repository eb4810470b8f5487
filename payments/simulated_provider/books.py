"""The provider's books: what each operation does to them, and what they may never say.

Every function here needs an open transaction and either acts completely or refuses with a code.
The CHECK constraints are the last word on amounts; the guards before them only give the reason.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Final

from .requests import IdempotencyConflict, Request, Result
from .switches import draw_within

DECLINING_CARDS: Final = {
    "tok_declined": "card_declined",
    "tok_insufficient": "insufficient_funds",
}

SCHEMA: Final = """
CREATE TABLE operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL CONSTRAINT one_result_per_key UNIQUE,
    body TEXT NOT NULL,
    reference TEXT NOT NULL,
    parent TEXT NOT NULL,
    ok INTEGER NOT NULL,
    id TEXT NOT NULL,
    code TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    kind TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE session (
    reference TEXT PRIMARY KEY,
    currency TEXT NOT NULL,
    closed INTEGER NOT NULL
);
CREATE TABLE authorisation (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT authorised_is_positive CHECK (amount_minor > 0),
    captured_minor INTEGER NOT NULL DEFAULT 0,
    voided_minor INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT never_captured_more_than_authorised CHECK (
        captured_minor >= 0 AND voided_minor >= 0
        AND captured_minor + voided_minor <= amount_minor
    )
);
CREATE INDEX authorisation_reference ON authorisation (reference);
CREATE TABLE capture (
    id TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT captured_is_positive CHECK (amount_minor > 0),
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT never_refunded_more_than_captured CHECK (
        refunded_minor >= 0 AND refunded_minor <= amount_minor
    )
);
CREATE INDEX capture_reference ON capture (reference);
CREATE TABLE late (number INTEGER PRIMARY KEY AUTOINCREMENT, request TEXT NOT NULL);
"""


def settle(books: sqlite3.Connection, request: Request) -> Result:
    """Replay what is stored under the request's key, or act and store result and webhook."""
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
    names = ("id", "code", "amount_minor", "currency", "kind")
    return Result(ok=bool(row["ok"]), **{name: row[name] for name in names})


def reference_of(books: sqlite3.Connection, request: Request) -> str:
    """Return the reference a request is about, by its authorisation or capture if need be."""
    parent = _parent(books, request)
    return parent["reference"] if parent else request.reference


def _parent(books: sqlite3.Connection, request: Request) -> dict[str, Any] | None:
    row: dict[str, Any] | None = books.execute(
        "SELECT * FROM capture WHERE id = ?"
        if request.kind == "refund"
        else "SELECT * FROM authorisation WHERE id = ?",
        [request.parent],
    ).fetchone()
    return row


def _act(books: sqlite3.Connection, request: Request) -> Result:
    reference = reference_of(books, request)
    faults = draw_within(
        books, request.kind, reference, names=frozenset({"decline", "repeated_webhooks"})
    )
    if "decline" in faults:
        result = request.refused(faults["decline"].code)
    else:
        result = _OPERATIONS[request.kind](books, request)
    stored = _store(books, request, reference, result)
    copies = 1 + (faults["repeated_webhooks"].repeats if "repeated_webhooks" in faults else 0)
    _announce(books, stored, copies)
    return result


def _store(
    books: sqlite3.Connection, request: Request, reference: str, result: Result
) -> dict[str, Any]:
    row = {
        "key": request.key,
        "body": request.body,
        "reference": reference,
        "parent": request.parent,
        "at": datetime.now(UTC).isoformat(),
    } | asdict(result)
    books.execute(
        "INSERT INTO operation (key, body, reference, parent, ok, id, code, amount_minor, currency,"
        " kind, at) VALUES (:key, :body, :reference, :parent, :ok, :id, :code, :amount_minor,"
        " :currency, :kind, :at)",
        row,
    )
    return row


def _announce(books: sqlite3.Connection, stored: dict[str, Any], copies: int) -> None:
    outcome = "succeeded" if stored["ok"] else "declined"
    message = "msg_" + hashlib.sha256(stored["key"].encode()).hexdigest()[:20]
    data = {name: value for name, value in stored.items() if name not in {"body", "at"}}
    payload = {"type": f"{stored['kind']}.{outcome}", "timestamp": stored["at"], "data": data}
    books.executemany(
        "INSERT INTO webhook (message, reference, payload) VALUES (?, ?, ?)",
        [(message, stored["reference"], json.dumps(payload))] * copies,
    )


def _authorise(books: sqlite3.Connection, request: Request) -> Result:
    session = _session(books, request.reference, request.currency)
    if session["closed"]:
        return request.refused("session_closed")
    if session["currency"] != request.currency:
        return request.refused("currency_mismatch")
    if request.card_token in DECLINING_CARDS:
        return request.refused(DECLINING_CARDS[request.card_token])
    books.execute(
        "INSERT INTO authorisation (id, reference, currency, amount_minor) VALUES (?, ?, ?, ?)",
        [request.new_id, request.reference, request.currency, request.amount_minor],
    )
    return request.done()


def _session(books: sqlite3.Connection, reference: str, currency: str) -> dict[str, Any]:
    books.execute(
        "INSERT INTO session VALUES (?, ?, 0) ON CONFLICT (reference) DO NOTHING",
        [reference, currency],
    )
    row: dict[str, Any] = books.execute(
        "SELECT * FROM session WHERE reference = ?", [reference]
    ).fetchone()
    return row


def _capture(books: sqlite3.Connection, request: Request) -> Result:
    held = _parent(books, request)
    if held is None:
        return request.refused("unknown_authorisation")
    request = replace(request, currency=held["currency"])
    if request.amount_minor > _open(held):
        return request.refused("amount_exceeds_authorised")
    books.execute(
        "UPDATE authorisation SET captured_minor = captured_minor + ? WHERE id = ?",
        [request.amount_minor, request.parent],
    )
    books.execute(
        "INSERT INTO capture (id, reference, currency, amount_minor) VALUES (?, ?, ?, ?)",
        [request.new_id, held["reference"], request.currency, request.amount_minor],
    )
    return request.done()


def _void(books: sqlite3.Connection, request: Request) -> Result:
    held = _parent(books, request)
    if held is None:
        return request.refused("unknown_authorisation")
    request = replace(request, currency=held["currency"], amount_minor=_open(held))
    if not request.amount_minor:
        return request.refused("nothing_to_void")
    books.execute(
        "UPDATE authorisation SET voided_minor = voided_minor + ? WHERE id = ?",
        [request.amount_minor, request.parent],
    )
    return request.done()


def _open(held: dict[str, Any]) -> int:
    return int(held["amount_minor"] - held["captured_minor"] - held["voided_minor"])


def _refund(books: sqlite3.Connection, request: Request) -> Result:
    capture = _parent(books, request)
    if capture is None:
        return request.refused("unknown_capture")
    request = replace(request, currency=capture["currency"])
    if request.amount_minor > capture["amount_minor"] - capture["refunded_minor"]:
        return request.refused("amount_exceeds_captured")
    books.execute(
        "UPDATE capture SET refunded_minor = refunded_minor + ? WHERE id = ?",
        [request.amount_minor, request.parent],
    )
    return request.done()


def _close(books: sqlite3.Connection, request: Request) -> Result:
    books.execute(
        "INSERT INTO session VALUES (?, '', 1) ON CONFLICT (reference) DO UPDATE SET closed = 1",
        [request.reference],
    )
    return request.done()


_OPERATIONS: Final[dict[str, Callable[[sqlite3.Connection, Request], Result]]] = {
    "authorise": _authorise,
    "capture": _capture,
    "void": _void,
    "refund": _refund,
    "close": _close,
}
