"""Breaker: leaves a gateway alone that does not answer, and goes back to it little by little.

One row per gateway, shared by all workers. A batch reads it once and asks before each call; the
worker tells what came of the calls, and writes only when something was or is amiss. Closed, all
calls go out. After `BREAKER_FAILURES` in a row without an answer it opens: no call goes out, none
counts as an attempt. When the pause is over, one probe of one worker goes out; each answer lets one
more call of a batch out (1, 2, 4, 8, ...), undo calls first, until all that wait may go: then it
closes. One call without an answer opens it again, for longer. A definite no is an answer (decision
20).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Q, QuerySet, When

from sagas import clock, delivery
from sagas.claim import rows_calling
from sagas.conf import settings
from sagas.event_log import Subject
from sagas.facts import BreakerClosed, BreakerOpened
from sagas.locks import for_update
from sagas.models import Breaker, BreakerState, Delivery, DeliveryState
from sagas.step import Kind
from sagas.transport import wake_all
from sagas.unit import Unit

#: Who goes first when not everybody may.
_URGENCY = (Kind.UNDO, Kind.TIMER, Kind.FORWARD)
#: How much later than the one before each of these is due.
_HEAD_START = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What one call says about its gateway."""

    gateway: str
    #: Whether the gateway said anything at all.
    is_reply: bool
    began_at: datetime


def urgency(row: Delivery) -> int:
    """Return a delivery's place when not everybody may call: undo, inquiries, then the rest."""
    return _URGENCY.index(Kind(row.kind))


def turn_of(row: Delivery, until: datetime) -> datetime:
    """Return when a delivery looks again that waits until then: the more urgent, the earlier."""
    return until + urgency(row) * _HEAD_START


def reason(gateway: str, until: datetime) -> str:
    """Return why a delivery is postponed."""
    return f"{_reason(gateway)} until {until:%Y-%m-%d %H:%M:%S} UTC"


def _reason(gateway: str) -> str:
    return f"the breaker of {gateway} is open"


# -- letting calls out ----------------------------------------------------------------------------


class Breakers:
    """The breakers of the gateways that one batch may call: read with one statement, if any."""

    def __init__(self, using: str, gateways: Collection[str], *, now: datetime) -> None:
        """Read how they stand."""
        self.using = using
        self.now = now
        rows = Breaker.objects.using(using).filter(name__in=gateways) if gateways else ()
        self._rows = {row.name: row for row in rows}
        self._room: dict[str, int] = {}

    @property
    def watched(self) -> frozenset[str]:
        """The gateways with which something was amiss lately: their answers are news."""
        return frozenset(name for name, row in self._rows.items() if row.failures)

    @property
    def hold_back(self) -> bool:
        """Whether one of them does not let every call out."""
        return any(row.state != BreakerState.CLOSED for row in self._rows.values())

    def hold(self, gateway: str, *, patience: timedelta) -> datetime | None:
        """Let a call out, or return until when it has to wait.

        `patience` is how long the call may take; a probe that is out for longer counts as lost.
        """
        breaker = self._rows.get(gateway)
        if breaker is None or breaker.state == BreakerState.CLOSED:
            return None
        if gateway not in self._room:
            self._room[gateway] = self._find_room(breaker, patience)
        if self._room[gateway]:
            self._room[gateway] -= 1
            return None
        return breaker.retry_at or self.now + settings().BREAKER_PAUSE

    def give_back(self, gateway: str) -> None:
        """Let the next call of the batch out instead of one that did not go out after all."""
        if gateway in self._room:
            self._room[gateway] += 1

    def _find_room(self, breaker: Breaker, patience: timedelta) -> int:
        if breaker.retry_at is None:
            return breaker.ramp
        return self._begin_probe(breaker, patience) if breaker.retry_at <= self.now else 0

    def _begin_probe(self, breaker: Breaker, patience: timedelta) -> int:
        """Be the only one to let one call out: the row changes under its lock, or not at all."""
        due = Breaker.objects.using(self.using).filter(name=breaker.name, retry_at__lte=self.now)
        breaker.retry_at = self.now + patience
        return due.update(
            state=BreakerState.HALF_OPEN, retry_at=breaker.retry_at, changed_at=self.now
        )


# -- learning from answers ------------------------------------------------------------------------


