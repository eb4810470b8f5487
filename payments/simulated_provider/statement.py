"""The provider's statement: what it carried out, line by line and summed up per reference."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One line of the provider's statement: an operation that was carried out.

    ``parent`` is the authorisation of a capture or void, and the capture of a refund.
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
    """What the provider did for one reference, in minor units of ``currency``."""

    currency: str
    authorised_minor: int
    voided_minor: int
    captured_minor: int
    refunded_minor: int

    @property
    def kept_minor(self) -> int:
        """The money the customer has paid and not got back."""
        return self.captured_minor - self.refunded_minor

    @property
    def open_minor(self) -> int:
        """The money still reserved on the customer's card."""
        return self.authorised_minor - self.voided_minor - self.captured_minor


_TRANSACTIONS: Final = """
    SELECT number, kind, id, parent, reference, key, amount_minor, currency, at
      FROM operation WHERE ok AND number > ? ORDER BY number
"""
_BALANCES: Final = """
    SELECT reference, currency, SUM(amount_minor) AS authorised_minor,
           SUM(voided_minor) AS voided_minor, SUM(captured_minor) AS captured_minor,
           (SELECT COALESCE(SUM(refunded_minor), 0) FROM capture
             WHERE capture.reference = authorisation.reference) AS refunded_minor
      FROM authorisation GROUP BY reference, currency ORDER BY reference
"""


def transactions(books: sqlite3.Connection, *, after: int) -> tuple[Transaction, ...]:
    """Return the lines with a number above ``after``, oldest first."""
    rows = books.execute(_TRANSACTIONS, [after])
    return tuple(Transaction(**(row | {"at": datetime.fromisoformat(row["at"])})) for row in rows)


def balances(books: sqlite3.Connection) -> dict[str, Balance]:
    """Return the sums of each reference that has ever had an authorisation."""
    return {row.pop("reference"): Balance(**row) for row in books.execute(_BALANCES)}
