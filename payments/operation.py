"""Operation: how money goes back; a pure function of the payment, never of the case (R38).

Why it goes back, who pays the postage and by when it is due hang on the case. The same case may
void, cancel or refund, and the same refund may serve any case.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from payments.events import MoneyOp
from payments.models import Payment, Refund
from sagas.money import Money

State = Payment.State
Choose = Callable[[Payment, Money, datetime], MoneyOp]


def money_op(payment: Payment, amount: Money, *, now: datetime) -> MoneyOp:
    """Return how `amount` of the payment's order is given back as things stand at `now`.

    What is only reserved is voided, in part by taking less and giving the rest up. What was taken
    is cancelled while that leaves no trace, and refunded after that; a deposit goes to an account.
    """
    if payment.is_frozen and payment.captured_minor:
        return MoneyOp.HOLD
    return _BY_STATE[State(payment.state)](payment, amount, now)


def refund_op(payment: Payment, amount: Money, now: datetime) -> MoneyOp:
    """Return how money that was taken is given back, disputes left aside."""
    if not amount.minor or not payment.left_minor:
        return MoneyOp.NONE
    if payment.is_deposit:
        return MoneyOp.REFUND if payment.refund_account else MoneyOp.REFUND_ELSEWHERE
    if payment.reversible_until is None or now >= payment.reversible_until:
        return MoneyOp.REFUND
    is_all = amount.minor == payment.captured_minor
    return MoneyOp.CANCEL_CAPTURE if is_all else MoneyOp.PARTIAL_CANCEL


def _always(operation: MoneyOp) -> Choose:
    return lambda payment, amount, now: operation


_BY_STATE: Final[dict[Payment.State, Choose]] = {
    State.PENDING: _always(MoneyOp.CLOSE_SESSION),
    State.AUTHORISING: _always(MoneyOp.WAIT),
    State.DECLINED: _always(MoneyOp.CLOSE_SESSION),
    State.AWAITING_DEPOSIT: _always(MoneyOp.CLOSE_SESSION),
    State.AUTHORISED: _always(MoneyOp.VOID),
    State.CAPTURING: _always(MoneyOp.WAIT),
    State.CAPTURED: refund_op,
    State.CLOSING: _always(MoneyOp.WAIT),
    State.CLOSED: _always(MoneyOp.NONE),
    State.VOIDING: _always(MoneyOp.WAIT),
    State.VOIDED: _always(MoneyOp.NONE),
    State.REFUNDING: refund_op,
    State.REFUNDED: _always(MoneyOp.NONE),
    State.LATE: refund_op,
    State.CHARGED_BACK: _always(MoneyOp.NONE),
}


def plan(
    payment: Payment,
    amount: Money,
    operation: MoneyOp,
    *,
    case_id: UUID,
    case: str,
    now: datetime,
    is_whole: bool = False,
) -> Refund:
    """Return the refund of a case, not saved, and reserve its amount on the payment (R31).

    The caller holds the payment's lock and has seen that so much is left. A refund that a dispute
    holds back reserves nothing: what the bank leaves is known when it has decided. Money for which
    there is no account yet is owed from the start, and a person finds one (D-26).
    """
    refund = Refund(
        id=uuid5(case_id, "refund"),  # a name that never changes: the provider's key is made of it
        order_id=payment.order_id,
        number=payment.number,
        case_id=case_id,
        case=case,
        operation=operation,
        is_whole=is_whole,
        state=_BEGINS_AS.get(operation, Refund.State.PLANNED),
        amount_minor=amount.minor,
        currency=amount.currency,
        capture_id=payment.capture_for(case_id),
        account=payment.refund_account if payment.is_deposit else None,
        planned_at=now,
        failure_code="needs_account" if operation is MoneyOp.REFUND_ELSEWHERE else "",
    )
    if operation is MoneyOp.HOLD:
        payment.held_minor += amount.minor
    else:
        payment.pending_minor += amount.minor
    return refund


_BEGINS_AS: Final = {
    MoneyOp.HOLD: Refund.State.HELD,
    MoneyOp.REFUND_ELSEWHERE: Refund.State.FAILED,
}
