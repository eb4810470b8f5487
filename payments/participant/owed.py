"""Owed: refunds that the provider would not pay, or took back later; a person decides (D-26).

It is tried again, or paid to an account, which a second person approves; until it is paid the
customer's claim stands, and so does the order's (R34).
"""

from payments import gateway, services
from payments.events import (
    OwedRefundOrdered,
    OwedRefundPaid,
    OwedRefundRefused,
    RefundOwed,
)
from payments.models import Payment, Refund
from payments.participant.giving import WITH_THE_BANK, pay
from payments.participant.part import (
    OF_ORDER,
    OF_REFUND,
    PAYMENT_OF_ORDER,
    RefundState,
    State,
    payments,
)
from sagas.call import Outcome
from sagas.participant import refuse
from sagas.work import Work

SAGA = "owed_refund"
OTHERS = {RefundState.PAID: refuse("it is paid"), **WITH_THE_BANK}


@payments.on(
    RefundOwed,
    saga=SAGA,
    subject=OF_REFUND,
    moves=(Refund.owe,),
    applies_in=(RefundState.FAILED,),
    otherwise={
        (RefundState.PLANNED, RefundState.SENT, RefundState.OWED): refuse("it is on its way"),
        **OTHERS,
    },
)
def owe(event: RefundOwed, refund: Refund) -> None:
    """Leave it to a person; from now on it is not tried again by itself."""
    refund.owe()


@payments.on(
    RefundOwed,
    OwedRefundRefused,
    saga=SAGA,
    subject=OF_ORDER,
    moves=(Payment.owe_again,),
    applies_in=tuple(State),
)
def owe_again(event: RefundOwed | OwedRefundRefused, payment: Payment) -> None:
    """Note of an order whose money had all gone back that some of it has not."""
    if payment.state == State.REFUNDED:
        payment.owe_again()


@payments.on(
    OwedRefundOrdered,
    saga=SAGA,
    subject=OF_REFUND,
    locks=PAYMENT_OF_ORDER,
    applies_in=(RefundState.OWED,),
    begins=Refund.send,
    moves=(Refund.pay, Refund.owe),
    calls=gateway.REFUND,
    otherwise={
        (RefundState.PLANNED, RefundState.SENT): refuse("it is on its way"),
        **OTHERS,
    },
)
def send_owed(
    event: OwedRefundOrdered, refund: Refund, paid: list[Payment], outcome: Outcome, work: Work
) -> OwedRefundPaid | OwedRefundRefused:
    """Try as a person has ordered, under the next key."""
    if not outcome.ok:
        refund.owe(outcome.code)
        return OwedRefundRefused(
            refund_id=refund.id,
            case_id=refund.case_id,
            order_id=refund.order_id,
            code=outcome.code,
            operation=refund.how,
        )
    pay(refund, paid[0], outcome, work)
    return OwedRefundPaid(
        refund_id=refund.id,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount,
        operation=refund.how,
    )


@payments.on(OwedRefundPaid, saga=SAGA)
def tell_origin(event: OwedRefundPaid) -> None:
    """Tell the order, or the case, that its money is back, if it still waits for that."""
    services.tell_origin(event.refund_id)


@payments.on(
    OwedRefundPaid,
    saga=SAGA,
    subject=OF_ORDER,
    moves=(Payment.refund,),
    applies_in=tuple(State),
)
def settle_owed(event: OwedRefundPaid, payment: Payment) -> None:
    """Note of a cancelled order that nothing of its money is kept any more."""
    if payment.state == State.REFUNDING and not payment.kept_minor:
        payment.refund()
