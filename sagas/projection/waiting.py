"""Waiting: what a saga waits for now: since when, until when, what then, and who can act.

Every running saga has an answer here (G5); the sentences follow the states of its deliveries.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.utils.translation import gettext as _

from sagas import clock, deadline
from sagas.event import Event
from sagas.models import Case, Delivery, DeliveryState, Pause, Saga
from sagas.projection.words import last_line, state_label, title_of
from sagas.routing import step_named
from sagas.step import StateTimer

_INQUIRE = "inquire:"


class WaitKind(StrEnum):
    """For what a saga can wait; in the order of how much it needs attention."""

    #: A delivery gave up.
    DEAD = "dead"
    #: A case is open.
    PERSON = "person"
    #: A person has paused what would be next.
    PAUSED = "paused"
    #: A call ended without an answer; the outside is asked again.
    UNKNOWN = "unknown"
    #: A call is out.
    CALL = "call"
    #: An attempt failed, or this code can't do it yet; it is tried again.
    RETRY = "retry"
    #: An event came before its subject was ready for it.
    PARKED = "parked"
    #: A worker can take it now.
    READY = "ready"
    #: Another delivery of the same lane comes first.
    QUEUED = "queued"
    #: A deadline runs.
    TIMER = "timer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """One thing a saga waits for. `until` is None where nothing ends it by itself."""

    kind: WaitKind
    #: For what, as a sentence.
    what: str
    since: datetime
    until: datetime | None
    #: What happens then.
    then: str
    #: Who can act.
    who: str
    delivery_id: UUID | None = None
    case_id: UUID | None = None
    #: The whole error text, where there is one.
    error: str = ""

    @property
    def needs_a_person(self) -> bool:
        """Whether it goes on only when somebody acts."""
        return self.kind in (WaitKind.DEAD, WaitKind.PERSON, WaitKind.PAUSED)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """What the sentences are made from."""

    saga: Saga
    now: datetime
    pauses: Mapping[str, Pause]
    cases: Mapping[UUID | None, Case]
    lanes: Mapping[str, list[Delivery]] = field(default_factory=dict)


def waiting(saga: Saga, *, using: str = "default") -> tuple[Wait, ...]:
    """Return what a saga waits for, what needs attention first; empty once it has ended."""
    deliveries = Delivery.objects.using(using).filter(saga_id=saga.id)
    cases = Case.objects.using(using).filter(saga_id=saga.id, closed_at=None)
    return waits_of(
        saga,
        list(deliveries.select_related("event").order_by("rank", "position", "id")),
        list(cases),
        pauses=list(Pause.objects.using(using).all()),
        now=clock.now(using),
    )


def waits_of(
    saga: Saga,
    deliveries: Sequence[Delivery],
    cases: Iterable[Case],
    *,
    pauses: Iterable[Pause],
    now: datetime,
) -> tuple[Wait, ...]:
    """Return the waits for rows that were read before; deliveries in lane order."""
    cases = list(cases)
    lanes: dict[str, list[Delivery]] = defaultdict(list)
    for row in deliveries:
        lanes[row.consumer].append(row)
    scene = _Scene(
        saga=saga,
        now=now,
        pauses={pause.name: pause for pause in pauses},
        cases={case.delivery_id: case for case in cases if case.delivery_id},
        lanes=lanes,
    )
    dead = {row.id for row in deliveries if row.state == DeliveryState.DEAD}
    waits = [_SENTENCES[_kind(row, scene)](row, scene) for row in deliveries]
    waits += [_person(case) for case in cases if case.delivery_id not in dead]
    order = list(WaitKind)
    return tuple(sorted(waits, key=lambda wait: (order.index(wait.kind), wait.until or wait.since)))


# -- which kind

_BY_STATE = {
    DeliveryState.DEAD: WaitKind.DEAD,
    DeliveryState.LEASED: WaitKind.CALL,
    DeliveryState.PARKED: WaitKind.PARKED,
}


def _kind(row: Delivery, scene: _Scene) -> WaitKind:
    if row.purpose.startswith(_INQUIRE) and row.state != DeliveryState.DEAD:
        return WaitKind.UNKNOWN
    if row.state in _BY_STATE:
        return _BY_STATE[DeliveryState(row.state)]
    if _pause_of(row, scene) is not None:
        return WaitKind.PAUSED
    if row.available_at > scene.now:
        return WaitKind.TIMER if _is_timer(row) else WaitKind.RETRY
    return WaitKind.QUEUED if _ahead_of(row, scene) else WaitKind.READY


def _is_timer(row: Delivery) -> bool:
    return deadline.is_state_timer(row) or row.purpose == deadline.SAGA_DEADLINE


def _pause_of(row: Delivery, scene: _Scene) -> Pause | None:
    """Return the pause that holds a delivery up, as `claim` sees it (decision 20)."""
    names = (row.consumer, _step(row), f"choreography:{scene.saga.choreography}")
    return next((scene.pauses[name] for name in names if name in scene.pauses), None)


def _ahead_of(row: Delivery, scene: _Scene) -> Delivery | None:
    """Return what is done before `row` in its lane, as `claim` sees it (G4)."""
    lane = scene.lanes[row.consumer]
    out = [other for other in lane if other.state == DeliveryState.LEASED]
    if out or row.rank == 0:
        return out[0] if out else None
    earlier = lane[: lane.index(row)]
    steps = [d for d in earlier if d.rank > 0 and d.state != DeliveryState.PARKED]
    return steps[0] if steps else None


# -- what to say


def _step(row: Delivery) -> str:
    return f"{row.consumer}.{row.purpose.removeprefix(_INQUIRE)}"


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


def _dead(row: Delivery, scene: _Scene) -> Wait:
    case = scene.cases.get(row.id)
    values = {"step": _step(row), "count": row.attempts, "error": last_line(row.error)}
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


def _call(row: Delivery, scene: _Scene) -> Wait:
    return _wait(
        row,
        WaitKind.CALL,
        what=_("The answer to a call that %(step)s has out") % {"step": _step(row)},
        until=row.lease_until,
        then=_("Its lease ends; another worker asks the outside what became of it."),
        who=_("Nobody has to act."),
    )


def _unknown(row: Delivery, scene: _Scene) -> Wait:
    return _wait(
        row,
        WaitKind.UNKNOWN,
        what=_("Certainty about a call of %(step)s that ended without an answer")
        % {"step": _step(row)},
        until=row.lease_until or row.available_at,
        then=_("The outside is asked again, with the same key."),
        who=_("The outside: by answering, or by a webhook."),
    )


def _parked(row: Delivery, scene: _Scene) -> Wait:
    values = {"step": _step(row), "event": title_of(row.event.type), "reason": row.reason}
    return _wait(
        row,
        WaitKind.PARKED,
        what=_("%(step)s can't take “%(event)s” yet: %(reason)s") % values,
        until=row.deadline_at,
        then=_("A person is asked."),
        who=_("Nobody has to act: it goes on when %(what)s moves.")
        % {"what": f"{row.waits_model} {row.waits_key}".strip()},
    )


def _retry(row: Delivery, scene: _Scene) -> Wait:
    if not row.error:
        what = _("%(step)s is postponed: %(reason)s")
    else:
        what = _("Attempt %(count)s of %(most)s of %(step)s failed: %(error)s")
    step = step_named(row.consumer, row.purpose)
    values = {
        "step": _step(row),
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


def _ready(row: Delivery, scene: _Scene) -> Wait:
    values = {"step": _step(row), "event": title_of(row.event.type)}
    return _wait(
        row,
        WaitKind.READY,
        what=_("A free worker for %(step)s, after “%(event)s”") % values,
        until=None,
        then=_("It is done at once; if hints were lost, the relay finds it."),
        who=_("Nobody has to act, as long as workers run."),
    )


def _queued(row: Delivery, scene: _Scene) -> Wait:
    ahead = _ahead_of(row, scene)
    values = {"step": _step(row), "ahead": _step(ahead) if ahead else "?"}
    return _wait(
        row,
        WaitKind.QUEUED,
        what=_("%(step)s waits for its turn: %(ahead)s comes first") % values,
        until=None,
        then=_("It follows as soon as the one before it is done."),
        who=_("Whoever can act on the one before it."),
    )


def _paused(row: Delivery, scene: _Scene) -> Wait:
    pause = _pause_of(row, scene)
    assert pause is not None  # noqa: S101  this kind means that there is one
    values = {"step": _step(row), "name": pause.name, "who": pause.actor, "why": pause.reason}
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


def _timer(row: Delivery, scene: _Scene) -> Wait:
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


def _saga_timer(row: Delivery, scene: _Scene) -> Wait:
    has_way_back = scene.saga.pivoted_at is None and not scene.saga.is_compensating
    return _wait(
        row,
        WaitKind.TIMER,
        what=_("The end of %(name)s") % {"name": scene.saga.choreography},
        until=row.available_at,
        then=_("Its cancellation is asked for.") if has_way_back else _("A person is asked."),
        who=_("Nobody has to act."),
    )


def _person(case: Case) -> Wait:
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


_SENTENCES: dict[WaitKind, Callable[[Delivery, _Scene], Wait]] = {
    WaitKind.DEAD: _dead,
    WaitKind.PAUSED: _paused,
    WaitKind.UNKNOWN: _unknown,
    WaitKind.CALL: _call,
    WaitKind.RETRY: _retry,
    WaitKind.PARKED: _parked,
    WaitKind.READY: _ready,
    WaitKind.QUEUED: _queued,
    WaitKind.TIMER: _timer,
}
