"""Refunds: money on its way back, paid at once or later, and the ones that come back themselves.

A refund is ``pending``, then ``succeeded`` or ``failed``; a succeeded one may fail days later.
Its line is stated when the money leaves. One that fails while pending left and came back, so it
is stated as both, and the sum of the lines is right at any time.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from . import disputes, statement
from .clock import stamp
from .requests import InvalidRequest, Request, Result
from .storage import Books
from .switches import draw_one
from .webhooks import announce

#: What an account for a refund must say.
ACCOUNT: Final = ("bank", "number", "holder")

SCHEMA: Final = """
CREATE TABLE refund (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    capture TEXT NOT NULL REFERENCES capture (id),
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    operation TEXT NOT NULL,
    account TEXT NOT NULL,
    at TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT refund_is_positive CHECK (amount_minor > 0),
    code TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL
        CONSTRAINT a_refund_has_a_known_status CHECK (status IN ('pending', 'succeeded', 'failed'))
);
CREATE INDEX refund_reference ON refund (reference);
CREATE INDEX refund_capture ON refund (capture);
"""


def refund(books: Books, request: Request) -> Result:
    """Send money of a capture back, at once or, with ``pending_refund``, later."""
    capture = books.one("SELECT * FROM capture WHERE id = ?", [request.parent])
    if capture is None:
        return request.refused("unknown_capture")
    request = replace(request, currency=capture["currency"])
    if code := _refuse(books, request, capture):
        return request.refused(code)
    reserved = _reserve(books, request, capture)
    if draw_one(books, "pending_refund", "refund", capture["reference"]):
        return replace(request.done(), status="pending")
    _pay(books, reserved)
    disputes.answer_inquiry(books, capture["id"])
    return request.done()


def _refuse(books: Books, request: Request, capture: dict[str, Any]) -> str:
    if disputes.is_open(books, capture["id"]):
        return "charge_disputed"
    if request.amount_minor > _left(capture):
        return "amount_exceeds_captured"
    cancels = request.operation in {"cancel_capture", "partial_cancel"}
    if cancels and capture["reversible_until"] <= stamp(books.now):
        return "not_reversible"
    elsewhere = capture["deposit"] or request.operation == "refund_elsewhere"
    return "needs_account" if elsewhere and not _is_whole(request.account) else ""


def _left(capture: dict[str, Any]) -> int:
    gone = capture["pending_minor"] + capture["refunded_minor"] + capture["charged_back_minor"]
    return int(capture["amount_minor"] - gone)


def _is_whole(account: dict[str, str] | None) -> bool:
    return all((account or {}).get(name) for name in ACCOUNT)


def _reserve(books: Books, request: Request, capture: dict[str, Any]) -> dict[str, Any]:
    books.execute(
        "UPDATE capture SET pending_minor = pending_minor + ? WHERE id = ?",
        [request.amount_minor, capture["id"]],
    )
    (row,) = books.execute(
        "INSERT INTO refund (id, key, capture, reference, currency, operation, account, at,"
        " amount_minor, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending') RETURNING *",
        [
            request.new_id,
            request.key,
            capture["id"],
            capture["reference"],
            request.currency,
            request.operation,
            json.dumps(request.account),
            stamp(books.now),
            request.amount_minor,
        ],
    )
    return dict(row)


def find(books: Books, refund_id: str) -> dict[str, Any] | None:
    """Return a refund."""
    return books.one("SELECT * FROM refund WHERE id = ?", [refund_id])


def settle(books: Books, refund_id: str, *, ok: bool, code: str) -> dict[str, Any]:
    """End a refund, or let a paid one come back; return it. Raises InvalidRequest."""
    found = find(books, refund_id)
    if found is None:
        raise InvalidRequest(f"There is no refund {refund_id!r} to settle.")
    status = "succeeded" if ok else "failed"
    if found["status"] == status:
        return found
    if found["status"] == "failed":
        raise InvalidRequest(f"Refund {refund_id} has failed for good; ask for a new one.")
    if found["status"] == "pending":
        _pay(books, found)
    if ok:
        disputes.answer_inquiry(books, found["capture"])
    else:
        _come_back(books, found, code or "refund_failed")
    return _tell(books, refund_id)


def fail_pending(books: Books, capture_id: str) -> None:
    """Let what is on its way fail: the bank has taken the matter into its own hands."""
    rows = books.execute(
        "SELECT id FROM refund WHERE capture = ? AND status = 'pending'", [capture_id]
    ).fetchall()
    for row in rows:
        settle(books, row["id"], ok=False, code="charge_disputed")


def _pay(books: Books, refund: dict[str, Any]) -> None:
    books.execute(
        "UPDATE capture SET pending_minor = pending_minor - :amount_minor,"
        " refunded_minor = refunded_minor + :amount_minor WHERE id = :capture",
        refund,
    )
    books.execute("UPDATE refund SET status = 'succeeded' WHERE id = :id", refund)
    _state(books, "refund", refund)


def _come_back(books: Books, refund: dict[str, Any], code: str) -> None:
    books.execute(
        "UPDATE capture SET refunded_minor = refunded_minor - :amount_minor WHERE id = :capture",
        refund,
    )
    books.execute(
        "UPDATE refund SET status = 'failed', code = ? WHERE id = ?", [code, refund["id"]]
    )
    _state(books, "refund_failed", refund)


def _state(books: Books, kind: str, refund: dict[str, Any]) -> None:
    statement.write(
        books,
        kind,
        id=refund["id"],
        parent=refund["capture"],
        reference=refund["reference"],
        amount_minor=refund["amount_minor"],
        currency=refund["currency"],
        key=refund["key"],
    )


def _tell(books: Books, refund_id: str) -> dict[str, Any]:
    (row,) = books.execute("SELECT * FROM refund WHERE id = ?", [refund_id])
    names = ("id", "key", "reference", "amount_minor", "currency", "status", "code")
    data = {"kind": "refund", "parent": row["capture"], "ok": row["status"] == "succeeded"}
    announce(books, "refund", row["status"], data | {name: row[name] for name in names})
    return dict(row)
