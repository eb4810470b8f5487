"""Case: something that waits for a person. An open case is a saga's next move (G5).

A case of reconciliation is not: it may speak of no saga, or of one whose log is what is broken. So
it is told in a lane of its own.
"""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from sagas import clock, question
from sagas.event import Event
from sagas.event_log import Subject
from sagas.facts import CaseClosed, CaseOpened, DisagreementReported, DisagreementSettled
from sagas.locks import for_update
from sagas.models import Case, CaseKind, Delivery, DeliveryState, Saga
from sagas.money import Money
from sagas.outbox import locked_saga
from sagas.unit import Unit

#: How much of a text becomes part of a fact.
_TOLD = 500


def open_case(
    unit: Unit, saga: Saga, kind: str, *, detail: str, delivery_id: UUID | None = None
) -> None:
    """Open a case unless the same one is open; the caller holds the saga's lock."""
    same = Case.objects.using(unit.using).filter(
        saga_id=saga.id, kind=kind, delivery_id=delivery_id, closed_at=None
    )
    if same.exists():
        return
    case = new_case(unit, saga, kind, detail=detail, delivery_id=delivery_id)
    case.save(using=unit.using, force_insert=True)


def new_case(
    unit: Unit,
    saga: Saga,
    kind: str,
    *,
    detail: str,
    delivery_id: UUID | None = None,
    amount: Money | None = None,
) -> Case:
    """Return a case for the caller to insert, and announce it; the caller holds the saga's lock."""
    case = Case(
        id=clock.new_id(),
        kind=kind,
        saga_id=saga.id,
        delivery_id=delivery_id,
        detail=detail,
        amount_minor=amount.minor if amount else None,
        currency=amount.currency if amount else "",
        opened_at=unit.now,
    )
    unit.announce(
        CaseOpened(case_id=case.id, kind=kind, detail=detail[:_TOLD]), saga=saga, actor="sagas"
    )
    return case


def report(unit: Unit, *, saga_id: UUID | None, owner: str, detail: str) -> Case:
    """Return a case about books that disagree, perhaps those of a saga, for the caller to insert.

    That it was opened is announced with the unit (R41).
    """
    case = Case(
        id=clock.new_id(),
        kind=CaseKind.RECONCILIATION,
        saga_id=saga_id,
        owner=owner,
        detail=detail,
        opened_at=unit.now,
    )
    _tell(unit, case, DisagreementReported(case_id=case.id, owner=owner, detail=detail[:_TOLD]))
    return case


def _tell(unit: Unit, case: Case, fact: Event, *, by: str = "sagas") -> None:
    about = Subject(model=Case._meta.label, key=str(case.id))
    unit.announce(fact, saga=None, subject=about, actor=by)


def close_reported(unit: Unit, case: Case, *, by: str, note: str) -> None:
    """Close a case of `report`, which the caller has found open."""
    _write(unit, case, by=by, note=note)
    _tell(unit, case, DisagreementSettled(case_id=case.id, note=note[:_TOLD]), by=by)


def close_cases(unit: Unit, saga: Saga, *, delivery_id: UUID, by: str, note: str) -> None:
    """Close what is open about a delivery; the caller holds the saga's lock."""
    for case in Case.objects.using(unit.using).filter(delivery_id=delivery_id, closed_at=None):
        _close(unit, saga, case, by=by, note=note)


def approve_case(unit: Unit, saga: Saga, case: Case, *, by: str, note: str) -> None:
    """Close a braked call's case by letting it go out; the caller holds the saga's lock."""
    case.approved = True
    _close(unit, saga, case, by=by, note=note)


def close_case(case: Case, *, actor: str, reason: str) -> bool:
    """Close a case by a person's decision. Says whether it was open (G10).

    Raises ValueError while its delivery is dead or braked, and while what it asks is undecided:
    those have an open case (D8).
    """
    using = case._state.db or "default"
    if case.kind == CaseKind.RECONCILIATION or case.saga_id is None:
        return _close_apart(case, using, by=actor, note=reason)
    with locked_saga(case.saga_id, using) as (unit, saga):
        fresh = Case.objects.using(using).get(id=case.id)
        if fresh.closed_at is not None:
            return False
        _refuse_while_needed(fresh, saga, using)
        _close(unit, saga, fresh, by=actor, note=reason)
    return True


def _close_apart(case: Case, using: str, *, by: str, note: str) -> bool:
    with transaction.atomic(using=using):
        unit = Unit(using, now=clock.now(using), careful=True)
        still = Case.objects.using(using).filter(id=case.id, closed_at=None)
        fresh = for_update(still).first()
        if fresh is not None:
            close_reported(unit, fresh, by=by, note=note)
        unit.flush()
    return fresh is not None


def _refuse_while_needed(case: Case, saga: Saga, using: str) -> None:
    if case.kind == CaseKind.HELD and question.lasts(saga, using):
        raise ValueError(_("It is not decided yet: decide it where it is, which closes this."))
    if case.delivery_id is None:
        return
    rows = Delivery.objects.using(using).filter(id=case.delivery_id)
    state = rows.values_list("state", flat=True).first()
    if state == DeliveryState.DEAD:
        raise ValueError(_("Its delivery is still dead: try it again, correct it, or skip it."))
    if state == DeliveryState.BRAKED:
        raise ValueError(_("Its call is still braked: approve it, or skip it."))


def _close(unit: Unit, saga: Saga, case: Case, *, by: str, note: str) -> None:
    _write(unit, case, by=by, note=note)
    unit.announce(CaseClosed(case_id=case.id, kind=case.kind, note=note), saga=saga, actor=by)


def _write(unit: Unit, case: Case, *, by: str, note: str) -> None:
    case.closed_at, case.closed_by, case.note = unit.now, by, note
    case.save(using=unit.using, update_fields=["closed_at", "closed_by", "note", "approved"])
