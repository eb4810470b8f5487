"""Participant: how payments reacts: authorise and capture; close, void, refund; return and loss."""

from inventory.events import ReturnInspected, StockReserved
from orders.events import (
    LossOpened,
    OrderConfirmed,
    OrderPlaced,
    PaymentRetryRequested,
    ReturnRequested,
)
from payments import gateway
from payments.events import (
    CaptureRefused,
    LossRefunded,
    LossRefundPlanned,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentClosed,
    PaymentDeclined,
    PaymentOpened,
    PaymentRefunded,
    PaymentVoided,
    RefundPaid,
    RefundPlanned,
    ReturnRefundDropped,
    ReturnRefunded,
    ReturnRefundPlanned,
)
from payments.models import LedgerEntry, Payment, Refund
from sagas.call import Outcome
from sagas.exceptions import CallAgain
from sagas.participant import (
    ABSENT,
    INQUIRE,
    WAIT,
    Participant,
    by,
    nothing_to_undo,
    refuse,
)
from sagas.work import Work
from shipping.events import ReturnUnbookable, ShipmentStopped

payments = Participant("payments")

State = Payment.State
RefundState = Refund.State
Kind = LedgerEntry.Kind

OF_ORDER = by(Payment, "order_id")
#: The payment that a refund is taken from, locked with it.
PAYMENT_OF_ORDER = {"paid": OF_ORDER}


class NotDone(CallAgain):
    """The provider refused to give money back or up: tried again under the next key (R34)."""


def _require(outcome: Outcome, what: str) -> None:
    if not outcome.ok:
        message = f"The provider refused to {what}: {outcome.code}."
        raise NotDone(message)


# -- forward: the amount is known, reserved, taken ------------------------------------------------


