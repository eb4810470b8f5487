"""Case: something that waits for a person. An open case is a saga's next move (G5)."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sagas import clock
from sagas.facts import CaseClosed, CaseOpened
from sagas.models import Case, Saga

if TYPE_CHECKING:
    from sagas.unit import Unit


def open_case(
    unit: "Unit", saga: Saga, kind: str, *, detail: str, delivery_id: UUID | None = None
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


def close_cases(unit: "Unit", saga: Saga, *, delivery_id: UUID, by: str, note: str) -> None:
    """Close what is open about a delivery; the caller holds the saga's lock."""
    for case in Case.objects.using(unit.using).filter(delivery_id=delivery_id, closed_at=None):
        _close(unit, saga, case, by=by, note=note, at=unit.now)


def close_case(unit: "Unit", saga: Saga, case: Case, *, by: str, note: str) -> None:
    """Close one case with a person's note; closing a closed one changes nothing (G10)."""
    if case.closed_at is None:
        _close(unit, saga, case, by=by, note=note, at=unit.now)


def _close(unit: "Unit", saga: Saga, case: Case, *, by: str, note: str, at: datetime) -> None:
    case.closed_at, case.closed_by, case.note = at, by, note
    case.save(using=unit.using, update_fields=["closed_at", "closed_by", "note"])
    unit.announce(CaseClosed(case_id=case.id, kind=case.kind, note=note), saga=saga, actor=by)
