"""Reaction: decides what a delivery gets for an answer, in the state in which its subject is now.

An event meets a state (R25), an undo meets a business state (G7), a timer meets its time.
"""

from typing import Any

from sagas import compensation, deadline, fsm, matrix
from sagas.calling import begin_call, cancel_timer, may_begin, resume, settled
from sagas.case import open_case
from sagas.choreography import CHOREOGRAPHIES
from sagas.desk import Desk, Member, state_of, step_of, subject_key
from sagas.event import fill
from sagas.event_log import holds_transition, subject_of
from sagas.exceptions import PermanentFailure
from sagas.facts import DeadlinePassed
from sagas.models import CaseKind
from sagas.running import ignore, park, postpone, refuse, run, say
from sagas.step import INQUIRE, AnswerKind, HoldForPerson, Kind, NothingToUndo, Step, Waiting


def react(desk: Desk, member: Member) -> None:
    """Give one member its answer, in memory."""
    row = member.delivery
    if row.purpose == deadline.SAGA_DEADLINE:
        _saga_deadline(desk, member)
    elif deadline.is_state_timer(row):
        _state_timer(desk, member)
    elif member.answer is not None:
        settled(desk, member, member.answer)
    elif not resume(desk, member):
        _decide(desk, member)


def _decide(desk: Desk, member: Member) -> None:
    step = step_of(member)
    if _comes_too_late(member):
        refuse(desk, member, compensation.GOING_BACK)
    elif step.undo_table is not None:
        _undo(desk, member, step)
    elif step.at_most is not None and _used_up(desk, member, step):
        _exhaust(desk, member, step)
    else:
        _meet(desk, member, step)


def _comes_too_late(member: Member) -> bool:
    """Whether a forward step would run in a saga that goes back (R33)."""
    return member.saga.is_compensating and member.delivery.kind == Kind.FORWARD


def _meet(desk: Desk, member: Member, step: Step) -> None:
    """An event meets a state: apply, ignore, park or late (R25)."""
    answer = matrix.answer(step, state_of(member, step))
    if answer is not None and answer.kind is AnswerKind.APPLY:
        _apply(desk, member, step)
    elif _is_proven(desk, member, step):
        ignore(desk, member, "its subject has made this move before")
    elif answer is None:
        message = (
            f"{step.full_name} has no answer to {member.stored.type} in state"
            f" {state_of(member, step)!r}: declare one in otherwise=."
        )
        raise PermanentFailure(message)
    elif answer.kind is AnswerKind.PARK:
        park(desk, member, step, answer.reason, patience=answer.patience)
    elif answer.kind is AnswerKind.IGNORE:
        ignore(desk, member, answer.reason)
    elif answer.step is not None:
        _apply(desk, member, answer.step)
    else:
        refuse(desk, member, answer.reason)


def _is_proven(desk: Desk, member: Member, step: Step) -> bool:
    subject = member.subject
    if subject is None:
        return False
    return holds_transition(step, subject_of(subject, step.state_field), desk.using)


def _apply(desk: Desk, member: Member, step: Step) -> None:
    if step.calls is not None and not may_begin(desk, member, step):
        return
    if member.subject is None and step.creates is not None:
        _create(desk, member, step)
    if step.calls is not None:
        begin_call(desk, member, step)
    else:
        run(desk, member, step)


def _create(desk: Desk, member: Member, step: Step) -> None:
    assert step.creates is not None and step.subject is not None  # noqa: S101, PT018  for types
    if isinstance(step.creates, type):
        field: Any = step.subject.model._meta.get_field(step.subject.field)
        row = step.creates(**{field.attname: field.to_python(subject_key(member, step))})
    else:
        row = step.creates(member.event)
    member.scope["subject"] = [row]
    desk.work.add(row)


def _used_up(desk: Desk, member: Member, step: Step) -> bool:
    runs = desk.runs[step.full_name].get(member.saga.id, 0)
    return runs >= (step.most or 0)


def _exhaust(desk: Desk, member: Member, step: Step) -> None:
    if step.exhausted is None:
        message = f"{step.full_name} ran at_most={step.most} times; declare exhausted=Event."
        raise PermanentFailure(message)
    subject = member.subject
    about = subject_of(subject, step.state_field) if subject else None
    say(desk, member, fill(step.exhausted, member.event, subject), subject=about)
    desk.plan.done.append(member.delivery)


def _undo(desk: Desk, member: Member, step: Step) -> None:
    """Undo by the state that the subject is in now (G7)."""
    state = state_of(member, step)
    entry = compensation.entry_for(step, state)
    if isinstance(entry, Waiting):
        _wait(desk, member, step, entry)
        return
    _bury(desk, member, step)
    if isinstance(entry, NothingToUndo):
        subject = member.subject
        about = subject_of(subject, step.state_field) if subject else None
        say(desk, member, fill(entry.announces, member.event, subject), subject=about)
        desk.plan.done.append(member.delivery)
    elif isinstance(entry, HoldForPerson):
        raise PermanentFailure(entry.reason)
    elif entry is None:
        message = f"{step.full_name} has no row for state {state!r}: add one to its table."
        raise PermanentFailure(message)
    else:
        _apply(desk, member, entry)


def _wait(desk: Desk, member: Member, step: Step, entry: Waiting) -> None:
    if entry is INQUIRE:
        desk.plan.asked.append(member.saga.id)
    park(desk, member, step, "its call has no outcome yet")


def _bury(desk: Desk, member: Member, step: Step) -> None:
    for undone in step.undone:
        key = subject_key(member, step)
        desk.ledger.bury(member.saga, undone, key, event_id=member.stored.id, now=desk.now)


def _state_timer(desk: Desk, member: Member) -> None:
    declared = deadline.declared_timer(member.delivery)
    subject = member.subject
    if declared is None:
        postpone(desk, member, f"This code has no timer {member.delivery.purpose}.")
    elif subject is None or fsm.state_of(subject, declared.field) != declared.state:
        cancel_timer(desk, member)
    else:
        assert member.event is not None  # noqa: S101  for types
        fact = deadline.fact_of(declared, subject, member.event)
        say(desk, member, fact, subject=subject_of(subject, declared.field))
        desk.plan.done.append(member.delivery)


def _saga_deadline(desk: Desk, member: Member) -> None:
    """Before the pivot the wish to abort is announced; after it, a person is asked."""
    saga = member.saga
    choreography = CHOREOGRAPHIES.get(saga.choreography)
    passed = DeadlinePassed(what=f"saga {saga}", until=member.delivery.available_at)
    wish = choreography.requests if choreography else None
    if wish is not None and saga.pivoted_at is None and not saga.is_compensating:
        say(desk, member, wish(saga.key))
        say(desk, member, passed, ordinal=1)
    else:
        say(desk, member, passed)
        open_case(desk.unit, saga, CaseKind.OVERDUE, detail=str(passed.what))
    desk.plan.done.append(member.delivery)
