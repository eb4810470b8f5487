"""Cases: the money of one case: a return, a loss, a credit, some cancelled units.

The amount is reserved first, so that no other refund can take it, and then asked for (R31). The
case says why; how it goes back follows from the payment alone (R38).
"""

from django.conf import settings

from orders.events import CaseKind, LinesCancelled, RefundDue
from payments.events import (
    AmountReduced,
    CaseRefunded,
    CaseRefundPlanned,
    CaseRefundRefused,
    CaseRefundReleased,
    MoneyOp,
    RefundImpossible,
    RefundOwed,
)
from payments.models import Dispute, Payment, Refund
from payments.operation import money_op, plan, refund_op
from payments.participant.giving import SENDS, SENDS_AGAIN, give, waits_for_a_person
from payments.participant.part import (
    OF_ORDER,
    State,
    payments,
)
from payments.services.refunds import owed
from sagas.call import Outcome
from sagas.exceptions import PermanentFailure
from sagas.participant import by, park
from sagas.work import Work

#: The choreographies that ask for a case's money by RefundDue.
CASES = ("return", "exchange", "loss", "credit", "late_success")
#: Those in which a case's money is paid.
PAYING = (*CASES, "partial")

#: What is taken of a payment in these states is known for certain.
SETTLED = tuple(state for state in State if state not in (State.AUTHORISING, State.CAPTURING))
#: Money that is not taken, so cancelled units are simply not paid for; late money goes back as a
#: case of its own.
UNTAKEN = (
    State.PENDING, State.DECLINED, State.AUTHORISED, State.CLOSING, State.CLOSED,
    State.VOIDING, State.VOIDED, State.LATE,
)  # fmt: skip


# -- planning -------------------------------------------------------------------------------------


@payments.on(
    RefundDue,
    saga=CASES,
    subject=OF_ORDER,
    locks={"planned": by(Refund, "case_id")},
    reads={"disputes": by(Dispute, "order_id")},
    applies_in=SETTLED,
)
def plan_case_refund(
    event: RefundDue,
    payment: Payment,
    planned: list[Refund],
    disputes: list[Dispute],
    work: Work,
) -> CaseRefundPlanned | tuple[CaseRefundPlanned, RefundOwed] | CaseRefunded | RefundImpossible:
    """Reserve what is due for a case, if so much is left."""
    _refuse_second(event, planned)
    if not event.amount.minor:
        return _nothing_to_give(event)
    if event.amount.minor > payment.refundable_minor:
        return _too_much(event, payment)
    operation = money_op(payment, event.amount, now=work.now)
    if operation is MoneyOp.HOLD and _answers_inquiry(event, disputes):
        operation = refund_op(payment, event.amount, work.now)
    return _plan(event, payment, operation, work)


def _answers_inquiry(event: RefundDue, disputes: list[Dispute]) -> bool:
    """Whether the refund is what the bank asks for: it closes an inquiry (D-24)."""
    live = {dispute.state for dispute in disputes if dispute.state in Dispute.LIVE}
    return event.case is CaseKind.CHARGEBACK and live == {Dispute.State.INQUIRY}


@payments.on(
    LinesCancelled,
    saga="partial",
    subject=OF_ORDER,
    locks={"planned": by(Refund, "case_id")},
    applies_in=tuple(state for state in SETTLED if state != State.AWAITING_DEPOSIT),
    otherwise={
        State.AWAITING_DEPOSIT: park(
            "the customer may pay the whole amount yet",
            patience=lambda: settings.SHOP["DEPOSIT_TTL"] * 2,
        )
    },
)
def reduce_or_refund(
    event: LinesCancelled, payment: Payment, planned: list[Refund], work: Work
) -> (
    AmountReduced
    | CaseRefundPlanned
    | tuple[CaseRefundPlanned, RefundOwed]
    | CaseRefunded
    | RefundImpossible
):
    """Take so much less for cancelled units (D-10), or give it back where it is taken (D-11)."""
    _refuse_second(event, planned)
    if payment.state in UNTAKEN:
        return _reduce(event, payment)
    is_over = payment.state in (State.REFUNDING, State.REFUNDED)
    if is_over or not event.amount.minor:
        return _nothing_to_give(event)
    if event.amount.minor > payment.refundable_minor:
        return _too_much(event, payment)
    return _plan(event, payment, money_op(payment, event.amount, now=work.now), work)


def _reduce(event: LinesCancelled, payment: Payment) -> AmountReduced | RefundImpossible:
    if event.amount.minor > payment.due_minor:
        left = payment.money(payment.due_minor)
        return RefundImpossible(case_id=event.case_id, order_id=event.order_id, left=left)
    payment.due_minor -= event.amount.minor
    is_reserved = payment.state == State.AUTHORISED
    return AmountReduced(
        case_id=event.case_id,
        order_id=event.order_id,
        amount=event.amount,
        operation=MoneyOp.VOID if is_reserved else MoneyOp.NONE,
    )


def _refuse_second(event: RefundDue | LinesCancelled, planned: list[Refund]) -> None:
    if planned:
        message = f"Case {event.case_id} has its refund already: {planned[0]} (M3)."
        raise PermanentFailure(message)


def _nothing_to_give(event: RefundDue | LinesCancelled) -> CaseRefunded:
    return CaseRefunded(
        case_id=event.case_id,
        order_id=event.order_id,
        amount=event.amount * 0,
        operation=MoneyOp.NONE,
    )


def _too_much(event: RefundDue | LinesCancelled, payment: Payment) -> RefundImpossible:
    left = payment.money(max(0, payment.refundable_minor))
    return RefundImpossible(case_id=event.case_id, order_id=event.order_id, left=left)


def _plan(
    event: RefundDue | LinesCancelled, payment: Payment, operation: MoneyOp, work: Work
) -> CaseRefundPlanned | tuple[CaseRefundPlanned, RefundOwed]:
    refund = plan(
        payment, event.amount, operation, case_id=event.case_id, case=event.case, now=work.now
    )
    work.add(refund)
    fact = CaseRefundPlanned(
        refund_id=refund.id,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount,
        operation=refund.how,
    )
    return (fact, owed(refund)) if waits_for_a_person(refund) else fact


# -- paying ---------------------------------------------------------------------------------------


@payments.on(CaseRefundPlanned, CaseRefundReleased, saga=PAYING, **SENDS)
def send_case_refund(
    event: CaseRefundPlanned | CaseRefundReleased,
    refund: Refund,
    paid: list[Payment],
    outcome: Outcome,
    work: Work,
) -> CaseRefunded | CaseRefundRefused:
    """Give the amount of a case back."""
    return _given(refund, paid, outcome, work)


@payments.on(CaseRefundRefused, saga=PAYING, **SENDS_AGAIN)
def retry_case_refund(
    event: CaseRefundRefused, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> CaseRefunded | CaseRefundRefused:
    """Try again, under the next key: the last try has definitely failed (R34)."""
    return _given(refund, paid, outcome, work)


def _given(
    refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> CaseRefunded | CaseRefundRefused:
    if give(refund, paid, outcome, work):
        return CaseRefunded(
            case_id=refund.case_id,
            order_id=refund.order_id,
            amount=refund.amount,
            operation=refund.how,
        )
    return CaseRefundRefused(
        refund_id=refund.id,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount,
        code=outcome.code,
    )
