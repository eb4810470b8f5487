"""Calling: intent, call, outcome (R6, R29, decision 18).

Transaction 1 stores the intent and takes the lease; the call is made by `worker`, outside of any
transaction; transaction 2 brings the outcome back. Unknown is not failed.
"""

from datetime import timedelta

from sagas import breaker, fsm
from sagas.call import Call, Outcome
from sagas.case import new_case
from sagas.conf import settings
from sagas.desk import Answered, Desk, Lease, Member, state_of, step_of, subject_key
from sagas.exceptions import PermanentFailure
from sagas.facts import CallStarted, CallUnanswered, TimerCancelled
from sagas.intent import inquiry, stored_outcome
from sagas.models import CaseKind, Intent, IntentState
from sagas.money import Money
from sagas.purity import pure
from sagas.retry import INQUIRY
from sagas.routing import is_undo
from sagas.running import moved, park, postpone, refuse, rows_asked, run, say
from sagas.step import INQUIRE_PREFIX, Step


def may_begin(desk: Desk, member: Member, step: Step) -> bool:
    """Whether a new call may go out now; if not, the member has got its answer."""
    about = subject_key(member, step)
    if not is_undo(step) and desk.ledger.is_forbidden(member.saga, step, about):
        refuse(desk, member, "its undo came first")
        return False
    return _is_let_out(desk, member, step)


def _is_let_out(desk: Desk, member: Member, step: Step) -> bool:
    """Whether the gateway's breaker lets a call out; if not, it is postponed (decision 20)."""
    gateway = _call_of(step).gateway
    until = desk.breakers.hold(gateway, patience=_duration(step))
    if until is not None:
        turn = breaker.turn_of(member.delivery, until)
        postpone(desk, member, breaker.reason(gateway, until), until=turn)
    return until is None


def begin_call(desk: Desk, member: Member, step: Step) -> None:
    """Store intent and frozen request, move into the in-flight state, take the lease (T1).

    Over a cap of its brake nothing of that happens, and a second person is asked.
    """
    call, before = _call_of(step), state_of(member, step)
    kept = desk.work.keep(member.subject) if call.brake else {}
    if _can_begin(step, before):
        getattr(member.subject, step.begins)()
    with pure(step.full_name, desk.using):
        rows = rows_asked(call.request, member)
        request = call.request(member.event, member.subject, **rows)
        amount = call.amount(request) if call.amount else None
    brake = _brake_of(desk, member, call, amount)
    if amount is not None and (cap := desk.brakes.stop(brake, amount)):
        desk.work.put_back(member.subject, kept)
        desk.breakers.give_back(call.gateway)
        _brake(desk, member, step, amount, cap)
        return
    intent = desk.ledger.begin(
        member.saga,
        step,
        subject_key=subject_key(member, step),
        event_id=member.stored.id,
        request=request,
        amount=amount,
        brake=brake,
        now=desk.now,
    )
    _say_started(desk, member, step, intent, before)
    _lease(desk, member, step, intent, ask_first=False)


def _call_of(step: Step) -> Call:
    assert step.calls is not None  # noqa: S101  only calling steps come here
    return step.calls


def _brake_of(desk: Desk, member: Member, call: Call, amount: Money | None) -> str:
    """Return the brake that the call is under; none once a second person has approved it."""
    if amount is None or desk.brakes.is_approved(call.brake, amount, member.delivery.id):
        return ""
    return call.brake


def _brake(desk: Desk, member: Member, step: Step, amount: Money, cap: str) -> None:
    """Have the member wait for a second person, and say what, how much and which cap."""
    row, call = member.delivery, _call_of(step)
    row.reason = f"{step.full_name} would move {amount}, over {cap} of the brake {call.brake}"
    case = new_case(
        desk.unit,
        member.saga,
        CaseKind.BRAKED,
        detail=row.reason,
        delivery_id=row.id,
        amount=amount,
    )
    desk.plan.braked.append((row, case))


def _say_started(desk: Desk, member: Member, step: Step, intent: Intent, before: str) -> None:
    started = CallStarted(
        step=step.full_name,
        call=_call_of(step).name,
        idempotency_key=intent.idempotency_key,
        attempt=intent.n,
    )
    say(desk, member, started, subject=moved(step, member.subject, before), ordinal=None)


def _can_begin(step: Step, state: str) -> bool:
    """Whether the subject is still before its in-flight state; a repeated call finds it there."""
    if not step.begins or step.model is None:
        return False
    return state in fsm.sources(step.model, step.state_field, [step.begins])


def _lease(desk: Desk, member: Member, step: Step, intent: Intent, *, ask_first: bool) -> None:
    may_send = is_undo(step) or not member.saga.is_compensating
    unsent_for = desk.now - intent.last_sent_at
    if ask_first:
        desk.ledger.ask_again(intent, resent_at=desk.now if may_send else None)
    desk.plan.leases.append(
        Lease(
            delivery=member.delivery,
            step=step,
            intent=intent,
            ask_first=ask_first,
            may_send=may_send,
            duration=_duration(step),
            age=desk.now - intent.started_at,
            unsent_for=unsent_for,
        )
    )


def _duration(step: Step) -> timedelta:
    return step.deadline or settings().CALL_DEADLINE


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
    elif _is_let_out(desk, member, step):
        _lease(desk, member, step, intent, ask_first=True)
    return True


def _open_call(desk: Desk, member: Member) -> tuple[Intent | None, Step | None]:
    for step in step_of(member).callers:
        intent = desk.ledger.open_for(member.saga, member.stored.id, step)
        if intent is not None:
            return intent, step
    return None, None


def _repeat(desk: Desk, member: Member) -> bool:
    """Make a call again that has definitely failed and whose step wanted another try (R34)."""
    for step in step_of(member).callers:
        if desk.ledger.has_failed(member.saga, member.stored.id, step):
            if may_begin(desk, member, step):
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
    unanswered = CallUnanswered(
        step=lease.step.full_name,
        call=lease.call.name,
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
