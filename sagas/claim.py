"""Claim: which deliveries a batch takes: the head of each lane, and only under its saga's lock.

A lane is (consumer, saga). One delivery of a lane runs at a time; a retry, a dead letter or a pause
holds up what comes after it in its lane, and nothing else (G4). Timers and wishes (rank 0)
overtake, parked and braked deliveries step aside.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from sagas.locks import for_update
from sagas.models import Delivery, DeliveryState, Pause, Saga
from sagas.routing import gateways_of, routes, step_named
from sagas.step import INQUIRE_PREFIX

#: States in which a delivery lets those behind it in its lane pass.
STEPS_ASIDE = (DeliveryState.PARKED, DeliveryState.BRAKED)
#: A paused gateway's name is this and its own.
GATEWAY_PREFIX = "gateway:"

_Lane = tuple[str, UUID]


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    """The names that are paused at the moment."""

    names: frozenset[str]

    def holds(self, delivery: Delivery, saga: Saga | None) -> bool:
        """Whether the delivery's consumer, step or choreography, or a gateway of it is paused."""
        return bool(self.names) and not self.names.isdisjoint(names_of(delivery, saga))

    def rows(self) -> Q:
        """Return which deliveries that is; none at all while nothing is paused."""
        query = Q(pk__in=())
        for name in self.names:
            query |= _rows_named(name)
        return query


def names_of(delivery: Delivery, saga: Saga | None) -> tuple[str, ...]:
    """Return the names by which a delivery can be paused: the one that holds it up comes first."""
    step = f"{delivery.consumer}.{delivery.purpose}"
    choreography = f"choreography:{saga.choreography}" if saga else ""
    return (delivery.consumer, step, choreography, *sorted(_gateways_of(delivery)))


def _gateways_of(delivery: Delivery) -> Iterable[str]:
    """Return the gateways that a delivery may call, as pauses name them; inquiries call, too."""
    step = step_named(delivery.consumer, delivery.purpose.removeprefix(INQUIRE_PREFIX))
    return (f"{GATEWAY_PREFIX}{name}" for name in gateways_of(step)) if step else ()


def _rows_named(name: str) -> Q:
    kind, _, which = name.partition(":")
    if name.startswith(GATEWAY_PREFIX):
        return rows_calling(which)
    if which:
        return Q(saga_id__in=Saga.objects.filter(choreography=which).values("id"))
    consumer, _, step = kind.partition(".")
    return Q(consumer=consumer, purpose=step) if step else Q(consumer=consumer)


def rows_calling(gateway: str) -> Q:
    """Return which deliveries may call a gateway, inquiries included."""
    query = Q(pk__in=())
    for consumer, step in sorted(routes().gateways.get(gateway, ())):
        query |= Q(consumer=consumer, purpose__in=(step, f"{INQUIRE_PREFIX}{step}"))
    return query


def paused_now(using: str) -> Paused:
    """Return what is paused (decision 20)."""
    return Paused(names=frozenset(Pause.objects.using(using).values_list("name", flat=True)))


def due(
    using: str,
    *,
    consumers: Collection[str],
    ids: Sequence[UUID],
    paused: Paused,
    limit: int,
    now: datetime,
    beyond: Delivery | None = None,
) -> list[Delivery]:
    """Return deliveries that could be taken, unlocked: those hinted at, then the oldest due.

    The hinted ones are probed by primary key; the rest is one bounded index scan (R8), which goes
    on behind `beyond`. What is paused is left out: enough of it would hide all that is younger.
    """
    is_due = Q(state=DeliveryState.READY, available_at__lte=now, consumer__in=consumers)
    ready = Delivery.objects.using(using).filter(is_due).exclude(paused.rows())
    found = {d.id: d for d in ready.filter(id__in=ids[:limit])} if ids else {}
    if len(found) < limit:
        for delivery in _behind(beyond, ready).order_by("available_at", "id")[:limit]:
            found.setdefault(delivery.id, delivery)
    return list(found.values())[:limit]


def _behind(beyond: Delivery | None, ready: QuerySet[Delivery]) -> QuerySet[Delivery]:
    if beyond is None:
        return ready
    is_later = Q(available_at__gt=beyond.available_at)
    return ready.filter(is_later | Q(available_at=beyond.available_at, id__gt=beyond.id))


def lock_sagas(using: str, ids: Iterable[UUID], *, skip_locked: bool) -> dict[UUID, Saga]:
    """Lock saga rows in the order of ids: lane lock and direction guard in one (decision 7)."""
    query = Saga.objects.using(using).filter(id__in=set(ids)).order_by("id")
    return {saga.id: saga for saga in for_update(query, skip_locked=skip_locked)}


def heads(
    using: str,
    saga_ids: Iterable[UUID],
    *,
    consumers: Collection[str],
    paused: Paused,
    now: datetime,
    sagas: dict[UUID, Saga] | None = None,
) -> list[Delivery]:
    """Return the delivery that is next in each lane of these sagas; one statement."""
    rows = (
        Delivery.objects.using(using)
        .filter(saga_id__in=set(saga_ids), consumer__in=consumers)
        .order_by("rank", "position", "id")
    )
    lanes: dict[_Lane, list[Delivery]] = defaultdict(list)
    for row in rows:
        lanes[row.consumer, row.saga_id].append(row)
    known = sagas or {}
    found = (_head(lane, paused, known.get(lane[0].saga_id), now) for lane in lanes.values())
    return [delivery for delivery in found if delivery is not None]


def _head(
    lane: list[Delivery], paused: Paused, saga: Saga | None, now: datetime
) -> Delivery | None:
    if any(delivery.state == DeliveryState.LEASED for delivery in lane):
        return None
    for delivery in lane:
        if delivery.state in STEPS_ASIDE:
            continue
        is_ready = delivery.state == DeliveryState.READY and delivery.available_at <= now
        if is_ready and not paused.holds(delivery, saga):
            return delivery
        if delivery.rank > 0:
            return None
    return None
