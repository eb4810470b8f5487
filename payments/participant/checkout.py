"""Checkout: the amount is known, then reserved (TCC: try), then taken (TCC: confirm).

A customer without a card pays into an account: then the money comes by itself, or it does not.
"""

from datetime import datetime, timedelta
from typing import cast

from django.conf import settings

from inventory.events import ReservationExpired, StockCommitted, StockReserved
from orders.events import OrderPlaced, PaymentRetryRequested
from payments import gateway
from payments.events import (
    CaptureRefused,
    DepositAwaited,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentNotInSight,
    PaymentOpened,
    PaymentUnderWay,
)
from payments.learning import Taken, on_captured, time_of
from payments.models import Payment
from payments.participant.part import OF_ORDER, Kind, State, enter, payments
from sagas.call import Outcome
from sagas.participant import ABSENT, refuse
from sagas.work import Work

GIVEN_UP = {
    (State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED, State.LATE): refuse(
        "the order was given up"
    ),
    (State.REFUNDING, State.REFUNDED, State.CHARGED_BACK): refuse("the money goes back"),
}


def payment_of(event: OrderPlaced) -> Payment:
    """Return the payment that an order begins with."""
    return Payment(
        order_id=event.order_id,
        number=event.number,
        customer=event.customer,
        method=event.pay_by,
        amount_minor=event.total.minor,
        due_minor=event.total.minor,
        currency=event.total.currency,
        tokens=list(event.payment_tokens),
    )


@payments.on(
    OrderPlaced,
    subject=OF_ORDER,
    creates=payment_of,
    applies_in=(ABSENT,),
    otherwise={tuple(State): refuse("the order's payment is already open")},
)
def open_payment(event: OrderPlaced, payment: Payment) -> PaymentOpened:
    """Keep what later events do not carry: the amount and how it is paid."""
    return PaymentOpened(order_id=payment.order_id)


@payments.on(
    StockReserved,
    PaymentRetryRequested,
    saga="checkout",
    subject=OF_ORDER,
    begins=Payment.start_authorise,
    moves=(Payment.authorise, Payment.await_deposit, Payment.decline),
    calls=gateway.AUTHORISE,
    otherwise={
        (State.AUTHORISED, State.CAPTURING, State.CAPTURED): refuse("it was paid for before"),
        State.AWAITING_DEPOSIT: refuse("an account waits for the money"),
        **GIVEN_UP,
    },
)
def authorise(
    event: StockReserved | PaymentRetryRequested, payment: Payment, outcome: Outcome, work: Work
) -> PaymentAuthorised | DepositAwaited | PaymentDeclined:
    """Reserve what is due on the card whose turn it is, or open an account for it (TCC: try)."""
    if not outcome.ok:
        payment.decline(outcome.code)
        return PaymentDeclined(order_id=payment.order_id, code=outcome.code)
    if outcome.data.get("status", _EXPECTED[payment.is_deposit]) == "awaiting_deposit":
        return _await_deposit(payment, outcome, work)
    until = _until(outcome, work.now, default=settings.SHOP["AUTHORISATION_LIFETIME"])
    payment.authorise(outcome.reference, until=until)
    enter(work, payment, Kind.AUTHORISE, payment.due_minor, outcome.reference)
    return PaymentAuthorised(order_id=payment.order_id, amount=payment.money(payment.due_minor))


#: What an answer means that does not say it, by whether an account was asked for.
_EXPECTED = {False: "authorised", True: "awaiting_deposit"}


def _await_deposit(payment: Payment, outcome: Outcome, work: Work) -> DepositAwaited:
    until = _until(outcome, work.now, default=settings.SHOP["DEPOSIT_TTL"])
    account = outcome.data.get("account")
    payment.await_deposit(outcome.reference, until=until, account=account)
    return DepositAwaited(order_id=payment.order_id, until=until)


def _until(outcome: Outcome, now: datetime, *, default: timedelta) -> datetime:
    return time_of(outcome.data.get("expires_at")) or now + default


@payments.on(
    StockCommitted,
    saga="checkout",
    subject=OF_ORDER,
    begins=Payment.start_capture,
    moves=(Payment.capture, Payment.refuse_capture),
    calls=gateway.CAPTURE,
    otherwise={
        State.CAPTURED: refuse("the money is here, by a deposit or taken before"),
        State.AWAITING_DEPOSIT: refuse("the customer has not paid yet"),
        **GIVEN_UP,
    },
)
def capture(
    event: StockCommitted, payment: Payment, outcome: Outcome, work: Work
) -> PaymentCaptured | CaptureRefused:
    """Take what is due and let go of what is reserved beyond it (TCC: confirm)."""
    if not outcome.ok:
        payment.refuse_capture(outcome.code)
        return CaptureRefused(order_id=payment.order_id, code=outcome.code)
    learned = on_captured(payment, Taken.replied(payment, outcome), at=work.now)
    for line in learned.lines:
        work.add(line)
    return cast(PaymentCaptured, learned.facts[0])


# A question that must not wait behind an authorisation that is tried again and again.
@payments.on(ReservationExpired, saga="checkout", subject=OF_ORDER, request=True)
def answer_expiry(
    event: ReservationExpired, payment: Payment, work: Work
) -> PaymentUnderWay | PaymentNotInSight:
    """Say whether the payment may yet come, for stock that has been kept long enough (E5)."""
    if _is_awaited(payment, work.now):
        return PaymentUnderWay(order_id=payment.order_id, until=payment.deposit_until)
    if payment.state in UNDER_WAY:
        return PaymentUnderWay(order_id=payment.order_id)
    return PaymentNotInSight(order_id=payment.order_id)


UNDER_WAY = (State.AUTHORISING, State.AUTHORISED, State.CAPTURING, State.CAPTURED)


def _is_awaited(payment: Payment, now: datetime) -> bool:
    until = payment.deposit_until
    return payment.state == State.AWAITING_DEPOSIT and until is not None and now < until
