"""Money goes back and no goods do: goodwill (D-28), a decided suspicion (D-23), an inquiry (D-24),
a replacement that could not be sent; and money that is still owed (D-26).
"""

from orders.events import (
    CaseKind,
    CreditRejected,
    CreditRequested,
    CreditSettled,
    RefundDue,
)
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.money import note_money, note_way
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    NOT_ACCEPTED,
    NOT_OPEN,
    CaseState,
    books_of,
    orders,
)
from orders.reckoning import fall_short
from payments import events as payments
from sagas.work import Work


@orders.on(
    CreditRequested,
    subject=CASE,
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept,),
    otherwise=NOT_OPEN,
)
def grant_credit(event: CreditRequested, case: Case, work: Work) -> RefundDue:
    """Owe what was approved."""
    case.accept(now=work.now)
    return RefundDue(
        case_id=case.pk,
        order_id=event.order_id,
        case=case.why,
        amount=event.amount,
        reason=event.reason,
    )


@orders.on(
    payments.CaseRefunded,
    payments.RefundImpossible,
    saga="credit",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle, Case.reject),
    otherwise=NOT_ACCEPTED,
)
def settle_credit(
    event: payments.CaseRefunded | payments.RefundImpossible,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> CreditSettled | CreditRejected:
    """Note that the customer has the money, or that there was too little left to give."""
    note_money(event, case, books_of(owner, lines, benefits), parts)
    if isinstance(event, payments.CaseRefunded) and case.refund_minor:
        case.settle(now=work.now)
        is_all = case.why is CaseKind.EXCHANGE and not any(line.is_kept for line in lines)
        return CreditSettled(case_id=case.pk, order_id=event.order_id, everything_returned=is_all)
    case.reject(now=work.now)
    left = event.left if isinstance(event, payments.RefundImpossible) else event.amount
    reason = f"only {left} is left of the payment"
    return CreditRejected(case_id=case.pk, order_id=event.order_id, reason=reason)


# -- what a provider would not pay ----------------------------------------------------------------


@orders.on(payments.RefundOwed, payments.OwedRefundRefused, saga="owed_refund", subject=CASE)
def note_owed(event: payments.RefundOwed | payments.OwedRefundRefused, case: Case) -> None:
    """Note that a person has to see to it, once more where it came back; the customer is told."""
    case.is_owed = True
    note_way(event, case)


@orders.on(payments.OwedRefundPaid, saga="owed_refund", subject=CASE, locks=ALL_BOOKS)
def note_paid(
    event: payments.OwedRefundPaid,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
) -> None:
    """Note that the customer has the money after all, or as much as the bank has left of it."""
    case.is_owed = False
    note_way(event, case)
    if event.amount.minor < case.refund_minor:
        books = books_of(owner, lines, benefits)
        fall_short(case, books, parts, paid_minor=event.amount.minor)
