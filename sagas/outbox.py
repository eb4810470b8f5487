"""Outbox: announcing events in the transaction that changes the state they speak of.

`publish` and `saga_transaction` are the doors for views, webhooks and people; `locked_saga` is the
one for operators' verbs. Hints go out on commit, and their failure is never an error (R3).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import connections, router, transaction
from django.db.models import Model, Q

from sagas import clock, fsm
from sagas.choreography import CHOREOGRAPHIES
from sagas.event import Event
from sagas.event_log import Subject, subject_of
from sagas.exceptions import (
    NoSaga,
    OutsideTransaction,
    PermanentFailure,
    PublishError,
    WrongDatabase,
)
from sagas.locks import for_update
from sagas.models import Saga, SagaStatus, StoredEvent
from sagas.routing import FREE, routes
from sagas.trace import current_traceparent
from sagas.transport import wake_all
from sagas.unit import Unit

Row = TypeVar("Row", bound=Model)


class _Door:
    """A unit opened by `saga_transaction`, and the row it is about."""

    def __init__(self, unit: Unit, row: Model, actor: str) -> None:
        self.unit = unit
        self.row = row
        self.actor = actor
        self.states = {field: fsm.state_of(row, field) for field in fsm.fsm_fields(type(row))}

    def subject(self, row: Model) -> Subject:
        """Return the row as a subject, with the move it has made since the last announcement."""
        fields = fsm.fsm_fields(type(row))
        if row is not self.row:
            return subject_of(row, fields[0] if fields else "")
        moved = [f for f in fields if fsm.state_of(row, f) != self.states[f]]
        if len(moved) > 1:
            message = f"{row!r} moved in {' and '.join(moved)} at once: announce one at a time."
            raise PublishError(message)
        if not moved:
            return subject_of(row, fields[0] if fields else "")
        field, before = moved[0], self.states[moved[0]]
        self.states[field] = fsm.state_of(row, field)
        name = fsm.arrow_name(type(row), field, before, self.states[field])
        return subject_of(row, field, before=before, transition=name)

    def refuse_silent_moves(self) -> None:
        """Every state change is a fact in the log."""
        for field, before in self.states.items():
            now = fsm.state_of(self.row, field)
            if now != before:
                message = (
                    f"{self.row!r} moved from {before} to {now} and nothing was published of it."
                )
                raise PublishError(message)


_door: ContextVar[_Door | None] = ContextVar("sagas_door", default=None)

#: The step that is running, and the unit that holds its sagas.
_step: ContextVar[tuple[str, Unit] | None] = ContextVar("sagas_step", default=None)


@contextmanager
def saga_transaction(row: Row, *, actor: str = "", beside: Sequence[Model] = ()) -> Iterator[Row]:
    """Open a transaction for a state change that comes from outside of any step.

    Locks the sagas that the row's business keys belong to, then re-reads and locks the row, yields
    it, saves it, and records the moves that are published of it. A new row is saved as it is.
    `actor` says who: "customer:42", "admin:kim". `beside` are further rows of which something will
    be published: their sagas are locked, too, and the rows themselves are the caller's to lock and
    save. Raises PublishError when the row moved and nothing was published.
    """
    using = row._state.db or router.db_for_write(type(row), instance=row)
    with transaction.atomic(using=using):
        unit = Unit(using, now=clock.now(using), careful=True)
        unit.hold(_lock_sagas_of([row, *beside], using))
        fresh = row if row._state.adding else _lock_row(row, using)
        door = _Door(unit, fresh, actor)
        token = _door.set(door)
        try:
            yield fresh
        finally:
            _door.reset(token)
        door.refuse_silent_moves()
        fresh.save(using=using)
        _write(unit)


def _lock_sagas_of(rows: Sequence[Model], using: str) -> list[Saga]:
    """Lock the rows' own lanes and the sagas that they name, in the order of ids (decision 8)."""
    keys = {FREE: [subject_of(row, "").lane for row in rows if not row._state.adding]}
    for choreography in CHOREOGRAPHIES.values():
        keys[choreography.name] = [_key_of_row(row, choreography.key) for row in rows]
    wanted = Q()
    for name, named in keys.items():
        if known := list(filter(None, named)):
            wanted |= Q(choreography=name, key__in=known)
    if not wanted:
        return []
    return list(for_update(Saga.objects.using(using).filter(wanted).order_by("id")))


def _key_of_row(row: Model, attribute: str) -> str:
    if attribute == f"{row._meta.model_name}_id":
        return str(row.pk)
    return str(getattr(row, attribute, None) or "")


def _lock_row(row: Row, using: str) -> Row:
    manager = type(row)._base_manager.using(using)
    return for_update(manager.filter(pk=row.pk)).get()


def _write(unit: Unit) -> None:
    unit.flush()
    hints = unit.hints()
    transaction.on_commit(lambda: wake_all(hints), using=unit.using, robust=True)


