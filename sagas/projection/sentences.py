"""Sentences: what each kind of wait says: for what, until when, what then, and who can act."""

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from sagas import deadline
from sagas.event import Event
from sagas.models import Case, Delivery
from sagas.projection.scene import (
    Scene,
    Wait,
    WaitKind,
    ahead_of,
    breaker_of,
    name_of,
    pause_of,
)
from sagas.projection.words import last_line, state_label, title_of
from sagas.routing import step_named
from sagas.step import StateTimer


def _wait(
    row: Delivery, kind: WaitKind, *, what: str, until: datetime | None, then: str, who: str
) -> Wait:
    return Wait(
        kind=kind,
        what=what,
        then=then,
        who=who,
        since=row.created_at,
        until=until,
        delivery_id=row.id,
        error=row.error,
    )


def _dead(row: Delivery, scene: Scene) -> Wait:
    case = scene.cases.get(row.id)
    values = {"step": name_of(row), "count": row.attempts, "error": last_line(row.error)}
    return Wait(
        kind=WaitKind.DEAD,
        what=_("%(step)s gave up (attempts: %(count)s): %(error)s") % values,
        since=case.opened_at if case else row.created_at,
        until=None,
        then=_("Nothing happens in this lane until somebody decides."),
        who=_("An operator: try it again, correct its event, or skip it."),
        delivery_id=row.id,
        case_id=case.id if case else None,
        error=row.error,
    )


def _braked(row: Delivery, scene: Scene) -> Wait:
    case = scene.cases.get(row.id)
    return Wait(
        kind=WaitKind.BRAKED,
        what=_("A second person's word: %(reason)s") % {"reason": row.reason},
        since=case.opened_at if case else row.created_at,
        until=None,
        then=_("Nothing goes out until somebody has approved it."),
        who=_("An operator who did not ask for the money: approve it, or skip it."),
        delivery_id=row.id,
        case_id=case.id if case else None,
        error=row.error,
    )


def _call(row: Delivery, scene: Scene) -> Wait:
    return _wait(
        row,
        WaitKind.CALL,
        what=_("The answer to a call that %(step)s has out") % {"step": name_of(row)},
        until=row.lease_until,
        then=_("Its lease ends; another worker asks the outside what became of it."),
        who=_("Nobody has to act."),
    )


def _held_back(row: Delivery, scene: Scene) -> Wait:
    breaker = breaker_of(row, scene)
    assert breaker is not None  # noqa: S101  this kind means that there is one
    values = {"step": name_of(row), "gateway": breaker.name, "count": breaker.failures}
    return Wait(
        kind=WaitKind.BREAKER,
        what=_(
            "%(step)s leaves %(gateway)s alone: it did not answer (calls in a row: %(count)s), so"
            " its breaker is open"
        )
        % values,
        since=breaker.opened_at or row.created_at,
        until=row.available_at if row.available_at > scene.now else breaker.retry_at,
        then=_("One call is tried; once it is answered the others follow, undo calls first."),
        who=_("Whoever can bring %(gateway)s back; nobody has to act here.") % values,
        delivery_id=row.id,
        error=row.error,
    )


def _unknown(row: Delivery, scene: Scene) -> Wait:
    breaker = breaker_of(row, scene)
    again = _("The outside is asked again, with the same key.")
    later = _("The outside is asked again, with the same key, once its breaker lets calls out.")
    return _wait(
        row,
        WaitKind.UNKNOWN,
        what=_("Certainty about a call of %(step)s that ended without an answer")
        % {"step": name_of(row)},
        until=row.lease_until or row.available_at,
        then=later if breaker else again,
        who=_("The outside: by answering, or by a webhook."),
    )


def _parked(row: Delivery, scene: Scene) -> Wait:
    values = {"step": name_of(row), "event": title_of(row.event.type), "reason": row.reason}
    return _wait(
        row,
        WaitKind.PARKED,
        what=_("%(step)s can't take “%(event)s” yet: %(reason)s") % values,
        until=row.deadline_at,
        then=_("A person is asked."),
        who=_("Nobody has to act: it goes on when %(what)s moves.")
        % {"what": f"{row.waits_model} {row.waits_key}".strip()},
    )


