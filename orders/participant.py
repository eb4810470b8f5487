"""Orders in the choreographies: collects what the others say, and says how it ends.

Orders own the business key: their state machine is where a checkout, a return and a loss end
(design decision 4).
"""

from typing import Any

from django.conf import settings

from inventory import events as inventory
from orders import cases as case_book
from orders.choreography import took_too_long
from orders.events import (
    CancelRejected,
    CancelRequested,
    LossOpened,
    LossSettled,
    OrderCancelled,
    OrderCompleted,
    OrderConfirmed,
    OrderDelivered,
    OrderLost,
    OrderPlaced,
    OrderReady,
    OrderReturned,
    OrderShipped,
    OrderStalled,
    OrderUndone,
    PaymentGivenUp,
    PaymentRetryRequested,
    ReturnCompleted,
    ReturnRejected,
    ReturnRequested,
)
from orders.models import Case, Loss, Order, Return, ReturnLine, SoldLine
from payments import events as payments
from sagas.participant import Participant, by, refuse
from sagas.work import Work
from shipping import events as shipping

State = Order.State

ORDER = by(Order, "id", "order_id")
LINES_OF_RETURN = {
    "return_lines": by(ReturnLine, "parent_id", "return_id"),
    "lines": by(SoldLine, "id", "return_lines.line_id"),
}
#: The returned lines, and all lines of the order: has everything come back?
LINES_OF_ORDER = {
    "return_lines": by(ReturnLine, "parent_id", "return_id"),
    "lines": by(SoldLine, "order_id"),
}

GOING_BACK = (State.CANCELLING, State.CANCELLED)
PAID = (State.CONFIRMED, State.FULFILLING)
ARRIVED = (State.DELIVERED, State.COMPLETED, State.RETURNED)
GONE = (State.SHIPPED, State.LOST, *ARRIVED)
CANCELLED_BEFORE = refuse("this order is being cancelled, or has been")
LEFT_THE_HOUSE = refuse("this order has left the house: a return is its way back")

orders = Participant("orders")
orders.announces(OrderPlaced, CancelRequested, ReturnRequested)
orders.announces(OrderStalled, after=OrderConfirmed)
orders.while_in(
    Order.state,
    State.CONFIRMED,
    until=settings.SHOP["CONFIRMED_PATIENCE"],
    then=lambda order: took_too_long(str(order.pk)),
)
for waiting in (State.FULFILLING, State.SHIPPED, State.DELIVERED):
    orders.while_in(
        Order.state,
        waiting,
        until=settings.SHOP[f"{waiting.name}_PATIENCE"],
        then=lambda order: OrderStalled(order_id=order.pk, state=order.state),
    )


# -- checkout, forward ----------------------------------------------------------------------


@orders.on(
    payments.PaymentDeclined,
    subject=ORDER,
    applies_in=(State.PLACED,),
    at_most=1,
    exhausted=PaymentGivenUp,
    otherwise={(*PAID, *GONE): refuse("this order is paid"), GOING_BACK: CANCELLED_BEFORE},
)
def offer_retry(event: payments.PaymentDeclined, order: Order) -> PaymentRetryRequested:
    """Let the customer pay with another card."""
    order.payment_attempts += 1
    return PaymentRetryRequested(order_id=event.order_id, attempt=order.payment_attempts)


@orders.on(
    payments.PaymentAuthorised,
    subject=ORDER,
    moves=(Order.confirm,),
    otherwise={(*PAID, *GONE): refuse("confirmed before"), GOING_BACK: CANCELLED_BEFORE},
)
def confirm(event: payments.PaymentAuthorised, order: Order) -> OrderConfirmed:
    """Count on the money."""
    order.confirm()
    return OrderConfirmed(order_id=event.order_id)


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
    event: payments.PaymentCaptured | inventory.StockCommitted, order: Order
) -> OrderReady | None:
    """Wait for money and stock, in either order; with both, a parcel can be made."""
    if isinstance(event, payments.PaymentCaptured):
        order.is_captured = True
    else:
        order.is_committed = True
    if not (order.is_captured and order.is_committed):
        return None
    order.fulfil()
    return OrderReady(order_id=event.order_id, number=order.number, ship_to=order.address)


@orders.on(
    shipping.ShipmentHandedOver,
    subject=ORDER,
    moves=(Order.ship,),
    otherwise={GONE: refuse("left the house before"), GOING_BACK: CANCELLED_BEFORE},
)
def ship(event: shipping.ShipmentHandedOver, order: Order) -> OrderShipped:
    """Note that the carrier has the parcel."""
    order.ship()
    return OrderShipped(order_id=event.order_id)


