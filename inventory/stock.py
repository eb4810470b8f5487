"""Stock: which articles and how many units of each a line or an event is about.

Works on rows that the caller has locked, in memory, and asks the database nothing.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from inventory.models import Reservation, ReservationLine, ReturnedLine, StockItem

Line = TypeVar("Line", ReservationLine, ReturnedLine)


class Asked(Protocol):
    """So many units of an article, in whatever event."""

    @property
    def sku(self) -> str: ...

    @property
    def quantity(self) -> int: ...


def units(asked: Iterable[Asked]) -> Counter[str]:
    """Return how many units of each article are asked for, on however many lines."""
    wanted = Counter[str]()
    for line in asked:
        wanted[line.sku] += line.quantity
    return wanted


def with_items(
    lines: Iterable[Line], items: Iterable[StockItem]
) -> Iterator[tuple[Line, StockItem]]:
    """Yield each line with its article."""
    by_id = {item.pk: item for item in items}
    return ((line, by_id[line.item_id]) for line in lines)


def asked_of(
    lines: Iterable[ReservationLine], items: Iterable[StockItem], wanted: Mapping[str, int]
) -> Iterator[tuple[ReservationLine, StockItem, int]]:
    """Yield the lines of which units are wanted, with their article and how many."""
    for line, item in with_items(lines, items):
        if wanted.get(item.sku):
            yield line, item, wanted[item.sku]


def missing(wanted: Mapping[str, int], items: Iterable[StockItem]) -> tuple[str, ...]:
    """Return the articles of which too few units are available, or that nobody knows."""
    available = {item.sku: item.available for item in items}
    return tuple(sku for sku, count in wanted.items() if available.get(sku, -1) < count)


def keep(
    reservation: Reservation, wanted: Mapping[str, int], items: Iterable[StockItem], *, target: str
) -> Iterator[ReservationLine]:
    """Move what is wanted out of what is available; yield a new line for each article, not saved.

    The caller has seen that nothing is missing.
    """
    by_sku = {item.sku: item for item in items}
    for sku, count in wanted.items():
        item = by_sku[sku]
        item.move(count, source="available", target=target)
        yield ReservationLine(reservation=reservation, item=item, quantity=count)


def lapse(
    lines: Iterable[ReservationLine],
    items: Iterable[StockItem],
    *,
    of: Iterable[Reservation],
    now: datetime,
) -> None:
    """Make available what is kept of these articles although its time is up (E1).

    `of` are the reservations of the lines, as this transaction has them: one may just be paid for.
    """
    over = {holder.pk for holder in of if holder.is_overdue(now)}
    for line, item in with_items(lines, items):
        if line.reservation_id in over:
            line.lapse(item)


def keep_again(lines: Iterable[ReservationLine], items: Iterable[StockItem]) -> tuple[str, ...]:
    """Keep again what had lapsed, all of it or nothing; return the articles that are gone (E6)."""
    lapsed = [(line, item) for line, item in with_items(lines, items) if line.lapsed]
    gone = missing({item.sku: line.lapsed for line, item in lapsed}, items)
    for line, item in () if gone else lapsed:
        line.keep_again(item)
    return gone


def move_kept(
    lines: Iterable[ReservationLine], items: Iterable[StockItem], *, source: str, target: str
) -> None:
    """Move all that the lines keep from one bucket to another."""
    for line, item in with_items(lines, items):
        item.move(line.kept, source=source, target=target)
