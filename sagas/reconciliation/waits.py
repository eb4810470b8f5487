"""Waits: what waits, waits for something: D3, D4, D5 and D8.

They look at everything that waits, by its index.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from sagas.claim import STEPS_ASIDE, paused_now
from sagas.models import Delivery, DeliveryState
from sagas.reconciled import ReconciliationFinding
from sagas.reconciliation.ownerless import (
    ask_about_dead,
    ask_about_stranded,
    without_case,
    without_next_move,
)
from sagas.reconciliation.predicate import OPERATORS, BreakClass, Look, Predicate, Severity

Rows = QuerySet[Any, Any]


def _stranded(look: Look) -> Rows:
    return without_next_move(look.using).values(
        "choreography", "key", "started_at", saga_id=F("id")
    )


def _overdue(look: Look) -> Rows:
    """Return queues in which what is next in its lane is not taken; what is paused may wait."""
    rows = Delivery.objects.using(look.using).filter(
        state=DeliveryState.READY, available_at__lt=look.settled
    )
    free = rows.exclude(paused_now(look.using).rows()).filter(~Exists(_ahead(look.using)))
    return free.values("consumer").annotate(waiting=Count("id"), oldest=Min("available_at"))


def _ahead(using: str) -> QuerySet[Delivery]:
    """Return what holds a delivery up in its lane, as `claim` sees it (G4)."""
    lane = Delivery.objects.using(using).filter(
        saga_id=OuterRef("saga_id"), consumer=OuterRef("consumer")
    )
    position, is_step = OuterRef("position"), Q(rank__gt=0, rank__lte=OuterRef("rank"))
    is_first = Q(position__lt=position) | Q(position=position, id__lt=OuterRef("id"))
    steps_aside = Q(state__in=STEPS_ASIDE)
    return lane.filter(Q(state=DeliveryState.LEASED) | (is_step & is_first & ~steps_aside))


def _held_too_long(look: Look) -> Rows:
    rows = Delivery.objects.using(look.using).filter(
        state=DeliveryState.LEASED, lease_until__lt=look.settled
    )
    return rows.values("id", "saga_id", "consumer", "purpose", "leased_by", "lease_until")


def _ownerless(look: Look) -> Rows:
    return without_case(look.using).values("id", "saga_id", "consumer", "purpose", "state")


def _ask_about_saga(finding: ReconciliationFinding) -> bool:
    using = finding._state.db or "default"
    return finding.saga_id is not None and ask_about_stranded([finding.saga_id], using) > 0


def _ask_about_dead(finding: ReconciliationFinding) -> bool:
    return ask_about_dead(UUID(finding.detail["id"]), finding._state.db or "default")


WAITS = (
    Predicate(
        id="D3",
        sentence=_("Every running saga has a next move, or a person has been asked."),
        query=_stranded,
        key=("saga_id",),
        says=_("%(choreography)s %(key)s has run since %(started_at)s"),
        owner=OPERATORS,
        break_class=BreakClass.GAP,
        severity=Severity.CRITICAL,
        repair=_ask_about_saga,
    ),
    Predicate(
        id="D4",
        sentence=_("What is due is taken within minutes."),
        query=_overdue,
        key=("consumer",),
        grace=timedelta(minutes=5),
        says=_("%(consumer)s: %(waiting)s are due, the oldest since %(oldest)s"),
        owner=OPERATORS,
        break_class=BreakClass.TIMING,
    ),
    Predicate(
        id="D5",
        sentence=_("No call is held longer than its lease."),
        query=_held_too_long,
        key=("id",),
        grace=timedelta(minutes=2),
        says=_("%(consumer)s.%(purpose)s: until %(lease_until)s, by %(leased_by)s"),
        owner=OPERATORS,
        break_class=BreakClass.TIMING,
    ),
    Predicate(
        id="D8",
        sentence=_("Everything that gave up has an open case."),
        query=_ownerless,
        key=("id",),
        says=_("%(consumer)s.%(purpose)s is %(state)s and nobody was asked"),
        owner=OPERATORS,
        break_class=BreakClass.GAP,
        severity=Severity.CRITICAL,
        repair=_ask_about_dead,
    ),
)
