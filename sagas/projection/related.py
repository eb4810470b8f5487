"""Related: the sagas that led to a saga, and those that came of it or are about the same thing.

A saga that a step opened knows its origin. One that came through a door, such as a return that a
customer asked for months later, names the other's business key in its first event.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import Q

from sagas.choreography import CHOREOGRAPHIES, Choreography
from sagas.models import Saga, StoredEvent


class Relation(StrEnum):
    """How another saga is related to the one at hand."""

    #: It led to this one.
    ORIGIN = "origin"
    #: It came of this one.
    CONSEQUENCE = "consequence"


@dataclass(frozen=True, kw_only=True, slots=True)
class RelatedSaga:
    """Another saga, and how it is related."""

    id: UUID
    choreography: str
    key: str
    status: str
    direction: str
    relation: Relation


def related(
    saga: Saga, events: Sequence[StoredEvent], *, using: str = "default"
) -> tuple[RelatedSaga, ...]:
    """Return the sagas around one whose events are given: origins first, then what came of it."""
    origins = _origins(saga, events, using)
    consequences = _consequences(saga, events, using)
    return (
        *(_described(other, Relation.ORIGIN) for other in origins),
        *(_described(other, Relation.CONSEQUENCE) for other in consequences),
    )


def _described(saga: Saga, relation: Relation) -> RelatedSaga:
    return RelatedSaga(
        id=saga.id,
        choreography=saga.choreography,
        key=saga.key,
        status=saga.status,
        direction=saga.direction,
        relation=relation,
    )


def _origins(saga: Saga, events: Sequence[StoredEvent], using: str) -> list[Saga]:
    wanted = Q()
    for name, key in _named_keys(saga, events):
        wanted |= Q(choreography=name, key=key)
    if saga.origin is not None:
        first = StoredEvent.objects.using(using).filter(id=saga.origin)
        wanted |= Q(id__in=first.values("saga_id"))
    return _others(saga, wanted, using)


def _consequences(saga: Saga, events: Sequence[StoredEvent], using: str) -> list[Saga]:
    wanted = Q(origin__in=[event.id for event in events])
    naming = _events_naming(saga, using)
    if naming is not None:
        wanted |= Q(id__in=naming)
    return _others(saga, wanted, using)


def _others(saga: Saga, wanted: Q, using: str) -> list[Saga]:
    if not wanted:
        return []
    rows = Saga.objects.using(using).filter(wanted).exclude(id=saga.id)
    return list(rows.order_by("started_at", "id")[:100])


def _named_keys(saga: Saga, events: Sequence[StoredEvent]) -> Iterator[tuple[str, str]]:
    """Yield the business keys of other choreographies that a saga's first event names."""
    first = next((event for event in events if event.position == 1), None)
    if first is None:
        return
    for choreography in _others_than(saga):
        key = first.payload.get(choreography.key)
        if key:
            yield choreography.name, str(key)


def _others_than(saga: Saga) -> Iterable[Choreography]:
    return (found for found in CHOREOGRAPHIES.values() if found.name != saga.choreography)


def _events_naming(saga: Saga, using: str) -> Iterable[UUID] | None:
    """Return the sagas whose first event names this one's key; other types are not read."""
    own = CHOREOGRAPHIES.get(saga.choreography)
    if own is None:
        return None
    starts = [c.starts for c in _others_than(saga) if own.key in c.starts.__struct_fields__]
    rows = StoredEvent.objects.using(using).filter(
        type__in=[event.wire_name for event in starts],
        position=1,
        **{f"payload__{own.key}": saga.key},
    )
    return list(rows.values_list("saga_id", flat=True)[:100]) if starts else None
