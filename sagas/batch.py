"""Batch: runs the steps of many lanes in memory and writes them with one statement per kind.

The order of one batch, all in one transaction: lock the sagas, read the lane heads, lock the
subjects, run the steps, write rows, events and deliveries, clear the worker's slot, delete what was
done (last and counted), commit. A step that calls the outside only has its intent and lease written
here; its outcome comes back through `settle` (R5, R6, R21-R24).
"""

import inspect
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Model

from sagas import claim, codec, compensation, deadline, delivery, fsm, matrix
from sagas.call import Outcome
from sagas.choreography import CHOREOGRAPHIES
from sagas.conf import settings
from sagas.event import Event, fill
from sagas.event_log import Cause, Subject, holds_transition, runs_of, subject_of
from sagas.exceptions import (
    BrokenTransaction,
    NotSent,
    PermanentFailure,
    UndeclaredMove,
    UndeclaredResult,
    UnknownEvent,
)
from sagas.facts import (
    CallStarted,
    CallUnanswered,
    DeadlinePassed,
    EventIgnored,
    FenceRefused,
    StepDone,
    StepRefused,
    TimerCancelled,
)
from sagas.intent import INQUIRE_PREFIX, IntentLedger, inquiry, stored_outcome
from sagas.models import CaseKind, Delivery, DeliveryState, Intent, IntentState, Saga, StoredEvent
from sagas.outbox import Unit
from sagas.participant import (
    ABSENT,
    INQUIRE,
    AnswerKind,
    By,
    HoldForPerson,
    Kind,
    NothingToUndo,
    Step,
    Waiting,
)
from sagas.purity import pure
from sagas.case import open_case
from sagas.retry import INQUIRY
from sagas.routing import routes, step_named
from sagas.slot import worker_name
from sagas.work import Work, load

