"""Plan: which real order goes which way; the same file and seed give the same plan."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import cycle

from shop.demo.sendback import (
    Credits,
    Parcel,
    credits_by_order,
    made_up,
    parcels_for,
    real_parcels,
    way_of,
)
from shop.demo.ways import CARDS, GOOD_CARD, Way
from shop.invoices import CreditNote, Invoice

#: Of so many orders, so many go each special way; smaller runs have smaller shares.
FULL_SIZE = 330
FULL_SHARE = 12
#: Fewer orders could not go every way there is.
SMALLEST = 20


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
    Way.LOSS: _ON_THE_WAY_BACK,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One order: what is bought, how it is to end, what comes back and what goes wrong."""

    number: str
    invoice: Invoice
    way: Way
    cards: tuple[str, ...]
    returns: tuple[Parcel, ...]
    faults: tuple[Fault, ...] = ()


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
    share = max(1, min(FULL_SHARE, size * FULL_SHARE // FULL_SIZE))
    pool = _shuffled(invoices, seed)
    ways = _assign(pool, credited, share)
    spare = [invoice for invoice in pool if invoice.number not in ways]
    ways |= dict.fromkeys((i.number for i in spare[: max(0, size - len(ways))]), Way.PLAIN)
    chosen = [invoice for invoice in pool if invoice.number in ways]
    orders = [_planned(prefix, found, ways[found.number], credited) for found in chosen]
    return Plan(prefix=prefix, orders=tuple(_with_faults(orders, share)))


def _shuffled(invoices: Sequence[Invoice], seed: int) -> list[Invoice]:
    pool = sorted(invoices, key=lambda invoice: (-len(invoice.lines), invoice.number))
    largest, rest = pool[:1], pool[1:]
    random.Random(seed).shuffle(rest)  # noqa: S311  a plan keeps no secret
    return largest + rest


def _assign(pool: Sequence[Invoice], credited: Credits, share: int) -> dict[str, Way]:
    """Give each special way its share; orders with fitting credit notes are sent back first."""
    ways = {invoice.number: Way.PLAIN for invoice in pool[:1]}
    real = {i.number: way_of(i, real_parcels(i, credited.get(i.number, ()))) for i in pool}
    untouched = [i for i in pool if real[i.number] is None]
    for way in (Way.RETURN_SEVERAL, Way.RETURN_WHOLE, Way.RETURN_PART):
        fitting = [i for i in pool if real[i.number] is way]
        fitting += [i for i in untouched if made_up(i, way)]
        _take(ways, fitting, way, share)
    others = untouched + [i for i in pool if real[i.number] is not None]
    for way in Way:
        if way not in ways.values():
            _take(ways, others, way, share)
    return ways


def _take(ways: dict[str, Way], found: Sequence[Invoice], way: Way, share: int) -> None:
    free = [invoice.number for invoice in found if invoice.number not in ways]
    ways |= dict.fromkeys(free[:share], way)


def _planned(prefix: str, invoice: Invoice, way: Way, credited: Credits) -> Planned:
    return Planned(
        number=prefix + invoice.number,
        invoice=invoice,
        way=way,
        cards=CARDS.get(way, GOOD_CARD),
        returns=parcels_for(invoice, way, credited),
    )


def _with_faults(orders: Sequence[Planned], share: int) -> Iterator[Planned]:
    """Let something go wrong for a share of orders per kind of trouble, each once."""
    faults = {way: cycle(kinds) for way, kinds in _TROUBLED.items()}
    left = {way: len(kinds) * share for way, kinds in _TROUBLED.items()}
    for order in orders:
        if left.get(order.way, 0) > 0:
            left[order.way] -= 1
            yield replace(order, faults=(next(faults[order.way]),))
        else:
            yield order