def _retry(row: Delivery, scene: Scene) -> Wait:
    if not row.error:
        what = _("%(step)s is postponed: %(reason)s")
    else:
        what = _("Attempt %(count)s of %(most)s of %(step)s failed: %(error)s")
    step = step_named(row.consumer, row.purpose)
    values = {
        "step": name_of(row),
        "reason": row.reason or _("its time has not come"),
        "count": row.attempts,
        "most": step.retry.attempts if step else "?",
        "error": last_line(row.error),
    }
    return _wait(
        row,
        WaitKind.RETRY,
        what=what % values,
        until=row.available_at,
        then=_("It is tried again; after the last attempt a person is asked."),
        who=_("Nobody has to act."),
    )


def _ready(row: Delivery, scene: Scene) -> Wait:
    values = {"step": name_of(row), "event": title_of(row.event.type)}
    return _wait(
        row,
        WaitKind.READY,
        what=_("A free worker for %(step)s, after “%(event)s”") % values,
        until=None,
        then=_("It is done at once; if hints were lost, the relay finds it."),
        who=_("Nobody has to act, as long as workers run."),
    )


def _queued(row: Delivery, scene: Scene) -> Wait:
    ahead = ahead_of(row, scene)
    values = {"step": name_of(row), "ahead": name_of(ahead) if ahead else "?"}
    return _wait(
        row,
        WaitKind.QUEUED,
        what=_("%(step)s waits for its turn: %(ahead)s comes first") % values,
        until=None,
        then=_("It follows as soon as the one before it is done."),
        who=_("Whoever can act on the one before it."),
    )


def _paused(row: Delivery, scene: Scene) -> Wait:
    pause = pause_of(row, scene)
    assert pause is not None  # noqa: S101  this kind means that there is one
    values = {"step": name_of(row), "name": pause.name, "who": pause.actor, "why": pause.reason}
    return Wait(
        kind=WaitKind.PAUSED,
        what=_("%(step)s is held up: %(who)s has paused %(name)s, because: %(why)s") % values,
        since=pause.paused_at,
        until=None,
        then=_("It stays where it is."),
        who=_("An operator: resume %(name)s.") % values,
        delivery_id=row.id,
        error=row.error,
    )


def _timer(row: Delivery, scene: Scene) -> Wait:
    if row.purpose == deadline.SAGA_DEADLINE:
        return _saga_timer(row, scene)
    declared = deadline.declared_timer(row)
    if declared is None:
        what, then = row.purpose, _("Nothing, until code that knows this timer is running.")
    else:
        state = state_label(declared.model._meta.label, declared.field, declared.state)
        values = {"model": declared.model._meta.verbose_name, "state": state}
        what = _("%(model)s leaves the state “%(state)s”") % values
        then = _fact_then(declared)
    return _wait(
        row,
        WaitKind.TIMER,
        what=what,
        until=row.available_at,
        then=then,
        who=_("Nobody has to act."),
    )


def _fact_then(declared: StateTimer) -> str:
    then = declared.then
    if isinstance(then, type) and issubclass(then, Event):
        return _("“%(event)s” is announced.") % {"event": title_of(then.wire_name)}
    return _("What its context declared for it is announced.")


def _saga_timer(row: Delivery, scene: Scene) -> Wait:
    has_way_back = scene.saga.pivoted_at is None and not scene.saga.is_compensating
    return _wait(
        row,
        WaitKind.TIMER,
        what=_("The end of %(name)s") % {"name": scene.saga.choreography},
        until=row.available_at,
        then=_("Its cancellation is asked for.") if has_way_back else _("A person is asked."),
        who=_("Nobody has to act."),
    )


def person(case: Case) -> Wait:
    """Return the wait for a person's decision about a case."""
    values = {"kind": case.get_kind_display(), "detail": case.detail}
    return Wait(
        kind=WaitKind.PERSON,
        what=_("A person's decision (%(kind)s): %(detail)s") % values,
        since=case.opened_at,
        until=None,
        then=_("Nothing closes it by itself."),
        who=_("An operator: deal with it, then close the case with a note."),
        delivery_id=case.delivery_id,
        case_id=case.id,
    )


SENTENCES: dict[WaitKind, Callable[[Delivery, Scene], Wait]] = {
    WaitKind.DEAD: _dead,
    WaitKind.BRAKED: _braked,
    WaitKind.PAUSED: _paused,
    WaitKind.BREAKER: _held_back,
    WaitKind.UNKNOWN: _unknown,
    WaitKind.CALL: _call,
    WaitKind.RETRY: _retry,
    WaitKind.PARKED: _parked,
    WaitKind.READY: _ready,
    WaitKind.QUEUED: _queued,
    WaitKind.TIMER: _timer,
}
