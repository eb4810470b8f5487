"""Giving: what steps share that give money back, for a cancelled order, a case, or as owed."""

from payments.models import Payment, Refund
from payments.participant.part import Kind, RefundState, enter
from sagas.call import Outcome
from sagas.exceptions import CallAgain
from sagas.work import Work


class NotDone(CallAgain):
    """The provider refused to give something up: it is asked again under the next key (R34)."""


def give(refund: Refund, paid: list[Payment], outcome: Outcome, work: Work) -> bool:
    """Book what came of asking for a refund; say whether it was paid.

    What a dispute stops is held back; anything else that was refused is owed (R34, R35).
    """
    (payment,) = paid
    if outcome.ok:
        pay(refund, payment, outcome, work)
    elif payment.is_frozen:
        refund.hold(payment)
    else:
        refund.fail(outcome.code)
    return outcome.ok


def pay(refund: Refund, payment: Payment, outcome: Outcome, work: Work) -> None:
    """Book what the provider gave back, under its name for it."""
    refund.pay(payment, outcome.reference, at=work.now)
    enter(work, payment, Kind.REFUND, refund.amount_minor, outcome.reference)


def waits_for_a_person(refund: Refund) -> bool:
    """Whether a refund that was just planned can't be sent: nobody knows where to."""
    return bool(refund.state == RefundState.FAILED)
