"""Deciding cases: a lost parcel, suspected fraud, a bank's inquiry, and who may order no more."""

from datetime import datetime
from typing import Final
from uuid import uuid5

from django.conf import settings
from django.db import router
from django.utils.translation import gettext as _

from orders import case_book, events
from orders.events import CaseKind
from orders.models import BlockedCustomer, Case, Order, SoldLine
from orders.reckoning import Taken
from orders.services.cancelling import BEFORE_SHIPPING, ask_cancel, save_case
from orders.services.crediting import credit_of
from orders.services.lines import database_of, locked_lines
from orders.services.refusals import InvalidDecision
from orders.services.returning import is_stoppable, open_return
from sagas import clock
from sagas.locks import for_update
from sagas.outbox import publish, saga_transaction

State = Order.State

_GOING_BACK: Final = frozenset([State.CANCELLING, State.CANCELLED])
#: Sent, and so a matter for a person.
_SENT: Final = frozenset([State.SHIPPED, State.DELIVERED, State.COMPLETED])


# -- lost parcels ---------------------------------------------------------------------------------


def choose_remedy(case: Case, remedy: str, *, actor: str = "") -> Case:
    """Say what the customer wants for a lost parcel, "goods" or "money" (D-15).

    Choosing the same again changes nothing. Raises InvalidDecision where nobody was asked, or the
    choice was made.
    """
    if remedy not in Case.Remedy.values:
        raise InvalidDecision("bad_remedy", "remedy", _("Choose “goods” or “money”."))
    with saga_transaction(case, actor=actor) as locked:
        if locked.remedy == remedy:
            return locked
        if locked.state != Case.State.ASKED or locked.remedy:
            message = _("There is nothing to choose: this case is %(state)s.")
            values = {"state": locked.get_state_display()}
            raise InvalidDecision("not_asked", "case", message % values)
        locked.remedy = remedy
        chosen = events.RemedyChosen(case_id=locked.pk, order_id=locked.order_id, remedy=remedy)
        publish(chosen, of=locked)
    return locked


# -- fraud ----------------------------------------------------------------------------------------


def flag_fraud(order: Order, *, reason: str, actor: str) -> Case:
    """Stop an order that is not to be trusted and block its customer; return the case.

    What has not left is cancelled (D-21, D-22); a parcel on its way is to be stopped, and whatever
    comes of that, the money waits for a person (D-23). Raises InvalidDecision for an order that
    is over.
    """
    with saga_transaction(order, actor=actor) as locked:
        now = clock.now(database_of(locked))
        if settings.SHOP["FRAUD_BLOCKS"]:
            _block(locked.customer, reason=reason, actor=actor, now=now, using=database_of(locked))
        if locked.state in BEFORE_SHIPPING | _GOING_BACK:
            return ask_cancel(locked, kind=CaseKind.FRAUD_CANCEL, reason=reason, actor=actor)
        return _suspect(locked, reason=reason, actor=actor, now=now)


def _suspect(order: Order, *, reason: str, actor: str, now: datetime) -> Case:
    """Open the case of an order that was sent, once; a wish that came too late is not it."""
    known = order.cases.filter(kind=CaseKind.FRAUD_CANCEL.value, is_whole=False).first()
    if known is not None:
        return known
    if order.state not in _SENT:
        message = _("Order %(number)s is %(state)s: there is nothing to stop.")
        values = {"number": order.number, "state": order.get_state_display()}
        raise InvalidDecision("over", "order", message % values)
    case = case_book.open_case(
        order, kind=CaseKind.FRAUD_CANCEL, now=now, reason=reason, actor=actor
    )
    sold = locked_lines(order)
    taken = _all_that_left(sold)
    if order.state == State.SHIPPED and is_stoppable(order, sold, taken):
        open_return(order, case, taken, sold, intercept=True)
    else:
        _leave_to_a_person(order, case)
        _keep_the_rest(order, sold, now=now, reason=reason, actor=actor)
    return case


def _keep_the_rest(
    order: Order, sold: list[SoldLine], *, now: datetime, reason: str, actor: str
) -> None:
    """Have units that are still in the house not be sent, in a case of their own."""
    unsent = [(line, line.cancellable) for line in sold if line.cancellable]
    if not unsent:
        return
    case = case_book.open_case(
        order, kind=CaseKind.FRAUD_CANCEL, now=now, reason=reason, actor=actor
    )
    parts = case_book.take_out(case, unsent)
    save_case(case, parts, sold, ["cancel_pending"])
    publish(case_book.partial_wish(order, case, parts, sold), of=case)


