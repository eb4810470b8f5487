"""Cancelling orders, or a part of one: a wish, which who ships decides (R32)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from orders import case_book, events
from orders.cases import CASES, Opener
from orders.events import CaseKind
from orders.models import Case, CaseLine, Order, SoldLine
from orders.services.lines import Named, database_of, locked_lines, taken_from
from orders.services.refusals import InvalidCancel
from sagas import clock
from sagas.outbox import publish, saga_transaction

State = Order.State

#: Nothing has left the house.
BEFORE_SHIPPING: Final = frozenset([State.PLACED, State.CONFIRMED, State.FULFILLING])
#: A case has ended the order: whoever cancels it gets that one (D-30).
_ENDED_BY_CASE: Final = frozenset([State.LOST, State.INTERCEPTED, State.RETURNED, State.REINSTATED])


def request_cancel(
    order: Order, *, reason: str = "", actor: str = "", kind: CaseKind | None = None
) -> Case:
    """Ask for the cancellation of the whole order and return the case; shipping decides (R32).

    Without `kind` it is the customer's wish: before the payment is certain they give up, later
    they cancel. FORCE skips the customer's policy and no guard (D-27). An order that is being
    cancelled, or has such a case open, keeps it: the first one is returned and nothing is asked
    again (R33, D-30). Raises InvalidCancel.
    """
    with saga_transaction(order, actor=actor) as locked:
        return ask_cancel(locked, kind=kind, reason=reason, actor=actor)


def ask_cancel(order: Order, *, kind: CaseKind | None, reason: str, actor: str) -> Case:
    """Open the case of an order that is locked, and ask; or return the case that there is."""
    known = case_book.whole_case(order.cases.all()) or _last_of_an_ended(order)
    if known is not None:
        return known
    _refuse_over(order)
    now = clock.now(database_of(order))
    why = kind or (CaseKind.ABANDON if order.state == State.PLACED else CaseKind.CANCEL)
    _refuse_policy(order, why, now=now, actor=actor)
    case = case_book.open_case(order, kind=why, now=now, is_whole=True, reason=reason, actor=actor)
    case.save(using=database_of(order), force_insert=True)
    publish(
        events.CancelRequested(order_id=order.pk, case_id=case.pk, case=why, reason=reason),
        of=order,
    )
    return case


def _last_of_an_ended(order: Order) -> Case | None:
    if order.state not in _ENDED_BY_CASE:
        return None
    return order.cases.exclude(state=Case.State.REJECTED).order_by("-opened_at").first()


def _refuse_over(order: Order) -> None:
    if order.state in _ENDED_BY_CASE | {State.COMPLETED}:
        message = _("Order %(number)s is %(state)s: goods can be sent back, nothing cancelled.")
        values = {"number": order.number, "state": order.get_state_display()}
        raise InvalidCancel("over", "order", message % values)


def _refuse_policy(order: Order, kind: CaseKind, *, now: datetime, actor: str) -> None:
    """Hold customers to what they may do themselves; operators answer for what they do."""
    if not case_book.is_customers(actor):
        return
    if Opener.CUSTOMER not in CASES[kind].opened_by:
        message = _("Only the shop can cancel an order for this reason.")
        raise InvalidCancel("not_yours", "kind", message)
    window = settings.SHOP["CANCEL_WINDOW"]
    if window is not None and now > order.placed_at + window:
        message = _("Order %(number)s can't be cancelled online any more; ask the shop.")
        raise InvalidCancel("window_over", "order", message % {"number": order.number})


def request_partial_cancel(
    order: Order, *, lines: Iterable[Named], reason: str = "", actor: str = ""
) -> Case:
    """Ask for some units not to be sent: (line number, quantity) each (D-16).

    All that is left of an order of which nothing has left the house is a cancellation of the whole
    order, and becomes one. Raises InvalidCancel.
    """
    with saga_transaction(order, actor=actor) as locked:
        _refuse_settled(locked)
        now = clock.now(database_of(locked))
        _refuse_policy(locked, CaseKind.CANCEL_PARTIAL, now=now, actor=actor)
        sold = locked_lines(locked)
        taken = taken_from(
            locked, sold, lines, left=lambda line: line.cancellable, refusal=InvalidCancel
        )
        left = sum(line.cancellable for line in sold) - sum(units for _line, units in taken)
        if not left and locked.state in BEFORE_SHIPPING:
            return ask_cancel(locked, kind=None, reason=reason, actor=actor)
        case = case_book.open_case(
            locked, kind=CaseKind.CANCEL_PARTIAL, now=now, reason=reason, actor=actor
        )
        parts = case_book.take_out(case, taken)
        save_case(case, parts, sold, ["cancel_pending"])
        publish(case_book.partial_wish(locked, case, parts, sold), of=case)
    return case


def save_case(case: Case, parts: list[CaseLine], sold: list[SoldLine], changed: list[str]) -> None:
    """Save a new case with its lines, and what it has changed of the sold ones."""
    using = database_of(case.order)
    case.save(using=using, force_insert=True)
    CaseLine.objects.using(using).bulk_create(parts)
    SoldLine.objects.using(using).bulk_update(sold, changed)


def _refuse_settled(order: Order) -> None:
    if case_book.whole_case(order.cases.all()) is not None:
        message = _("Order %(number)s is being cancelled as a whole.") % {"number": order.number}
        raise InvalidCancel("cancelled", "order", message)
    if order.state not in BEFORE_SHIPPING | {State.SHIPPED}:
        message = _("Order %(number)s is %(state)s: nothing of it is left to be sent.")
        values = {"number": order.number, "state": order.get_state_display()}
        raise InvalidCancel("over", "order", message % values)