def payment_of(event: OrderPlaced) -> Payment:
    """Return the payment that an order begins with."""
    return Payment(
        order_id=event.order_id,
        number=event.number,
        amount_minor=event.total.minor,
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
    """Keep what later events do not carry: the amount and the cards."""
    return PaymentOpened(order_id=payment.order_id)


@payments.on(
    StockReserved,
    PaymentRetryRequested,
    subject=OF_ORDER,
    begins=Payment.start_authorise,
    moves=(Payment.authorise, Payment.decline),
    calls=gateway.AUTHORISE,
    otherwise={
        (State.AUTHORISED, State.CAPTURING, State.CAPTURED): refuse("a card was already accepted"),
        (State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED): refuse(
            "the order is cancelled"
        ),
        (State.REFUNDING, State.REFUNDED): refuse("the order is cancelled"),
    },
)
def authorise(
    event: StockReserved | PaymentRetryRequested, payment: Payment, outcome: Outcome, work: Work
) -> PaymentAuthorised | PaymentDeclined:
    """Reserve the amount on the card whose turn it is."""
    if not outcome.ok:
        payment.decline(outcome.code)
        return PaymentDeclined(order_id=payment.order_id, code=outcome.code)
    payment.authorise(outcome.reference)
    amount = payment.money(payment.authorised_minor)
    _enter(work, payment, Kind.AUTHORISE, amount.minor, outcome)
    return PaymentAuthorised(order_id=payment.order_id, amount=amount)


@payments.on(
    OrderConfirmed,
    subject=OF_ORDER,
    begins=Payment.start_capture,
    moves=(Payment.capture, Payment.refuse_capture),
    calls=gateway.CAPTURE,
    otherwise={
        State.CAPTURED: refuse("the money was already taken"),
        (State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED): refuse(
            "the order is cancelled"
        ),
        (State.REFUNDING, State.REFUNDED): refuse("the order is cancelled"),
    },
)
def capture(
    event: OrderConfirmed, payment: Payment, outcome: Outcome, work: Work
) -> PaymentCaptured | CaptureRefused:
    """Take what is reserved."""
    if not outcome.ok:
        payment.refuse_capture(outcome.code)
        return CaptureRefused(order_id=payment.order_id, code=outcome.code)
    payment.capture(outcome.reference)
    amount = payment.money(payment.captured_minor)
    _enter(work, payment, Kind.CAPTURE, amount.minor, outcome)
    return PaymentCaptured(order_id=payment.order_id, amount=amount)


def _enter(work: Work, payment: Payment, kind: Kind, minor: int, outcome: Outcome) -> None:
    """Write one line into the ledger, under the provider's name for it."""
    entry = LedgerEntry.of(payment, kind, minor=minor, reference=outcome.reference, at=work.now)
    work.add(entry)


# -- back, once the parcel is stopped: by what has become of the money ----------------------------


@payments.undo(
    subject=OF_ORDER,
    begins=Payment.start_close,
    moves=(Payment.close,),
    calls=gateway.CLOSE,
)
def close(event: ShipmentStopped, payment: Payment, outcome: Outcome) -> PaymentClosed:
    """No money moved: see to it that none will (R39)."""
    _require(outcome, "close the payment session")
    payment.close()
    return PaymentClosed(order_id=payment.order_id)


@payments.undo(
    subject=OF_ORDER, begins=Payment.start_void, moves=(Payment.void,), calls=gateway.VOID
)
def void(event: ShipmentStopped, payment: Payment, outcome: Outcome, work: Work) -> PaymentVoided:
    """The amount is only reserved: give it up, and the customer sees no charge."""
    _require(outcome, "give the reservation up")
    amount = payment.money(payment.open_minor)
    payment.void()
    _enter(work, payment, Kind.VOID, amount.minor, outcome)
    return PaymentVoided(order_id=payment.order_id, amount=amount)


@payments.undo(subject=OF_ORDER, moves=(Payment.start_refund,))
def plan_refund(event: ShipmentStopped, payment: Payment, work: Work) -> RefundPlanned:
    """The money was taken: plan to give all of it back, as a new, visible transaction."""
    refund = Refund.of_cancelled(payment)
    payment.start_refund()
    payment.promise(refund)
    work.add(refund)
    return RefundPlanned(refund_id=refund.id, order_id=payment.order_id, amount=refund.amount)


payments.undoes(
    authorise,
    capture,
    open_payment,
    on=ShipmentStopped,
    by=Payment.state,
    table={
        ABSENT: nothing_to_undo(PaymentClosed),
        State.PENDING: close,
        State.DECLINED: close,
        State.AUTHORISING: INQUIRE,
        State.AUTHORISED: void,
        State.CAPTURING: INQUIRE,
        State.CAPTURED: plan_refund,
        State.CLOSING: WAIT,
        State.VOIDING: WAIT,
        State.REFUNDING: WAIT,
        State.CLOSED: nothing_to_undo(PaymentClosed),
        State.VOIDED: nothing_to_undo(PaymentClosed),
        State.REFUNDED: nothing_to_undo(PaymentClosed),
    },
)

ALREADY_SENT = {
    (RefundState.SENT, RefundState.PAID): refuse("the refund was already sent"),
    RefundState.DROPPED: refuse("the refund was dropped"),
}


def _pay(refund: Refund, paid: list[Payment], outcome: Outcome, work: Work) -> None:
    """Book what the provider gave back. Raises NotDone when it refused (R34)."""
    _require(outcome, f"refund {refund.amount}")
    (payment,) = paid
    refund.pay(outcome.reference)
    payment.give_back(refund)
    _enter(work, payment, Kind.REFUND, refund.amount_minor, outcome)


@payments.on_undo(
    RefundPlanned,
    subject=by(Refund, "id", "refund_id"),
    locks=PAYMENT_OF_ORDER,
    begins=Refund.send,
    moves=(Refund.pay,),
    calls=gateway.REFUND,
    otherwise=ALREADY_SENT,
)
def send_refund(
    event: RefundPlanned, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> RefundPaid:
    """Give the money of a cancelled order back."""
    _pay(refund, paid, outcome, work)
    return RefundPaid(refund_id=refund.id, order_id=refund.order_id, amount=refund.amount)


@payments.on_undo(
    RefundPaid,
    subject=OF_ORDER,
    moves=(Payment.refund,),
    otherwise={
        (State.CLOSING, State.CLOSED): refuse("no money was taken"),
        (State.VOIDING, State.VOIDED): refuse("no money was taken"),
        State.REFUNDED: refuse("the money was already given back"),
    },
)
def settle_refund(event: RefundPaid, payment: Payment) -> PaymentRefunded:
    """Say that nothing of the order's money is kept."""
    payment.refund()
    return PaymentRefunded(order_id=payment.order_id, amount=event.amount)


# -- returns: the money is promised first, and paid when the goods were inspected -----------------


def refund_of_return(event: ReturnRequested) -> Refund:
    """Return the refund that a return asks for."""
    return Refund(
        order_id=event.order_id,
        kind=Refund.Kind.RETURN,
        return_id=event.return_id,
        amount_minor=event.refund.minor,
        currency=event.refund.currency,
    )


@payments.on(
    ReturnRequested,
    subject=by(Refund, "return_id"),
    locks=PAYMENT_OF_ORDER,
    creates=refund_of_return,
    applies_in=(ABSENT,),
    otherwise={tuple(RefundState): refuse("the return's refund is already planned")},
)
def plan_return_refund(
    event: ReturnRequested, refund: Refund, paid: list[Payment]
) -> ReturnRefundPlanned:
    """Promise the money, so that no other refund can take it (R31)."""
    (payment,) = paid
    payment.promise(refund)
    return ReturnRefundPlanned(return_id=event.return_id)


@payments.on(
    ReturnUnbookable,
    subject=by(Refund, "return_id"),
    locks=PAYMENT_OF_ORDER,
    moves=(Refund.drop,),
    otherwise={
        (RefundState.SENT, RefundState.PAID): refuse("the refund was already sent"),
        RefundState.DROPPED: refuse("the refund was already dropped"),
    },
)
def drop_return_refund(
    event: ReturnUnbookable, refund: Refund, paid: list[Payment]
) -> ReturnRefundDropped:
    """The goods stay with the customer, so the money stays here."""
    (payment,) = paid
    refund.drop()
    payment.take_back(refund)
    return ReturnRefundDropped(return_id=event.return_id, order_id=event.order_id)


@payments.on(
    ReturnInspected,
    subject=by(Refund, "return_id"),
    locks=PAYMENT_OF_ORDER,
    begins=Refund.send,
    moves=(Refund.pay,),
    calls=gateway.REFUND,
    otherwise=ALREADY_SENT,
)
def send_return_refund(
    event: ReturnInspected, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> ReturnRefunded:
    """Give the money of returned goods back."""
    _pay(refund, paid, outcome, work)
    return ReturnRefunded(return_id=event.return_id, order_id=refund.order_id, amount=refund.amount)


# -- losses: all that is left goes back, and nothing is waited for --------------------------------


def refund_of_loss(event: LossOpened) -> Refund:
    """Return the refund for a parcel that the carrier lost."""
    return Refund(
        order_id=event.order_id,
        kind=Refund.Kind.LOSS,
        loss_id=event.loss_id,
        amount_minor=event.refund.minor,
        currency=event.refund.currency,
    )


@payments.on(
    LossOpened,
    subject=by(Refund, "loss_id"),
    locks=PAYMENT_OF_ORDER,
    creates=refund_of_loss,
    applies_in=(ABSENT,),
    otherwise={tuple(RefundState): refuse("the loss's refund is already planned")},
)
def plan_loss_refund(event: LossOpened, refund: Refund, paid: list[Payment]) -> LossRefundPlanned:
    """Promise all that is left of the order's money."""
    (payment,) = paid
    refund.amount_minor = payment.refundable_minor
    payment.promise(refund)
    return LossRefundPlanned(loss_id=event.loss_id, order_id=event.order_id, refund_id=refund.id)


@payments.on(
    LossRefundPlanned,
    subject=by(Refund, "loss_id"),
    locks=PAYMENT_OF_ORDER,
    begins=Refund.send,
    moves=(Refund.pay,),
    calls=gateway.REFUND,
    otherwise=ALREADY_SENT,
)
def send_loss_refund(
    event: LossRefundPlanned, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> LossRefunded:
    """Give the money of a lost parcel back."""
    _pay(refund, paid, outcome, work)
    return LossRefunded(loss_id=event.loss_id, order_id=refund.order_id, amount=refund.amount)


payments.holds(
    Payment.state,
    {
        State.PENDING: "nothing",
        State.DECLINED: "nothing",
        State.AUTHORISING: "money",
        State.AUTHORISED: "money",
        State.CAPTURING: "money",
        State.CAPTURED: "money",
        State.VOIDING: "money",
        State.REFUNDING: "money",
        State.CLOSING: "nothing",
        State.CLOSED: "nothing",
        State.VOIDED: "nothing",
        State.REFUNDED: "nothing",
    },
)
