"""Delivery: every change of a delivery's state, each one guarded UPDATE that says whether it won.

Nobody else assigns `state`. The arrows: ready -> leased -> (deleted), ready -> parked -> ready,
ready -> braked -> ready, ready | leased -> ready (retry), ready | leased | parked -> dead -> ready.
A done delivery is a deleted row.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, Value, When

from sagas.exceptions import StaleDelivery
from sagas.models import Delivery, DeliveryState
from sagas.rows import update_rows

_OPEN = (DeliveryState.READY, DeliveryState.LEASED)


def lease(using: str, leases: Sequence[tuple[Delivery, datetime]], *, holder: str) -> None:
    """Ready -> leased by `holder` until the given times; the attempt is committed first (R6).

    The caller holds the lanes. Raises StaleDelivery when one of them was not ready any more.
    """
    if not leases:
        return
    won = (
        Delivery.objects.using(using)
        .filter(id__in=[d.id for d, _ in leases], state=DeliveryState.READY)
        .update(
            state=DeliveryState.LEASED,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            lease_until=_each(leases),
            leased_by=holder,
        )
    )
    _all_or_stale(won, len(leases), "leased")
    for row, _ in leases:
        row.state, row.fence, row.attempts = DeliveryState.LEASED, row.fence + 1, row.attempts + 1


def _each(times: Sequence[tuple[Delivery, datetime]]) -> Case:
    """Say for each delivery its own time; many have the same."""
    by_time: dict[datetime, list[UUID]] = defaultdict(list)
    for row, at in times:
        by_time[at].append(row.id)
    return Case(*(When(id__in=ids, then=Value(at)) for at, ids in by_time.items()))


def park(using: str, parked: Sequence[tuple[Delivery, datetime]]) -> None:
    """Ready -> parked, looking again at the given times. The caller holds the lanes."""
    if not parked:
        return
    for delivery, look_again in parked:
        delivery.state = DeliveryState.PARKED
        delivery.available_at = look_again
    fields = ["state", "available_at", "deadline_at", "waits_model", "waits_key", "reason"]
    was_ready = {"state": DeliveryState.READY}
    won = update_rows(using, [d for d, _ in parked], fields, only=was_ready)
    _all_or_stale(won, len(parked), "parked")


def brake(using: str, braked: Sequence[Delivery]) -> None:
    """Ready -> braked: a second person is asked; not an attempt. The caller holds the lanes."""
    if not braked:
        return
    for row in braked:
        row.state = DeliveryState.BRAKED
    was_ready = {"state": DeliveryState.READY}
    won = update_rows(using, braked, ["state", "reason"], only=was_ready)
    _all_or_stale(won, len(braked), "braked")


def let_go(using: str, delivery: Delivery, *, at: datetime) -> bool:
    """Braked -> ready: a second person has approved it. Says whether it won."""
    return _move(
        using,
        delivery,
        from_states=(DeliveryState.BRAKED,),
        state=DeliveryState.READY,
        available_at=at,
    )


def postpone(using: str, postponed: Sequence[tuple[Delivery, datetime]]) -> None:
    """Ready stays ready, but later; not an attempt (R20). The caller holds the lanes."""
    if not postponed:
        return
    for delivery, later in postponed:
        delivery.available_at = later
    fields = ["available_at", "reason"]
    was_ready = {"state": DeliveryState.READY}
    won = update_rows(using, [d for d, _ in postponed], fields, only=was_ready)
    _all_or_stale(won, len(postponed), "postponed")


def hurry(using: str, ids: Sequence[UUID], *, at: datetime) -> None:
    """Ready stays ready, but at once: what they were postponed for is over."""
    if ids:
        rows = Delivery.objects.using(using).filter(id__in=ids, state=DeliveryState.READY)
        rows.update(available_at=at)


def retry(using: str, delivery: Delivery, *, at: datetime, error: str, alone: bool) -> bool:
    """Ready | leased -> ready after a failed attempt. Says whether it won.

    `alone`: from now on it runs without company, since it may have killed a worker (R9).
    """
    counted = delivery.attempts if delivery.state == DeliveryState.LEASED else delivery.attempts + 1
    return _move(
        using,
        delivery,
        from_states=_OPEN,
        state=DeliveryState.READY,
        available_at=at,
        lease_until=None,
        attempts=counted,
        alone=alone or delivery.alone,
        error=error,
    )


def reschedule(using: str, leased: Sequence[tuple[Delivery, datetime]]) -> None:
    """Leased -> ready at the given times: nothing failed, nothing is known yet (R29).

    Raises StaleDelivery when a lease was not ours any more.
    """
    if not leased:
        return
    won = _held(using, [d for d, _ in leased]).update(
        state=DeliveryState.READY, available_at=_each(leased), lease_until=None, attempts=0
    )
    _all_or_stale(won, len(leased), "put back")


def die(using: str, delivery: Delivery, *, error: str) -> bool:
    """Anything open -> dead: it gave up and waits for a person. Says whether it won."""
    return _move(
        using,
        delivery,
        from_states=(*_OPEN, DeliveryState.PARKED),
        state=DeliveryState.DEAD,
        lease_until=None,
        attempts=delivery.attempts + (delivery.state != DeliveryState.LEASED),
        error=error,
    )


def revive(using: str, delivery: Delivery, *, at: datetime) -> bool:
    """Dead -> ready, with its attempts forgotten. Says whether it won."""
    return _move(
        using,
        delivery,
        from_states=(DeliveryState.DEAD,),
        state=DeliveryState.READY,
        available_at=at,
        attempts=0,
    )


def expire_lease(using: str, delivery: Delivery, *, at: datetime) -> bool:
    """Leased -> ready; the fence moves on, so the old holder can't commit (R6). Says if it won."""
    return _move(
        using,
        delivery,
        from_states=(DeliveryState.LEASED,),
        state=DeliveryState.READY,
        available_at=at,
        lease_until=None,
        fence=F("fence") + 1,
    )


