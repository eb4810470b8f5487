"""People: what a person decides about an owed refund, and where a customer's money goes (R34).

Paying to an account takes two people: one proposes it, another one approves.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from payments.events import (
    MoneyOp,
    OwedRefundOrdered,
    RefundAccountGiven,
    RefundElsewhereProposed,
)
from payments.models import Payment, Refund
from sagas.outbox import publish, saga_transaction

State = Refund.State
#: Who is asked about money.
FINANCE = "finance"
#: What has to be known of an account.
ACCOUNT = ("bank", "number", "holder")


class NotPossible(ValueError):
    """It can't be done to this row, or not by this person; the text says why."""


def order_refund_again(refund: Refund, *, actor: str, reason: str) -> bool:
    """Have an owed refund tried once more, the way it was tried before. Raises NotPossible."""
    with saga_transaction(refund, actor=actor) as locked:
        _require_owed(locked)
        if locked.how is MoneyOp.REFUND_ELSEWHERE and not locked.approved_by:
            raise NotPossible(_("An account has to be proposed and approved first."))
        publish(_ordered(locked), of=locked, reason=reason)
    return True


def propose_elsewhere(
    refund: Refund, account: Mapping[str, str], *, actor: str, reason: str = ""
) -> bool:
    """Propose to pay an owed refund to `account`: `bank`, `number`, `holder`. Raises NotPossible.

    It replaces an earlier proposal and takes back its approval.
    """
    _require_person(actor)
    with saga_transaction(refund, actor=actor) as locked:
        _require_owed(locked)
        locked.account = checked(account)
        locked.proposed_by, locked.approved_by = actor, ""
        proposed = RefundElsewhereProposed(
            refund_id=locked.pk, case_id=locked.case_id, order_id=locked.order_id
        )
        publish(proposed, of=locked, reason=reason)
    return True


def approve_elsewhere(refund: Refund, *, number: str, actor: str, reason: str = "") -> bool:
    """Approve the account that somebody else has proposed, and have it paid.

    It is named by its `number`, so that nobody approves one that was proposed after they looked.
    Raises NotPossible.
    """
    _require_person(actor)
    with saga_transaction(refund, actor=actor) as locked:
        _require_owed(locked)
        if not locked.proposed_by or locked.account is None:
            raise NotPossible(_("Nobody has proposed an account yet."))
        if locked.proposed_by == actor:
            raise NotPossible(_("Whoever proposed the account can't approve it: ask a colleague."))
        if locked.account["number"] != number:
            raise NotPossible(_("That is not the number of the account that is proposed by now."))
        locked.approved_by = actor
        locked.operation = MoneyOp.REFUND_ELSEWHERE
        publish(_ordered(locked), of=locked, reason=reason)
    return True


def give_account(
    payment: Payment, account: Mapping[str, str], *, actor: str, reason: str = ""
) -> bool:
    """Note to which account a customer gets money back that can't go back the way it came.

    That is money that came by transfer, and what is owed. For owed refunds it is the proposal that
    a person of the shop has to approve. Says whether anything changed. Raises NotPossible.
    """
    given = checked(account)
    owed = list(Refund.objects.filter(order_id=payment.order_id, state=State.OWED))
    if not payment.is_deposit and not owed:
        message = _("The money of order %(number)s goes back the way it came: it needs no account.")
        raise NotPossible(message % {"number": payment.number})
    is_noted = _note_account(payment, given, actor=actor, reason=reason)
    unknown = [refund for refund in owed if refund.account != given]
    for refund in unknown:
        propose_elsewhere(refund, given, actor=actor, reason=reason)
    return is_noted or bool(unknown)


def _note_account(payment: Payment, account: dict[str, Any], *, actor: str, reason: str) -> bool:
    with saga_transaction(payment, actor=actor) as locked:
        if locked.refund_account == account:
            return False
        locked.refund_account = account
        given = RefundAccountGiven(payment_id=locked.pk, order_id=locked.order_id)
        publish(given, of=locked, reason=reason)
    return True


def checked(account: Mapping[str, str]) -> dict[str, Any]:
    """Return what has to be known of an account. Raises NotPossible when something is missing."""
    missing = [name for name in ACCOUNT if not account.get(name)]
    if missing:
        raise NotPossible(_("The account needs: %(names)s.") % {"names": ", ".join(missing)})
    return {name: account[name] for name in ACCOUNT}


def _require_owed(refund: Refund) -> None:
    if refund.state != State.OWED:
        message = _("Refund %(id)s is %(state)s, so there is nothing to decide.")
        raise NotPossible(message % {"id": refund.pk, "state": refund.get_state_display()})


def _require_person(actor: str) -> None:
    if not actor:
        raise NotPossible(_("It has to be known who does this."))


def _ordered(refund: Refund) -> OwedRefundOrdered:
    return OwedRefundOrdered(refund_id=refund.pk, case_id=refund.case_id, order_id=refund.order_id)