#: Between these, what waits without failing looks again.
_SHORTEST_WAIT = timedelta(seconds=2)
_LONGEST_WAIT = timedelta(minutes=5)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What came of a leased call: a definite outcome, an error that proves it was not sent, or
    nothing (both None): unknown."""

    lease: Lease
    outcome: Outcome | None = None
    not_sent: NotSent | None = None


@dataclass(kw_only=True, slots=True)
class Plan:
    """What a batch has decided about its deliveries."""

    done: list[Delivery] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    parked: list[tuple[Delivery, datetime]] = field(default_factory=list)
    postponed: list[Delivery] = field(default_factory=list)
    rescheduled: list[tuple[Delivery, datetime]] = field(default_factory=list)
    asked: list[UUID] = field(default_factory=list)
    refused_fences: int = 0
    #: Lane heads that have to run without company.
    singles: list[UUID] = field(default_factory=list)

    @property
    def handled(self) -> int:
        """How many deliveries have got their answer."""
        return len(self.done) + len(self.leases) + len(self.parked)


class Batch:
    """One transaction's worth of steps."""

    def __init__(self, using: str, *, now: datetime, alone: bool) -> None:
        """Begin inside an open transaction. `alone`: a batch of one, which may be a plain step."""
        self.using = using
        self.alone = alone
        self.unit = Unit(using, now=now, careful=alone)
        self.work = Work(using, now)
        self.now = now
        self.plan = Plan()
        self.members: list[Member] = []
        self.ledger = IntentLedger(using, ())
        self._runs: dict[str, dict[UUID, int]] = {}

    # -- taking --------------------------------------------------------------------------------

    def claim(self, slotted: Sequence[Delivery], consumers: Collection[str]) -> None:
        """Lock the lanes and take their heads, if they are still the ones in the slot (R9)."""
        sagas = claim.lock_sagas(self.using, (d.saga_id for d in slotted), skip_locked=True)
        self.unit.hold(list(sagas.values()))
        found = claim.heads(
            self.using,
            sagas,
            consumers=consumers,
            paused=claim.paused_now(self.using),
            now=self.now,
            sagas=sagas,
        )
        mine = {d.id for d in slotted}
        self._join([d for d in found if d.id in mine])

    def settle(self, answers: Sequence[Answered]) -> None:
        """Take back leased deliveries with what came of their calls; refuse lost fences (R6)."""
        sagas = claim.lock_sagas(
            self.using, (a.lease.delivery.saga_id for a in answers), skip_locked=False
        )
        self.unit.hold(list(sagas.values()))
        ids = [a.lease.delivery.id for a in answers]
        held = {d.id: d for d in Delivery.objects.using(self.using).filter(id__in=ids)}
        by_delivery = {a.lease.delivery.id: a for a in answers}
        mine = []
        for answer in answers:
            row = held.get(answer.lease.delivery.id)
            if row is None or row.state != DeliveryState.LEASED or row.fence != answer.lease.delivery.fence:
                self._refuse_fence(answer, sagas)
            else:
                mine.append(row)
        self._join(mine)
        for member in self.members:
            member.answer = by_delivery[member.delivery.id]

    def _refuse_fence(self, answer: Answered, sagas: dict[UUID, Saga]) -> None:
        self.plan.refused_fences += 1
        lease = answer.lease
        self.unit.announce(
            FenceRefused(step=lease.step.full_name, fence=lease.delivery.fence),
            saga=sagas[lease.delivery.saga_id],
            actor="sagas",
        )

    def _join(self, taken: Sequence[Delivery]) -> None:
        """Read the events of what was taken; leave aside what has to run alone."""
        ids = {d.event_id for d in taken}
        stored = {row.id: row for row in StoredEvent.objects.using(self.using).filter(id__in=ids)}
        for row in taken:
            member = Member(
                delivery=row, saga=self.unit.sagas[row.saga_id], stored=stored[row.event_id]
            )
            if self._understand(member):
                self.members.append(member)
        self._bound()

    def _bound(self) -> None:
        """Leave for the next batch what would lock too many rows in this one (R21)."""
        room = settings().BATCH_ROWS
        for index, member in enumerate(self.members):
            room -= _rows_named(member)
            if room < 0 and index:
                del self.members[index:]
                return

    def _understand(self, member: Member) -> bool:
        """Resolve step and event; say whether the member runs in this batch (R20, decision 14)."""
        row = member.delivery
        try:
            member.event = codec.decode(member.stored.type, member.stored.version, member.stored.payload)
        except UnknownEvent as error:
            return self._postpone(member, str(error))
        except Exception as error:
            raise MemberFailed(member, PermanentFailure(str(error))) from error
        member.scope["event"] = member.event
        if row.purpose == deadline.SAGA_DEADLINE or deadline.is_state_timer(row):
            return True
        member.step = step_named(row.consumer, row.purpose.removeprefix(INQUIRE_PREFIX))
        if member.step is None:
            return self._postpone(member, f"This code has no step {row.consumer}.{row.purpose}.")
        if not self.alone and (row.alone or member.step.is_plain):
            self.plan.singles.append(row.id)
            return False
        return True

    def _postpone(self, member: Member, reason: str) -> bool:
        member.delivery.reason = reason
        self.plan.postponed.append(member.delivery)
        return False

    def load(self) -> None:
        """Lock and read the rows that the members declare: one statement per model (R23)."""
        needs: list[tuple[dict[str, Any], str, By, bool]] = []
        for member in self.members:
            needs.extend(_needs(member))
        load(self.work, needs)
        self.ledger = IntentLedger(self.using, {m.saga.id for m in self.members if _may_call(m)})
        limited = {m.step.full_name: m.step for m in self.members if m.step and m.step.at_most}
        for name, step in limited.items():
            sagas = [m.saga.id for m in self.members if m.step is step]
            self._runs[name] = runs_of(step, sagas, self.using)

    # -- reacting --------------------------------------------------------------------------------

    def react(self) -> None:
        """Give every member its answer, in memory. Raises MemberFailed naming the culprit."""
        budget = time.monotonic() + settings().BATCH_TIME.total_seconds()
        for index, member in enumerate(self.members):
            if index and time.monotonic() > budget and member.answer is None:
                return
            try:
                self._react(member)
                _refuse_broken(self.using, member)
            except Exception as error:
                raise MemberFailed(member, error) from error

    def _react(self, member: Member) -> None:
        row = member.delivery
        if row.purpose == deadline.SAGA_DEADLINE:
            self._saga_deadline(member)
        elif deadline.is_state_timer(row):
            self._state_timer(member)
        elif member.answer is not None:
            self._settled(member, member.answer)
        elif not self._resume(member):
            self._decide(member)

    def _decide(self, member: Member) -> None:
        step = _step(member)
        if row_is_late_forward(member):
            self._refuse(member, compensation.GOING_BACK)
        elif step.undo_table is not None:
            self._undo(member, step)
        elif step.at_most is not None and self._used_up(member, step):
            self._exhaust(member, step)
        else:
            self._meet(member, step)

    def _meet(self, member: Member, step: Step) -> None:
        """An event meets a state: apply, ignore, park or late (R25)."""
        answer = matrix.answer(step, self._state(member, step))
        if answer is not None and answer.kind is AnswerKind.APPLY:
            self._apply(member, step)
        elif self._is_proven(member, step):
            self._ignore(member, "its subject has made this move before")
        elif answer is None:
            message = (
                f"{step.full_name} has no answer to {member.stored.type} in state"
                f" {self._state(member, step)!r}: declare one in otherwise=."
            )
            raise PermanentFailure(message)
        elif answer.kind is AnswerKind.PARK:
            self._park(member, step, answer.reason, answer.patience)
        elif answer.kind is AnswerKind.IGNORE:
            self._ignore(member, answer.reason)
        elif answer.step is not None:
            self._apply(member, answer.step)
        else:
            self._refuse(member, answer.reason)

    def _state(self, member: Member, step: Step) -> str:
        subject = member.subject
        return fsm.state_of(subject, step.state_field) if subject and step.state_field else ABSENT

    def _is_proven(self, member: Member, step: Step) -> bool:
        subject = member.subject
        if subject is None:
            return False
        return holds_transition(step, subject_of(subject, step.state_field), self.using)

    def _apply(self, member: Member, step: Step) -> None:
        if member.subject is None and step.creates is not None:
            self._create(member, step)
        if step.calls is not None:
            self._begin_call(member, step)
        else:
            self._run(member, step)

    def _create(self, member: Member, step: Step) -> None:
        assert step.creates is not None and step.subject is not None  # noqa: S101, PT018  for types
        if isinstance(step.creates, type):
            row = step.creates(**{step.subject.field: _subject_key(member, step)})
        else:
            row = step.creates(member.event)
        member.scope["subject"] = [row]
        self.work.add(row)

    # -- running a step ---------------------------------------------------------------------------

    def _run(self, member: Member, step: Step, outcome: Outcome | None = None) -> None:
        """Run the function; announce what it returns and record how its subject moved."""
        subject = member.subject
        before = self._state(member, step)
        others = _states_of_others(member)
        results = self._call_function(member, step, outcome)
        _refuse_moves_of_others(step, member, others)
        self._announce(member, step, results, self._moved(step, subject, before))
        self.plan.done.append(member.delivery)

    def _call_function(self, member: Member, step: Step, outcome: Outcome | None) -> tuple[Event, ...]:
        available = {**member.scope, "work": self.work, "outcome": outcome}
        named = {name: available[name] for name in _parameters(step.function) if name in available}
        positional = [member.event] if step.subject is None else [member.event, member.subject]
        if step.is_plain:
            returned = step.function(*positional, **named)
        else:
            with pure(step.full_name, self.using):
                returned = step.function(*positional, **named)
        return _as_events(step, returned)

    def _moved(self, step: Step, subject: Model | None, before: str) -> Subject | None:
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
        self, member: Member, step: Step, events: Sequence[Event], subject: Subject | None
    ) -> None:
        """Announce the results; the first carries the move. Nothing said is said, too (decision 2)."""
        for ordinal, event in enumerate(events or (StepDone(step=step.full_name),)):
            self._say(member, event, subject=subject, ordinal=ordinal)
            if subject is not None and subject.row is not None:
                subject = subject_of(subject.row, subject.field)

    def _say(
        self,
        member: Member,
        event: Event,
        *,
        subject: Subject | None = None,
        ordinal: int | None = 0,
        actor: str = "",
    ) -> StoredEvent:
        return self.unit.announce(
            event,
            saga=member.saga,
            subject=subject,
            cause=member.cause(ordinal),
            actor=actor or member.delivery.consumer,
            traceparent=member.stored.traceparent,
        )

    # -- the other answers ---------------------------------------------------------------------------

    def _ignore(self, member: Member, reason: str) -> None:
        self._say(member, EventIgnored(step=_step(member).full_name, reason=reason))
        self.plan.done.append(member.delivery)

    def _refuse(self, member: Member, reason: str) -> None:
        self._say(member, StepRefused(step=_step(member).full_name, reason=reason))
        self.plan.done.append(member.delivery)

    def _park(
        self, member: Member, step: Step, reason: str, patience: timedelta | None = None
    ) -> None:
        row = member.delivery
        if row.deadline_at is not None and self.now >= row.deadline_at:
            message = f"{step.full_name} waited until {row.deadline_at:%Y-%m-%d %H:%M:%S} and {reason}."
            raise PermanentFailure(message)
        assert step.subject is not None  # noqa: S101  only steps with subjects park
        row.deadline_at = row.deadline_at or self.now + (patience or settings().PARK_DEADLINE)
        row.waits_model = step.subject.model._meta.label
        row.waits_key = f"{step.subject.field}={_subject_key(member, step)}"
        row.reason = reason
        self.plan.parked.append((row, self.now + _growing(row, self.now)))

    def _used_up(self, member: Member, step: Step) -> bool:
        runs = self._runs[step.full_name].get(member.saga.id, 0)
        return runs >= (step.at_most or 0)

    def _exhaust(self, member: Member, step: Step) -> None:
        if step.exhausted is None:
            message = f"{step.full_name} ran at_most={step.at_most} times; declare exhausted=Event."
            raise PermanentFailure(message)
        subject = member.subject
        about = subject_of(subject, step.state_field) if subject else None
        self._say(member, fill(step.exhausted, member.event, subject), subject=about)
        self.plan.done.append(member.delivery)

    # -- undoing ------------------------------------------------------------------------------------

    def _undo(self, member: Member, step: Step) -> None:
        """Undo by the state that the subject is in now (G7)."""
        state = self._state(member, step)
        entry = compensation.entry_for(step, state)
        if isinstance(entry, Waiting):
            self._wait(member, step, entry)
            return
        self._bury(member, step)
        if isinstance(entry, NothingToUndo):
            subject = member.subject
            about = subject_of(subject, step.state_field) if subject else None
            self._say(member, fill(entry.announces, member.event, subject), subject=about)
            self.plan.done.append(member.delivery)
        elif isinstance(entry, HoldForPerson):
            raise PermanentFailure(entry.reason)
        elif entry is None:
            message = f"{step.full_name} has no row for state {state!r}: add one to its table."
            raise PermanentFailure(message)
        else:
            self._apply(member, entry)

    def _wait(self, member: Member, step: Step, entry: Waiting) -> None:
        if entry is INQUIRE:
            self.plan.asked.append(member.saga.id)
        self._park(member, step, "its call has no outcome yet")

    def _bury(self, member: Member, step: Step) -> None:
        for undone in step.undone:
            key = _subject_key(member, step)
            self.ledger.bury(
                member.saga, undone, key, event_id=member.stored.id, now=self.now
            )

    # -- calls --------------------------------------------------------------------------------------

    def _begin_call(self, member: Member, step: Step) -> None:
        """Store intent and frozen request, move into the in-flight state, take the lease (T1)."""
        subject_key = _subject_key(member, step)
        if not is_undo_step(step) and self.ledger.is_forbidden(member.saga, step, subject_key):
            self._refuse(member, "its undo came first")
            return
        before = self._state(member, step)
        if step.begins and before in fsm.sources(_model(step), step.state_field, [step.begins]):
            getattr(member.subject, step.begins)()
        assert step.calls is not None  # noqa: S101  for types
        with pure(step.full_name, self.using):
            request = step.calls.request(member.event, member.subject)
        intent = self.ledger.begin(
            member.saga,
            step,
            subject_key=subject_key,
            event_id=member.stored.id,
            request=request,
            now=self.now,
        )
        self._say(
            member,
            CallStarted(
                step=step.full_name,
                call=step.calls.name,
                idempotency_key=intent.idempotency_key,
                attempt=intent.n,
            ),
            subject=self._moved(step, member.subject, before),
            ordinal=None,
        )
        self._lease(member, step, intent, ask_first=False)

    def _lease(self, member: Member, step: Step, intent: Intent, *, ask_first: bool) -> None:
        if ask_first:
            self.ledger.count_inquiry(intent)
        duration = step.deadline or settings().CALL_DEADLINE
        self.plan.leases.append(
            Lease(
                delivery=member.delivery,
                step=step,
                intent=intent,
                ask_first=ask_first,
                may_send=is_undo_step(step) or not member.saga.is_compensating,
                duration=duration,
                age=self.now - intent.started_at,
            )
        )

    def _resume(self, member: Member) -> bool:
        """Go on with a call that this delivery has had out before; say whether there was one."""
        row = member.delivery
        intent = self.ledger.open_for(member.saga, member.stored.id, row.consumer)
        is_inquiry = row.purpose.startswith(INQUIRE_PREFIX)
        if intent is None:
            if is_inquiry:
                self._cancel_timer(member)
            return is_inquiry or self._repeat(member)
        step = step_named(row.consumer, intent.step.split(".", 1)[1])
        if step is None:
            self._postpone(member, f"This code has no step {intent.step}.")
        elif intent.state == IntentState.ANSWERED:
            self._conclude(member, step, intent, stored_outcome(intent))
        elif intent.state == IntentState.UNKNOWN and not is_inquiry:
            self._park(member, step, "its call is being inquired about")
        else:
            self._lease(member, step, intent, ask_first=True)
        return True

    def _repeat(self, member: Member) -> bool:
        """Make a call again that has definitely failed and whose step wants another try."""
        step = _step(member)
        entries = (step.undo_table or {}).values() if step.undo_table else (step,)
        for entry in entries:
            if isinstance(entry, Step) and entry.calls is not None:
                if self.ledger.has_failed(member.saga, member.stored.id, entry):
                    self._begin_call(member, entry)
                    return True
        return False

    def _settled(self, member: Member, answer: Answered) -> None:
        """A call has come back (T2): a definite outcome, or none."""
        lease = answer.lease
        if answer.not_sent is not None:
            raise answer.not_sent
        if answer.outcome is None:
            self._leave_unknown(member, lease)
        else:
            self._conclude(member, lease.step, self._intent_of(member), answer.outcome)

    def _intent_of(self, member: Member) -> Intent:
        intent = self.ledger.open_for(member.saga, member.stored.id, member.delivery.consumer)
        if intent is None:
            message = f"{member.delivery} came back from a call that has no open intent."
            raise PermanentFailure(message)
        return intent

    def _conclude(self, member: Member, step: Step, intent: Intent, outcome: Outcome) -> None:
        """A true outcome is always recorded, whichever way the saga goes by now (decision 18)."""
        self.ledger.answer(intent, outcome, now=self.now)
        self._run(member, step, outcome)

    def _leave_unknown(self, member: Member, lease: Lease) -> None:
        """Unknown is not failed: free the lane and ask again later (R29)."""
        intent = self._intent_of(member)
        self.ledger.leave_unknown(intent)
        ask_at = self.now + INQUIRY.ceiling(intent.inquiries + 1)
        if member.delivery.purpose.startswith(INQUIRE_PREFIX):
            self.plan.rescheduled.append((member.delivery, ask_at))
            return
        assert lease.step.calls is not None  # noqa: S101  for types
        unanswered = CallUnanswered(
            step=lease.step.full_name,
            call=lease.step.calls.name,
            idempotency_key=intent.idempotency_key,
        )
        self._say(member, unanswered)
        again = inquiry(member.delivery, lease.step.name, at=ask_at, now=self.now)
        self.unit.deliveries.append(again)
        self.plan.done.append(member.delivery)

    # -- timers --------------------------------------------------------------------------------------

    def _cancel_timer(self, member: Member) -> None:
        self._say(member, TimerCancelled(timer=member.delivery.purpose))
        self.plan.done.append(member.delivery)

    def _state_timer(self, member: Member) -> None:
        declared = deadline.declared_timer(member.delivery)
        subject = member.subject
        if declared is None:
            self._postpone(member, f"This code has no timer {member.delivery.purpose}.")
        elif subject is None or fsm.state_of(subject, declared.field) != declared.state:
            self._cancel_timer(member)
        else:
            assert member.event is not None  # noqa: S101  for types
            fact = deadline.fact_of(declared, subject, member.event)
            self._say(member, fact, subject=subject_of(subject, declared.field))
            self.plan.done.append(member.delivery)

    def _saga_deadline(self, member: Member) -> None:
        """Before the pivot the wish to abort is announced; after it, a person is asked."""
        saga = member.saga
        choreography = CHOREOGRAPHIES.get(saga.choreography)
        passed = DeadlinePassed(what=f"saga {saga}", until=member.delivery.available_at)
        wish = choreography.requests if choreography else None
        if wish is not None and saga.pivoted_at is None and not saga.is_compensating:
            self._say(member, wish(saga.key))
            self._say(member, passed, ordinal=1)
        else:
            self._say(member, passed)
            open_case(self.unit, saga, CaseKind.OVERDUE, detail=str(passed.what))
        self.plan.done.append(member.delivery)

    # -- writing --------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write everything but the deletion: rows, intents, lease changes, events, deliveries."""
        plan = self.plan
        self.work.write()
        self.ledger.write()
        self._settle_states()
        self.unit.flush(in_hand=frozenset(member.delivery.id for member in self.members))
        if plan.asked:
            _ask_now(self.using, plan.asked, self.now)

    def _settle_states(self) -> None:
        plan = self.plan
        leases = [(x.delivery, self.now + x.duration) for x in plan.leases]
        delivery.lease(self.using, leases, holder=worker_name())
        delivery.park(self.using, plan.parked)
        for row, at in plan.rescheduled:
            delivery.reschedule(self.using, row, at=at)
        for row in plan.postponed:
            later = self.now + _growing(row, self.now)
            delivery.postpone(self.using, [row.id], until=later, reason=row.reason)

    def finish(self) -> None:
        """Delete what was done: the last statement before the commit (R5)."""
        leased = [row for row in self.plan.done if row.state == DeliveryState.LEASED]
        ready = [row.id for row in self.plan.done if row.state != DeliveryState.LEASED]
        delivery.finish_leased(self.using, leased)
        delivery.finish(self.using, ready)