@orders.on(
    shipping.ShipmentDelivered,
    saga="checkout",
    subject=ORDER,
    moves=(Order.deliver,),
    otherwise={
        State.LOST: refuse("lost before; its money goes back"),
        ARRIVED: refuse("delivered before"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def deliver(event: shipping.ShipmentDelivered, order: Order, work: Work) -> OrderDelivered:
    """Note that the customer has the parcel; the return window opens."""
    order.delivered_at = work.now
    order.deliver()
    return OrderDelivered(order_id=event.order_id)


@orders.on(
    shipping.ShipmentLost,
    saga="checkout",
    subject=ORDER,
    moves=(Order.lose,),
    otherwise={
        State.LOST: refuse("lost before"),
        ARRIVED: refuse("the customer has it"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def lose(event: shipping.ShipmentLost, order: Order, work: Work) -> tuple[OrderLost, LossOpened]:
    """End the checkout and open a loss: a lost parcel is no cancellation (D-15)."""
    order.lose()
    loss = Loss.of(order, now=work.now)
    work.add(loss)
    opened = LossOpened(loss_id=loss.id, order_id=event.order_id, refund=order.total)
    return OrderLost(order_id=event.order_id), opened


@orders.on(
    OrderDelivered,
    inventory.StockShipped,
    subject=ORDER,
    applies_in=(State.FULFILLING, State.SHIPPED, State.DELIVERED),
    moves=(Order.complete,),
    otherwise={
        State.LOST: refuse("the parcel was lost; the loss books its stock"),
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


# -- checkout, cancel -----------------------------------------------------------------------


def _cancel(order: Order, work: Work, *, kind: Case.Kind, reason: str) -> OrderCancelled:
    """Turn around on the shop's own account, with the case that says why."""
    case = case_book.granted(order, work, kind=kind, reason=reason)
    order.start_cancel()
    return OrderCancelled(order_id=order.pk, case_id=case.id, reason=reason)


CANCELS: Any = {
    "subject": ORDER,
    "moves": (Order.start_cancel,),
    "otherwise": {GONE: LEFT_THE_HOUSE, GOING_BACK: CANCELLED_BEFORE},
}


@orders.on(PaymentGivenUp, **CANCELS)
def cancel_unpaid(event: PaymentGivenUp, order: Order, work: Work) -> OrderCancelled:
    """Cancel what no card was good for (D-2)."""
    return _cancel(order, work, kind=Case.Kind.PAYMENT_FAILED, reason="no card was accepted")


@orders.on(payments.CaptureRefused, **CANCELS)
def cancel_uncaptured(event: payments.CaptureRefused, order: Order, work: Work) -> OrderCancelled:
    """Cancel what was authorised and then not paid."""
    reason = f"the payment was refused: {event.code}"
    return _cancel(order, work, kind=Case.Kind.PAYMENT_FAILED, reason=reason)


@orders.on(inventory.OutOfStock, **CANCELS)
def cancel_unavailable(event: inventory.OutOfStock, order: Order, work: Work) -> OrderCancelled:
    """Cancel what is not there (D-9)."""
    reason = f"out of stock: {', '.join(event.skus)}"
    return _cancel(order, work, kind=Case.Kind.OOS_CANCEL, reason=reason)


@orders.on(shipping.CarrierRefused, **CANCELS)
def cancel_unshippable(event: shipping.CarrierRefused, order: Order, work: Work) -> OrderCancelled:
    """Cancel what no carrier takes (D-14)."""
    reason = f"the carrier refused: {event.code}"
    return _cancel(order, work, kind=Case.Kind.SELLER_CANCEL, reason=reason)


@orders.on(
    inventory.ReservationExpired,
    saga="checkout",
    subject=ORDER,
    locks={"cases": by(Case, "order_id")},
    applies_in=(State.PLACED,),
    otherwise={(*PAID, *GONE): refuse("paid in time"), GOING_BACK: CANCELLED_BEFORE},
)
def cancel_expired(
    event: inventory.ReservationExpired, order: Order, cases: list[Case], work: Work
) -> CancelRequested:
    """Ask for the end of an order that was not paid in time; an open wish is asked again (D-3)."""
    case = case_book.open_one(cases) or case_book.unpaid(order, work)
    return CancelRequested(order_id=event.order_id, case_id=case.id, reason=case.reason)


@orders.on(shipping.CancelAccepted, locks={"cases": by(Case, "id", "case_id")}, **CANCELS)
def cancel(
    event: shipping.CancelAccepted, order: Order, cases: list[Case], work: Work
) -> OrderCancelled:
    """Turn around: the parcel can't leave any more (R32)."""
    for case in cases or [case_book.overlong(order, work, case_id=event.case_id)]:
        case_book.decide(case, Case.Outcome.ACCEPTED, now=work.now)
    order.start_cancel()
    return OrderCancelled(order_id=event.order_id, case_id=event.case_id, reason=event.reason)


@orders.on(shipping.CancelRefused, subject=ORDER, locks={"cases": by(Case, "id", "case_id")})
def reject_cancel(
    event: shipping.CancelRefused, order: Order, cases: list[Case], work: Work
) -> CancelRejected:
    """Close the case: the parcel has left, a return is the way back."""
    for case in cases:
        case_book.decide(case, Case.Outcome.REJECTED, now=work.now)
    return CancelRejected(order_id=event.order_id, case_id=event.case_id, reason=event.reason)


# -- checkout, back -------------------------------------------------------------------------


@orders.on_undo(
    inventory.StockReleased,
    subject=ORDER,
    locks={"cases": by(Case, "order_id")},
    moves=(Order.finish_cancel,),
    otherwise={
        GONE: refuse("this order has left the house"),
        State.CANCELLED: refuse("this order is cancelled already"),
    },
)
def finish_cancel(
    event: inventory.StockReleased, order: Order, cases: list[Case], work: Work
) -> OrderUndone:
    """End the way back; a wish that another reason overtook is granted with it."""
    case = case_book.open_one(cases)
    if case is not None:
        case_book.decide(case, Case.Outcome.ACCEPTED, now=work.now)
    order.finish_cancel()
    return OrderUndone(order_id=event.order_id)


# -- return ---------------------------------------------------------------------------------


@orders.on(
    shipping.ReturnUnbookable,
    subject=by(Return, "id", "return_id"),
    locks=LINES_OF_RETURN,
    moves=(Return.reject,),
    otherwise={
        Return.State.COMPLETED: refuse("this return is complete"),
        Return.State.REJECTED: refuse("this return was rejected before"),
    },
)
def reject_return(
    event: shipping.ReturnUnbookable,
    returned: Return,
    return_lines: list[ReturnLine],
    lines: list[SoldLine],
) -> ReturnRejected:
    """Free the units for another try."""
    quantities = {line.line_id: line.quantity for line in return_lines}
    for line in lines:
        line.return_pending -= quantities[line.pk]
    returned.reject()
    reason = f"the carrier refused: {event.code}"
    return ReturnRejected(return_id=event.return_id, reason=reason)


@orders.on(
    payments.ReturnRefunded,
    subject=by(Return, "id", "return_id"),
    locks=LINES_OF_ORDER,
    moves=(Return.complete,),
    otherwise={
        Return.State.COMPLETED: refuse("this return was completed before"),
        Return.State.REJECTED: refuse("this return was rejected"),
    },
)
def complete_return(
    event: payments.ReturnRefunded,
    returned: Return,
    return_lines: list[ReturnLine],
    lines: list[SoldLine],
) -> ReturnCompleted:
    """Note that goods and money have changed hands."""
    quantities = {line.line_id: line.quantity for line in return_lines}
    for line in lines:
        quantity = quantities.get(line.pk, 0)
        line.return_pending -= quantity
        line.returned += quantity
    returned.complete()
    return ReturnCompleted(
        return_id=event.return_id,
        order_id=event.order_id,
        everything_returned=all(line.returned == line.quantity for line in lines),
    )


@orders.on(
    ReturnCompleted,
    subject=ORDER,
    applies_in=(State.COMPLETED,),
    moves=(Order.take_back,),
    otherwise={
        State.LOST: refuse("a lost order has nothing to return"),
        State.RETURNED: refuse("everything came back before"),
        GOING_BACK: refuse("a cancelled order has nothing to return"),
    },
)
def mark_returned(event: ReturnCompleted, order: Order) -> OrderReturned | None:
    """Close the order when nothing of it is left with the customer."""
    if not event.everything_returned:
        return None
    order.take_back()
    return OrderReturned(order_id=event.order_id)


# -- loss -----------------------------------------------------------------------------------


@orders.on(
    payments.LossRefunded,
    subject=by(Loss, "id", "loss_id"),
    moves=(Loss.settle,),
    otherwise={Loss.State.SETTLED: refuse("this loss was settled before")},
)
def settle_loss(event: payments.LossRefunded, loss: Loss) -> LossSettled:
    """Note that the customer has the money of the lost parcel."""
    loss.settle()
    return LossSettled(loss_id=event.loss_id, order_id=event.order_id)