def publish(event: Event, *, of: Model, actor: str = "", reason: str = "") -> StoredEvent:
    """Announce `event`, which speaks of row `of`, in the open transaction.

    Inside `saga_transaction` it is written when the block ends; in any other transaction at once,
    under the locks of its saga and then of the row. Returns the stored event; a `starts` event
    whose key is taken returns the first one and writes nothing (decision 1). Raises
    OutsideTransaction, WrongDatabase, NoSaga, PublishError for a row that is not saved,
    PayloadTooLarge, DirectionConflict.
    """
    using = of._state.db or router.db_for_write(type(of), instance=of)
    door = _door.get()
    if door is None:
        return _publish_at_once(event, of, using, actor, reason)
    if door.unit.using != using:
        message = (
            f"{event.wire_name} speaks of {of!r} on database {using!r}, the open saga transaction"
            f" is on {door.unit.using!r}: state and events must commit together (R16)."
        )
        raise WrongDatabase(message)
    return _announce(door.unit, event, door.subject(of), actor or door.actor, reason)


def _publish_at_once(event: Event, of: Model, using: str, actor: str, reason: str) -> StoredEvent:
    if not connections[using].in_atomic_block:
        message = (
            f"{event.wire_name} was published outside a transaction on database {using!r}: wrap"
            " the state change and the publish in `with saga_transaction(...)` (R5, R16)."
        )
        raise OutsideTransaction(message)
    unit = Unit(using, now=clock.now(using), careful=True)
    fields = fsm.fsm_fields(type(of))
    field = fields[0] if fields else ""
    stored = _announce(unit, event, subject_of(of, field), actor, reason)
    if unit.events:
        _place(stored, of, field, using)
    _write(unit)
    return stored


def _place(stored: StoredEvent, of: Model, field: str, using: str) -> None:
    """Lock the row, after its saga (decision 8), and note the state in which it really is (D2).

    Whoever announces something of it at the same moment takes the next place in its order.
    """
    try:
        row = _lock_row(of, using)
    except ObjectDoesNotExist:
        message = f"{stored.type} speaks of {of!r}, which is not saved: save it before you publish."
        raise PublishError(message) from None
    if field:
        stored.from_state = stored.to_state = fsm.state_of(row, field)


def _announce(unit: Unit, event: Event, subject: Subject, actor: str, reason: str) -> StoredEvent:
    _require_key(event)
    saga = _find_saga(unit, event)
    _refuse_inside_step(event, saga)
    return unit.announce(
        event,
        saga=saga,
        subject=subject,
        actor=actor,
        reason=reason,
        traceparent=current_traceparent.get(),
    )


def _require_key(event: Event) -> None:
    """A saga is known by its business key, so there has to be one (decision 1)."""
    started = routes().starts.get(event.wire_name)
    if started is not None and getattr(event, started.key) in (None, ""):
        message = (
            f"{event.wire_name} has no {started.key} yet, which is the key of the choreography"
            f" {started.name!r}: save the row before you publish of it."
        )
        raise PublishError(message)


@contextmanager
def during_step(name: str, unit: Unit) -> Iterator[None]:
    """Say that a step is running, whose sagas `unit` holds."""
    token = _step.set((name, unit))
    try:
        yield
    finally:
        _step.reset(token)


def _refuse_inside_step(event: Event, saga: Saga | None) -> None:
    """What a step tells its own saga is what it returns; other sagas may be told directly."""
    running = _step.get()
    if running is not None and saga is not None and saga.id in running[1].sagas:
        message = (
            f"{running[0]} published {event.wire_name} to its own saga: return it instead, and"
            " name it in the return annotation."
        )
        raise PermanentFailure(message)


def _find_saga(unit: Unit, event: Event) -> Saga | None:
    """Return the saga that an event from outside belongs to, locked; a running one first.

    An event that occurs in several choreographies may name the keys of more than one saga, such as
    an order and one of its cases.
    """
    if event.free or event.wire_name in routes().starts:
        return None
    names = routes().occurs_in.get(event.wire_name, ())
    wanted = [(name, CHOREOGRAPHIES[name].key_of(event)) for name in names]
    held = [saga for saga in unit.sagas.values() if (saga.choreography, saga.key) in wanted]
    return held[0] if held else _lock_one(unit, event, wanted)


def _lock_one(unit: Unit, event: Event, wanted: list[tuple[str, str]]) -> Saga:
    query = Q()
    for name, key in wanted:
        query |= Q(choreography=name, key=key)
    found = (
        list(for_update(Saga.objects.using(unit.using).filter(query).order_by("id")))
        if query
        else []
    )
    running = [saga for saga in found if saga.status == SagaStatus.RUNNING]
    found = running or found
    if len(found) != 1:
        where = " or ".join(f"{name} {key}" for name, key in wanted) or "any choreography"
        message = f"{event.wire_name} belongs to {where}, of which {len(found)} sagas exist."
        raise NoSaga(message)
    unit.hold(found)
    return found[0]


@contextmanager
def locked_saga(saga_id: UUID, using: str = "default") -> Iterator[tuple[Unit, Saga]]:
    """Open a transaction that holds a saga's lock; what is announced is written at its end."""
    with transaction.atomic(using=using):
        saga = for_update(Saga.objects.using(using).filter(id=saga_id)).get()
        unit = Unit(using, now=clock.now(using), careful=True)
        unit.hold([saga])
        yield unit, saga
        _write(unit)
