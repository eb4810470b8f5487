"""The checkout, forward: money is certain, stock is committed, parcels leave and arrive."""

from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from inventory import events as inventory
from orders import case_book
from orders.choreography import took_too_long
from orders.events import (
    CaseKind,
    LossOpened,
    OrderCompleted,
    OrderConfirmed,
    OrderDelivered,
    OrderIntercepted,
    OrderLost,
    OrderReady,
    OrderShipped,
    OrderStalled,
    PaymentGivenUp,
    PaymentRetryRequested,
)
from orders.models import Order, SoldLine
from orders.participant.rows import (
    ARRIVED,
    CANCELLED_BEFORE,
    GOING_BACK,
    GONE,
    LINES,
    ORDER,
    PAID,
    State,
    orders,
)
from orders.reckoning import Taken, worths_of
from payments import events as payments
from sagas.participant import refuse
from sagas.work import Work
from shipping import events as shipping

orders.while_in(
    Order.state,
    State.CONFIRMED,
    until=lambda order: settings.SHOP["CONFIRMED_PATIENCE"],
    then=lambda order: took_too_long(str(order.pk)),
)
for waiting in (State.FULFILLING, State.SHIPPED, State.DELIVERED, State.CANCELLING):
    orders.while_in(
        Order.state,
        waiting,
        until=lambda order: settings.SHOP[f"{order.state.upper()}_PATIENCE"],
        then=lambda order: OrderStalled(order_id=order.pk, state=order.state),
    )


# -- money and stock ------------------------------------------------------------------------------


@orders.on(
    payments.PaymentDeclined,
    subject=ORDER,
    applies_in=(State.PLACED,),
    at_most=1,
    exhausted=PaymentGivenUp,
    otherwise={(*PAID, *GONE): refuse("this order is paid"), GOING_BACK: CANCELLED_BEFORE},
)
def offer_retry(event: payments.PaymentDeclined, order: Order) -> PaymentRetryRequested:
    """Let the customer pay with another card (D-2)."""
    order.payment_attempts += 1
    return PaymentRetryRequested(order_id=event.order_id, attempt=order.payment_attempts)


@orders.on(
    payments.PaymentAuthorised,
    payments.DepositReceived,
    subject=ORDER,
    moves=(Order.confirm,),
    otherwise={(*PAID, *GONE): refuse("confirmed before"), GOING_BACK: CANCELLED_BEFORE},
)
def confirm(
    event: payments.PaymentAuthorised | payments.DepositReceived, order: Order, work: Work
) -> OrderConfirmed:
    """Count on the money; a deposit is the shop's already."""
    if isinstance(event, payments.DepositReceived):
        _note_capture(order, work)
    order.confirm()
    return OrderConfirmed(order_id=event.order_id)


def _note_capture(order: Order, work: Work) -> None:
    order.is_captured = True
    order.paid_at = order.paid_at or work.now


