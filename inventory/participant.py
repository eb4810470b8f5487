"""Inventory in the choreographies: keeps stock, commits it, lets it out, and takes it back.

Units move between the buckets of locked stock items; an order gets all its lines or none.
"""

from collections import Counter
from collections.abc import Iterable

from django.conf import settings

from inventory.events import (
    OutOfStock,
    ReservationExpired,
    ReturnExpected,
    ReturnInspected,
    ReturnNotExpected,
    ReturnQuarantined,
    StockAdjusted,
    StockCommitted,
    StockReleased,
    StockReserved,
    StockShipped,
    StockWrittenOff,
)
from inventory.models import (
    Reservation,
    ReservationLine,
    ReturnedGoods,
    ReturnedLine,
    StockItem,
)
from orders.events import LossOpened, OrderConfirmed, OrderPlaced, ReturnRequested
from payments.events import PaymentClosed, PaymentRefunded, PaymentVoided
from sagas.participant import (
    ABSENT,
    Participant,
    by,
    hold_for_a_person,
    nothing_to_undo,
    refuse,
)
from sagas.work import Work
from shipping.events import ReturnReceived, ReturnUnbookable, ShipmentHandedOver

Lines = Iterable[ReservationLine] | Iterable[ReturnedLine]
State = Reservation.State

RESERVATION = by(Reservation, "order_id")
RESERVED_ROWS = {
    "lines": by(ReservationLine, "reservation_id", "subject.id"),
    "items": by(StockItem, "id", "lines.item_id"),
}
GOODS = by(ReturnedGoods, "return_id")
RETURNED_ROWS = {
    "lines": by(ReturnedLine, "goods_id", "subject.id"),
    "items": by(StockItem, "id", "lines.item_id"),
}

inventory = Participant("inventory")
inventory.announces(StockAdjusted)
inventory.announces(ReservationExpired, after=StockReserved)
inventory.while_in(
    Reservation.state,
    State.RESERVED,
    until=lambda reservation: reservation.expires_at,
    then=ReservationExpired,
)
inventory.holds(
    Reservation.state,
    {
        State.NEW: "nothing",
        State.REFUSED: "nothing",
        State.RESERVED: "stock",
        State.COMMITTED: "stock",
        State.OUT: "stock",
        State.RELEASED: "nothing",
        State.WRITTEN_OFF: "nothing",
    },
    way_back={State.OUT: "return"},
)


def _move(lines: Lines, items: list[StockItem], *, source: str, target: str) -> None:
    by_id = {item.pk: item for item in items}
    for line in lines:
        by_id[line.item_id].move(line.quantity, source=source, target=target)


# -- checkout, forward ----------------------------------------------------------------------


def open_reservation(event: OrderPlaced) -> Reservation:
    """Return the reservation of a new order; it holds nothing yet."""
    return Reservation(order_id=event.order_id)


@inventory.on(
    OrderPlaced,
    subject=RESERVATION,
    creates=open_reservation,
    locks={"items": by(StockItem, "sku", "lines.sku")},
    moves=(Reservation.reserve, Reservation.refuse),
    otherwise={
        (
            State.RESERVED,
            State.REFUSED,
            State.COMMITTED,
            State.OUT,
            State.RELEASED,
            State.WRITTEN_OFF,
        ): refuse("this order has had its answer about stock"),
    },
)
def reserve(
    event: OrderPlaced, reservation: Reservation, items: list[StockItem], work: Work
) -> StockReserved | OutOfStock:
    """Keep every line for a while, or nothing; an unknown article is out of stock, too."""
    wanted = Counter[str]()
    for ordered in event.lines:
        wanted[ordered.sku] += ordered.quantity
    by_sku = {item.sku: item for item in items}
    missing = tuple(sku for sku, n in wanted.items() if not _has(by_sku.get(sku), n))
    if missing:
        reservation.refuse()
        return OutOfStock(order_id=event.order_id, skus=missing)
    for sku, quantity in wanted.items():
        item = by_sku[sku]
        item.move(quantity, source="available", target="reserved")
        work.add(ReservationLine(reservation=reservation, item=item, quantity=quantity))
    reservation.expires_at = work.now + settings.SHOP["RESERVATION_TTL"]
    reservation.reserve()
    return StockReserved(order_id=event.order_id)


def _has(item: StockItem | None, quantity: int) -> bool:
    return item is not None and item.available >= quantity


@inventory.on(
    OrderConfirmed,
    subject=RESERVATION,
    locks=RESERVED_ROWS,
    moves=(Reservation.commit,),
    otherwise={
        State.REFUSED: refuse("nothing was reserved for this order"),
        (State.COMMITTED, State.OUT, State.WRITTEN_OFF): refuse("this stock is committed already"),
        State.RELEASED: refuse("this stock was released"),
    },
)
def commit(
    event: OrderConfirmed,
    reservation: Reservation,
    lines: list[ReservationLine],
    items: list[StockItem],
) -> StockCommitted:
    """Keep paid stock until it is shipped; it does not expire any more."""
    _move(lines, items, source="reserved", target="committed")
    reservation.commit()
    return StockCommitted(order_id=event.order_id)


