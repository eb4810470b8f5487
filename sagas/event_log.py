"""Event log: appends facts, in order, in the caller's transaction; and reads them back.

Two orders are kept, both without gaps and neither by time: `position` in the saga, under the
saga's lock, and `subject_seq` of the subject, under the subject's. The newest event of a subject
is never pruned, so its order can't start anew (decision 28).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Max, Model

from sagas import fsm
from sagas.models import Saga, StoredEvent

#: The subject of events that speak of no other: the saga itself.
SAGA_LABEL = "sagas.Saga"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Whom an event is about, and what became of it."""

    model: str
    key: str
    field: str = ""
    transition: str = ""
    from_state: str = ""
    to_state: str = ""
    row: Model | None = None

    @property
    def moved(self) -> bool:
        """Whether its state changed."""
        return bool(self.transition)

    @property
    def lane(self) -> str:
        """The key of the lane in which its free events are taken one after another."""
        return f"{self.model}:{self.key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The delivery that an event is a consequence of; `ordinal` is its place among them."""

    event: UUID
    consumer: str
    purpose: str
    ordinal: int | None = None


def subject_of_saga(saga: Saga) -> Subject:
    """Return the subject of events that are about the saga itself."""
    return Subject(model=SAGA_LABEL, key=str(saga.id))


def subject_of(
    row: Model, field: str, *, before: str | None = None, transition: str = ""
) -> Subject:
    """Return the subject for a row whose state was `before` and is what it is now."""
    state = fsm.state_of(row, field) if field else ""
    return Subject(
        model=row._meta.label,
        key=str(row.pk),
        field=field,
        transition=transition,
        from_state=state if before is None else before,
        to_state=state,
        row=row,
    )


def allocate_subject_order(events: Iterable[StoredEvent], using: str) -> None:
    """Give each event its place in its subject's order: one statement for all of them.

    The caller holds the subjects' row locks, or has just made them.
    """
    waiting = [event for event in events if event.subject_model != SAGA_LABEL]
    for event in events:
        event.subject_seq = event.position
    newest = _newest(waiting, using)
    for event in waiting:
        place = (event.subject_model, event.subject_key)
        newest[place] += 1
        event.subject_seq = newest[place]


def _newest(events: list[StoredEvent], using: str) -> defaultdict[tuple[str, str], int]:
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    if not events:
        return found
    rows = (
        StoredEvent.objects.using(using)
        .filter(
            subject_model__in={event.subject_model for event in events},
            subject_key__in={event.subject_key for event in events},
        )
        .values_list("subject_model", "subject_key")
        .annotate(newest=Max("subject_seq"))
        .order_by()
    )
    found.update({(model, key): newest for model, key, newest in rows})
    return found


def holds_transition(step: Any, subject: Subject, using: str) -> bool:
    """Whether the subject's log already holds the very move that `step` makes (decision 16)."""
    names = {step.begins} if step.begins else set(step.moves)
    if not names:
        return False
    return (
        StoredEvent.objects.using(using)
        .filter(subject_model=subject.model, subject_key=subject.key, transition__in=names)
        .exists()
    )


def timeline(saga_id: UUID, using: str = "default") -> list[StoredEvent]:
    """Return a saga's events in the order in which they happened."""
    return list(StoredEvent.objects.using(using).filter(saga_id=saga_id).order_by("position"))


def runs_of(step: Any, saga_ids: Iterable[UUID], using: str) -> dict[UUID, int]:
    """Return how often a step has run in each saga, for `at_most` (decision 6)."""
    rows = (
        StoredEvent.objects.using(using)
        .filter(
            saga_id__in=list(saga_ids),
            cause_consumer=step.consumer,
            cause_purpose=step.name,
            ordinal=0,
        )
        .values_list("saga_id")
        .order_by()
    )
    counts: dict[UUID, int] = defaultdict(int)
    for (saga_id,) in rows:
        counts[saga_id] += 1
    return counts