def record(replies: Sequence[Reply], *, watched: Collection[str], using: str) -> None:
    """Note what calls say about their gateways, in transactions of its own.

    Says nothing to the database when all is well: everybody answered, and nothing was amiss with
    the gateways before (`watched`).
    """
    by_gateway: dict[str, list[Reply]] = defaultdict(list)
    for reply in replies:
        by_gateway[reply.gateway].append(reply)
    for gateway in sorted(by_gateway.keys() - {""}):
        told = by_gateway[gateway]
        if gateway in watched or not all(reply.is_reply for reply in told):
            _record(gateway, told, using)


def _record(gateway: str, told: Sequence[Reply], using: str) -> None:
    with transaction.atomic(using=using):
        now = clock.now(using)
        row = _locked(gateway, using)
        before = row.state
        freed: list[tuple[str, UUID]] = []
        news = [r for r in told if row.changed_at is None or r.began_at >= row.changed_at]
        answers = sum(reply.is_reply for reply in news)
        _note_answers(row, answers, now)
        _note_failures(row, len(news) - answers, now)
        if answers and row.state == BreakerState.HALF_OPEN:
            freed = _let_go(row, using, now)
        row.save(using=using)
        if row.state != before:
            _announce(row, using, now)
        _wake(freed, using, now)


def _locked(gateway: str, using: str) -> Breaker:
    rows = Breaker.objects.using(using)
    rows.bulk_create([Breaker(name=gateway)], ignore_conflicts=True)
    return for_update(rows.filter(name=gateway)).get()


def _note_answers(row: Breaker, count: int, now: datetime) -> None:
    if not count or row.state == BreakerState.OPEN:
        return
    if row.state == BreakerState.CLOSED:
        row.failures = 0
    else:
        row.ramp, row.retry_at = row.ramp + count, None


def _note_failures(row: Breaker, count: int, now: datetime) -> None:
    if not count or row.state == BreakerState.OPEN:
        return
    row.failures += count
    if row.state == BreakerState.HALF_OPEN or row.failures >= settings().BREAKER_FAILURES:
        _open(row, now)


def _open(row: Breaker, now: datetime) -> None:
    """Open it for twice as long as it has been amiss, within limits."""
    row.opened_at = row.opened_at or now
    shortest, longest = settings().BREAKER_PAUSE, settings().BREAKER_LONGEST_PAUSE
    row.retry_at = now + min(max(2 * (now - row.opened_at), shortest), longest)
    row.state, row.changed_at, row.ramp = BreakerState.OPEN, now, 1


def _announce(row: Breaker, using: str, now: datetime) -> None:
    if row.state == BreakerState.HALF_OPEN:
        return
    unit = Unit(using, now=now, careful=True)
    about = Subject(model="sagas.Breaker", key=row.name)
    if row.retry_at is None:
        fact: BreakerOpened | BreakerClosed = BreakerClosed(gateway=row.name)
    else:
        fact = BreakerOpened(gateway=row.name, failures=row.failures, until=row.retry_at)
    unit.announce(fact, saga=None, subject=about, actor="sagas")
    unit.flush()


def _let_go(row: Breaker, using: str, now: datetime) -> list[tuple[str, UUID]]:
    """Return who may call now; when that is everybody who waits, the breaker closes."""
    waiting = list(_postponed(row.name, using, now)[: row.ramp + 1])
    if len(waiting) <= row.ramp:
        row.state, row.changed_at = BreakerState.CLOSED, now
        row.failures, row.ramp, row.opened_at = 0, 1, None
        return waiting
    return waiting[: row.ramp]


def _postponed(gateway: str, using: str, now: datetime) -> "QuerySet[Delivery, tuple[str, UUID]]":
    soon = now + settings().BREAKER_LONGEST_PAUSE + len(_URGENCY) * _HEAD_START
    rows = Delivery.objects.using(using).filter(
        rows_calling(gateway),
        Q(available_at__gt=now, available_at__lte=soon),
        state=DeliveryState.READY,
        reason__startswith=_reason(gateway),
    )
    order = Case(*(When(kind=kind, then=place) for place, kind in enumerate(_URGENCY)))
    return rows.order_by(order, "available_at", "id").values_list("consumer", "id")


def _wake(freed: Sequence[tuple[str, UUID]], using: str, now: datetime) -> None:
    delivery.hurry(using, [delivery_id for _, delivery_id in freed], at=now)
    hints: dict[str, list[UUID]] = defaultdict(list)
    for consumer, delivery_id in freed:
        hints[consumer].append(delivery_id)
    transaction.on_commit(lambda: wake_all(hints), using=using, robust=True)