def _all_that_left(sold: list[SoldLine]) -> list[Taken]:
    return [(line, line.returnable) for line in sold if line.returnable]


def _leave_to_a_person(order: Order, case: Case) -> None:
    case.is_goods_done = True
    case.save(using=database_of(order), force_insert=True)
    wanted = events.DecisionWanted(
        case_id=case.pk, order_id=order.pk, case=case.why, reason=case.reason
    )
    publish(wanted, of=case)


def decide_fraud(case: Case, *, refund: bool, actor: str, reason: str = "") -> Case:
    """Decide a suspicion about goods that did not come back: refund what is left, or nothing.

    Raises InvalidDecision while the goods may still come back, and when it was decided before.
    """
    with saga_transaction(case, actor=actor) as locked:
        _refuse_undecidable(locked)
        locked.approver = actor if actor != locked.actor else ""
        if refund:
            rows = Order.objects.using(case._state.db).filter(pk=case.order_id)
            give_all_back(locked, for_update(rows).get())
            publish(credit_of(locked), of=locked)
        else:
            locked.reject(now=clock.now(locked._state.db or "default"))
            denied = events.CaseDenied(case_id=locked.pk, order_id=locked.order_id, reason=reason)
            publish(denied, of=locked)
        _let_losses_go_on(locked)
    return locked


def _let_losses_go_on(case: Case) -> None:
    """Have what was lost of the order go on, which has waited for the decision."""
    held = Case.objects.using(case._state.db).filter(
        order=case.order_id, kind=CaseKind.LOST.value, state=Case.State.OPEN
    )
    for loss in held.order_by("pk"):
        decided = events.SuspicionDecided(case_id=loss.pk, order_id=loss.order_id)
        publish(decided, of=loss)


def _refuse_undecidable(case: Case) -> None:
    is_open = case.why is CaseKind.FRAUD_CANCEL and case.state == Case.State.OPEN
    if not is_open or case.is_whole or case.given_minor:
        raise InvalidDecision("decided", "case", _("This is no suspicion that is still open."))
    if not case.is_goods_done:
        message = _("The parcel may still come back: wait until it did, or could not be stopped.")
        raise InvalidDecision("under_way", "case", message)


def give_all_back(case: Case, order: Order) -> None:
    """Owe all that is left of a locked order, whatever became of the goods."""
    if not order.left_minor:
        message = _("Nothing is left of what was paid for order %(number)s.")
        raise InvalidDecision("nothing_left", "case", message % {"number": order.number})
    case.given_minor = case.refund_minor = order.left_minor
    order.given_back_minor = order.total_minor
    order.save(using=database_of(order), update_fields=["given_back_minor"])


# -- disputes -------------------------------------------------------------------------------------


def close_inquiry(case: Case, *, actor: str, reason: str = "") -> Case:
    """Give all that is left back because the bank asks about the payment (D-24); return its case.

    Asked again, the first one is returned. A dispute that is more than an inquiry holds the refund
    until it is decided. Raises InvalidDecision.
    """
    with saga_transaction(case, actor=actor) as locked:
        known = Case.objects.using(case._state.db).filter(pk=uuid5(case.pk, "refund")).first()
        if known is not None:
            return known
        if locked.why is not CaseKind.CHARGEBACK or locked.state != Case.State.OPEN:
            message = _("This is no question of a bank that is still open.")
            raise InvalidDecision("decided", "case", message)
        order = for_update(Order.objects.using(case._state.db).filter(pk=case.order_id)).get()
        refund = case_book.open_case(
            order,
            case_id=uuid5(case.pk, "refund"),
            kind=CaseKind.CHARGEBACK,
            now=clock.now(case._state.db or "default"),
            reason=reason,
            actor=actor,
            remedy=Case.Remedy.MONEY.value,
        )
        give_all_back(refund, order)
        refund.save(using=case._state.db, force_insert=True)
        publish(credit_of(refund), of=refund)
    return refund


# -- customers ------------------------------------------------------------------------------------


def _block(customer: str, *, reason: str, actor: str, now: datetime, using: str) -> BlockedCustomer:
    blocked, _is_new = BlockedCustomer.objects.using(using).get_or_create(
        customer=customer,
        lifted_at=None,
        defaults={"reason": reason, "actor": actor, "blocked_at": now},
    )
    return blocked


def unblock_customer(customer: str, *, actor: str) -> bool:
    """Let a customer place orders again; say whether anything changed."""
    using = router.db_for_write(BlockedCustomer)
    blocked = BlockedCustomer.objects.using(using).filter(customer=customer, lifted_at=None)
    return bool(blocked.update(lifted_at=clock.now(using), lifted_by=actor))
