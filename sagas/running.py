"""Running: calls a step's function and records what it said and how its subject moved.

And the other ways in which a member gets its answer: ignored, refused, parked, postponed.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Model

from sagas import fsm
from sagas.call import Outcome
from sagas.clock import Duration, lasting
from sagas.conf import settings
from sagas.desk import Desk, Member, state_of, step_of, subject_key
from sagas.event import Event
from sagas.event_log import Subject, subject_of
from sagas.exceptions import PermanentFailure, UndeclaredMove, UndeclaredResult
from sagas.facts import EventIgnored, StepDone, StepRefused
from sagas.models import Delivery, StoredEvent
from sagas.outbox import during_step
from sagas.purity import pure
from sagas.routing import routes
from sagas.step import Step

#: Between these, what waits without failing looks again.
_SHORTEST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)


def run(desk: Desk, member: Member, step: Step, outcome: Outcome | None = None) -> None:
    """Run the function; announce what it returns and record how its subject moved."""
    subject = member.subject
    before = state_of(member, step)
    others = _states_of_others(step, member)
    results = _call_function(desk, member, step, outcome)
    _refuse_moves_of_others(step, member, others)
    _announce(desk, member, step, results, moved(step, subject, before))
    desk.plan.done.append(member.delivery)


def _call_function(
    desk: Desk, member: Member, step: Step, outcome: Outcome | None
) -> tuple[Event, ...]:
    available = {**member.scope, "work": desk.work, "outcome": outcome}
    named = {name: available[name] for name in _parameters(step.function) if name in available}
    positional = [member.event] if step.subject is None else [member.event, member.subject]
    watch = nullcontext() if step.is_plain else pure(step.full_name, desk.using)
    with watch, during_step(step.full_name, desk.unit):
        returned = step.function(*positional, **named)
    return _as_events(step, returned)


def moved(step: Step, subject: Model | None, before: str) -> Subject | None:
    """Return the subject with its move; raises UndeclaredMove for one that was not declared."""
    if subject is None:
        return None
    if not step.state_field:
        return subject_of(subject, "")
    after = fsm.state_of(subject, step.state_field)
    if after == before:
        return subject_of(subject, step.state_field, before=before)
    names = step.moves | ({step.begins} if step.begins else set())
    name = fsm.path_name(
        type(subject), step.state_field, names=frozenset(names), source=before, target=after
    )
    if name is None:
        message = (
            f"{step.full_name} moved its subject from {before} to {after}, which is none of"
            f" its moves ({', '.join(sorted(names)) or 'none'}): add it to moves=."
        )
        raise UndeclaredMove(message)
    return subject_of(subject, step.state_field, before=before, transition=name)


def _announce(
    desk: Desk, member: Member, step: Step, events: Sequence[Event], subject: Subject | None
) -> None:
    """Announce the results; the first carries the move. Saying nothing is a fact, too."""
    for ordinal, event in enumerate(events or (StepDone(step=step.full_name),)):
        say(desk, member, event, subject=subject, ordinal=ordinal)
        if subject is not None and subject.row is not None:
            subject = subject_of(subject.row, subject.field)


def say(
    desk: Desk,
    member: Member,
    event: Event,
    *,
    subject: Subject | None = None,
    ordinal: int | None = 0,
) -> StoredEvent:
    """Announce an event in consequence of the member; `ordinal` is its place among them."""
    return desk.unit.announce(
        event,
        saga=member.saga,
        subject=subject,
        cause=member.cause(ordinal),
        actor=member.delivery.consumer,
        traceparent=member.stored.traceparent,
    )


def ignore(desk: Desk, member: Member, reason: str) -> None:
    """Change nothing, and say why."""
    say(desk, member, EventIgnored(step=step_of(member).full_name, reason=reason))
    desk.plan.done.append(member.delivery)


def refuse(desk: Desk, member: Member, reason: str) -> None:
    """Refuse a step that comes too late, and say why."""
    say(desk, member, StepRefused(step=step_of(member).full_name, reason=reason))
    desk.plan.done.append(member.delivery)


def park(
    desk: Desk, member: Member, step: Step, reason: str, *, patience: Duration | None = None
) -> None:
    """Step aside until the subject moves, looking again now and then, up to a deadline (R26)."""
    row = member.delivery
    if row.deadline_at is not None and desk.now >= row.deadline_at:
        message = f"{step.full_name} waited until {row.deadline_at:%Y-%m-%d %H:%M:%S} and {reason}."
        raise PermanentFailure(message)
    assert step.subject is not None  # noqa: S101  only steps with subjects park
    row.deadline_at = row.deadline_at or desk.now + lasting(patience or settings().PARK_DEADLINE)
    row.waits_model = step.subject.model._meta.label
    row.waits_key = f"{step.subject.field}={subject_key(member, step)}"
    row.reason = reason
    look_again = min(desk.now + growing_wait(row, desk.now), row.deadline_at)
    desk.plan.parked.append((row, look_again))


def postpone(desk: Desk, member: Member, reason: str, *, until: datetime | None = None) -> None:
    """Leave the member ready for later, or for a worker that understands it; not an attempt (R20).

    Without `until` it looks again with growing distance.
    """
    row = member.delivery
    row.reason = reason
    desk.plan.postponed.append((row, until or desk.now + growing_wait(row, desk.now)))


def growing_wait(row: Delivery, now: datetime) -> timedelta:
    """Return a wait that doubles as a delivery grows old, within limits (decision 17, R20)."""
    return min(max(now - row.created_at, _SHORTEST_WAIT), _LONGEST_WAIT)


def rows_asked(function: Callable[..., Any], member: Member) -> dict[str, Any]:
    """Return the rows of the member that a function has a parameter for, by name."""
    return {name: member.scope[name] for name in _parameters(function) if name in member.scope}


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the parameter names that are filled by name."""
    names = tuple(inspect.signature(function).parameters)
    return tuple(name for name in names if name not in ("event", "subject"))


def _as_events(step: Step, returned: Any) -> tuple[Event, ...]:
    """Return what a step said as a tuple; raises UndeclaredResult if it did not declare it."""
    if returned is None:
        events: tuple[Event, ...] = ()
    else:
        events = tuple(returned) if isinstance(returned, tuple | list) else (returned,)
    kinds = tuple(type(event) for event in events)
    declared = routes().announcements[step.full_name].outcomes
    if kinds not in declared:
        said = " and ".join(kind.__name__ for kind in kinds) or "nothing"
        message = f"{step.full_name} returned {said}, which its annotation does not announce."
        raise UndeclaredResult(message)
    return events


def _states_of_others(step: Step, member: Member) -> list[tuple[Model, str, str]]:
    """Return the FSM states that the step may not move: all but its subject's in its own field."""
    return [
        (row, field, fsm.state_of(row, field))
        for name, rows in member.scope.items()
        if name not in ("event", "timer_key")
        for row in rows
        for field in fsm.fsm_fields(row.__class__)
        if not (row is member.subject and field == step.state_field)
    ]


def _refuse_moves_of_others(
    step: Step, member: Member, before: list[tuple[Model, str, str]]
) -> None:
    for row, name, state in before:
        if fsm.state_of(row, name) != state:
            message = (
                f"{step.full_name} moved {name} of {row!r}, which is not what it is about: let a"
                " step of its own move it, so that the move is recorded."
            )
            raise UndeclaredMove(message)