def _growing(row: Delivery, now: datetime) -> timedelta:
    """Return a wait that doubles as a delivery grows old, within limits (decision 17, R20)."""
    return min(max(now - row.created_at, _SHORTEST_WAIT), _LONGEST_WAIT)


def row_is_late_forward(member: Member) -> bool:
    """Whether a forward step would run in a saga that goes back (R33)."""
    return member.saga.is_compensating and member.delivery.kind == Kind.FORWARD


def is_undo_step(step: Step) -> bool:
    """Whether the step undoes; undoing is never given up."""
    return step.kind is Kind.UNDO


def _step(member: Member) -> Step:
    assert member.step is not None  # noqa: S101  members of timers never come here
    return member.step


def _model(step: Step) -> type[Model]:
    assert step.model is not None  # noqa: S101  calling steps have subjects
    return step.model


def _may_call(member: Member) -> bool:
    step = member.step
    return step is not None and (step.calls is not None or step.undo_table is not None)


def _rows_named(member: Member) -> int:
    """Return how many rows the event itself names, such as an order's lines."""
    scope = {"event": member.event}
    rows = member.step.locks.values() if member.step else ()
    named = (where for where in rows if hasattr(member.event, where.source.split(".")[0]))
    return sum(len(where.values(scope)) for where in named)