def look_again(using: str, now: datetime) -> int:
    """Parked -> ready for those whose time to look again has come. Returns how many."""
    return (
        Delivery.objects.using(using)
        .filter(state=DeliveryState.PARKED, available_at__lte=now)
        .update(state=DeliveryState.READY)
    )


def finish(using: str, ids: Sequence[UUID]) -> None:
    """Delete what was done: the last statement of its transaction, counted (R5).

    Raises StaleDelivery when somebody else was first; the transaction must then roll back.
    """
    if not ids:
        return
    deleted, _ = Delivery.objects.using(using).filter(id__in=ids).delete()
    _all_or_stale(deleted, len(ids), "deleted")


def finish_leased(using: str, leased: Sequence[Delivery]) -> None:
    """Delete leased deliveries whose fences are still ours. Raises StaleDelivery otherwise."""
    if not leased:
        return
    deleted, _ = _held(using, leased).delete()
    _all_or_stale(deleted, len(leased), "deleted")


def _held(using: str, leased: Sequence[Delivery]) -> QuerySet[Delivery]:
    """Return those of the leased deliveries whose fences are still ours."""
    by_fence: dict[int, list[UUID]] = defaultdict(list)
    for row in leased:
        by_fence[row.fence].append(row.id)
    ours = Q(pk__in=())
    for fence, ids in by_fence.items():
        ours |= Q(id__in=ids, fence=fence)
    return Delivery.objects.using(using).filter(ours, state=DeliveryState.LEASED)


def _move(
    using: str, delivery: Delivery, *, from_states: tuple[str, ...], **values: object
) -> bool:
    won = (
        Delivery.objects.using(using)
        .filter(id=delivery.id, state__in=from_states, fence=delivery.fence)
        .update(**values)
    )
    return won == 1


def _all_or_stale(won: int, wanted: int, verb: str) -> None:
    if won != wanted:
        message = f"{won} of {wanted} deliveries were {verb}: another worker has been here."
        raise StaleDelivery(message)
