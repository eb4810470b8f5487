"""Back: the money of a cancelled order, once its parcel is stopped, by what has become of it.

No money moved: the session is closed. Reserved: it is voided (TCC: cancel). Taken: it is given back
as a new, visible transaction, and the order ends when that is proven (R34).
"""

from typing import cast

from payments import gateway
from payments.events import (
    LateCaptureFound,
    MoneyOp,
    PaymentClosed,
    PaymentRefunded,
    PaymentVoided,
    RefundOwed,
    RefundPaid,
    RefundPlanned,
    RefundRefused,
    RefundReleased,
)
from payments.gateway import Captured, Standing
from payments.learning import Taken, has_lapsed, on_captured, standing_of
from payments.models import Payment, Refund
from payments.operation import money_op, plan
from payments.participant.checkout import authorise, capture, open_payment
from payments.participant.giving import SENDS, SENDS_AGAIN, NotDone, give, waits_for_a_person
from payments.participant.part import (
    OF_ORDER,
    Kind,
    State,
    enter,
    payments,
)
from payments.services.refunds import owed
from sagas.call import Outcome
from sagas.participant import ABSENT, INQUIRE, WAIT, nothing_to_undo, refuse
from sagas.work import Work
from shipping.events import ShipmentStopped

# -- nothing was taken ----------------------------------------------------------------------------


@payments.undo(
    subject=OF_ORDER,
    begins=Payment.start_close,
    moves=(Payment.close, Payment.receive_late),
    calls=gateway.CLOSE,
)
def close(
    event: ShipmentStopped, payment: Payment, outcome: Outcome, work: Work
) -> PaymentClosed | tuple[LateCaptureFound, PaymentClosed]:
    """See to it that no money will move (R39); what moved meanwhile is a case of its own (D-5)."""
    standing = standing_of(outcome)
    if taken := _untold(payment, standing):
        late = _took_too_late(payment, taken, work)
        return late, PaymentClosed(order_id=payment.order_id)
    if not outcome.ok and not _waits_no_longer(standing):
        message = f"The provider refused to close the payment session: {outcome.code}."
        raise NotDone(message)
    payment.close()
    return PaymentClosed(order_id=payment.order_id, operation=MoneyOp.CLOSE_SESSION)


def _waits_no_longer(standing: Standing | None) -> bool:
    """Whether the account that waited for a transfer is closed without our doing."""
    deposit = standing.deposit if standing else None
    return deposit is not None and deposit.status in ("expired", "closed")


def _untold(payment: Payment, standing: Standing | None) -> Captured | None:
    """Return what was taken and is not known here yet."""
    captures = standing.captures if standing else ()
    return next((taken for taken in captures if not payment.knows_capture(taken.id)), None)


def _took_too_late(payment: Payment, taken: Captured, work: Work) -> LateCaptureFound:
    learned = on_captured(payment, Taken.found(taken), at=work.now)
    for line in learned.lines:
        work.add(line)
    return cast(LateCaptureFound, learned.facts[0])


@payments.undo(
    subject=OF_ORDER,
    begins=Payment.start_void,
    moves=(Payment.void, Payment.receive_late),
    calls=gateway.VOID,
)
def void(
    event: ShipmentStopped, payment: Payment, outcome: Outcome, work: Work
) -> PaymentVoided | tuple[LateCaptureFound, PaymentVoided]:
    """Give up what is reserved (TCC: cancel); the customer sees no charge."""
    standing = standing_of(outcome)
    if taken := _untold(payment, standing):
        late = _took_too_late(payment, taken, work)
        nothing = payment.money(0)
        return late, PaymentVoided(
            order_id=payment.order_id, amount=nothing, operation=MoneyOp.NONE
        )
    lapsed = has_lapsed(standing, payment.authorisation_id)
    if not outcome.ok and not lapsed:
        message = f"The provider refused to give the reservation up: {outcome.code}."
        raise NotDone(message)
    amount = payment.money(payment.open_minor)
    payment.void()
    kind, reference = (
        (Kind.LAPSE, payment.authorisation_id) if lapsed else (Kind.VOID, outcome.reference)
    )
    enter(work, payment, kind, amount.minor, reference)
    return PaymentVoided(order_id=payment.order_id, amount=amount)


# -- the money was taken --------------------------------------------------------------------------


