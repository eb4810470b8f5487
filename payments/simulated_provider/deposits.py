"""Deposits (가상계좌): an account of its own that waits for the customer's transfer, for a while.

A deposit is ``waiting``, then ``paid``, ``expired`` or ``closed``. Every function here needs an
open transaction and either acts completely or refuses with a code.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from . import cards, statement
from .clock import stamp
from .requests import ID_PREFIX, Request, Result, digest
from .storage import Books
from .switches import draw_one
from .webhooks import announce

#: How long an account waits when nobody says.
PATIENCE: Final = timedelta(days=3)

SCHEMA: Final = """
CREATE TABLE deposit (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT deposit_is_positive CHECK (amount_minor > 0),
    until TEXT NOT NULL,
    account TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting'
        CONSTRAINT a_deposit_has_a_known_status
        CHECK (status IN ('waiting', 'paid', 'expired', 'closed'))
);
CREATE INDEX deposit_reference ON deposit (reference);
CREATE UNIQUE INDEX one_deposit_waits_per_reference ON deposit (reference)
 WHERE status = 'waiting';
CREATE INDEX deposit_waiting ON deposit (until) WHERE status = 'waiting';
"""


def open_deposit(books: Books, request: Request) -> Result:
    """Open an account for one transfer, if session and time allow it."""
    if code := cards.refuse_session(books, request) or _refuse(books, request):
        return request.refused(code)
    until = request.until or stamp(books.now + PATIENCE)
    account = _new_account(request.new_id)
    books.execute(
        "INSERT INTO deposit (id, key, reference, currency, amount_minor, until, account)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            request.new_id,
            request.key,
            request.reference,
            request.currency,
            request.amount_minor,
            until,
            json.dumps(account),
        ],
    )
    statement.state(books, request, request.reference)
    return replace(request.done(), status="waiting", expires_at=until, account=account)


def _refuse(books: Books, request: Request) -> str:
    if request.until and request.until <= stamp(books.now):
        return "until_has_passed"
    last = latest(books, request.reference)
    return "deposit_waits_already" if last and last["status"] == "waiting" else ""


def _new_account(deposit_id: str) -> dict[str, str]:
    number = str(int(hashlib.sha256(deposit_id.encode()).hexdigest(), 16))[:14]
    return {"bank": "Simulated Bank", "number": number, "holder": "Simulated Provider"}


def latest(books: Books, reference: str) -> dict[str, Any] | None:
    """Return the last deposit that was opened for a reference."""
    return books.one(
        "SELECT * FROM deposit WHERE reference = ? ORDER BY rowid DESC LIMIT 1", [reference]
    )


def find(books: Books, deposit_id: str) -> dict[str, Any] | None:
    """Return a deposit."""
    return books.one("SELECT * FROM deposit WHERE id = ?", [deposit_id])


def pay(books: Books, reference: str) -> Result:
    """Let the customer transfer the amount: it becomes a capture."""
    deposit = latest(books, reference)
    if deposit is None:
        return _refused(reference, "unknown_deposit")
    if deposit["status"] == "paid" or not _accepts(books, deposit):
        return _refused(reference, f"deposit_{deposit['status']}")
    books.execute("UPDATE deposit SET status = 'paid' WHERE id = ?", [deposit["id"]])
    capture_id = _add_capture(books, deposit)
    announce(books, "pay_deposit", "paid", _told(deposit, "paid") | {"capture_id": capture_id})
    return Result(
        ok=True,
        id=capture_id,
        code="",
        amount_minor=deposit["amount_minor"],
        currency=deposit["currency"],
        kind="capture",
        status="succeeded",
    )


def _accepts(books: Books, deposit: dict[str, Any]) -> bool:
    """Tell whether the bank takes the money; in time it always does."""
    if deposit["status"] == "waiting":
        return True
    return draw_one(books, "late_deposit", "pay_deposit", deposit["reference"]) is not None


def _refused(reference: str, code: str) -> Result:
    return Request(kind="capture", key="", reference=reference).refused(code)


def _add_capture(books: Books, deposit: dict[str, Any]) -> str:
    row = deposit | {
        "id": ID_PREFIX["capture"] + digest(deposit["id"]),
        "deposit": deposit["id"],
        "at": stamp(books.now),
    }
    books.execute(
        "INSERT INTO capture (id, key, reference, currency, deposit, at, amount_minor)"
        " VALUES (:id, '', :reference, :currency, :deposit, :at, :amount_minor)",
        row,
    )
    statement.write(
        books,
        "capture",
        id=row["id"],
        parent=deposit["id"],
        reference=deposit["reference"],
        amount_minor=deposit["amount_minor"],
        currency=deposit["currency"],
    )
    return str(row["id"])


def close(books: Books, reference: str) -> None:
    """Close the account that waits: a later transfer is refused."""
    books.execute(
        "UPDATE deposit SET status = 'closed' WHERE reference = ? AND status = 'waiting'",
        [reference],
    )


def expire(books: Books) -> None:
    """Close the accounts that have waited long enough, and tell of each."""
    rows = books.execute(
        "UPDATE deposit SET status = 'expired' WHERE status = 'waiting' AND until <= ? RETURNING *",
        [stamp(books.now)],
    ).fetchall()
    for row in rows:
        announce(books, "open_deposit", "expired", _told(row, "expired"))


def _told(deposit: dict[str, Any], status: str) -> dict[str, Any]:
    names = ("key", "reference", "id", "amount_minor", "currency")
    told = {"kind": "deposit", "parent": "", "ok": status == "paid", "code": "", "status": status}
    return told | {name: deposit[name] for name in names}
