"""The whole order is cancelled: who asks, who turns the checkout around, and when it is over.

A wish is a request, which who ships decides (R32); where nothing can have left, the shop turns
around at once. Either way an order has one such case, and whoever comes second joins it (R33).
"""

from typing import Any

from inventory import events as inventory
from orders import case_book
from orders.choreography import TOOK_TOO_LONG
from orders.events import (
    CancelRejected,
    CancelRequested,
    CaseKind,
    OrderCancelled,
    OrderUndone,
    PartialCancelRequested,
    PaymentGivenUp,
)
from orders.models import Benefit, Case, Order, SoldLine
from orders.participant.money import note_way
from orders.participant.rows import (
    ARRIVED,
    BENEFITS,
    CANCELLED_BEFORE,
    CASE,
    CASES_OF_ORDER,
    GOING_BACK,
    GONE,
    LEFT_THE_HOUSE,
    LINES,
    NOT_ACCEPTED,
    NOT_OPEN,
    ORDER,
    OWNER,
    PAID,
    SETTLED,
    CaseState,
    State,
    books_of,
    orders,
)
from orders.reckoning import Books, Taken, book, estimate, reckon_whole, restore
from payments import events as payments
from sagas.exceptions import PermanentFailure
from sagas.participant import refuse
from sagas.work import Work
from shipping import events as shipping

# -- the shop turns around ------------------------------------------------------------------------

CANCELS: Any = {
    "subject": ORDER,
    "locks": CASES_OF_ORDER,
    "moves": (Order.start_cancel,),
    "otherwise": {GONE: LEFT_THE_HOUSE, GOING_BACK: CANCELLED_BEFORE},
}


def _turn(
    order: Order, cases: list[Case], work: Work, *, kind: CaseKind, reason: str
) -> OrderCancelled:
    """Turn around on the shop's own account; somebody's open wish is granted with it (R33)."""
    case = _case_of(order, cases, work, kind=kind, reason=reason)
    order.start_cancel()
    return OrderCancelled(order_id=order.pk, case_id=case.pk, case=case.why, reason=case.reason)


def _case_of(order: Order, cases: list[Case], work: Work, *, kind: CaseKind, **values: Any) -> Case:
    """Return the case that cancels the order, opening one where there is none."""
    known = case_book.whole_case(cases)
    if known is not None:
        return known
    case = case_book.open_case(order, kind=kind, now=work.now, is_whole=True, **values)
    work.add(case)
    return case


@orders.on(payments.CaptureRefused, **CANCELS)
def cancel_uncaptured(
    event: payments.CaptureRefused, order: Order, cases: list[Case], work: Work
) -> OrderCancelled:
    """Cancel what was authorised and then not paid."""
    reason = f"the payment was refused: {event.code}"
    return _turn(order, cases, work, kind=CaseKind.PAYMENT_FAILED, reason=reason)


@orders.on(inventory.OutOfStock, inventory.CommitRejected, **CANCELS)
def cancel_unavailable(
    event: inventory.OutOfStock | inventory.CommitRejected,
    order: Order,
    cases: list[Case],
    work: Work,
) -> OrderCancelled:
    """Cancel what is not there, or has gone to others meanwhile (D-9, E6)."""
    reason = f"out of stock: {', '.join(event.skus)}"
    return _turn(order, cases, work, kind=CaseKind.OOS_CANCEL, reason=reason)


@orders.on(inventory.ReservationRefused, **CANCELS)
def cancel_capped(
    event: inventory.ReservationRefused, order: Order, cases: list[Case], work: Work
) -> OrderCancelled:
    """Cancel what is not kept, since its customer has too many orders unpaid (E8)."""
    reason = f"{event.limit} orders are not paid yet"
    return _turn(order, cases, work, kind=CaseKind.SELLER_CANCEL, reason=reason)


@orders.on(shipping.CarriersExhausted, **CANCELS)
def cancel_unshippable(
    event: shipping.CarriersExhausted, order: Order, cases: list[Case], work: Work
) -> OrderCancelled:
    """Cancel what no carrier takes (D-14)."""
    reason = "no carrier takes it"
    return _turn(order, cases, work, kind=CaseKind.SELLER_CANCEL, reason=reason)


# -- the shop asks --------------------------------------------------------------------------------


def _ask(
    order: Order, cases: list[Case], work: Work, *, kind: CaseKind, reason: str
) -> CancelRequested:
    """Ask for the end of an order; an open wish is asked again."""
    case = _case_of(order, cases, work, kind=kind, reason=reason)
    return CancelRequested(order_id=order.pk, case_id=case.pk, case=case.why, reason=case.reason)


