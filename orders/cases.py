"""Cases: why an order is to be cancelled, by whose wish, and what was decided (R38).

A case is a row beside the order; it never moves the order itself. Those that a step opens are
added to its work.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from orders.models import Case, Order
from sagas.clock import new_id
from sagas.work import Work


def wished(order: Order, *, reason: str, actor: str, now: datetime) -> Case:
    """Return the open case of somebody who wants `order` cancelled; not saved (D-1, D-7, D-8)."""
    kind = Case.Kind.ABANDON if order.state == Order.State.PLACED else Case.Kind.CANCEL
    return Case(id=new_id(), order=order, kind=kind, reason=reason, actor=actor, opened_at=now)


def unpaid(order: Order, work: Work) -> Case:
    """Open the case of an order that was not paid in time (D-3)."""
    return _add(work, order=order, kind=Case.Kind.PAYMENT_FAILED, reason="not paid in time")


def overlong(order: Order, work: Work, *, case_id: UUID) -> Case:
    """Open the case of an order that passed a deadline."""
    kind, reason = Case.Kind.SELLER_CANCEL, "took too long"
    return _add(work, id=case_id, order=order, kind=kind, reason=reason)


def granted(order: Order, work: Work, *, kind: Case.Kind, reason: str) -> Case:
    """Open a case that is decided at once: the order can't go on."""
    case = _add(work, order=order, kind=kind, reason=reason)
    decide(case, Case.Outcome.ACCEPTED, now=work.now)
    return case


def _add(work: Work, **values: object) -> Case:
    case = Case(opened_at=work.now, **values)
    work.add(case)
    return case


def decide(case: Case, outcome: Case.Outcome, *, now: datetime) -> None:
    """Write down what was decided; the caller saves the row."""
    case.outcome = outcome
    case.decided_at = now


def open_one(found: Iterable[Case]) -> Case | None:
    """Return the open case; an order has at most one."""
    return next((case for case in found if case.outcome == Case.Outcome.OPEN), None)