def _needs(member: Member) -> list[tuple[dict[str, Any], str, By, bool]]:
    """Return which rows a member needs: its subject and what its step names."""
    scope, step = member.scope, member.step
    if step is None:
        declared = deadline.declared_timer(member.delivery)
        if declared is None:
            return []
        key = member.delivery.waits_key.removeprefix("pk=")
        scope["timer_key"] = [key]
        return [(scope, "subject", By(declared.model, "pk", "timer_key"), True)]
    needs = [(scope, "subject", step.subject, True)] if step.subject else []
    needs += [(scope, name, where, True) for name, where in step.locks.items()]
    needs += [(scope, name, where, False) for name, where in step.reads.items()]
    late = [a.step for a in step.otherwise.values() if a.step is not None]
    for other in late:
        needs += [(scope, name, where, name in other.locks) for name, where in other.rows()]
    return needs


def _subject_key(member: Member, step: Step) -> str:
    """Return the business thing that a step is about, such as an order's id."""
    if step.subject is None:
        return member.saga.key
    values = step.subject.values({"event": member.event})
    return str(values[0]) if values else member.saga.key


@lru_cache(maxsize=None)
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


def _states_of_others(member: Member) -> list[tuple[Model, str, str]]:
    """Return the FSM states of the rows besides the subject."""
    return [
        (row, field, fsm.state_of(row, field))
        for name, rows in member.scope.items()
        if name not in ("event", "subject", "timer_key")
        for row in rows
        for field in fsm.fsm_fields(type(row))
    ]