@orders.on(
    PaymentGivenUp,
    subject=ORDER,
    locks=CASES_OF_ORDER,
    applies_in=(State.PLACED,),
    otherwise={(*PAID, *GONE): refuse("paid after all"), GOING_BACK: CANCELLED_BEFORE},
)
def cancel_unpaid(
    event: PaymentGivenUp, order: Order, cases: list[Case], work: Work
) -> CancelRequested:
    """Ask for the end of an order that no card was good for (D-2)."""
    return _ask(order, cases, work, kind=CaseKind.PAYMENT_FAILED, reason="no card was accepted")


@orders.on(
    payments.PaymentNotInSight,
    inventory.ReservationOverdue,
    payments.DepositExpired,
    subject=ORDER,
    locks=CASES_OF_ORDER,
    applies_in=(State.PLACED,),
    otherwise={(*PAID, *GONE): refuse("paid in time"), GOING_BACK: CANCELLED_BEFORE},
)
def cancel_expired(
    event: payments.PaymentNotInSight | inventory.ReservationOverdue | payments.DepositExpired,
    order: Order,
    cases: list[Case],
    work: Work,
) -> CancelRequested:
    """Ask for the end of an order that was not paid in time (D-3, D-6)."""
    return _ask(order, cases, work, kind=CaseKind.PAYMENT_FAILED, reason="not paid in time")


@orders.on(
    payments.AuthorisationExpiring,
    subject=ORDER,
    locks=CASES_OF_ORDER,
    applies_in=(State.PLACED, State.CONFIRMED),
    otherwise={(State.FULFILLING, *GONE): refuse("paid in time"), GOING_BACK: CANCELLED_BEFORE},
)
def cancel_unauthorised(
    event: payments.AuthorisationExpiring, order: Order, cases: list[Case], work: Work
) -> CancelRequested:
    """Ask for the end of an order whose money is about to slip away (R36)."""
    reason = "the authorisation expired"
    return _ask(order, cases, work, kind=CaseKind.SELLER_CANCEL, reason=reason)


@orders.on(
    inventory.ShortageFound,
    subject=ORDER,
    locks={**CASES_OF_ORDER, **LINES},
    applies_in=(State.PLACED, *PAID, State.SHIPPED),
    otherwise={
        (State.LOST, State.INTERCEPTED, *ARRIVED): refuse("all that was kept has been sent"),
        GOING_BACK: CANCELLED_BEFORE,
    },
)
def answer_shortage(
    event: inventory.ShortageFound,
    order: Order,
    cases: list[Case],
    lines: list[SoldLine],
    work: Work,
) -> CancelRequested | PartialCancelRequested:
    """Cancel what can't be sent: all of it (D-9), or the missing units (D-10, D-11)."""
    missing = _missing(event, lines)
    reason = f"out of stock: {', '.join(sorted({line.sku for line, _ in missing}))}"
    unsent = sum(line.quantity - line.cancelled for line in lines)
    if sum(units for _, units in missing) == unsent:
        return _ask(order, cases, work, kind=CaseKind.OOS_CANCEL, reason=reason)
    case = case_book.open_case(order, kind=CaseKind.OOS_CANCEL, now=work.now, reason=reason)
    work.add(case)
    parts = case_book.take_out(case, missing)
    for part in parts:
        work.add(part)
    return case_book.partial_wish(order, case, parts, lines)


def _missing(event: inventory.ShortageFound, lines: list[SoldLine]) -> list[Taken]:
    """Spread missing units of an article over its lines that have not left."""
    short = {line.sku: line.quantity for line in event.lines}
    missing = []
    for line in lines:
        units = min(short.get(line.sku, 0), line.quantity - line.cancelled - line.shipped)
        if units:
            short[line.sku] -= units
            missing.append((line, units))
    if not missing:
        message = f"Order {event.order_id} has nothing left to send of what is missing."
        raise PermanentFailure(message)
    return missing


# -- who ships has answered -----------------------------------------------------------------------


@orders.on(shipping.CancelAccepted, **CANCELS)
def cancel(
    event: shipping.CancelAccepted, order: Order, cases: list[Case], work: Work
) -> OrderCancelled:
    """Turn around: the parcel can't leave any more (R32).

    The wish of a deadline gets its case only now.
    """
    case = _case_of(order, cases, work, kind=event.case, case_id=event.case_id, reason=event.reason)
    order.start_cancel()
    return OrderCancelled(order_id=order.pk, case_id=case.pk, case=case.why, reason=case.reason)


def refused_case_of(event: shipping.CancelRefused) -> Case:
    """Return the case of a deadline's wish, which gets one only when it is answered."""
    return Case(
        id=event.case_id,
        order_id=event.order_id,
        kind=CaseKind.SELLER_CANCEL.value,
        is_whole=True,
        reason=TOOK_TOO_LONG,
    )


