"""Waiting: what a saga waits for now: since when, until when, what then, and who can act.

Every running saga has an answer here (G5); the sentences follow the states of its deliveries.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sagas import clock
from sagas.models import Breaker, BreakerState, Case, Delivery, DeliveryState, Pause, Saga
from sagas.projection.scene import Scene, Wait, WaitKind, ahead_of, breaker_of, is_timer, pause_of
from sagas.projection.sentences import SENTENCES, person
from sagas.step import INQUIRE_PREFIX

#: States whose sentence says what their case says.
_WITH_CASE = (DeliveryState.DEAD, DeliveryState.BRAKED)
_BY_STATE = {
    DeliveryState.DEAD: WaitKind.DEAD,
    DeliveryState.BRAKED: WaitKind.BRAKED,
    DeliveryState.LEASED: WaitKind.CALL,
    DeliveryState.PARKED: WaitKind.PARKED,
}


def waiting(saga: Saga, *, using: str = "default") -> tuple[Wait, ...]:
    """Return what a saga waits for, what needs attention first; empty once it has ended."""
    deliveries = Delivery.objects.using(using).filter(saga_id=saga.id)
    cases = Case.objects.using(using).filter(saga_id=saga.id, closed_at=None)
    return waits_of(
        saga,
        list(deliveries.select_related("event").order_by("rank", "position", "id")),
        list(cases),
        pauses=list(Pause.objects.using(using).all()),
        breakers=open_breakers(using),
        now=clock.now(using),
    )


def open_breakers(using: str) -> list[Breaker]:
    """Return the breakers that do not let every call out."""
    return list(Breaker.objects.using(using).exclude(state=BreakerState.CLOSED))


def waits_of(
    saga: Saga,
    deliveries: Sequence[Delivery],
    cases: Iterable[Case],
    *,
    pauses: Iterable[Pause],
    breakers: Iterable[Breaker],
    now: datetime,
) -> tuple[Wait, ...]:
    """Return the waits for rows that were read before; deliveries in lane order."""
    cases = list(cases)
    lanes: dict[str, list[Delivery]] = defaultdict(list)
    for row in deliveries:
        lanes[row.consumer].append(row)
    scene = Scene(
        saga=saga,
        now=now,
        pauses={pause.name: pause for pause in pauses},
        breakers={breaker.name: breaker for breaker in breakers},
        cases={case.delivery_id: case for case in cases if case.delivery_id},
        lanes=lanes,
    )
    with_case = {row.id for row in deliveries if row.state in _WITH_CASE}
    waits = [SENTENCES[_kind(row, scene)](row, scene) for row in deliveries]
    waits += [person(case) for case in cases if case.delivery_id not in with_case]
    order = list(WaitKind)
    return tuple(sorted(waits, key=lambda wait: (order.index(wait.kind), wait.until or wait.since)))


def _kind(row: Delivery, scene: Scene) -> WaitKind:
    if row.purpose.startswith(INQUIRE_PREFIX) and row.state != DeliveryState.DEAD:
        return WaitKind.UNKNOWN
    if row.state in _BY_STATE:
        return _BY_STATE[DeliveryState(row.state)]
    if pause_of(row, scene) is not None:
        return WaitKind.PAUSED
    if breaker_of(row, scene) is not None:
        return WaitKind.BREAKER
    if row.available_at > scene.now:
        return WaitKind.TIMER if is_timer(row) else WaitKind.RETRY
    return WaitKind.QUEUED if ahead_of(row, scene) else WaitKind.READY
