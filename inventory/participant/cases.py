"""Cases: stock of cancelled units, of replacements, and of what the carrier lost."""

from collections import Counter
from collections.abc import Iterable

from inventory import stock
from inventory.events import (
    LinesReleased,
    ReplacementOutOfStock,
    ReplacementReleased,
    ReplacementReserved,
    ReplacementShipped,
    StockWrittenOff,
)
from inventory.models import Reservation, ReservationLine, StockItem
from inventory.participant.declared import DECIDED, KEPT_ROWS, OF_CASE, OF_ORDER, State, inventory
from orders.events import (
    CaseKind,
    ExchangeRequested,
    LinesCancelled,
    LossOpened,
    ReplacementUnwanted,
    ReshipWanted,
)
from sagas.participant import by, refuse
from sagas.work import Work
from shipping.events import ReplacementHandedOver, ReplacementLost, ReplacementRefused

LEAVES_WHOLE = refuse("a replacement leaves whole")


class NotOutYet(Exception):
    """Units are said to be lost that are not booked out yet: tried again once they are."""


# -- some units are cancelled ---------------------------------------------------------------


@inventory.on(
    LinesCancelled,
    saga="partial",
    subject=OF_ORDER,
    locks=KEPT_ROWS,
    applies_in=DECIDED,
    moves=(Reservation.release, Reservation.leave, Reservation.write_off),
)
def release_lines(
    event: LinesCancelled,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> LinesReleased:
    """Make cancelled units available; those that were missed are booked as damaged already.

    A cancel always has an answer, where nothing is kept any more, too (E7).
    """
    if reservation.state not in Reservation.BUCKETS:
        return LinesReleased(case_id=event.case_id, order_id=event.order_id)
    if event.case != CaseKind.OOS_CANCEL:
        for line, item, count in stock.asked_of(kept, items, stock.units(event.lines)):
            line.give_back(item, count, bucket=reservation.bucket)
    _end_if_nothing_is_kept(reservation, kept)
    return LinesReleased(case_id=event.case_id, order_id=event.order_id)


def _end_if_nothing_is_kept(reservation: Reservation, kept: Iterable[ReservationLine]) -> None:
    if any(line.kept or line.lapsed for line in kept):
        return
    if reservation.state == State.PARTLY_OUT:
        reservation.leave()
        _end_if_all_is_lost(reservation, kept)
    else:
        reservation.release()


def _end_if_all_is_lost(reservation: Reservation, kept: Iterable[ReservationLine]) -> None:
    if reservation.state == State.OUT and all(line.lost == line.out for line in kept):
        reservation.write_off()


# -- replacements ---------------------------------------------------------------------------


def open_replacement(event: ExchangeRequested | ReshipWanted) -> Reservation:
    """Return the reservation of a replacement; it holds nothing yet."""
    return Reservation(holder_id=event.case_id, order_id=event.order_id)


@inventory.on(
    ExchangeRequested,
    ReshipWanted,
    saga=("exchange", "loss", "late_success"),
    subject=OF_CASE,
    creates=open_replacement,
    locks={"items": by(StockItem, "sku", "wanted.sku")},
    moves=(Reservation.commit_at_once, Reservation.refuse),
    otherwise={DECIDED: refuse("this case has had its answer about stock")},
)
def reserve_replacement(
    event: ExchangeRequested | ReshipWanted,
    reservation: Reservation,
    items: list[StockItem],
    work: Work,
) -> ReplacementReserved | ReplacementOutOfStock:
    """Keep every wanted unit until the case ends, or none (D-20); nobody has to pay for it."""
    wanted = stock.units(event.wanted)
    if stock.missing(wanted, items):
        reservation.refuse()
        return ReplacementOutOfStock(case_id=event.case_id, order_id=event.order_id)
    for line in stock.keep(reservation, wanted, items, target="committed"):
        work.add(line)
    reservation.commit_at_once()
    return ReplacementReserved(case_id=event.case_id, order_id=event.order_id)


@inventory.on(
    ReplacementHandedOver,
    saga="replacement",
    subject=OF_CASE,
    locks=KEPT_ROWS,
    applies_in=(State.COMMITTED,),
    moves=(Reservation.leave,),
    otherwise={
        State.REFUSED: refuse("nothing was kept for this case"),
        State.PARTLY_OUT: LEAVES_WHOLE,
        (State.OUT, State.WRITTEN_OFF): refuse("this replacement has left the house before"),
        State.RELEASED: refuse("this replacement was released"),
    },
)
def commit_and_ship_replacement(
    event: ReplacementHandedOver,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> ReplacementShipped:
    """Book out the replacement, whole."""
    for line, item in stock.with_items(kept, items):
        line.leave(item, line.kept)
    reservation.leave()
    return ReplacementShipped(case_id=event.case_id)


@inventory.on(
    ReplacementUnwanted,
    ReplacementRefused,
    saga=("exchange", "replacement"),
    subject=OF_CASE,
    locks=KEPT_ROWS,
    applies_in=(State.COMMITTED,),
    moves=(Reservation.release,),
    otherwise={
        State.REFUSED: refuse("nothing was kept for this case"),
        State.PARTLY_OUT: LEAVES_WHOLE,
        (State.OUT, State.WRITTEN_OFF): refuse("this replacement has left the house"),
        State.RELEASED: refuse("this replacement was released before"),
    },
)
def release_replacement(
    event: ReplacementUnwanted | ReplacementRefused,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> ReplacementReleased:
    """Make a replacement available again that will not be sent."""
    stock.move_kept(kept, items, source="committed", target="available")
    reservation.release()
    return ReplacementReleased(case_id=event.case_id)


# -- losses ---------------------------------------------------------------------------------


@inventory.on(
    LossOpened,
    saga="loss",
    subject=OF_ORDER,
    locks=KEPT_ROWS,
    applies_in=(State.PARTLY_OUT, State.OUT),
    moves=(Reservation.write_off,),
    otherwise={
        State.REFUSED: refuse("nothing was reserved for this order"),
        State.RELEASED: refuse("this stock was released"),
        State.WRITTEN_OFF: refuse("this stock was written off before"),
    },
)
def write_off(
    event: LossOpened,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockWrittenOff:
    """Give up the units of a lost parcel. Raises NotOutYet when their parcel is not booked out."""
    lost = stock.units(event.lines)
    _lose(reservation, kept, items, lost)
    return StockWrittenOff(case_id=event.case_id)


@inventory.on(
    ReplacementLost,
    saga="replacement",
    subject=OF_CASE,
    locks=KEPT_ROWS,
    moves=(Reservation.write_off,),
    otherwise={
        State.REFUSED: refuse("nothing was kept for this case"),
        State.RELEASED: refuse("this replacement was released"),
        State.WRITTEN_OFF: refuse("this replacement was written off before"),
    },
)
def write_off_replacement(
    event: ReplacementLost,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockWrittenOff:
    """Give up a replacement that the carrier lost, too."""
    lost = Counter({item.sku: line.out for line, item in stock.with_items(kept, items)})
    _lose(reservation, kept, items, lost)
    return StockWrittenOff(case_id=event.case_id)


def _lose(
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
    lost: Counter[str],
) -> None:
    for line, item, count in stock.asked_of(kept, items, lost):
        if line.out - line.lost < count:
            message = f"{count} of {item.sku} are lost, and {line.out - line.lost} are out."
            raise NotOutYet(message)
        line.lose(item, count)
    _end_if_all_is_lost(reservation, kept)