@orders.on(
    payments.PaymentCaptured,
    inventory.StockCommitted,
    subject=ORDER,
    moves=(Order.fulfil,),
    otherwise={
        (State.FULFILLING, *GONE): refuse("captured and committed before"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def collect(
    event: payments.PaymentCaptured | inventory.StockCommitted, order: Order, work: Work
) -> OrderReady | None:
    """Wait for money and stock, in either order; with both, a parcel can be made."""
    if isinstance(event, payments.PaymentCaptured):
        _note_capture(order, work)
    else:
        order.is_committed = True
    if not (order.is_captured and order.is_committed):
        return None
    order.fulfil()
    return OrderReady(order_id=event.order_id)


# -- parcels leave --------------------------------------------------------------------------------


def _note_sent(
    event: shipping.ShipmentHandedOver | shipping.RestHandedOver,
    order: Order,
    lines: list[SoldLine],
) -> None:
    """Count what left; who ships knows, nobody else does (R32)."""
    sent = {line.line_no: line.quantity for line in event.lines}
    for line in lines:
        line.shipped += sent.get(line.line_no, 0)
    order.parcels += 1


@orders.on(
    shipping.ShipmentHandedOver,
    subject=ORDER,
    locks=LINES,
    moves=(Order.ship,),
    otherwise={GONE: refuse("left the house before"), GOING_BACK: CANCELLED_BEFORE},
)
def ship(event: shipping.ShipmentHandedOver, order: Order, lines: list[SoldLine]) -> OrderShipped:
    """Note that the carrier has the first parcel."""
    _note_sent(event, order, lines)
    order.ship()
    return OrderShipped(order_id=event.order_id)


@orders.on(
    shipping.RestHandedOver,
    subject=ORDER,
    locks=LINES,
    applies_in=(State.SHIPPED,),
    otherwise={
        (State.LOST, State.INTERCEPTED, *ARRIVED): refuse(
            "all that was sent has been accounted for"
        ),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def ship_rest(event: shipping.RestHandedOver, order: Order, lines: list[SoldLine]) -> None:
    """Note that the carrier has the rest, too."""
    _note_sent(event, order, lines)


# -- parcels arrive, or don't ---------------------------------------------------------------------


@orders.on(
    shipping.ShipmentDelivered,
    saga="checkout",
    subject=ORDER,
    moves=(Order.deliver,),
    otherwise={
        State.LOST: refuse("lost before; its case goes on"),
        State.INTERCEPTED: refuse("stopped on its way; its return goes on"),
        ARRIVED: refuse("delivered before"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def deliver(event: shipping.ShipmentDelivered, order: Order, work: Work) -> OrderDelivered:
    """Note that the customer has all that was sent; the return window opens."""
    order.delivered_at = work.now
    order.deliver()
    return OrderDelivered(order_id=event.order_id)


@orders.on(
    OrderDelivered,
    inventory.StockShipped,
    subject=ORDER,
    applies_in=(State.FULFILLING, State.SHIPPED, State.DELIVERED),
    moves=(Order.complete,),
    otherwise={
        State.LOST: refuse("the parcel was lost; its case books the stock"),
        State.INTERCEPTED: refuse("the parcel comes back; its return books the stock"),
        (State.COMPLETED, State.RETURNED): refuse("this order is complete"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def complete(event: OrderDelivered | inventory.StockShipped, order: Order) -> OrderCompleted | None:
    """Wait for the customer and the stock book; the delivery itself stands in the state."""
    if isinstance(event, inventory.StockShipped):
        order.is_booked_out = True
    if order.state != State.DELIVERED or not order.is_booked_out:
        return None
    order.complete()
    return OrderCompleted(order_id=event.order_id, customer=order.customer, total=order.total)


@orders.on(
    shipping.ShipmentIntercepted,
    subject=ORDER,
    moves=(Order.intercept,),
    otherwise={
        State.LOST: refuse("lost before; its case goes on"),
        State.INTERCEPTED: refuse("stopped before"),
        ARRIVED: refuse("the customer has it"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def intercept(event: shipping.ShipmentIntercepted, order: Order) -> OrderIntercepted:
    """End the checkout: the parcel is back, and its return goes on (D-13)."""
    order.intercept()
    return OrderIntercepted(order_id=event.order_id)


@orders.on(
    shipping.ShipmentLost,
    saga="checkout",
    subject=ORDER,
    locks=LINES,
    moves=(Order.lose,),
    otherwise={
        State.LOST: refuse("lost before"),
        State.INTERCEPTED: refuse("stopped on its way; its return goes on"),
        ARRIVED: refuse("the customer has it"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def lose(
    event: shipping.ShipmentLost, order: Order, lines: list[SoldLine], work: Work
) -> OrderLost | tuple[OrderLost, LossOpened]:
    """End the checkout and open a loss: a lost parcel is no cancellation (D-15).

    What was to come back can't any more; units that got lost before have their case.
    """
    order.lose()
    for line in lines:
        line.return_pending = 0
    lost = [(line, line.returnable) for line in lines]
    if not any(units for _, units in lost):
        return OrderLost(order_id=event.order_id)
    opened = _open_loss(order, lost, work, case_id=uuid5(order.pk, "loss"))
    return OrderLost(order_id=event.order_id), opened


@orders.on(
    shipping.ParcelLost,
    saga="checkout",
    subject=ORDER,
    locks=LINES,
    applies_in=(State.SHIPPED, State.DELIVERED, State.COMPLETED),
    otherwise={
        (State.LOST, State.INTERCEPTED, State.RETURNED): refuse("nothing of it was on its way"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def lose_part(
    event: shipping.ParcelLost, order: Order, lines: list[SoldLine], work: Work
) -> LossOpened:
    """Open a loss for one of several parcels; the order goes on."""
    in_parcel = {line.line_no: line.quantity for line in event.lines}
    lost = [(line, in_parcel.get(line.line_no, 0)) for line in lines]
    return _open_loss(order, lost, work, case_id=uuid5(event.shipment_id, "loss"))


def _open_loss(order: Order, counted: list[Taken], work: Work, *, case_id: UUID) -> LossOpened:
    """Open the case of units that got lost; they are missing until it is decided."""
    lost = [(line, units) for line, units in counted if units]
    case = case_book.open_case(
        order,
        case_id=case_id,
        kind=CaseKind.LOST,
        now=work.now,
        reason="lost by the carrier",
        **_worth(lost),
    )
    work.add(case)
    parts = [
        case_book.part_of(case, line, units, amount_minor=worth)
        for (line, units), worth in zip(lost, worths_of(lost), strict=True)
    ]
    for part in parts:
        work.add(part)
    for line, units in lost:
        line.lost_pending += units
    return LossOpened(
        case_id=case.pk,
        order_id=order.pk,
        number=order.number,
        lines=case_book.told_lines(parts, [line for line, _ in lost]),
    )


def _worth(lost: list[Taken]) -> dict[str, Any]:
    goods = sum(worths_of(lost))
    return {"goods_minor": goods, "refund_minor": goods}
