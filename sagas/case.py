"""Case: something that waits for a person. An open case is a saga's next move (G5)."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from sagas import clock
from sagas.facts import CaseClosed, CaseOpened
from sagas.models import Case, Delivery, DeliveryState, Saga
from sagas.outbox import locked_saga
from sagas.unit import Unit


def open_case(
    unit: Unit, saga: Saga, kind: str, *, detail: str, delivery_id: UUID | None = None
) -> None:
    """Open a case unless the same one is open; the caller holds the saga's lock."""
    same = Case.objects.using(unit.using).filter(
        saga_id=saga.id, kind=kind, delivery_id=delivery_id, closed_at=None
    )
    if same.exists():
        return
    case = Case(
        id=clock.new_id(),
        kind=kind,
        saga_id=saga.id,
        delivery_id=delivery_id,
        detail=detail,
        opened_at=unit.now,
    )
    case.save(using=unit.using, force_insert=True)
    unit.announce(
        CaseOpened(case_id=case.id, kind=kind, detail=detail[:500]), saga=saga, actor="sagas"
    )


def close_cases(unit: Unit, saga: Saga, *, delivery_id: UUID, by: str, note: str) -> None:
    """Close what is open about a delivery; the caller holds the saga's lock."""
    for case in Case.objects.using(unit.using).filter(delivery_id=delivery_id, closed_at=None):
        _close(unit, saga, case, by=by, note=note, at=unit.now)


def close_case(case: Case, *, actor: str, reason: str) -> bool:
    """Close a case by a person's decision. Says whether it was open (G10).

    Raises ValueError while its delivery is dead: everything dead has an open case (D8).
    """
    using = case._state.db or "default"
    with locked_saga(case.saga_id, using) as (unit, saga):
        fresh = Case.objects.using(using).get(id=case.id)
        if fresh.closed_at is not None:
            return False
        _refuse_while_dead(fresh, using)
        _close(unit, saga, fresh, by=actor, note=reason, at=unit.now)
    return True


def _refuse_while_dead(case: Case, using: str) -> None:
    if case.delivery_id is None:
        return
    dead = Delivery.objects.using(using).filter(id=case.delivery_id, state=DeliveryState.DEAD)
    if dead.exists():
        raise ValueError(_("Its delivery is still dead: try it again, correct it, or skip it."))


def _close(unit: Unit, saga: Saga, case: Case, *, by: str, note: str, at: datetime) -> None:
    case.closed_at, case.closed_by, case.note = at, by, note
    case.save(using=unit.using, update_fields=["closed_at", "closed_by", "note"])
    unit.announce(CaseClosed(case_id=case.id, kind=case.kind, note=note), saga=saga, actor=by)