def _refuse_moves_of_others(
    step: Step, member: Member, before: list[tuple[Model, str, str]]
) -> None:
    subject = member.subject
    for row, field, state in before:
        if row is not subject and fsm.state_of(row, field) != state:
            message = (
                f"{step.full_name} moved {row!r}, which is not its subject: let a step of its own"
                " move it, so that the move is recorded."
            )
            raise UndeclaredMove(message)


def _refuse_broken(using: str, member: Member) -> None:
    """A step that swallowed a database error or closed the connection has undone everything (R5)."""
    connection = connections[using]
    step = member.step.full_name if member.step else member.delivery.purpose
    if connection.closed_in_transaction:
        message = f"{step} closed the database connection inside its transaction: never do that."
        raise BrokenTransaction(message)
    if connection.needs_rollback or _is_aborted(connection):
        message = (
            f"{step} swallowed a database error: the transaction can't commit any more. Let the"
            " error out, or catch it around a savepoint of your own."
        )
        raise BrokenTransaction(message)


def _is_aborted(connection: Any) -> bool:
    if connection.vendor != "postgresql" or connection.connection is None:
        return False
    status: str = connection.connection.info.transaction_status.name
    return status == "INERROR"


def _ask_now(using: str, saga_ids: Sequence[UUID], now: datetime) -> None:
    """Bring the inquiries of these sagas forward: somebody waits for the answer."""
    Delivery.objects.using(using).filter(
        saga_id__in=saga_ids,
        kind=Kind.TIMER,
        state=DeliveryState.READY,
        purpose__startswith=INQUIRE_PREFIX,
        available_at__gt=now,
    ).update(available_at=now)
