"""The provider's statement: what it carried out, line by line and summed up per reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from . import settlement
from .clock import stamp
from .requests import Request, digest
from .storage import Books

#: What the provider keeps of a capture, in hundredths of a percent.
FEE_BASIS_POINTS: Final = 290

SCHEMA: Final = """
CREATE TABLE line (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    reference TEXT NOT NULL,
    key TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at TEXT NOT NULL,
    payout TEXT NOT NULL,
    CONSTRAINT nothing_is_stated_twice UNIQUE (kind, id)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One line of the provider's statement: an operation that was carried out.

    ``parent`` is the authorisation (or deposit) of a capture, the authorisation of a void, and
    the capture of a ``refund``, ``refund_failed`` or ``chargeback``. A failed refund keeps the id
    of the refund and a chargeback that of its dispute. ``key`` is empty where nobody asked.
    """

    number: int
    kind: str
    id: str
    parent: str
    reference: str
    key: str
    amount_minor: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the provider did for one reference, in minor units of ``currency``.

    A refund counts once it is paid; until then the money is kept.
    """

    currency: str
    authorised_minor: int
    voided_minor: int
    captured_minor: int
    refunded_minor: int
    expired_minor: int = 0
    charged_back_minor: int = 0
    deposited_minor: int = 0

    @property
    def kept_minor(self) -> int:
        """The money the customer has paid and not got back."""
        return self.captured_minor - self.refunded_minor - self.charged_back_minor

    @property
    def open_minor(self) -> int:
        """The money still reserved on the customer's card."""
        from_cards = self.captured_minor - self.deposited_minor
        return self.authorised_minor - self.voided_minor - self.expired_minor - from_cards


# A line of these kinds moves money between provider and shop, so it belongs to a payout.
_MOVES_MONEY: Final = frozenset({"capture", "refund", "refund_failed", "chargeback", "fee"})
_TRANSACTIONS: Final = """
    SELECT number, kind, id, parent, reference, key, amount_minor, currency, at
      FROM line WHERE kind <> 'fee' AND number > ? ORDER BY number
"""
_BALANCES: Final = """
    SELECT reference, currency, SUM(authorised) AS authorised_minor, SUM(voided) AS voided_minor,
           SUM(expired) AS expired_minor, SUM(captured) AS captured_minor,
           SUM(refunded) AS refunded_minor, SUM(charged_back) AS charged_back_minor,
           SUM(deposited) AS deposited_minor
      FROM (SELECT reference, currency, amount_minor AS authorised, voided_minor AS voided,
                   expired_minor AS expired, 0 AS captured, 0 AS refunded, 0 AS charged_back,
                   0 AS deposited
              FROM authorisation
             UNION ALL
            SELECT reference, currency, 0, 0, 0, amount_minor, refunded_minor, charged_back_minor,
                   CASE WHEN deposit IS NULL THEN 0 ELSE amount_minor END
              FROM capture)
     GROUP BY reference, currency ORDER BY reference
"""


def state(books: Books, request: Request, reference: str) -> None:
    """State what a request about ``reference`` did. Needs an open transaction."""
    write(
        books,
        request.kind,
        id=request.new_id,
        parent=request.parent,
        reference=reference,
        amount_minor=request.amount_minor,
        currency=request.currency,
        key=request.key,
    )


def write(
    books: Books,
    kind: str,
    *,
    id: str,  # noqa: A002 - the column's name
    reference: str,
    amount_minor: int,
    currency: str,
    parent: str = "",
    key: str = "",
) -> None:
    """State what was carried out, with the fee of a capture. Needs an open transaction."""
    day = books.calendar.day_of(books.now)
    line = {
        "kind": kind,
        "id": id,
        "parent": parent,
        "reference": reference,
        "key": key,
        "amount_minor": amount_minor,
        "currency": currency,
        "at": stamp(books.now),
        "payout": settlement.payout_of(day, currency) if kind in _MOVES_MONEY else "",
    }
    books.execute(
        "INSERT INTO line (kind, id, parent, reference, key, amount_minor, currency, at, payout)"
        " VALUES (:kind, :id, :parent, :reference, :key, :amount_minor, :currency, :at, :payout)",
        line,
    )
    if kind in settlement.SETTLED:
        settlement.repeat(books, line)
    if kind == "capture":
        _charge(books, id, reference, amount_minor * FEE_BASIS_POINTS // 10_000, currency)


def _charge(
    books: Books, capture_id: str, reference: str, amount_minor: int, currency: str
) -> None:
    if amount_minor:
        write(
            books,
            "fee",
            id="fe_" + digest(capture_id),
            parent=capture_id,
            reference=reference,
            amount_minor=amount_minor,
            currency=currency,
        )


def transactions(books: Books, *, after: int) -> tuple[Transaction, ...]:
    """Return the lines with a number above ``after``, oldest first."""
    rows = books.execute(_TRANSACTIONS, [after])
    return tuple(Transaction(**(row | {"at": datetime.fromisoformat(row["at"])})) for row in rows)


def balances(books: Books) -> dict[str, Balance]:
    """Return the sums of each reference that has ever had an authorisation or a capture."""
    return {row.pop("reference"): Balance(**row) for row in books.execute(_BALANCES)}
