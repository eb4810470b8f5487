"""Delivery: every change of a delivery's state, each one guarded UPDATE that says whether it won.

Nobody else assigns `state`. The arrows: ready -> leased -> (deleted), ready -> parked -> ready,
ready | leased -> ready (retry), ready | leased | parked -> dead -> ready.
A done delivery is a deleted row.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Case, F, Value, When

from sagas.exceptions import StaleDelivery
from sagas.models import Delivery, DeliveryState

_OPEN = (DeliveryState.READY, DeliveryState.LEASED)


def lease(using: str, leases: Sequence[tuple[Delivery, datetime]], *, holder: str) -> None:
    """Ready -> leased by `holder` until the given times; the attempt is committed first (R6).

    The caller holds the lanes. Raises StaleDelivery when one of them was not ready any more.
    """
    if not leases:
        return
    until = Case(*(When(id=d.id, then=Value(end)) for d, end in leases))
    won = (
        Delivery.objects.using(using)
        .filter(id__in=[d.id for d, _ in leases], state=DeliveryState.READY)
        .update(
            state=DeliveryState.LEASED,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            lease_until=until,
            leased_by=holder,
        )
    )
    _all_or_stale(won, len(leases), "leased")
    for row, _ in leases:
        row.state, row.fence, row.attempts = DeliveryState.LEASED, row.fence + 1, row.attempts + 1


def park(using: str, parked: Sequence[tuple[Delivery, datetime]]) -> None:
    """Ready -> parked, looking again at the given times. The caller holds the lanes."""
    if not parked:
        return
    for delivery, look_again in parked:
        delivery.state = DeliveryState.PARKED
        delivery.available_at = look_again
    fields = ["state", "available_at", "deadline_at", "waits_model", "waits_key", "reason"]
    Delivery.objects.using(using).bulk_update([d for d, _ in parked], fields)


def postpone(using: str, ids: Iterable[UUID], *, until: datetime, reason: str) -> int:
    """Ready stays ready, later; not an attempt (R20). Returns how many."""
    return (
        Delivery.objects.using(using)
        .filter(id__in=list(ids), state=DeliveryState.READY)
        .update(available_at=until, reason=reason)
    )


def retry(using: str, delivery: Delivery, *, at: datetime, error: str) -> bool:
    """Ready | leased -> ready after a failed attempt. Says whether it won."""
    counted = delivery.attempts if delivery.state == DeliveryState.LEASED else delivery.attempts + 1
    return _move(
        using,
        delivery,
        from_states=_OPEN,
        state=DeliveryState.READY,
        available_at=at,
        lease_until=None,
        attempts=counted,
        error=error,
    )


def reschedule(using: str, delivery: Delivery, *, at: datetime) -> bool:
    """Leased -> ready, later: nothing failed, nothing is known yet (R29). Says whether it won."""
    return _move(
        using,
        delivery,
        from_states=(DeliveryState.LEASED,),
        state=DeliveryState.READY,
        available_at=at,
        lease_until=None,
        attempts=0,
    )


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


def suspect(using: str, ids: Iterable[UUID]) -> int:
    """Mark deliveries that a worker died with: one committed attempt each, and alone from now on.

    Returns how many are still there (R9).
    """
    return (
        Delivery.objects.using(using)
        .filter(id__in=list(ids), state=DeliveryState.READY)
        .update(attempts=F("attempts") + 1, alone=True)
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
    held = {delivery.id: delivery.fence for delivery in leased}
    same_fence = Case(*(When(id=key, then=Value(fence)) for key, fence in held.items()))
    deleted, _ = (
        Delivery.objects.using(using)
        .filter(id__in=list(held), state=DeliveryState.LEASED, fence=same_fence)
        .delete()
    )
    _all_or_stale(deleted, len(held), "deleted")


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
