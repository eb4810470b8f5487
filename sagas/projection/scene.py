"""Scene: the rows of one saga that its waits are told from, and what holds a delivery up in them.

`waiting` says which kind of wait each delivery is, `sentences` says it in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sagas import deadline
from sagas.claim import STEPS_ASIDE, names_of
from sagas.models import Breaker, Case, Delivery, DeliveryState, Pause, Saga
from sagas.routing import gateways_of, step_named
from sagas.step import INQUIRE_PREFIX


class WaitKind(StrEnum):
    """For what a saga can wait; in the order of how much it needs attention."""

    #: A delivery gave up.
    DEAD = "dead"
    #: A call would go over a cap.
    BRAKED = "braked"
    #: A case is open.
    PERSON = "person"
    #: A person has paused what would be next.
    PAUSED = "paused"
    #: A gateway does not answer, so it is left alone for a while.
    BREAKER = "breaker"
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
        return self.kind in (WaitKind.DEAD, WaitKind.BRAKED, WaitKind.PERSON, WaitKind.PAUSED)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the sentences are made from."""

    saga: Saga
    now: datetime
    pauses: Mapping[str, Pause]
    breakers: Mapping[str, Breaker]
    cases: Mapping[UUID | None, Case]
    lanes: Mapping[str, list[Delivery]] = field(default_factory=dict)


def name_of(row: Delivery) -> str:
    """Return the full name of a delivery's step, or of the step whose call it asks about."""
    return f"{row.consumer}.{row.purpose.removeprefix(INQUIRE_PREFIX)}"


def is_timer(row: Delivery) -> bool:
    """Whether a delivery is the deadline of a state or of its saga."""
    return deadline.is_state_timer(row) or row.purpose == deadline.SAGA_DEADLINE


def pause_of(row: Delivery, scene: Scene) -> Pause | None:
    """Return the pause that holds a delivery up, as `claim` sees it (decision 20)."""
    names = names_of(row, scene.saga)
    return next((scene.pauses[name] for name in names if name in scene.pauses), None)


def breaker_of(row: Delivery, scene: Scene) -> Breaker | None:
    """Return the breaker that holds a delivery up, or may do so when it is taken."""
    return next((scene.breakers[n] for n in _gateways(row) if n in scene.breakers), None)


def _gateways(row: Delivery) -> Sequence[str]:
    step = step_named(row.consumer, row.purpose.removeprefix(INQUIRE_PREFIX))
    return sorted(gateways_of(step)) if step else ()


def ahead_of(row: Delivery, scene: Scene) -> Delivery | None:
    """Return what is done before `row` in its lane, as `claim` sees it (G4)."""
    lane = scene.lanes[row.consumer]
    out = [other for other in lane if other.state == DeliveryState.LEASED]
    if out or row.rank == 0:
        return out[0] if out else None
    earlier = lane[: lane.index(row)]
    steps = [d for d in earlier if d.rank > 0 and d.state not in STEPS_ASIDE]
    return steps[0] if steps else None
