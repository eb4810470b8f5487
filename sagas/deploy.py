"""Deploy: whether the code at hand can finish what is under way, and what new steps have missed.

A delivery whose handler is gone stays ready (R20), but a deploy should not leave it so. A step that
came with a later version is given the events of the sagas that began before it (decision 29).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from sagas import clock, codec, deadline
from sagas.choreography import CHOREOGRAPHIES
from sagas.event import Event
from sagas.exceptions import UndecodableEvent, UnknownEvent
from sagas.models import Delivery, Saga, SagaStatus, StoredEvent
from sagas.outbox import locked_saga
from sagas.routing import is_undo, routes, step_named
from sagas.step import INQUIRE_PREFIX, Step
from sagas.unit import Unit

#: How many events each step has missed, by its full name.
Missed = Counter[str]


class DeliveryBackfilled(Event):
    """A step that is new in its choreography was given an event from before it (decision 29)."""

    delivery_id: UUID
    consumer: str
    step: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unfinished:
    """So many rows of one kind that this code could not finish."""

    #: "handler", "choreography" or "schema".
    kind: str
    name: str
    count: int


def unfinished(using: str = "default") -> tuple[Unfinished, ...]:
    """Return what is under way and has no handler, choreography or schema in this code."""
    return (*_without_handler(using), *_without_choreography(using), *_without_schema(using))


def _without_handler(using: str) -> Iterator[Unfinished]:
    found = Delivery.objects.using(using).values_list("consumer", "purpose").order_by()
    for consumer, purpose, count in found.annotate(count=Count("id")):
        if not _is_handled(consumer, purpose):
            yield Unfinished(kind="handler", name=f"{consumer}.{purpose}", count=count)


def _is_handled(consumer: str, purpose: str) -> bool:
    if purpose == deadline.SAGA_DEADLINE:
        return True
    row = Delivery(consumer=consumer, purpose=purpose)
    if deadline.is_state_timer(row):
        return deadline.declared_timer(row) is not None
    return step_named(consumer, purpose.removeprefix(INQUIRE_PREFIX)) is not None


def _without_choreography(using: str) -> Iterator[Unfinished]:
    running = Saga.objects.using(using).filter(status=SagaStatus.RUNNING)
    unknown = running.exclude(choreography__in=CHOREOGRAPHIES).values_list("choreography")
    for name, count in unknown.annotate(count=Count("id")).order_by():
        yield Unfinished(kind="choreography", name=name, count=count)


def _without_schema(using: str) -> Iterator[Unfinished]:
    under_way = Delivery.objects.using(using).values("event_id")
    events = StoredEvent.objects.using(using).filter(id__in=under_way)
    broken: Counter[str] = Counter()
    for name, version, payload in events.values_list("type", "version", "payload").iterator():
        try:
            codec.decode(name, version, payload)
        except (UnknownEvent, UndecodableEvent):
            broken[f"{name} v{version}"] += 1
    for name, count in sorted(broken.items()):
        yield Unfinished(kind="schema", name=name, count=count)


# -- back-filling ---------------------------------------------------------------------------------


def backfill(*, apply: bool, reason: str = "", actor: str = "", using: str = "default") -> Missed:
    """Give later steps the events that running sagas had before them; return how many per step.

    With `apply` each is a fact in the log, and the sagas follow the newest version from then on;
    without it nothing is changed. May be stopped and repeated without harm.
    """
    missed: Missed = Counter()
    for saga_id in _behind(using):
        with locked_saga(saga_id, using) as (unit, saga):
            for step, stored in _missed_by(saga, using):
                missed[step.full_name] += 1
                if apply:
                    _give(unit, saga, step, stored, reason=reason, actor=actor)
            if apply:
                _catch_up(saga, using)
    return missed


def _behind(using: str) -> Iterator[UUID]:
    """Yield the running sagas that began under an older version of their choreography."""
    for choreography in CHOREOGRAPHIES.values():
        yield from (
            Saga.objects.using(using)
            .filter(
                choreography=choreography.name,
                status=SagaStatus.RUNNING,
                route_version__lt=choreography.version,
            )
            .values_list("id", flat=True)
        )


def _missed_by(saga: Saga, using: str) -> Iterator[tuple[Step, StoredEvent]]:
    events = StoredEvent.objects.using(using).filter(saga_id=saga.id).order_by("position")
    for stored in events if saga.status == SagaStatus.RUNNING else ():
        for step in routes().reacting(saga.choreography, stored.type):
            if step.since > stored.route_version and is_undo(step) == saga.is_compensating:
                yield step, stored


def _give(
    unit: Unit, saga: Saga, step: Step, stored: StoredEvent, *, reason: str, actor: str
) -> None:
    row = Delivery(
        id=clock.new_id(),
        event=stored,
        consumer=step.consumer,
        purpose=step.name,
        kind=step.kind,
        saga_id=saga.id,
        position=stored.position,
        rank=0 if step.is_request else 1,
        group=saga.group,
        available_at=unit.now,
        created_at=unit.now,
    )
    unit.deliveries.append(row)
    fact = DeliveryBackfilled(delivery_id=row.id, consumer=row.consumer, step=step.full_name)
    unit.record(fact, saga=saga, actor=actor, reason=reason)


def _catch_up(saga: Saga, using: str) -> None:
    version = CHOREOGRAPHIES[saga.choreography].version
    Saga.objects.using(using).filter(id=saga.id).update(route_version=version)
