"""Plan: which real order goes which way; the same file and seed give the same plan."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle

from orders.events import PayBy
from shop.demo.sendback import (
    Credits,
    Parcel,
    credits_by_order,
    fits,
    made_up,
    parcels_for,
    real_parcels,
    way_of,
)
from shop.demo.ways import BY_DEPOSIT, CARDS, FEW, GOOD_CARD, Way
from shop.invoices import CreditNote, Invoice

#: Of so many orders, so many go each special way, or only a few; smaller runs have smaller shares.
FULL_SIZE = 330
FULL_SHARE = 12
FULL_FEW = 4
#: Fewer orders could not go every way there is.
SMALLEST = len(Way)


class Trouble(StrEnum):
    """What goes wrong on the line to the provider or the carrier."""

    LOST_ANSWER = "lost_answer"
    LOST_REQUEST = "lost_request"
    REPEATED_WEBHOOKS = "repeated_webhooks"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One trouble at one operation, once."""

    trouble: Trouble
    operation: str

    @property
    def is_carriers(self) -> bool:
        """Whether it is on the line to the carrier."""
        return self.operation == "book"


def _faults(operation: str, *troubles: Trouble) -> tuple[Fault, ...]:
    return tuple(Fault(trouble=trouble, operation=operation) for trouble in troubles)


#: Troubles of orders that are not cancelled, and of those whose money goes back.
_ON_THE_WAY = (
    *_faults("authorise", *Trouble),
    *_faults("capture", *Trouble),
    *_faults("book", Trouble.LOST_ANSWER, Trouble.LOST_REQUEST),
)
_ON_THE_WAY_BACK = _faults("refund", *Trouble)
_TROUBLED = {
    Way.PLAIN: _ON_THE_WAY,
    Way.CANCEL_CAPTURED: _ON_THE_WAY_BACK,
    Way.RETURN_PART: _ON_THE_WAY_BACK,
    Way.LOSS_MONEY: _ON_THE_WAY_BACK,
}
#: Of orders whose money goes back, one of so many is troubled. They go back together, and a
#: provider that answers nobody for a while is left alone (decision 20).
_SPARED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One order: what is bought, how it is to end, what comes back and what goes wrong."""

    number: str
    invoice: Invoice
    way: Way
    returns: tuple[Parcel, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def customer(self) -> str:
        """Who buys; a fraud is somebody whom nobody knows, and who is blocked afterwards."""
        if self.way is Way.FRAUD:
            return f"stranger-{self.number}"
        return self.invoice.customer or "unknown"

    @property
    def cards(self) -> tuple[str, ...]:
        """The customer's cards, in the order in which they are tried."""
        return CARDS.get(self.way, GOOD_CARD)

    @property
    def pay_by(self) -> PayBy:
        """How the customer pays."""
        return PayBy.VIRTUAL_ACCOUNT if self.way in BY_DEPOSIT else PayBy.CARD


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that is to happen. Every order number begins with `prefix`."""

    prefix: str
    orders: tuple[Planned, ...]

    def going(self, *ways: Way) -> tuple[Planned, ...]:
        """Return the orders that go one of these ways."""
        return tuple(order for order in self.orders if order.way in ways)


def make_plan(
    invoices: Sequence[Invoice],
    notes: Sequence[CreditNote],
    *,
    size: int,
    seed: int,
    prefix: str,
) -> Plan:
    """Choose up to `size` orders and the way of each; the one with most lines is always there."""
    credited = credits_by_order(notes)
    pool = _shuffled(invoices, seed)
    ways = _assign(pool, credited, size)
    spare = [invoice for invoice in pool if invoice.number not in ways]
    ways |= dict.fromkeys((i.number for i in spare[: max(0, size - len(ways))]), Way.PLAIN)
    chosen = [invoice for invoice in pool if invoice.number in ways]
    orders = [_planned(prefix, found, ways[found.number], credited) for found in chosen]
    return Plan(prefix=prefix, orders=tuple(_with_faults(orders, share_of(size))))


def share_of(size: int, way: Way | None = None) -> int:
    """Return how many of `size` orders go a special way, or meet one kind of trouble."""
    full = FULL_FEW if way in FEW else FULL_SHARE
    return max(1, min(full, size * full // FULL_SIZE))


def _shuffled(invoices: Sequence[Invoice], seed: int) -> list[Invoice]:
    pool = sorted(invoices, key=lambda invoice: (-len(invoice.lines), invoice.number))
    largest, rest = pool[:1], pool[1:]
    random.Random(seed).shuffle(rest)  # noqa: S311  a plan keeps no secret
    return largest + rest


def _assign(pool: Sequence[Invoice], credited: Credits, size: int) -> dict[str, Way]:
    """Give each special way its share; orders with fitting credit notes are sent back first."""
    ways = {invoice.number: Way.PLAIN for invoice in pool[:1]}
    real = {i.number: way_of(i, real_parcels(i, credited.get(i.number, ()))) for i in pool}
    untouched = [i for i in pool if real[i.number] is None]
    for way in (Way.RETURN_SEVERAL, Way.RETURN_WHOLE, Way.RETURN_PART):
        fitting = [i for i in pool if real[i.number] is way]
        fitting += [i for i in untouched if made_up(i, way)]
        _take(ways, fitting, way, share_of(size, way))
    others = untouched + [i for i in pool if real[i.number] is not None]
    for way in Way:
        if way not in ways.values():
            fitting = [invoice for invoice in others if fits(invoice, way)]
            _take(ways, fitting, way, share_of(size, way))
    return ways


def _take(ways: dict[str, Way], found: Sequence[Invoice], way: Way, share: int) -> None:
    free = [invoice.number for invoice in found if invoice.number not in ways]
    ways |= dict.fromkeys(free[:share], way)


def _planned(prefix: str, invoice: Invoice, way: Way, credited: Credits) -> Planned:
    return Planned(
        number=prefix + invoice.number,
        invoice=invoice,
        way=way,
        returns=parcels_for(invoice, way, credited),
    )


def _with_faults(orders: Sequence[Planned], share: int) -> Iterator[Planned]:
    """Let something go wrong for a share of orders per kind of trouble, each once.

    Half of those that go no special way are spared: a drill needs them.
    """
    faults = {way: cycle(kinds) for way, kinds in _TROUBLED.items()}
    left = dict.fromkeys(_TROUBLED, max(1, share // _SPARED))
    plain = sum(order.way is Way.PLAIN for order in orders)
    left[Way.PLAIN] = min(len(_ON_THE_WAY) * share, plain // 2)
    for order in orders:
        if left.get(order.way, 0) > 0:
            left[order.way] -= 1
            yield replace(order, faults=(next(faults[order.way]),))
        else:
            yield order
