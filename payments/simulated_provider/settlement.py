"""The settlement file as the provider sends it, which may be wrong, and the payouts it explains.

It repeats the statement's lines about authorised and moved money, with the fees taken. What is
planted here is wrong in the settlement alone: statement, payouts and standing keep the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from .clock import stamp
from .requests import InvalidRequest, digest
from .storage import Books

SCHEMA: Final = """
CREATE TABLE settlement (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at TEXT NOT NULL,
    payout TEXT NOT NULL
);
CREATE INDEX settlement_reference ON settlement (reference, kind);
"""
SETTLED: Final = frozenset(
    {"authorise", "capture", "void", "refund", "refund_failed", "chargeback", "fee"}
)
#: What ISO 4217 calls no currency at all.
NO_CURRENCY: Final = "XXX"
#: How breaks may be planted.
BREAKS: Final = ("missing", "wrong_amount", "duplicate", "unknown_reference", "wrong_currency")


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """One line of the settlement file: ``amount_minor`` is positive, ``kind`` tells the direction.

    Kinds: ``authorise``, ``capture``, ``void``, ``refund``, ``refund_failed`` (a refund came
    back), ``chargeback``, ``fee``. ``parent`` is as in the statement, for a fee its capture;
    ``payout_id`` is empty where no money moves between provider and shop.
    """

    position: int
    kind: str
    id: str
    parent: str
    reference: str
    amount_minor: int
    currency: str
    at: datetime
    payout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """What the provider has paid to the shop for one business day and currency; may be negative.

    Its ``id`` begins with that day, so that payouts sort as they came.
    """

    id: str
    amount_minor: int
    currency: str
    at: datetime


# Nothing is added to a payout once its day is over.
_PAYOUTS: Final = """
    SELECT payout AS id, currency, SUM(
               CASE WHEN kind IN ('capture', 'refund_failed') THEN amount_minor
                    ELSE -amount_minor END
           ) AS amount_minor
      FROM line WHERE payout >= ? AND payout <> '' AND payout < ?
     GROUP BY payout, currency ORDER BY payout
"""
_DAY: Final = "po_%Y%m%d"


def page(books: Books, *, after: int, limit: int) -> tuple[SettlementLine, ...]:
    """Return up to ``limit`` lines with a position above ``after``, in their order."""
    rows = books.execute(
        "SELECT * FROM settlement WHERE position > ? ORDER BY position LIMIT ?", [after, limit]
    )
    return tuple(_line(row) for row in rows)


def payout_of(day: date, currency: str) -> str:
    """Return the id of the payout that belongs to a business day and a currency."""
    return f"{day:{_DAY}}_{currency.lower()}"


def payouts(books: Books, *, since: str) -> tuple[Payout, ...]:
    """Return what was paid out, from payout ``since`` on, as it truly happened."""
    first_unpaid = books.calendar.last_paid_out(books.now) + timedelta(days=1)
    rows = books.execute(_PAYOUTS, [since, f"{first_unpaid:{_DAY}}"])
    return tuple(Payout(**row, at=_paid_at(books, row["id"])) for row in rows)


def _paid_at(books: Books, payout: str) -> datetime:
    day, _, _ = payout.rpartition("_")
    return books.calendar.paid_out_at(datetime.strptime(day, _DAY).date())  # noqa: DTZ007 - a day


def repeat(books: Books, line: dict[str, Any]) -> SettlementLine:
    """Add a line as it is given. Needs an open transaction."""
    (row,) = books.execute(
        "INSERT INTO settlement (kind, id, parent, reference, amount_minor, currency, at, payout)"
        " VALUES (:kind, :id, :parent, :reference, :amount_minor, :currency, :at, :payout)"
        " RETURNING *",
        line,
    )
    return _line(row)


def plant(
    books: Books,
    kind: str,
    reference: str,
    *,
    line: str,
    amount_minor: int | None,
    currency: str | None,
) -> SettlementLine:
    """Make one line wrong and return it. Needs an open transaction. Raises InvalidRequest."""
    if kind not in BREAKS:
        known = ", ".join(BREAKS)
        raise InvalidRequest(f"The settlement has no break {kind!r}; choose one of {known}.")
    if kind == "unknown_reference":
        return _invent(books, reference, line, amount_minor or 1000, currency or "USD")
    found = _newest(books, reference, line)
    if kind == "missing":
        books.execute("DELETE FROM settlement WHERE position = :position", found)
        return _line(found)
    if kind == "duplicate":
        return repeat(books, found)
    if kind == "wrong_amount":
        return _rewrite(books, found | {"amount_minor": amount_minor or found["amount_minor"] + 1})
    return _rewrite(books, found | {"currency": currency or NO_CURRENCY})


def _newest(books: Books, reference: str, kind: str) -> dict[str, Any]:
    found = books.one(
        "SELECT * FROM settlement WHERE reference = ? AND kind = ? ORDER BY position DESC LIMIT 1",
        [reference, kind],
    )
    if found is None:
        raise InvalidRequest(f"The settlement has no line {kind!r} of {reference} to make wrong.")
    return found


def _invent(
    books: Books, reference: str, kind: str, amount_minor: int, currency: str
) -> SettlementLine:
    line = {
        "kind": kind,
        "id": "xx_" + digest(f"{reference}:{kind}:{amount_minor}"),
        "parent": "",
        "reference": reference,
        "amount_minor": amount_minor,
        "currency": currency,
        "at": stamp(books.now),
        "payout": "",
    }
    return repeat(books, line)


def _rewrite(books: Books, row: dict[str, Any]) -> SettlementLine:
    books.execute(
        "UPDATE settlement SET amount_minor = :amount_minor, currency = :currency"
        " WHERE position = :position",
        row,
    )
    return _line(row)


def _line(row: dict[str, Any]) -> SettlementLine:
    given = {name: value for name, value in row.items() if name not in {"at", "payout"}}
    return SettlementLine(**given, at=datetime.fromisoformat(row["at"]), payout_id=row["payout"])
