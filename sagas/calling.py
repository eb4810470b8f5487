"""Calling: intent, call, outcome (R6, R29, decision 18).

Transaction 1 stores the intent and takes the lease; the call is made by `worker`, outside of any
transaction; transaction 2 brings the outcome back. Unknown is not failed.
"""

from sagas import fsm
from sagas.call import Outcome
from sagas.conf import settings
from sagas.desk import Answered, Desk, Lease, Member, state_of, step_of, subject_key
from sagas.exceptions import PermanentFailure
from sagas.facts import CallStarted, CallUnanswered, TimerCancelled
from sagas.intent import INQUIRE_PREFIX, inquiry, stored_outcome
from sagas.models import Intent, IntentState
from sagas.purity import pure
from sagas.retry import INQUIRY
from sagas.routing import is_undo
from sagas.running import moved, park, refuse, run, say
from sagas.step import Step


def begin_call(desk: Desk, member: Member, step: Step) -> None:
    """Store intent and frozen request, move into the in-flight state, take the lease (T1)."""
    about = subject_key(member, step)
    if not is_undo(step) and desk.ledger.is_forbidden(member.saga, step, about):
        refuse(desk, member, "its undo came first")
        return
    before = state_of(member, step)
    if _can_begin(step, before):
        getattr(member.subject, step.begins)()
    assert step.calls is not None  # noqa: S101  for types
    with pure(step.full_name, desk.using):
        request = step.calls.request(member.event, member.subject)
    intent = desk.ledger.begin(
        member.saga,
        step,
        subject_key=about,
        event_id=member.stored.id,
        request=request,
        now=desk.now,
    )
    say(
        desk,
        member,
        CallStarted(
            step=step.full_name,
            call=step.calls.name,
            idempotency_key=intent.idempotency_key,
            attempt=intent.n,
        ),
        subject=moved(step, member.subject, before),
        ordinal=None,
    )
    _lease(desk, member, step, intent, ask_first=False)


def _can_begin(step: Step, state: str) -> bool:
    """Whether the subject is still before its in-flight state; a repeated call finds it there."""
    if not step.begins or step.model is None:
        return False
    return state in fsm.sources(step.model, step.state_field, [step.begins])


def _lease(desk: Desk, member: Member, step: Step, intent: Intent, *, ask_first: bool) -> None:
    if ask_first:
        desk.ledger.count_inquiry(intent)
    duration = step.deadline or settings().CALL_DEADLINE
    desk.plan.leases.append(
        Lease(
            delivery=member.delivery,
            step=step,
            intent=intent,
            ask_first=ask_first,
            may_send=is_undo(step) or not member.saga.is_compensating,
            duration=duration,
            age=desk.now - intent.started_at,
        )
    )


def resume(desk: Desk, member: Member) -> bool:
    """Go on with a call that this delivery has had out before; say whether there was one."""
    is_inquiry = member.delivery.purpose.startswith(INQUIRE_PREFIX)
    intent, step = _open_call(desk, member)
    if intent is None or step is None:
        if _repeat(desk, member):
            return True
        if is_inquiry:
            cancel_timer(desk, member)
        return is_inquiry
    if intent.state == IntentState.ANSWERED:
        _conclude(desk, member, step, intent, stored_outcome(intent))
    elif intent.state == IntentState.UNKNOWN and not is_inquiry:
        park(desk, member, step, "its call is being inquired about")
    else:
        _lease(desk, member, step, intent, ask_first=True)
    return True


def _calling_steps(member: Member) -> list[Step]:
    """Return the steps whose calls this member may have out: its own, or its table's entries."""
    step = step_of(member)
    late = [answer.step for answer in step.otherwise.values() if answer.step is not None]
    entries = [step, *late] if step.undo_table is None else list(step.undo_table.values())
    return [entry for entry in entries if isinstance(entry, Step) and entry.calls is not None]


def _open_call(desk: Desk, member: Member) -> tuple[Intent | None, Step | None]:
    for step in _calling_steps(member):
        intent = desk.ledger.open_for(member.saga, member.stored.id, step)
        if intent is not None:
            return intent, step
    return None, None


def _repeat(desk: Desk, member: Member) -> bool:
    """Make a call again that has definitely failed and whose step wanted another try (R34)."""
    for step in _calling_steps(member):
        if desk.ledger.has_failed(member.saga, member.stored.id, step):
            begin_call(desk, member, step)
            return True
    return False


def settled(desk: Desk, member: Member, answer: Answered) -> None:
    """A call has come back (T2): a definite outcome, or none."""
    lease = answer.lease
    if answer.not_sent is not None:
        raise answer.not_sent
    if answer.outcome is None:
        _leave_unknown(desk, member, lease)
    else:
        _conclude(desk, member, lease.step, _intent_of(desk, member, lease), answer.outcome)


def _intent_of(desk: Desk, member: Member, lease: Lease) -> Intent:
    intent = desk.ledger.open_for(member.saga, member.stored.id, lease.step)
    if intent is None:
        message = f"{member.delivery} came back from a call that has no open intent."
        raise PermanentFailure(message)
    return intent


def _conclude(desk: Desk, member: Member, step: Step, intent: Intent, outcome: Outcome) -> None:
    """A true outcome is always recorded, whichever way the saga goes by now (decision 18)."""
    desk.ledger.answer(intent, outcome, now=desk.now)
    run(desk, member, step, outcome)


def _leave_unknown(desk: Desk, member: Member, lease: Lease) -> None:
    """Unknown is not failed: free the lane and ask again later (R29)."""
    intent = _intent_of(desk, member, lease)
    desk.ledger.leave_unknown(intent)
    ask_at = desk.now + INQUIRY.ceiling(intent.inquiries + 1)
    if member.delivery.purpose.startswith(INQUIRE_PREFIX):
        desk.plan.rescheduled.append((member.delivery, ask_at))
        return
    assert lease.step.calls is not None  # noqa: S101  for types
    unanswered = CallUnanswered(
        step=lease.step.full_name,
        call=lease.step.calls.name,
        idempotency_key=intent.idempotency_key,
    )
    say(desk, member, unanswered)
    again = inquiry(member.delivery, lease.step.name, at=ask_at, now=desk.now)
    desk.unit.deliveries.append(again)
    desk.plan.done.append(member.delivery)


def cancel_timer(desk: Desk, member: Member) -> None:
    """End a timer that has become pointless."""
    say(desk, member, TimerCancelled(timer=member.delivery.purpose))
    desk.plan.done.append(member.delivery)