@inventory.on(
    ShipmentHandedOver,
    subject=RESERVATION,
    locks=RESERVED_ROWS,
    moves=(Reservation.ship,),
    otherwise={
        State.REFUSED: refuse("nothing was reserved for this order"),
        (State.OUT, State.WRITTEN_OFF): refuse("this stock has left the house before"),
        State.RELEASED: refuse("this stock was released"),
    },
)
def ship(
    event: ShipmentHandedOver,
    reservation: Reservation,
    lines: list[ReservationLine],
    items: list[StockItem],
) -> StockShipped:
    """Book out what the carrier has."""
    _move(lines, items, source="committed", target="out")
    reservation.ship()
    return StockShipped(order_id=event.order_id)


# -- checkout, back -------------------------------------------------------------------------


@inventory.undo(subject=RESERVATION, locks=RESERVED_ROWS, moves=(Reservation.release,))
def release(
    event: PaymentClosed | PaymentVoided | PaymentRefunded,
    reservation: Reservation,
    lines: list[ReservationLine],
    items: list[StockItem],
) -> StockReleased:
    """Make kept stock available again; its bucket is called like the reservation's state."""
    _move(lines, items, source=str(reservation.state), target="available")
    reservation.release()
    return StockReleased(order_id=event.order_id)


inventory.undoes(
    reserve,
    commit,
    on=(PaymentClosed, PaymentVoided, PaymentRefunded),
    by=Reservation.state,
    table={
        ABSENT: nothing_to_undo(StockReleased),
        State.NEW: nothing_to_undo(StockReleased),
        State.REFUSED: nothing_to_undo(StockReleased),
        State.RESERVED: release,
        State.COMMITTED: release,
        State.OUT: hold_for_a_person("the goods of a cancelled order have left the house"),
        State.RELEASED: nothing_to_undo(StockReleased),
        State.WRITTEN_OFF: hold_for_a_person("the goods of a cancelled order were written off"),
    },
)


# -- return ---------------------------------------------------------------------------------


def expect_goods(event: ReturnRequested) -> ReturnedGoods:
    """Return the goods that a return announces."""
    return ReturnedGoods(return_id=event.return_id, order_id=event.order_id)


@inventory.on(
    ReturnRequested,
    subject=GOODS,
    creates=expect_goods,
    locks={"items": by(StockItem, "sku", "lines.sku")},
    applies_in=(ABSENT,),
    otherwise={tuple(ReturnedGoods.State): refuse("these goods are announced already")},
)
def expect_return(
    event: ReturnRequested, goods: ReturnedGoods, items: list[StockItem], work: Work
) -> ReturnExpected:
    """Note what is to come back."""
    announced = Counter[str]()
    for line in event.lines:
        announced[line.sku] += line.quantity
    by_sku = {item.sku: item for item in items}
    for sku, quantity in announced.items():
        work.add(ReturnedLine(goods=goods, item=by_sku[sku], quantity=quantity))
    return ReturnExpected(return_id=event.return_id)


@inventory.on(
    ReturnReceived,
    saga="return",
    subject=GOODS,
    locks=RETURNED_ROWS,
    moves=(ReturnedGoods.quarantine,),
    otherwise={
        (ReturnedGoods.State.QUARANTINED, ReturnedGoods.State.INSPECTED): refuse(
            "these goods are here"
        ),
        ReturnedGoods.State.DROPPED: refuse("these goods were not expected any more"),
    },
)
def quarantine(
    event: ReturnReceived,
    goods: ReturnedGoods,
    lines: list[ReturnedLine],
    items: list[StockItem],
) -> ReturnQuarantined:
    """Keep apart what came back, until somebody has looked at it."""
    _move(lines, items, source="out", target="quarantine")
    goods.quarantine()
    return ReturnQuarantined(return_id=event.return_id)


@inventory.on(
    ReturnQuarantined,
    subject=GOODS,
    locks=RETURNED_ROWS,
    moves=(ReturnedGoods.inspect,),
    otherwise={
        ReturnedGoods.State.INSPECTED: refuse("these goods were inspected before"),
        ReturnedGoods.State.DROPPED: refuse("these goods were not expected any more"),
    },
)
def inspect(
    event: ReturnQuarantined,
    goods: ReturnedGoods,
    lines: list[ReturnedLine],
    items: list[StockItem],
) -> ReturnInspected:
    """Book what was looked at: sellable units as available, the others as damaged."""
    by_id = {item.pk: item for item in items}
    for line in lines:
        item = by_id[line.item_id]
        item.move(line.quantity - line.damaged, source="quarantine", target="available")
        item.move(line.damaged, source="quarantine", target="damaged")
    goods.inspect()
    return ReturnInspected(return_id=event.return_id, order_id=goods.order_id)


@inventory.on(
    ReturnUnbookable,
    subject=GOODS,
    moves=(ReturnedGoods.drop,),
    otherwise={
        (ReturnedGoods.State.QUARANTINED, ReturnedGoods.State.INSPECTED): refuse(
            "these goods are here"
        ),
        ReturnedGoods.State.DROPPED: refuse("these goods were not expected any more"),
    },
)
def drop_return(event: ReturnUnbookable, goods: ReturnedGoods) -> ReturnNotExpected:
    """Stop waiting for goods that the carrier will not fetch."""
    goods.drop()
    return ReturnNotExpected(return_id=event.return_id)


# -- loss -----------------------------------------------------------------------------------


@inventory.on(
    LossOpened,
    subject=RESERVATION,
    locks=RESERVED_ROWS,
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
    lines: list[ReservationLine],
    items: list[StockItem],
) -> StockWrittenOff:
    """Give up the units of a lost parcel."""
    _move(lines, items, source="out", target="damaged")
    reservation.write_off()
    return StockWrittenOff(loss_id=event.loss_id)
