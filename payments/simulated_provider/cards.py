"""Cards: a session per reference, what is reserved on a card in it, and what is taken of that.

Every function here needs an open transaction and either acts completely or refuses with a code.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from . import statement
from .clock import stamp
from .requests import Request, Result
from .storage import Books
from .switches import draw_one

DECLINING_CARDS: Final = {
    "tok_declined": "card_declined",
    "tok_insufficient": "insufficient_funds",
}
#: How long an amount stays reserved, unless ``short_authorisation`` says otherwise.
LIFETIME: Final = timedelta(days=7)

SCHEMA: Final = """
CREATE TABLE session (
    reference TEXT PRIMARY KEY,
    currency TEXT NOT NULL,
    closed INTEGER NOT NULL
);
CREATE TABLE authorisation (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CONSTRAINT authorised_is_positive CHECK (amount_minor > 0),
    captured_minor INTEGER NOT NULL DEFAULT 0,
    voided_minor INTEGER NOT NULL DEFAULT 0,
    expired_minor INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT never_captured_more_than_authorised CHECK (
        captured_minor >= 0 AND voided_minor >= 0 AND expired_minor >= 0
        AND captured_minor + voided_minor + expired_minor <= amount_minor
    )
);
CREATE INDEX authorisation_reference ON authorisation (reference);
-- The column stands first, or SQLite, which turns a comparison around, does not know its own index.
CREATE INDEX authorisation_open ON authorisation (expires_at)
 WHERE amount_minor > captured_minor + voided_minor + expired_minor;
CREATE TABLE capture (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    reference TEXT NOT NULL,
    currency TEXT NOT NULL,
    deposit TEXT CONSTRAINT a_deposit_is_paid_once UNIQUE,
    at TEXT NOT NULL,
    reversible_until TEXT NOT NULL DEFAULT '',
    amount_minor INTEGER NOT NULL CONSTRAINT captured_is_positive CHECK (amount_minor > 0),
    pending_minor INTEGER NOT NULL DEFAULT 0,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    charged_back_minor INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT never_refunded_more_than_captured CHECK (
        pending_minor >= 0 AND refunded_minor >= 0 AND charged_back_minor >= 0
        AND pending_minor + refunded_minor + charged_back_minor <= amount_minor
    )
);
CREATE INDEX capture_reference ON capture (reference);
"""


def authorise(books: Books, request: Request) -> Result:
    """Reserve an amount, if session and card allow it."""
    if code := refuse_session(books, request):
        return request.refused(code)
    if request.card_token in DECLINING_CARDS:
        return request.refused(DECLINING_CARDS[request.card_token])
    expires_at = stamp(books.now + _lifetime(books, request.reference))
    books.execute(
        "INSERT INTO authorisation (id, key, reference, currency, expires_at, amount_minor)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            request.new_id,
            request.key,
            request.reference,
            request.currency,
            expires_at,
            request.amount_minor,
        ],
    )
    statement.state(books, request, request.reference)
    return replace(request.done(), expires_at=expires_at)


def refuse_session(books: Books, request: Request) -> str:
    """Open the session of a reference if need be; return why it takes no payment, or nothing."""
    books.execute(
        "INSERT INTO session VALUES (?, ?, 0) ON CONFLICT (reference) DO NOTHING",
        [request.reference, request.currency],
    )
    (session,) = books.execute("SELECT * FROM session WHERE reference = ?", [request.reference])
    if session["closed"]:
        return "session_closed"
    return "" if session["currency"] == request.currency else "currency_mismatch"


def _lifetime(books: Books, reference: str) -> timedelta:
    short = draw_one(books, "short_authorisation", "authorise", reference)
    return timedelta(seconds=short.seconds) if short else LIFETIME


def capture(books: Books, request: Request) -> Result:
    """Take a part of what is reserved; a final capture gives the rest up."""
    held = find(books, request.parent)
    if held is None:
        return request.refused("unknown_authorisation")
    request = replace(request, currency=held["currency"])
    if held["expired_minor"]:
        return request.refused("authorisation_expired")
    if request.amount_minor > _open(held):
        return request.refused("amount_exceeds_authorised")
    books.execute(
        "UPDATE authorisation SET captured_minor = captured_minor + ? WHERE id = ?",
        [request.amount_minor, request.parent],
    )
    reversible_until = stamp(books.calendar.reversible_until(books.now))
    _add_capture(books, request, held["reference"], reversible_until)
    result = replace(request.done(), reversible_until=reversible_until)
    return _release_rest(books, request, held, result) if request.final else result


def _add_capture(books: Books, request: Request, reference: str, reversible_until: str) -> None:
    books.execute(
        "INSERT INTO capture (id, key, reference, currency, at, reversible_until, amount_minor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            request.new_id,
            request.key,
            reference,
            request.currency,
            stamp(books.now),
            reversible_until,
            request.amount_minor,
        ],
    )
    statement.state(books, request, reference)


def _release_rest(books: Books, request: Request, held: dict[str, Any], result: Result) -> Result:
    rest = _open(held) - request.amount_minor
    if not rest:
        return result
    release_id = request.id_of("void")
    _give_up(books, request, held, rest, release_id)
    return replace(result, released_minor=rest, release_id=release_id)


def void(books: Books, request: Request) -> Result:
    """Give up all that is still reserved."""
    held = find(books, request.parent)
    if held is None:
        return request.refused("unknown_authorisation")
    request = replace(request, currency=held["currency"], amount_minor=_open(held))
    if held["expired_minor"]:
        return request.refused("authorisation_expired")
    if not request.amount_minor:
        return request.refused("nothing_to_void")
    _give_up(books, request, held, request.amount_minor, request.new_id)
    return request.done()


def _give_up(
    books: Books, request: Request, held: dict[str, Any], amount_minor: int, void_id: str
) -> None:
    books.execute(
        "UPDATE authorisation SET voided_minor = voided_minor + ? WHERE id = ?",
        [amount_minor, held["id"]],
    )
    statement.write(
        books,
        "void",
        id=void_id,
        parent=held["id"],
        reference=held["reference"],
        amount_minor=amount_minor,
        currency=held["currency"],
        key=request.key,
    )


def find(books: Books, authorisation_id: str) -> dict[str, Any] | None:
    """Return an authorisation."""
    return books.one("SELECT * FROM authorisation WHERE id = ?", [authorisation_id])


def _open(held: dict[str, Any]) -> int:
    gone = held["captured_minor"] + held["voided_minor"] + held["expired_minor"]
    return int(held["amount_minor"] - gone)


def expire(books: Books) -> None:
    """Release what was reserved for long enough."""
    books.execute(
        "UPDATE authorisation SET expired_minor = amount_minor - captured_minor - voided_minor"
        " WHERE amount_minor > captured_minor + voided_minor + expired_minor AND expires_at <= ?",
        [stamp(books.now)],
    )


def close(books: Books, request: Request) -> Result:
    """Close a session: no payment begins in it any more."""
    books.execute(
        "INSERT INTO session VALUES (?, '', 1) ON CONFLICT (reference) DO UPDATE SET closed = 1",
        [request.reference],
    )
    statement.state(books, request, request.reference)
    return request.done()