@orders.on(
    shipping.CancelRefused,
    subject=CASE,
    creates=refused_case_of,
    locks=OWNER,
    applies_in=(CaseState.OPEN,),
    moves=(Case.reject,),
    otherwise=NOT_OPEN,
)
def reject_cancel(
    event: shipping.CancelRefused, case: Case, owner: list[Order], work: Work
) -> CancelRejected:
    """Close the case: the parcel has left, a return is the way back (D-12)."""
    if case._state.adding:
        case.opened_at, case.currency = work.now, owner[0].currency
    case.reject(now=work.now)
    return CancelRejected(order_id=event.order_id, case_id=event.case_id, reason=event.reason)


# -- back -----------------------------------------------------------------------------------------


@orders.on_undo(
    OrderCancelled,
    subject=CASE,
    locks={**BENEFITS, **OWNER, **LINES},
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept,),
    otherwise=NOT_OPEN,
)
def accept_cancel(
    event: OrderCancelled,
    case: Case,
    *,
    benefits: list[Benefit],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> None:
    """Grant the case, and write on it what it comes to as far as is known."""
    estimate(case, reckon_whole(books_of(owner, lines, benefits), rule=case.rule))
    case.due_at = case_book.due_of(case, owner[0])
    case.accept(now=work.now)


@orders.on_undo(
    payments.RefundPlanned,
    subject=CASE,
    locks={**BENEFITS, **OWNER, **LINES},
    applies_in=(CaseState.ACCEPTED,),
    otherwise=NOT_ACCEPTED,
)
def expect_refund(
    event: payments.RefundPlanned,
    case: Case,
    *,
    benefits: list[Benefit],
    owner: list[Order],
    lines: list[SoldLine],
) -> None:
    """Say what is paid back, also of money that was taken unheard (D-5), and how it goes."""
    owner[0].is_captured = True
    note_way(event, case)
    estimate(case, reckon_whole(books_of(owner, lines, benefits), rule=case.rule))


@orders.on_undo(
    inventory.StockReleased,
    payments.PaymentClosed,
    payments.PaymentVoided,
    payments.PaymentRefunded,
    subject=ORDER,
    locks={**BENEFITS, **CASES_OF_ORDER, **LINES},
    moves=(Order.finish_cancel,),
    otherwise={
        GONE: refuse("this order has left the house"),
        (State.CANCELLED, State.REINSTATED): refuse("this order is cancelled already"),
    },
)
def finish_cancel(
    event: inventory.StockReleased
    | payments.PaymentClosed
    | payments.PaymentVoided
    | payments.PaymentRefunded,
    order: Order,
    *,
    benefits: list[Benefit],
    cases: list[Case],
    lines: list[SoldLine],
    work: Work,
) -> OrderUndone | None:
    """Wait for stock and money, in either order; an order is not over while money is owed (R34)."""
    case = case_book.whole_case(cases)
    if case is None:
        raise PermanentFailure(f"Order {order} is being cancelled and has no case that says why.")
    if isinstance(event, inventory.StockReleased):
        case.is_goods_done = True
    else:
        case.is_money_done = True
        note_way(event, case)
        _note_end(order, event)
    if not (case.is_goods_done and case.is_money_done):
        return None
    _give_up(case, Books(order=order, lines=lines, benefits=benefits))
    order.finish_cancel()
    return OrderUndone(order_id=event.order_id, case_id=case.pk, case=case.why)


def _note_end(
    order: Order,
    event: payments.PaymentClosed | payments.PaymentVoided | payments.PaymentRefunded,
) -> None:
    """Note what of the total went elsewhere: what is not refunded here, others have had (D-25)."""
    refunded = event.amount.minor if isinstance(event, payments.PaymentRefunded) else 0
    order.is_captured = order.is_captured or _was_charged(event)
    if order.is_captured:
        order.given_back_minor = order.total_minor - refunded


def _was_charged(
    event: payments.PaymentClosed | payments.PaymentVoided | payments.PaymentRefunded,
) -> bool:
    """Whether money was taken, whoever has had it since."""
    if isinstance(event, payments.PaymentClosed):
        return event.was_charged
    return isinstance(event, payments.PaymentRefunded)


def _give_up(case: Case, books: Books) -> None:
    """Book everything that is left as cancelled, and give back what it used (M4, M7)."""
    taken = books.rest
    book(case, books, taken, reckon_whole(books, rule=case.rule))
    for line, units in taken:
        line.cancelled += units
        line.cancel_pending = 0
    books.order.given_back_minor = books.order.total_minor
    restore(case, books.benefits)


@orders.on_undo(
    OrderUndone,
    subject=CASE,
    applies_in=(CaseState.ACCEPTED, CaseState.REJECTED),
    moves=(Case.settle,),
    otherwise={CaseState.SETTLED: SETTLED},
)
def settle_cancel(event: OrderUndone, case: Case, work: Work) -> None:
    """Close the case: nothing of the order is left. A rejected one holds nothing to undo."""
    if case.state == CaseState.ACCEPTED:
        case.settle(now=work.now)
