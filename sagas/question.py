"""Question: a state in which only a person decides has an open case for as long as it lasts (G5).

The transaction that enters the state opens the case, the one that leaves it closes it: whoever
moves the subject, and however, nobody is asked about what is decided, and nobody forgets to ask.
"""

from typing import TYPE_CHECKING

from django.db.models import Model

from sagas import clock
from sagas.facts import CaseClosed, CaseOpened
from sagas.models import Case, CaseKind, Saga, StoredEvent
from sagas.routing import routes
from sagas.step import Question

if TYPE_CHECKING:
    from sagas.unit import Unit


def follow(unit: "Unit") -> None:
    """Open and close the cases of the states that a unit's moves enter and leave."""
    known = routes().questions
    for saga, stored, subject in unit.moves():
        place = (subject.model, subject.field)
        left, entered = (
            known.get((*place, subject.from_state)),
            known.get((*place, subject.to_state)),
        )
        if left is entered:
            continue
        if left is not None and left.saga == saga.choreography:
            _close(unit, saga, left, stored)
        if entered is not None and entered.saga == saga.choreography:
            _open(unit, saga, entered, subject.row)


def lasts(saga: Saga, using: str) -> bool:
    """Whether a saga's subject is in a state in which only a person decides."""
    return any(
        question.model._base_manager.using(using)
        .filter(pk=saga.key, **{question.field: question.state})
        .exists()
        for question in routes().questions.values()
        if question.saga == saga.choreography
    )


def _open(unit: "Unit", saga: Saga, question: Question, row: Model | None) -> None:
    detail = question.says(row)
    case = Case(
        id=clock.new_id(),
        kind=CaseKind.HELD,
        saga_id=saga.id,
        owner=question.owner,
        detail=detail,
        opened_at=unit.now,
    )
    case.save(using=unit.using, force_insert=True)
    opened = CaseOpened(case_id=case.id, kind=case.kind, detail=detail)
    unit.announce(opened, saga=saga, actor="sagas")


def _close(unit: "Unit", saga: Saga, question: Question, stored: StoredEvent) -> None:
    said = _decision(unit, stored)
    for case in Case.objects.using(unit.using).filter(
        saga_id=saga.id,
        kind=CaseKind.HELD,
        delivery_id=None,
        owner=question.owner,
        closed_at=None,
    ):
        case.closed_at, case.closed_by = unit.now, said.actor
        case.note = said.reason or said.type
        case.save(using=unit.using, update_fields=["closed_at", "closed_by", "note"])
        closed = CaseClosed(case_id=case.id, kind=case.kind, note=case.note)
        unit.announce(closed, saga=saga, actor=said.actor)


def _decision(unit: "Unit", stored: StoredEvent) -> StoredEvent:
    """Return the fact by which it was decided: the one that led to the move, or the move's own."""
    if stored.cause is None:
        return stored
    return StoredEvent.objects.using(unit.using).filter(id=stored.cause).first() or stored
