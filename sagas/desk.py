"""Desk: what lies on the table during one transaction: the members of a batch and what is decided.

Values only; they are filled by `batch`, `reaction`, `running` and `calling`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model

from sagas import deadline, fsm
from sagas.braking import Brakes
from sagas.breaker import Breakers
from sagas.call import Call, Outcome
from sagas.event import Event
from sagas.event_log import Cause
from sagas.exceptions import NotSent
from sagas.intent import IntentLedger
from sagas.models import Case, Delivery, Intent, Saga, StoredEvent
from sagas.step import ABSENT, By, Step
from sagas.unit import Unit
from sagas.work import Work

#: Rows that a member needs: its scope, under which name, where from, locked or not.
Need = tuple[dict[str, Any], str, By, bool]


class MemberFailed(Exception):
    """One delivery of a batch failed, and this is which and why."""

    def __init__(self, member: "Member", error: Exception) -> None:
        """Name the culprit."""
        super().__init__(str(error))
        self.member = member
        self.error = error


@dataclass(kw_only=True, eq=False)
class Member:
    """One delivery of a batch, with what it needs."""

    delivery: Delivery
    saga: Saga
    stored: StoredEvent
    step: Step | None = None
    event: Event | None = None
    scope: dict[str, Any] = field(default_factory=dict)
    #: What the outside said, when this member comes back from a call.
    answer: "Answered | None" = None

    @property
    def subject(self) -> Model | None:
        """The subject row, or None while it does not exist."""
        rows = self.scope.get("subject") or ()
        return rows[0] if rows else None

    def cause(self, ordinal: int | None) -> Cause:
        """Return this delivery as the cause of an event."""
        return Cause(
            event=self.stored.id,
            consumer=self.delivery.consumer,
            purpose=self.delivery.purpose,
            ordinal=ordinal,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """A call that is to be made after the commit, and until when it is ours."""

    delivery: Delivery
    step: Step
    intent: Intent
    #: Ask before sending: the call may already have been made.
    ask_first: bool
    #: May be sent (again) when the other side does not know the key.
    may_send: bool
    duration: timedelta
    #: How long ago the intent was stored, when the lease was taken.
    age: timedelta
    #: How long ago it was last sent, or may have been, before this lease was taken.
    unsent_for: timedelta

    @property
    def call(self) -> Call:
        """The call that is to be made."""
        assert self.step.calls is not None  # noqa: S101  only calling steps are leased
        return self.step.calls

    @property
    def began_at(self) -> datetime:
        """When the lease was taken."""
        return self.intent.started_at + self.age


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What came of a leased call: a definite outcome, an error that proves it was not sent, or
    nothing (both None): unknown.
    """

    lease: Lease
    outcome: Outcome | None = None
    not_sent: NotSent | None = None
    #: Whether the other side said anything at all, if only that it does not know the key.
    is_reply: bool = False


@dataclass(kw_only=True, slots=True)
class Plan:
    """What a batch has decided about its deliveries."""

    done: list[Delivery] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    parked: list[tuple[Delivery, datetime]] = field(default_factory=list)
    braked: list[tuple[Delivery, Case]] = field(default_factory=list)
    postponed: list[tuple[Delivery, datetime]] = field(default_factory=list)
    rescheduled: list[tuple[Delivery, datetime]] = field(default_factory=list)
    asked: list[UUID] = field(default_factory=list)
    refused_fences: int = 0
    #: Lane heads that have to run without company.
    singles: list[UUID] = field(default_factory=list)

    @property
    def handled(self) -> int:
        """How many deliveries have got their answer."""
        return len(self.done) + len(self.leases) + len(self.parked) + len(self.braked)

    @property
    def moved(self) -> int:
        """How many deliveries are not due any more, so that others come up."""
        return self.handled + len(self.postponed)


@dataclass(kw_only=True, slots=True)
class Desk:
    """Everything that the steps of one transaction share."""

    using: str
    now: datetime
    unit: Unit
    work: Work
    ledger: IntentLedger
    breakers: Breakers
    brakes: Brakes
    plan: Plan
    #: How often steps with `at_most` have run, by step and saga.
    runs: dict[str, dict[UUID, int]] = field(default_factory=dict)


def step_of(member: Member) -> Step:
    """Return the member's step; the members that are timers have none."""
    assert member.step is not None  # noqa: S101  timers never come here
    return member.step


def state_of(member: Member, step: Step) -> str:
    """Return the state that the step's subject is in, ABSENT when there is none."""
    subject = member.subject
    return fsm.state_of(subject, step.state_field) if subject and step.state_field else ABSENT


def subject_key(member: Member, step: Step) -> str:
    """Return the business thing that a step is about, such as an order's id."""
    if step.subject is None:
        return member.saga.key
    values = step.subject.values({"event": member.event})
    return str(values[0]) if values else member.saga.key


def needs(member: Member) -> Iterator[Need]:
    """Yield which rows a member needs: its subject and what its step names."""
    scope, step = member.scope, member.step
    if step is None:
        yield from _needs_of_timer(member)
        return
    if step.subject is not None:
        yield scope, "subject", step.subject, True
    late = [answer.step for answer in step.otherwise.values() if answer.step is not None]
    for declared in (step, *late):
        for name, where in declared.rows():
            yield scope, name, where, name in declared.locks


def _needs_of_timer(member: Member) -> Iterator[Need]:
    declared = deadline.declared_timer(member.delivery)
    if declared is not None:
        member.scope["timer_key"] = [member.delivery.waits_key.removeprefix("pk=")]
        yield member.scope, "subject", By(declared.model, "pk", "timer_key"), True


def rows_named(member: Member) -> int:
    """Return how many rows the event itself names, such as an order's lines."""
    scope = {"event": member.event}
    rows = member.step.locks.values() if member.step else ()
    named = (where for where in rows if hasattr(member.event, where.source.split(".")[0]))
    return sum(len(where.values(scope)) for where in named)


def may_call(member: Member) -> bool:
    """Whether the member's step may have a call to the outside."""
    return member.step is not None and bool(member.step.callers)
