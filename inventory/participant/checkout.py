"""Checkout: stock is kept, belongs to a paid order, leaves the house, or is available again.

In the words of TCC: `reserve` is the try, `commit` its confirm, `release` its cancel (E1-E8).
"""

from collections.abc import Iterable

from django.conf import settings

from inventory import stock
from inventory.events import (
    CommitRejected,
    OutOfStock,
    ReservationExtended,
    ReservationRefused,
    StockCommitted,
    StockReleased,
    StockReserved,
    StockShipped,
)
from inventory.models import Reservation, ReservationLine, StockItem
from inventory.participant.declared import DECIDED, KEPT_ROWS, OF_ORDER, State, inventory
from orders.events import OrderConfirmed, OrderPlaced
from payments.events import PaymentClosed, PaymentUnderWay, PaymentVoided, RefundPlanned
from sagas.participant import ABSENT, by, hold_for_a_person, nothing_to_undo, refuse
from sagas.work import Work
from shipping.events import RestHandedOver, ShipmentHandedOver

GONE = (State.PARTLY_OUT, State.OUT, State.WRITTEN_OFF)

# -- try ------------------------------------------------------------------------------------


def open_reservation(event: OrderPlaced) -> Reservation:
    """Return the reservation of a new order; it holds nothing yet."""
    return Reservation(holder_id=event.order_id, order_id=event.order_id)


@inventory.on(
    OrderPlaced,
    saga="checkout",
    subject=OF_ORDER,
    creates=open_reservation,
    locks={
        "items": by(StockItem, "sku", "lines.sku"),
        "overdue": by(ReservationLine, "item_id", "items.id", only=ReservationLine.overdue),
    },
    reads={
        "open_ones": by(Reservation, "open_for", "customer"),
        "over": by(Reservation, "id", "overdue.reservation_id"),
    },
    moves=(Reservation.reserve, Reservation.refuse),
    otherwise={DECIDED: refuse("this order has had its answer about stock")},
)
def reserve(
    event: OrderPlaced,
    reservation: Reservation,
    items: list[StockItem],
    *,
    overdue: list[ReservationLine],
    open_ones: list[Reservation],
    over: list[Reservation],
    work: Work,
) -> StockReserved | OutOfStock | ReservationRefused:
    """Try: keep every line for a while, or nothing; an unknown article is out of stock, too.

    What others keep although their time is up is available, whoever tells them (E1).
    """
    wanted = stock.units(event.lines)
    stock.lapse(overdue, items, of=over, now=work.now)
    missing = stock.missing(wanted, items)
    if missing:
        reservation.refuse()
        return OutOfStock(order_id=event.order_id, skus=missing)
    limit = settings.SHOP["MAX_OPEN_RESERVATIONS"]
    if limit is not None and not _take_slot(reservation, event.customer, open_ones, limit):
        reservation.refuse()
        return ReservationRefused(order_id=event.order_id, limit=limit)
    for line in stock.keep(reservation, wanted, items, target="reserved"):
        work.add(line)
    reservation.reserve(until=work.now + settings.SHOP["RESERVATION_TTL"])
    return StockReserved(order_id=event.order_id)


def _take_slot(
    reservation: Reservation, customer: str, open_ones: Iterable[Reservation], limit: int
) -> bool:
    """Count among the customer's open reservations, if there is room (E8).

    Two that find the same room at once meet the unique constraint: one of them looks again.
    """
    free = set(range(limit)) - {found.slot for found in open_ones}
    if free:
        reservation.take_slot(customer, min(free))
    return bool(free)


@inventory.on(
    PaymentUnderWay,
    saga="checkout",
    subject=OF_ORDER,
    moves=(Reservation.extend,),
    otherwise={
        State.EXTENDED: refuse("this stock was kept once more before"),
        State.REFUSED: refuse("nothing was reserved for this order"),
        (State.COMMITTED, *GONE): refuse("this order is paid"),
        State.RELEASED: refuse("this stock was released"),
    },
)
def extend(event: PaymentUnderWay, reservation: Reservation, work: Work) -> ReservationExtended:
    """Keep it once more, up to a limit that everybody can see (E5).

    An account that waits for a transfer is closed before the stock can go to others (E4, D-6).
    """
    until = work.now + settings.SHOP["RESERVATION_EXTENSION"]
    if event.until is not None:
        until = max(until, event.until + settings.SHOP["RESERVATION_TTL"])
    reservation.extend(until=until)
    return ReservationExtended(order_id=event.order_id, until=until)


