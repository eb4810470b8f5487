"""Unit: what one transaction announces, kept in memory, written with one statement per kind.

It holds the sagas' locks, opens sagas, turns and ends them, and lets deliveries and timers follow
from each event. The worker and the outbox's doors both announce through it.
"""

from collections import defaultdict
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model

from sagas import clock, codec, compensation, deadline, question
from sagas.choreography import CHOREOGRAPHIES, Choreography
from sagas.event import Event
from sagas.event_log import Cause, Subject, allocate_subject_order, subject_of_saga
from sagas.exceptions import (
    DirectionConflict,
    NoSaga,
)
from sagas.locks import for_update
from sagas.models import Delivery, DeliveryState, Direction, Saga, SagaStatus, StoredEvent
from sagas.routing import FREE, is_undo, lookup_fields, routes
from sagas.rows import update_rows
from sagas.step import Step
from sagas.trace import child_of

Row = TypeVar("Row", bound=Model)

#: What a unit writes of a saga row.
_SAGA_FIELDS = ("position", "direction", "status", "pivoted_at", "turned_at", "ended_at")


class Unit:
    """What one local transaction announces; written by `flush`.

    `careful` looks for an existing saga before opening one; a batch leaves that to the unique
    constraint and runs its members one by one when it strikes.
    """

    def __init__(self, using: str, *, now: datetime, careful: bool) -> None:
        """Begin inside an open transaction on database `using`."""
        self.using = using
        self.now = now
        self.careful = careful
        self.sagas: dict[UUID, Saga] = {}
        self.opened: list[Saga] = []
        self.events: list[StoredEvent] = []
        self.deliveries: list[Delivery] = []
        self.turned: set[UUID] = set()
        self.ended: set[UUID] = set()
        self.left_timers: set[tuple[str, str]] = set()
        self.moved: set[tuple[str, str]] = set()
        self.woken: list[tuple[str, UUID]] = []
        self._changed: set[UUID] = set()
        self._abouts: list[tuple[Saga, StoredEvent, Subject]] = []

    def hold(self, sagas: list[Saga]) -> None:
        """Take note of saga rows that this transaction has locked."""
        self.sagas.update({saga.id: saga for saga in sagas})

    def announce(
        self,
        event: Event,
        *,
        saga: Saga | None,
        subject: Subject | None = None,
        cause: Cause | None = None,
        actor: str = "",
        reason: str = "",
        traceparent: str = "",
    ) -> StoredEvent:
        """Keep `event` for writing, with the deliveries and timers that follow from it.

        `saga` is the one at hand; an event that starts a choreography opens its own. Raises
        DirectionConflict for an abort after the pivot or a pivot while compensating.
        """
        saga, is_repeated = self._saga_of(event, saga, subject, cause)
        if is_repeated:
            return _first_event(saga, event, self.using)
        stored = self.record(
            event,
            saga=saga,
            subject=subject,
            cause=cause,
            actor=actor,
            reason=reason,
            traceparent=traceparent,
        )
        self._turn_or_end(saga, event)
        self._deliver(saga, event, stored)
        return stored

    def record(
        self,
        event: Event,
        *,
        saga: Saga,
        subject: Subject | None = None,
        cause: Cause | None = None,
        actor: str = "",
        reason: str = "",
        traceparent: str = "",
        replaces: UUID | None = None,
    ) -> StoredEvent:
        """Keep `event` for writing to the log, and let nothing follow from it."""
        stored = self._store(event, saga, subject or subject_of_saga(saga), cause)
        stored.actor = actor
        stored.reason = reason or str(getattr(event, "reason", ""))
        stored.traceparent = child_of(traceparent)
        stored.replaces = replaces
        return stored

    def _store(
        self, event: Event, saga: Saga, subject: Subject, cause: Cause | None
    ) -> StoredEvent:
        saga.position += 1
        self._changed.add(saga.id)
        stored = StoredEvent(
            id=clock.new_id(),
            type=event.wire_name,
            version=event.version,
            payload=codec.encode(event),
            context=event.context,
            saga_id=saga.id,
            position=saga.position,
            route_version=saga.route_version,
            subject_model=subject.model,
            subject_key=subject.key,
            state_field=subject.field,
            transition=subject.transition,
            from_state=subject.from_state,
            to_state=subject.to_state,
            recorded_at=self.now,
        )
        if cause is not None:
            stored.cause, stored.ordinal = cause.event, cause.ordinal
            stored.cause_consumer, stored.cause_purpose = cause.consumer, cause.purpose
        self.events.append(stored)
        self._abouts.append((saga, stored, subject))
        return stored

    def moves(self) -> list[tuple[Saga, StoredEvent, Subject]]:
        """Return what has moved a subject so far: in which saga, by which event, from where to."""
        return [about for about in self._abouts if about[2].moved and about[2].row is not None]

    # -- sagas ------------------------------------------------------------------------------

    def _saga_of(
        self, event: Event, saga: Saga | None, subject: Subject | None, cause: Cause | None
    ) -> tuple[Saga, bool]:
        """Return the event's saga, and whether the event has started it before (decision 1)."""
        started = routes().starts.get(event.wire_name)
        if started is not None:
            return self._open(started, event, origin=cause.event if cause else None)
        if event.free:
            return self._free_lane(event, subject), False
        if saga is None:
            message = (
                f"{event.wire_name} starts no choreography and no saga is at hand:"
                " publish it of an object that a running saga is about."
            )
            raise NoSaga(message)
        return saga, False

    def _free_lane(self, event: Event, subject: Subject | None) -> Saga:
        if subject is None:
            message = f"{event.wire_name} is free: publish it of the object that is its lane."
            raise NoSaga(message)
        lane, _ = self._find_or_insert(
            Saga(
                choreography=FREE,
                key=subject.lane,
                status=SagaStatus.FREE,
                started_at=self.now,
            )
        )
        return lane

    def _open(
        self, choreography: Choreography, event: Event, *, origin: UUID | None
    ) -> tuple[Saga, bool]:
        saga = Saga(
            choreography=choreography.name,
            key=choreography.key_of(event),
            label=choreography.label_of(event),
            route_version=choreography.version,
            origin=origin,
            started_at=self.now,
            deadline_at=self.now + choreography.deadline,
        )
        if self.careful:
            return self._find_or_insert(saga)
        self.opened.append(saga)
        self.hold([saga])
        return saga, False

    def _find_or_insert(self, saga: Saga) -> tuple[Saga, bool]:
        """Insert unless the key is taken, then lock whichever row is there."""
        Saga.objects.using(self.using).bulk_create([saga], ignore_conflicts=True)
        same_key = Saga.objects.using(self.using).filter(
            choreography=saga.choreography, key=saga.key
        )
        found = for_update(same_key).get()
        found = self.sagas.setdefault(found.id, found)
        return found, found.position > 0 and saga.choreography != FREE

    def _turn_or_end(self, saga: Saga, event: Event) -> None:
        choreography = CHOREOGRAPHIES.get(saga.choreography)
        if choreography is None:
            return
        kind = type(event)
        if kind in choreography.aborts and not saga.is_compensating:
            self._turn(saga, event)
        if kind is choreography.pivot:
            self._pass_pivot(saga, event)
        if kind in choreography.ends and saga.status == SagaStatus.RUNNING:
            done = kind in choreography.completes
            saga.status = SagaStatus.COMPLETED if done else SagaStatus.COMPENSATED
            saga.ended_at = self.now
            self.ended.add(saga.id)

    def _turn(self, saga: Saga, event: Event) -> None:
        if saga.pivoted_at is not None:
            message = f"{event.wire_name} would turn {saga} back after its pivot (G8)."
            raise DirectionConflict(message)
        saga.direction = Direction.COMPENSATING
        saga.turned_at = self.now
        self.turned.add(saga.id)

    def _pass_pivot(self, saga: Saga, event: Event) -> None:
        if saga.is_compensating:
            message = f"{event.wire_name} is the pivot of {saga}, which is going back (G8)."
            raise DirectionConflict(message)
        saga.pivoted_at = self.now

    # -- deliveries and timers ---------------------------------------------------------------

    def _deliver(self, saga: Saga, event: Event, stored: StoredEvent) -> None:
        for step in routes().reacting(saga.choreography, event.wire_name):
            if is_undo(step) == saga.is_compensating and step.since <= saga.route_version:
                self.deliveries.append(self._delivery(saga, stored, step))
        if saga.position == 1 and saga.deadline_at is not None:
            self.deliveries.append(deadline.saga_timer(saga, stored, self.now))

    def _delivery(self, saga: Saga, stored: StoredEvent, step: Step) -> Delivery:
        return Delivery(
            id=clock.new_id(),
            event=stored,
            consumer=step.consumer,
            purpose=step.name,
            kind=step.kind,
            saga_id=saga.id,
            position=stored.position,
            rank=0 if step.is_request else 1,
            group=saga.group,
            available_at=self.now,
            created_at=self.now,
        )

    def _follow_subjects(self) -> None:
        """Now that every row has its key: name it, wake what waited, set and drop timers."""
        for saga, stored, subject in self._abouts:
            if subject.row is None:
                continue
            stored.subject_key = str(subject.row.pk)
            if subject.moved:
                self._follow_move(saga, stored, subject, subject.row)

    def _follow_move(self, saga: Saga, stored: StoredEvent, subject: Subject, row: Model) -> None:
        for field in lookup_fields(subject.model):
            self.moved.add((subject.model, f"{field}={getattr(row, field)}"))
        watched = f"pk={row.pk}"
        purposes = deadline.timers_of(subject.model, subject.field, subject.from_state)
        self.left_timers.update((purpose, watched) for purpose in purposes)
        self.deliveries = [
            d for d in self.deliveries if not (d.purpose in purposes and d.waits_key == watched)
        ]
        self.deliveries.extend(deadline.state_timers(saga, stored, subject, self.now))

    # -- writing -----------------------------------------------------------------------------

    def flush(self, *, in_hand: frozenset[UUID] = frozenset()) -> None:
        """Write everything announced: one statement per kind, whatever the number.

        `in_hand` are deliveries that the caller has claimed and deletes or moves itself.
        """
        compensation.remove_forward(self, in_hand)
        question.follow(self)
        self._follow_subjects()
        self._write_sagas()
        allocate_subject_order(self.events, self.using)
        StoredEvent.objects.using(self.using).bulk_create(self.events)
        Delivery.objects.using(self.using).bulk_create(self.deliveries)
        deadline.drop_timers(self, in_hand)
        self._wake_parked()

    def _write_sagas(self) -> None:
        Saga.objects.using(self.using).bulk_create(self.opened)
        fresh = {saga.id for saga in self.opened}
        changed = [self.sagas[saga_id] for saga_id in self._changed - fresh]
        if changed:
            update_rows(self.using, changed, _SAGA_FIELDS)

    def _wake_parked(self) -> None:
        """A parked delivery is ready again in the transaction that moved its subject (R26)."""
        if not self.moved:
            return
        parked = Delivery.objects.using(self.using).filter(
            state=DeliveryState.PARKED,
            waits_model__in={model for model, _ in self.moved},
            waits_key__in={key for _, key in self.moved},
        )
        self.woken = list(parked.values_list("consumer", "id"))
        if self.woken:
            Delivery.objects.using(self.using).filter(
                id__in=[delivery_id for _, delivery_id in self.woken], state=DeliveryState.PARKED
            ).update(state=DeliveryState.READY, available_at=self.now)

    def hints(self) -> dict[str, list[UUID]]:
        """Return what can be taken now, by consumer."""
        due: dict[str, list[UUID]] = defaultdict(list)
        for delivery in self.deliveries:
            if delivery.available_at <= self.now and delivery.state == DeliveryState.READY:
                due[delivery.consumer].append(delivery.id)
        for consumer, delivery_id in self.woken:
            due[consumer].append(delivery_id)
        return due


def _first_event(saga: Saga, event: Event, using: str) -> StoredEvent:
    return StoredEvent.objects.using(using).get(saga_id=saga.id, position=1, type=event.wire_name)
