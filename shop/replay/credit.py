"""Credit: decides what a credit note comes to: goods taken back, money given, or a refusal.

Goods are credited at what was paid for them. Where the note names a higher price, the difference is
goodwill; where it names a lower one, the note was about less than the shop gives back. A row is
granted whole or not at all.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from shop.documents import CreditRow, Entry, Note, pence
from shop.replay.acts import Bucket, Gift, GoodsBack, LeftOut, MoneyBack, Reason, Refused, Way
from shop.replay.history import History, Part

_PENNY: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class _Granted:
    """A row that is granted: where its units are, and what it says, exactly and in pence."""

    parts: tuple[Part, ...]
    exact: Decimal
    minor: int

    @property
    def paid(self) -> int:
        """What was paid for the units, in pence."""
        return sum(part.minor for part in self.parts)


# -- goods -----------------------------------------------------------------------------------------


def credit_goods(note: Note, history: History) -> Iterator[GoodsBack | MoneyBack | Refused]:
    """Decide a note row by row; what is granted is gathered by order, and taken from history."""
    granted: dict[str, list[_Granted]] = defaultdict(list)
    got_some: set[str] = set()
    for row in note.rows:
        decided = _decide(row, history, is_rest=row.sku in got_some)
        if isinstance(decided, Reason):
            yield _refused(note.number, note.placed_at, row.sku, decided, row.amount)
        else:
            granted[row.order].append(decided)
            got_some.add(row.sku)
    for order, rows in granted.items():
        yield from _give_back(note, order, rows, history)


def _decide(row: CreditRow, history: History, *, is_rest: bool) -> _Granted | Reason:
    price = row.unit_price if row.order_price is None else row.order_price
    parts = history.find(row.order, row.sku, row.quantity, pence(price))
    if not parts:
        return _why_not(row, history, is_rest=is_rest)
    if sum(part.minor for part in parts) > history.left_minor(row.order):
        return Reason.MORE_THAN_PAID
    history.take(row.order, parts)
    return _Granted(parts, row.amount, row.quantity * pence(row.unit_price))


def _why_not(row: CreditRow, history: History, *, is_rest: bool) -> Reason:
    """Say why units are not to be had; `is_rest`: the same note has got some of the article."""
    if not row.customer:
        return Reason.NO_CUSTOMER
    if not history.has_ordered(row.customer):
        return Reason.NO_ORDER
    if not history.has_bought(row.customer, row.sku):
        return Reason.NOT_BOUGHT
    left = history.left_of(row.customer, row.sku)
    if left >= row.quantity and not row.order:
        return Reason.NOT_MATCHED
    return Reason.MORE_THAN_BOUGHT if left or is_rest else Reason.ALREADY_CREDITED


def _give_back(
    note: Note, order: str, rows: Sequence[_Granted], history: History
) -> Iterator[GoodsBack | MoneyBack | Refused]:
    raised = sum(max(0, row.minor - row.paid) for row in rows)
    yield GoodsBack(
        at=note.placed_at,
        note=note.number,
        order=order,
        way=_way(order, history),
        lines=_lines(rows),
        minor=sum(row.paid for row in rows),
        exact=sum((row.exact for row in rows), Decimal(0)) - raised * _PENNY,
        reduction=sum(max(0, row.paid - row.minor) for row in rows),
    )
    if raised:
        yield _give_more(note, order, raised, history)


def _way(order: str, history: History) -> Way:
    if history.has_departed(order):
        return Way.RETURN
    return Way.CANCEL_PARTIAL if history.left_units(order) else Way.CANCEL


def _lines(rows: Sequence[_Granted]) -> tuple[tuple[int, int], ...]:
    units: dict[int, int] = defaultdict(int)
    for row in rows:
        for part in row.parts:
            units[part.line_no] += part.units
    return tuple(sorted(units.items()))


def _give_more(note: Note, order: str, minor: int, history: History) -> MoneyBack | Refused:
    """Give the difference to a higher price than was paid, if the order's payment has so much."""
    what, exact = Gift.HIGHER_PRICE, minor * _PENNY
    if minor > history.left_minor(order):
        return _refused(note.number, note.placed_at, what, Reason.MORE_THAN_PAID, exact)
    history.pay(order, minor)
    return MoneyBack(
        at=note.placed_at,
        note=note.number,
        order=order,
        gift=Gift.HIGHER_PRICE,
        what=what,
        minor=minor,
        exact=exact,
    )


# -- money alone -----------------------------------------------------------------------------------


def credit_money(entry: Entry, history: History) -> MoneyBack | Refused | LeftOut:
    """Decide a line of a credit note that is about no product: postage, a discount, an amount.

    It is taken from the customer's newest order of whose payment so much is left.
    """
    exact, minor = -entry.amount, pence(-entry.amount)
    if minor <= 0:
        return LeftOut(bucket=Bucket.CHARGE, exact=entry.amount)
    order = history.newest(entry.customer, minor) if entry.customer else None
    if order is None:
        reason = _why_no_money(entry.customer, history)
        return _refused(entry.number, entry.placed_at, entry.sku, reason, exact)
    history.pay(order, minor)
    return MoneyBack(
        at=entry.placed_at,
        note=entry.number,
        order=order,
        gift=Gift.MONEY_ONLY,
        what=entry.sku,
        minor=minor,
        exact=exact,
    )


def _why_no_money(customer: str, history: History) -> Reason:
    if not customer:
        return Reason.NO_CUSTOMER
    return Reason.MORE_THAN_PAID if history.has_ordered(customer) else Reason.NO_ORDER


def _refused(note: str, at: datetime, what: str, reason: Reason, exact: Decimal) -> Refused:
    return Refused(at=at, note=note, what=what, reason=reason, exact=exact)
