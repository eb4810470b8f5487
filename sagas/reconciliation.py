"""Reconciliation: finds disagreement between log, deliveries and sagas; part of the safety (R41).

Each finding names its invariant (correctness rules D1-D8). It repairs nothing but opens cases.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, QuerySet

from sagas import clock
from sagas.case import open_case
from sagas.choreography import CHOREOGRAPHIES
from sagas.claim import lock_sagas
from sagas.event_log import SAGA_LABEL
from sagas.models import Case, CaseKind, Delivery, Saga, SagaStatus, StoredEvent
from sagas.routing import routes
from sagas.unit import Unit


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken invariant: which, where, and what was seen."""

    invariant: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.where}: {self.detail}"


def stranded_sagas(using: str = "default") -> list[UUID]:
    """Return running sagas without a next move: no delivery and no open case (D3, G5)."""
    deliveries = Delivery.objects.using(using).filter(saga_id=OuterRef("id"))
    cases = Case.objects.using(using).filter(saga_id=OuterRef("id"), closed_at=None)
    running = Saga.objects.using(using).filter(status=SagaStatus.RUNNING)
    found = running.filter(~Exists(deliveries), ~Exists(cases))
    return list(found.values_list("id", flat=True)[:100])


def open_cases_for_stranded(using: str = "default") -> int:
    """Ask a person about every saga without a next move. Returns how many (decision 4)."""
    found = stranded_sagas(using)
    if not found:
        return 0
    with transaction.atomic(using=using):
        sagas = lock_sagas(using, found, skip_locked=True)
        unit = Unit(using, now=clock.now(using), careful=True)
        unit.hold(list(sagas.values()))
        still = set(stranded_sagas(using)) & set(sagas)
        for saga_id in still:
            detail = "No delivery is left and nobody announced the end."
            open_case(unit, sagas[saga_id], CaseKind.NO_NEXT_MOVE, detail=detail)
        unit.flush()
    return len(still)


def findings(using: str = "default") -> list[Finding]:
    """Return every broken invariant of the engine's own tables."""
    return [
        *_without_next_move(using),
        *_gaps_in_sagas(using),
        *_broken_chains(using),
        *_undone_events(using),
        *_dead_without_case(using),
    ]


def _without_next_move(using: str) -> Iterator[Finding]:
    for saga_id in stranded_sagas(using):
        yield Finding(invariant="D3", where=f"saga {saga_id}", detail="has no next move")


def _gaps_in_sagas(using: str) -> Iterator[Finding]:
    """Positions count without gaps, and the saga knows the last one (D2)."""
    rows = (
        StoredEvent.objects.using(using)
        .values("saga_id")
        .annotate(events=Count("id"), last=Max("position"))
        .exclude(events=F("last"))
        .exclude(saga_id__in=_pruned(using))
    )
    for row in rows:
        detail = f"{row['events']} events up to position {row['last']}"
        yield Finding(invariant="D2", where=f"saga {row['saga_id']}", detail=detail)


def _pruned(using: str) -> QuerySet[Saga, UUID]:
    """Return the sagas whose log is not whole any more: nothing can be proven of them."""
    return Saga.objects.using(using).exclude(pruned_at=None).values_list("id", flat=True)


def _broken_chains(using: str) -> Iterator[Finding]:
    """Each event of a subject begins in the state in which the one before ended (decision 28)."""
    ends: dict[tuple[str, str, str], str] = {}
    rows = (
        StoredEvent.objects.using(using)
        .exclude(subject_model=SAGA_LABEL)
        .exclude(state_field="")
        .order_by("subject_model", "subject_key", "subject_seq")
        .values_list("subject_model", "subject_key", "state_field", "from_state", "to_state", "id")
    )
    for model, key, field, before, after, event_id in rows.iterator():
        place = (model, key, field)
        known = ends.get(place)
        if known is not None and known != before:
            detail = f"event {event_id} begins in {before!r}, the one before ended in {known!r}"
            yield Finding(invariant="D2", where=f"{model} {key}", detail=detail)
        ends[place] = after


def _undone_events(using: str) -> Iterator[Finding]:
    """Every delivery of an event is there, or an event names it as its cause (D1)."""
    whole = Saga.objects.using(using).filter(pruned_at=None)
    known = dict(whole.values_list("id", "choreography"))
    open_ones = set(Delivery.objects.using(using).values_list("event_id", "consumer", "purpose"))
    done = set(
        StoredEvent.objects.using(using)
        .filter(ordinal=0)
        .values_list("cause", "cause_consumer", "cause_purpose")
    )
    turned = _positions_of_turns(using)
    # A person's correction goes to the one consumer that it was made for (decision 26).
    rows = (
        StoredEvent.objects.using(using)
        .filter(replaces=None)
        .values_list("id", "type", "saga_id", "position", "route_version")
    )
    for event_id, wire_name, saga_id, position, version in rows.iterator():
        going_back = position >= turned.get(saga_id, position + 1)
        for step in routes().reacting(known.get(saga_id, ""), wire_name):
            expected = (step.kind == "undo") == going_back and step.since <= version
            place = (event_id, step.consumer, step.name)
            if expected and place not in open_ones and place not in done:
                detail = f"{wire_name} never reached {step.full_name}"
                yield Finding(invariant="D1", where=f"saga {saga_id}", detail=detail)


def _positions_of_turns(using: str) -> dict[UUID, int]:
    """Return the position from which each turned saga goes back: that of its first abort."""
    aborts = {event.wire_name for c in CHOREOGRAPHIES.values() for event in c.aborts}
    rows = (
        StoredEvent.objects.using(using)
        .filter(type__in=aborts)
        .values("saga_id")
        .annotate(first=Min("position"))
    )
    return {row["saga_id"]: row["first"] for row in rows}


def _dead_without_case(using: str) -> Iterator[Finding]:
    """Everything dead has an owner: an open case (D8)."""
    cases = Case.objects.using(using).filter(delivery_id=OuterRef("id"), closed_at=None)
    dead = Delivery.objects.using(using).filter(~Exists(cases), state="dead")
    for row in dead:
        yield Finding(invariant="D8", where=f"delivery {row.id}", detail="is dead and has no case")
