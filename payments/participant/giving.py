"""Giving: what steps share that give money back, for a cancelled order, a case, or as owed."""

from typing import Any, Final

from payments import gateway
from payments.events import RefundOwed
from payments.models import Payment, Refund
from payments.participant.part import OF_REFUND, PAYMENT_OF_ORDER, Kind, RefundState, enter
from sagas.call import Outcome
from sagas.exceptions import CallAgain
from sagas.participant import refuse
from sagas.work import Work

#: How a refund answers that is the bank's to decide, or was.
WITH_THE_BANK: Final = {
    RefundState.HELD: refuse("a dispute is open: it goes on once that is decided"),
    RefundState.DROPPED: refuse("the bank took the money"),
}
_OWED: Final = {RefundState.OWED: refuse("it is owed: a person decides")}
_GIVES: Final[dict[str, Any]] = {
    "subject": OF_REFUND,
    "locks": PAYMENT_OF_ORDER,
    "begins": Refund.send,
    "moves": (Refund.pay, Refund.fail, Refund.hold),
    "calls": gateway.REFUND,
}
#: A step that asks the provider to give back what is planned.
SENDS: Final[dict[str, Any]] = {
    **_GIVES,
    "applies_in": (RefundState.PLANNED,),
    "otherwise": {
        (RefundState.SENT, RefundState.PAID): refuse("the refund was sent before"),
        RefundState.FAILED: refuse("it is owed"),
        **_OWED,
        **WITH_THE_BANK,
    },
}
#: A step that asks again, under the next key: the last try has definitely failed (R34).
SENDS_AGAIN: Final[dict[str, Any]] = {
    **_GIVES,
    "applies_in": (RefundState.FAILED,),
    "at_most": 2,
    "exhausted": RefundOwed,
    "otherwise": {
        (RefundState.PLANNED, RefundState.SENT): refuse("the refund is on its way again"),
        RefundState.PAID: refuse("the refund was paid after all"),
        **_OWED,
        **WITH_THE_BANK,
    },
}


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
