"""Relay: the guarantee behind the hints: whatever is due is found, whoever lost the message (G9).

One pass wakes queues that have something due, frees expired leases, deals with the slots of dead
workers, lets parked deliveries look again, opens cases for sagas without a next move, and drains a
queue itself when nobody else does (R1). Last it advances the reconciliation a little (R41). Several
relays may run at once. It never changes a row to say that it published.
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import close_old_connections, transaction
from django.db.models import Min

from sagas import clock, delivery
from sagas.claim import lock_sagas
from sagas.conf import settings
from sagas.dead_letter import blame_dead_workers
from sagas.event_log import Cause
from sagas.facts import LeaseExpired
from sagas.models import Delivery, DeliveryState, RelayTick
from sagas.participant import PARTICIPANTS
from sagas.reconciliation import open_cases_for_stranded
from sagas.reconciliation.periodic import tick_now_and_then
from sagas.transport import wake_all
from sagas.unit import Unit
from sagas.worker import worker_of_this_thread

logger = logging.getLogger("sagas.relay")

#: How many ids one hint carries, and how many rows one pass touches of each kind.
_AT_ONCE = 100
_TICK = "relay"


@dataclass(frozen=True, kw_only=True, slots=True)
class RelayReport:
    """What one pass found."""

    woken: dict[str, int]
    expired_leases: int
    orphaned_slots: int
    looking_again: int
    stranded: int
    drained: int


def relay_once(*, using: str = "default", drains: bool = True) -> RelayReport:
    """Make one pass. With `drains`, what waits too long is done here and now (R1).

    So is everything while the broker is down: then a lost hint delays by one interval (G9).
    """
    now = clock.now(using)
    _tick(using, now)
    expired = _expire_leases(using, now)
    orphaned = blame_dead_workers(using, silent_since=now - settings().SLOT_TIMEOUT)
    looking = delivery.look_again(using, now)
    stranded = open_cases_for_stranded(using)
    due = _due_by_queue(using, now)
    untold = wake_all({queue: _some_ids(using, queue, now) for queue in due})
    report = RelayReport(
        woken=dict.fromkeys(due, 1),
        expired_leases=expired,
        orphaned_slots=orphaned,
        looking_again=looking,
        stranded=stranded,
        drained=_drain(using, due, now, untold) if drains else 0,
    )
    _reconcile(using)
    return report


def _reconcile(using: str) -> None:
    """Advance the reconciliation; what goes wrong in it must not stop deliveries."""
    try:
        tick_now_and_then(using)
    except Exception:
        logger.exception("Reconciling failed; the next pass goes on with it.")


def relay_forever(*, using: str = "default", stop: Callable[[float], bool]) -> None:
    """Make passes until `stop(seconds)`, which waits that long, says so."""
    interval = settings().RELAY_INTERVAL.total_seconds()
    while not stop(interval):
        close_old_connections()
        try:
            relay_once(using=using)
        except Exception:
            logger.exception("A relay pass failed; the next one tries again.")


def relay_if_silent(*, using: str = "default") -> bool:
    """Make a pass if no relay has for two intervals (decision 12). Says whether it did."""
    now = clock.now(using)
    last = RelayTick.objects.using(using).filter(name=_TICK).first()
    if last is not None and now - last.ticked_at < 2 * settings().RELAY_INTERVAL:
        return False
    relay_once(using=using, drains=False)
    return True


def _tick(using: str, now: datetime) -> None:
    ticks = RelayTick.objects.using(using)
    if not ticks.filter(name=_TICK).update(ticked_at=now):
        ticks.bulk_create([RelayTick(name=_TICK, ticked_at=now)], ignore_conflicts=True)


def _due_by_queue(using: str, now: datetime) -> dict[str, datetime]:
    """Return the queues that have something due, with the time of the oldest."""
    rows = (
        Delivery.objects.using(using)
        .filter(state=DeliveryState.READY, available_at__lte=now)
        .values_list("consumer")
        .annotate(oldest=Min("available_at"))
        .order_by()
    )
    return dict(rows)


def _some_ids(using: str, queue: str, now: datetime) -> list[UUID]:
    ready = Delivery.objects.using(using).filter(
        consumer=queue, state=DeliveryState.READY, available_at__lte=now
    )
    return list(ready.order_by("available_at", "id").values_list("id", flat=True)[:_AT_ONCE])


def _drain(using: str, due: dict[str, datetime], now: datetime, untold: frozenset[str]) -> int:
    late = [q for q, oldest in due.items() if now - oldest > settings().RELAY_DRAINS_AFTER]
    consumers = frozenset(PARTICIPANTS if untold else late)
    return worker_of_this_thread(consumers, using).drain() if consumers else 0


def _expire_leases(using: str, now: datetime) -> int:
    """Free what dead or stuck workers hold; their fences are worth nothing from then on (R6)."""
    over = Delivery.objects.using(using).filter(state=DeliveryState.LEASED, lease_until__lte=now)
    by_saga: dict[UUID, list[Delivery]] = defaultdict(list)
    for row in over[:_AT_ONCE]:
        by_saga[row.saga_id].append(row)
    if not by_saga:
        return 0
    with transaction.atomic(using=using):
        sagas = lock_sagas(using, by_saga, skip_locked=True)
        unit = Unit(using, now=now, careful=True)
        unit.hold(list(sagas.values()))
        freed = sum(_expire(unit, row) for saga_id in sagas for row in by_saga[saga_id])
        unit.flush()
    return freed


def _expire(unit: Unit, row: Delivery) -> bool:
    if not delivery.expire_lease(unit.using, row, at=unit.now):
        return False
    about = Cause(event=row.event_id, consumer=row.consumer, purpose=row.purpose)
    fact = LeaseExpired(step=f"{row.consumer}.{row.purpose}", fence=row.fence)
    unit.announce(fact, saga=unit.sagas[row.saga_id], cause=about, actor="sagas")
    return True
