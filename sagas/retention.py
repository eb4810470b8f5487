"""Retention: deletes what nobody needs any more, by age and by number of rows (R8).

Events go only when their saga has ended long ago, nothing is on its way from them, and they are
neither the newest of their subject nor of their saga: so no order begins anew (decision 28).
Sagas stay: their rows keep a business key from being used twice (decision 1).
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from sagas import clock
from sagas.conf import settings
from sagas.models import (
    Case,
    Delivery,
    IdempotentRequest,
    Intent,
    IntentState,
    Saga,
    SagaStatus,
    Slot,
    StoredEvent,
)
from sagas.reconciled import ReconciliationFinding, ReconciliationPass, ReconciliationRun

#: How many rows one statement deletes, so that no lock and no transaction lasts long.
_CHUNK = 1000

_SETTLED = (IntentState.DONE, IntentState.FAILED, IntentState.TOMBSTONE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """How many rows of each kind were deleted, or would be."""

    events: int
    intents: int
    cases: int
    slots: int
    requests: int
    findings: int
    reconciliations: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(asdict(self).values())


def prune(
    *, older_than: timedelta, keep: int = 0, dry_run: bool = False, using: str = "default"
) -> Pruned:
    """Delete what is older than `older_than`, sparing the newest `keep` events whatever their age.

    With `dry_run` only counts. May be stopped and repeated at any time; every chunk is a
    transaction of its own. Raises ValueError for less than `SAGAS["KEEP_EVENTS"]` and for a
    negative number.
    """
    least = settings().KEEP_EVENTS
    if older_than < least:
        message = f"SAGAS['KEEP_EVENTS'] keeps events for {least.days} days: lower it there."
        raise ValueError(message)
    if keep < 0:
        message = f"{keep} rows can't be kept: name a number from 0 on."
        raise ValueError(message)
    before = clock.now(using) - older_than
    remove = _count if dry_run else _delete
    return Pruned(
        events=_remove_events(_old_events(before, keep, using), remove),
        intents=remove(_old_intents(before, using)),
        cases=remove(Case.objects.using(using).filter(closed_at__lt=before)),
        slots=remove(Slot.objects.using(using).filter(seen_at__lt=before, claimed=[])),
        requests=remove(IdempotentRequest.objects.using(using).filter(created_at__lt=before)),
        findings=remove(ReconciliationFinding.objects.using(using).filter(resolved_at__lt=before)),
        reconciliations=remove(_old_reconciliations(before, using)),
    )


def _remove_events(rows: QuerySet[StoredEvent], remove: Callable[[QuerySet[Any]], int]) -> int:
    """Remove events, having noted on their sagas that the log is not whole any more."""
    if remove is _delete:
        Saga.objects.using(rows.db).filter(id__in=rows.values("saga_id"), pruned_at=None).update(
            pruned_at=clock.now(rows.db)
        )
    return remove(rows)


def _old_events(before: datetime, keep: int, using: str) -> QuerySet[StoredEvent]:
    rows = StoredEvent.objects.using(using)
    later = rows.filter(
        subject_model=OuterRef("subject_model"),
        subject_key=OuterRef("subject_key"),
        subject_seq__gt=OuterRef("subject_seq"),
    )
    old = rows.filter(
        ~Exists(Delivery.objects.using(using).filter(event=OuterRef("id"))),
        Exists(_finished_sagas(before, using)),
        Exists(later),
        recorded_at__lt=before,
    )
    spared = _oldest_spared(keep, using)
    return old.filter(id__lt=spared) if spared else old


def _finished_sagas(before: datetime, using: str) -> QuerySet[Saga]:
    """Return the event's saga if it ended long ago or is a free lane, and has a newer event."""
    done = Q(status=SagaStatus.FREE) | Q(ended_at__lt=before)
    return Saga.objects.using(using).filter(
        done, id=OuterRef("saga_id"), position__gt=OuterRef("position")
    )


def _oldest_spared(keep: int, using: str) -> UUID | None:
    """Return the oldest of the newest `keep` events; ids are in the order of time."""
    newest = StoredEvent.objects.using(using).order_by("-id").values_list("id", flat=True)
    if not keep:
        return None
    return newest[keep - 1 : keep].first() or newest.last()


def _old_intents(before: datetime, using: str) -> QuerySet[Intent]:
    ended = Saga.objects.using(using).filter(id=OuterRef("saga_id"), ended_at__lt=before)
    rows = Intent.objects.using(using).filter(state__in=_SETTLED, started_at__lt=before)
    return rows.filter(Exists(ended))


def _old_reconciliations(before: datetime, using: str) -> QuerySet[ReconciliationRun]:
    """Return runs that no finding speaks of and from which no later run goes on."""
    runs = ReconciliationRun.objects.using(using).filter(ended_at__lt=before)
    findings = ReconciliationFinding.objects.using(using).exclude(resolved_at__lt=before)
    for name in ("first_run", "last_run", "resolved_run", "repair_run"):
        runs = runs.filter(~Exists(findings.filter(**{name: OuterRef("pk")})))
    passes = ReconciliationPass.objects.using(using)
    later = passes.filter(predicate=OuterRef("predicate"), id__gt=OuterRef("id"))
    newest = passes.filter(~Exists(later), run=OuterRef("pk"))
    return runs.filter(~Exists(newest))


def _count(rows: QuerySet[Any]) -> int:
    return rows.count()


def _delete(rows: QuerySet[Any]) -> int:
    deleted = 0
    for ids in _chunks(rows):
        _, by_model = rows.model._base_manager.using(rows.db).filter(pk__in=ids).delete()
        deleted += by_model.get(rows.model._meta.label, 0)
    return deleted


def _chunks(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """Yield primary keys in chunks; each begins after the last one, so what stays is read once."""
    ordered = rows.order_by("pk")
    chunk = list(ordered.values_list("pk", flat=True)[:_CHUNK])
    while chunk:
        yield chunk
        after = ordered.filter(pk__gt=chunk[-1])
        chunk = list(after.values_list("pk", flat=True)[:_CHUNK])
