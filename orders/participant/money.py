"""How the money of a case is owed, and noted when payments has answered."""

from orders.events import RefundDue
from orders.models import Case, CaseLine
from orders.participant.rows import CASE, NOT_ACCEPTED, CaseState, orders
from orders.reckoning import Books, fall_short, restore, unbook
from payments import events as payments


def refund_due(case: Case) -> RefundDue:
    """Return what is owed for a case; zero is answered like any other amount."""
    return RefundDue(
        case_id=case.pk,
        order_id=case.order_id,
        case=case.why,
        amount=case.refund,
        reason=case.reason,
    )


def note_money(
    event: payments.CaseRefunded | payments.RefundImpossible | payments.AmountReduced,
    case: Case,
    books: Books,
    parts: list[CaseLine],
) -> None:
    """Note that a case's money is back, and give coupon and points back with it.

    Where less was left than was owed, the customer's bank was faster: nothing is given twice (M2).
    """
    case.is_money_done = True
    note_way(event, case)
    if isinstance(event, payments.RefundImpossible):
        unbook(case, books, parts)
    elif event.amount.minor < case.refund_minor:
        fall_short(case, books, parts, paid_minor=event.amount.minor)
    restore(case, books.benefits)


def note_way(event: object, case: Case) -> None:
    """Note how a case's money goes, as payments says; where it says nothing, none does (R38)."""
    said: payments.MoneyOp = getattr(event, "operation", payments.MoneyOp.NONE)
    case.operation = said.value


@orders.on(
    payments.CaseRefundPlanned,
    payments.CaseRefundReleased,
    saga=("return", "exchange", "loss", "credit", "late_success", "partial"),
    subject=CASE,
    applies_in=(CaseState.ACCEPTED,),
    otherwise=NOT_ACCEPTED,
)
def note_refund(
    event: payments.CaseRefundPlanned | payments.CaseRefundReleased, case: Case
) -> None:
    """Write on the case how its money goes, while it is on its way."""
    note_way(event, case)