# -- confirm --------------------------------------------------------------------------------


@inventory.on(
    OrderConfirmed,
    saga="checkout",
    subject=OF_ORDER,
    locks=KEPT_ROWS,
    applies_in=DECIDED,
    moves=(Reservation.commit, Reservation.commit_again),
)
def commit(
    event: OrderConfirmed,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockCommitted | CommitRejected:
    """Confirm: keep paid stock until it leaves; it does not expire any more.

    A confirmation always has an answer: what is committed is not moved again (E7).
    """
    if reservation.state in (State.RELEASED, State.REFUSED):
        return _commit_again(event, reservation, kept, items)
    if reservation.state in Reservation.OPEN:
        if gone := stock.keep_again(kept, items):
            return CommitRejected(order_id=event.order_id, skus=gone)
        stock.move_kept(kept, items, source="reserved", target="committed")
        reservation.commit()
    return StockCommitted(order_id=event.order_id)


def _commit_again(
    event: OrderConfirmed,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockCommitted | CommitRejected:
    """Keep again what had ended meanwhile, all of it or nothing; say so either way (E6, E7)."""
    wanted = {item.sku: line.kept for line, item in stock.with_items(kept, items)}
    missing = stock.missing(wanted, items)
    if missing or not any(wanted.values()):
        return CommitRejected(order_id=event.order_id, skus=missing)
    stock.move_kept(kept, items, source="available", target="committed")
    reservation.commit_again()
    return StockCommitted(order_id=event.order_id)


@inventory.on(
    ShipmentHandedOver,
    RestHandedOver,
    saga="checkout",
    subject=OF_ORDER,
    locks=KEPT_ROWS,
    moves=(Reservation.leave, Reservation.leave_in_part),
    otherwise={
        State.REFUSED: refuse("nothing was reserved for this order"),
        (State.OUT, State.WRITTEN_OFF): refuse("this stock has left the house before"),
        State.RELEASED: refuse("this stock was released"),
    },
)
def ship(
    event: ShipmentHandedOver | RestHandedOver,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockShipped:
    """Book out exactly what the carrier has; what stays is kept for the next parcel."""
    for line, item, count in stock.asked_of(kept, items, stock.units(event.lines)):
        line.leave(item, count)
    if not any(line.kept for line in kept):
        reservation.leave()
    elif reservation.state == State.COMMITTED:
        reservation.leave_in_part()
    return StockShipped(order_id=event.order_id)


# -- cancel ---------------------------------------------------------------------------------


@inventory.undo(subject=OF_ORDER, locks=KEPT_ROWS, moves=(Reservation.release,))
def release(
    event: PaymentClosed | PaymentVoided | RefundPlanned,
    reservation: Reservation,
    kept: list[ReservationLine],
    items: list[StockItem],
) -> StockReleased:
    """Cancel: make kept stock available again, now that no money can come for it (E4, R39)."""
    stock.move_kept(kept, items, source=reservation.bucket, target="available")
    for line in kept:
        line.lapsed = 0
    reservation.release()
    return StockReleased(order_id=event.order_id)


inventory.undoes(
    reserve,
    extend,
    commit,
    on=(PaymentClosed, PaymentVoided, RefundPlanned),
    by=Reservation.state,
    table={
        ABSENT: nothing_to_undo(StockReleased),
        State.NEW: nothing_to_undo(StockReleased),
        State.REFUSED: nothing_to_undo(StockReleased),
        State.RESERVED: release,
        State.EXTENDED: release,
        State.COMMITTED: release,
        State.PARTLY_OUT: hold_for_a_person("some goods of a cancelled order have left the house"),
        State.OUT: hold_for_a_person("the goods of a cancelled order have left the house"),
        State.RELEASED: nothing_to_undo(StockReleased),
        State.WRITTEN_OFF: hold_for_a_person("the goods of a cancelled order were written off"),
    },
)
