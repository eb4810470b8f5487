"""Giving money although no goods come back (D-28): one person proposes it, another approves."""

from django.conf import settings
from django.utils.translation import gettext as _

from orders import case_book, events
from orders.events import CaseKind
from orders.models import Case, Order
from orders.services.lines import database_of
from orders.services.refusals import InvalidCredit
from sagas import clock
from sagas.locks import for_update
from sagas.outbox import publish, saga_transaction

_GIVEN_UP = frozenset([Order.State.CANCELLING, Order.State.CANCELLED])


def give_goodwill(
    order: Order, *, amount_minor: int, reason: str, actor: str, approver: str
) -> Case:
    """Give money back and let the customer keep the goods; `approver` is somebody else.

    Raises InvalidCredit where less is left of what was paid, or the shop's limit is below it.
    """
    with saga_transaction(order, actor=approver) as locked:
        case = _proposed(locked, amount_minor, reason=reason, actor=actor)
        _approve(locked, case, approver=approver)
        case.save(using=database_of(locked), force_insert=True)
        publish(credit_of(case), of=case)
    return case


def propose_goodwill(order: Order, *, amount_minor: int, reason: str, actor: str) -> Case:
    """Propose to give money back; nothing happens before another person approves it.

    Raises InvalidCredit.
    """
    with saga_transaction(order, actor=actor) as locked:
        case = _proposed(locked, amount_minor, reason=reason, actor=actor)
        case.save(using=database_of(locked), force_insert=True)
        wanted = events.DecisionWanted(
            case_id=case.pk, order_id=locked.pk, case=case.why, reason=reason
        )
        publish(wanted, of=case)
    return case


def approve_goodwill(case: Case, *, actor: str) -> Case:
    """Approve what somebody else has proposed, and have it paid. Raises InvalidCredit."""
    with saga_transaction(case, actor=actor) as locked:
        _refuse_decided(locked)
        order = _locked_order(locked)
        _refuse_amount(order, locked.given_minor)
        _approve(order, locked, approver=actor)
        order.save(using=database_of(order), update_fields=["given_back_minor"])
        publish(credit_of(locked), of=locked)
    return locked


def decline_goodwill(case: Case, *, actor: str, reason: str = "") -> Case:
    """Decide against what was proposed. Raises InvalidCredit when it was decided before."""
    with saga_transaction(case, actor=actor) as locked:
        _refuse_decided(locked)
        locked.reject(now=clock.now(locked._state.db or "default"))
        denied = events.CaseDenied(case_id=locked.pk, order_id=locked.order_id, reason=reason)
        publish(denied, of=locked)
    return locked


def credit_of(case: Case) -> events.CreditRequested:
    """Return the fact that starts a credit."""
    return events.CreditRequested(
        case_id=case.pk,
        order_id=case.order_id,
        case=case.why,
        amount=case.refund,
        reason=case.reason,
    )


def _proposed(order: Order, amount_minor: int, *, reason: str, actor: str) -> Case:
    _refuse_nameless("actor", actor)
    if not reason.strip():
        raise InvalidCredit("no_reason", "reason", _("Say why the money is given."))
    _refuse_amount(order, amount_minor)
    return case_book.open_case(
        order,
        kind=CaseKind.GOODWILL,
        now=clock.now(database_of(order)),
        reason=reason,
        actor=actor,
        given_minor=amount_minor,
        refund_minor=amount_minor,
    )


def _approve(order: Order, case: Case, *, approver: str) -> None:
    """Reserve the amount, so that no other case can give it, too."""
    _refuse_nameless("approver", approver)
    if case.rule.needs_approver and approver == case.actor:
        message = _("%(actor)s proposed it; somebody else has to approve.")
        raise InvalidCredit("same_person", "approver", message % {"actor": approver})
    case.approver = approver
    order.given_back_minor += case.refund_minor


def _refuse_nameless(field: str, actor: str) -> None:
    if not actor or case_book.is_customers(actor):
        message = _("Giving money takes two people of the shop, by name.")
        raise InvalidCredit("nameless", field, message)


def _refuse_amount(order: Order, amount_minor: int) -> None:
    limit = settings.SHOP["GOODWILL_MAX_MINOR"].get(order.currency)
    left = order.left_minor if limit is None else min(order.left_minor, limit)
    if not order.is_captured or order.state in _GIVEN_UP:
        message = _("Order %(number)s is not paid: there is nothing to give back.")
        raise InvalidCredit("not_paid", "order", message % {"number": order.number})
    if not 1 <= amount_minor <= left:
        message = _("From 1 to %(left)d minor units can be given, not %(amount)d.")
        values = {"left": left, "amount": amount_minor}
        raise InvalidCredit("bad_amount", "amount", message % values)


def _refuse_decided(case: Case) -> None:
    if case.why is not CaseKind.GOODWILL or case.state != Case.State.OPEN or case.approver:
        message = _("This is no goodwill that waits for approval.")
        raise InvalidCredit("decided", "case", message)


def _locked_order(case: Case) -> Order:
    rows = Order.objects.using(case._state.db).filter(pk=case.order_id)
    return for_update(rows).get()
