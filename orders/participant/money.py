"""How the money of a case is owed, and noted when payments has answered."""

from orders.events import RefundDue
from orders.models import Case, CaseLine
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
    if isinstance(event, payments.RefundImpossible):
        unbook(case, books, parts)
    elif event.amount.minor < case.refund_minor:
        fall_short(case, books, parts, paid_minor=event.amount.minor)
    restore(case, books.benefits)