@payments.undo(subject=OF_ORDER, moves=(Payment.start_refund, Payment.refund))
def plan_refund(
    event: ShipmentStopped, payment: Payment, work: Work
) -> RefundPlanned | tuple[RefundPlanned, RefundOwed] | PaymentClosed:
    """Plan to give back all that is left; where nothing is, say so."""
    amount = payment.money(payment.refundable_minor)
    if not amount.minor:
        payment.start_refund()
        payment.refund()
        return PaymentClosed(order_id=payment.order_id, was_charged=True)
    operation = money_op(payment, amount, now=work.now)
    refund = plan(
        payment,
        amount,
        operation,
        case_id=event.case_id,
        case=event.case,
        now=work.now,
        is_whole=True,
    )
    payment.start_refund()
    work.add(refund)
    planned = RefundPlanned(
        refund_id=refund.id,
        order_id=refund.order_id,
        case_id=refund.case_id,
        amount=refund.amount,
        operation=refund.how,
    )
    return (planned, owed(refund)) if waits_for_a_person(refund) else planned


@payments.undo(subject=OF_ORDER)
def note_gone(event: ShipmentStopped, payment: Payment) -> PaymentClosed:
    """Say that all that was taken has gone back already: the bank was faster (D-25)."""
    return PaymentClosed(order_id=payment.order_id, was_charged=True)


payments.undoes(
    authorise,
    capture,
    open_payment,
    on=ShipmentStopped,
    by=Payment.state,
    saga="checkout",
    table={
        ABSENT: nothing_to_undo(PaymentClosed),
        State.PENDING: close,
        State.DECLINED: close,
        State.AWAITING_DEPOSIT: close,
        State.AUTHORISING: INQUIRE,
        State.AUTHORISED: void,
        State.CAPTURING: INQUIRE,
        State.CAPTURED: plan_refund,
        State.CLOSING: WAIT,
        State.VOIDING: WAIT,
        State.REFUNDING: WAIT,
        State.CLOSED: nothing_to_undo(PaymentClosed),
        State.VOIDED: nothing_to_undo(PaymentClosed),
        State.REFUNDED: note_gone,
        State.LATE: nothing_to_undo(PaymentClosed),
        State.CHARGED_BACK: note_gone,
    },
)


@payments.on_undo(RefundPlanned, RefundReleased, **SENDS)
def send_refund(
    event: RefundPlanned | RefundReleased,
    refund: Refund,
    paid: list[Payment],
    outcome: Outcome,
    work: Work,
) -> RefundPaid | RefundRefused:
    """Give the money of a cancelled order back."""
    return _given(refund, paid, outcome, work)


@payments.on_undo(RefundRefused, **SENDS_AGAIN)
def retry_refund(
    event: RefundRefused, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> RefundPaid | RefundRefused:
    """Try again, under the next key: the last try has definitely failed (R34)."""
    return _given(refund, paid, outcome, work)


def _given(
    refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> RefundPaid | RefundRefused:
    if give(refund, paid, outcome, work):
        return RefundPaid(
            refund_id=refund.id,
            order_id=refund.order_id,
            amount=refund.amount,
            operation=refund.how,
        )
    return RefundRefused(
        refund_id=refund.id,
        order_id=refund.order_id,
        case_id=refund.case_id,
        amount=refund.amount,
        code=outcome.code,
    )


@payments.on_undo(
    RefundPaid,
    subject=OF_ORDER,
    moves=(Payment.refund,),
    applies_in=(State.REFUNDING, State.REFUNDED, State.CHARGED_BACK),
    otherwise={
        (State.PENDING, State.AUTHORISING, State.DECLINED): refuse("nothing was taken"),
        (State.AWAITING_DEPOSIT, State.AUTHORISED, State.CAPTURING): refuse("nothing was taken"),
        (State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED): refuse("nothing was taken"),
        State.CAPTURED: refuse("the order is not cancelled"),
        State.LATE: refuse("late money goes back as a case of its own"),
    },
)
def settle_refund(event: RefundPaid, payment: Payment) -> PaymentRefunded:
    """Say that nothing of the order's money is kept."""
    if payment.state == State.REFUNDING:
        payment.refund()
    return PaymentRefunded(
        order_id=payment.order_id, amount=event.amount, operation=event.operation
    )
