"""Deadline: timers are deliveries. None acts by itself or assumes failure (decision 25).

A state timer is written by the transaction that enters the state and deleted by the one that
leaves it; firing re-checks under the lock and announces a fact. A saga's deadline before the pivot
announces the wish to abort; after it, a case is opened.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q

from sagas import clock
from sagas.event import Event, fill
from sagas.event_log import Subject
from sagas.models import Delivery, Saga, StoredEvent
from sagas.routing import routes, timer_named
from sagas.step import Kind, StateTimer

if TYPE_CHECKING:
    from sagas.unit import Unit

#: The purpose of the timer that a saga's own deadline is.
SAGA_DEADLINE = "deadline"
_WHILE_IN = "while_in:"


def _timer(saga: Saga, stored: StoredEvent, *, consumer: str, purpose: str) -> Delivery:
    return Delivery(
        id=clock.new_id(),
        event=stored,
        consumer=consumer,
        purpose=purpose,
        kind=Kind.TIMER,
        saga_id=saga.id,
        position=stored.position,
        rank=0,
        group=saga.group,
        created_at=stored.recorded_at,
    )


def saga_timer(saga: Saga, stored: StoredEvent, now: datetime) -> Delivery:
    """Return the timer for the saga's own deadline, kept by the owner of its business key."""
    owner = routes().owners.get(saga.choreography, stored.context)
    timer = _timer(saga, stored, consumer=owner, purpose=SAGA_DEADLINE)
    timer.available_at = saga.deadline_at or now
    return timer


def state_timers(
    saga: Saga, stored: StoredEvent, subject: Subject, now: datetime
) -> Iterator[Delivery]:
    """Yield the timers of the state that the subject has just entered."""
    for declared in routes().timers.get((subject.model, subject.field, subject.to_state), ()):
        timer = _timer(
            saga, stored, consumer=declared.consumer, purpose=f"{_WHILE_IN}{declared.name}"
        )
        timer.waits_model, timer.waits_key = subject.model, f"pk={stored.subject_key}"
        timer.available_at = _due(declared, subject, now)
        yield timer


def _due(declared: StateTimer, subject: Subject, now: datetime) -> datetime:
    until = declared.until(subject.row) if callable(declared.until) else declared.until
    return now + until if isinstance(until, timedelta) else until


def timers_of(model: str, field: str, state: str) -> frozenset[str]:
    """Return the purposes of the timers that a state has."""
    found = routes().timers.get((model, field, state), ())
    return frozenset(f"{_WHILE_IN}{timer.name}" for timer in found)


def declared_timer(delivery: Delivery) -> StateTimer | None:
    """Return what a timer delivery stands for, or None if this code does not know it."""
    return timer_named(delivery.consumer, delivery.purpose.removeprefix(_WHILE_IN))


def is_state_timer(delivery: Delivery) -> bool:
    """Whether the delivery is a timer on a state."""
    return delivery.purpose.startswith(_WHILE_IN)


def fact_of(declared: StateTimer, row: object, started_by: Event) -> Event:
    """Return the fact that a timer announces about its subject."""
    if isinstance(declared.then, type):
        return fill(declared.then, row, started_by)
    return declared.then(row)


def drop_timers(unit: "Unit", in_hand: frozenset[UUID]) -> None:
    """Delete the timers of states that were left, and of sagas that have ended."""
    dropped = Q()
    purposes = {purpose for purpose, _ in unit.left_timers}
    if purposes:
        keys = {key for _, key in unit.left_timers}
        dropped |= Q(purpose__in=purposes, waits_key__in=keys)
    if unit.ended:
        dropped |= Q(saga_id__in=unit.ended, purpose=SAGA_DEADLINE)
    if dropped:
        fresh = {delivery.id for delivery in unit.deliveries}
        timers = Delivery.objects.using(unit.using).filter(dropped, kind=Kind.TIMER)
        timers.exclude(id__in=in_hand | fresh).delete()
