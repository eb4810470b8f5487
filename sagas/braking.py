"""Braking: counts what calls move, and says which of them have to wait for a second person.

What went out in the last hour is counted from intents, under a lock on one row per brake, so that
two workers can't both slip through. A batch takes the lock when its first call under a brake with
caps is about to begin, for all brakes that it may need, and holds it until it commits. Calls that
certainly did not happen are not counted, nor are those that a second person has approved.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Sum

from sagas.brake import Tally
from sagas.conf import settings
from sagas.locks import for_update
from sagas.models import BrakeLock, Case, CaseKind, Intent, IntentState
from sagas.money import Money

_HOUR = timedelta(hours=1)
#: What has certainly moved nothing.
_NOT_COUNTED = (IntentState.FAILED, IntentState.TOMBSTONE)


class Brakes:
    """The brakes of the calls that one batch may begin. Costs nothing before the first of them."""

    def __init__(
        self, using: str, names: Collection[str], deliveries: Collection[UUID], *, now: datetime
    ) -> None:
        """Know which brakes and which deliveries the batch may be about; read nothing yet."""
        self.using = using
        self.now = now
        self._names = sorted(set(names) & settings().BRAKES.keys())
        self._deliveries = deliveries
        self._is_locked = False
        self._hour: dict[str, Tally] = defaultdict(Tally)
        self._run: dict[str, Tally] = defaultdict(Tally)
        self._approved: dict[UUID | None, list[Money]] = defaultdict(list)

    def is_approved(self, name: str, amount: Money, delivery_id: UUID) -> bool:
        """Whether a second person has let a delivery's call go out for that much."""
        if name not in self._names:
            return False
        self._lock_once()
        return any(
            approved.currency == amount.currency and approved.minor >= amount.minor
            for approved in self._approved[delivery_id]
        )

    def stop(self, name: str, amount: Money) -> str:
        """Count one more call; or return the cap that it would go over, and count nothing."""
        if name not in self._names:
            return ""
        self._lock_once()
        hour, run = self._hour[name], self._run[name]
        cap = settings().BRAKES[name].reached(amount, hour=hour, run=run)
        if not cap:
            self._hour[name], self._run[name] = hour.plus(amount), run.plus(amount)
        return cap

    def _lock_once(self) -> None:
        if not self._is_locked:
            self._is_locked = True
            self._lock()
            self._count()
            self._read_approvals()

    def _lock(self) -> None:
        rows = BrakeLock.objects.using(self.using)
        wanted = rows.filter(name__in=self._names).order_by("name")
        if len(for_update(wanted)) < len(self._names):
            missing = [BrakeLock(name=name) for name in self._names]
            rows.bulk_create(missing, ignore_conflicts=True)
            list(for_update(wanted))

    def _count(self) -> None:
        rows = (
            Intent.objects.using(self.using)
            .filter(brake__in=self._names, started_at__gt=self.now - _HOUR)
            .exclude(brake="")
            .exclude(state__in=_NOT_COUNTED)
            .values_list("brake", "currency")
            .annotate(calls=Count("id"), minor=Sum("amount_minor"))
            .order_by()
        )
        for name, currency, calls, minor in rows:
            known = self._hour[name]
            self._hour[name] = Tally(
                count=known.count + calls, minor={**known.minor, currency: minor}
            )

    def _read_approvals(self) -> None:
        cases = Case.objects.using(self.using).filter(
            kind=CaseKind.BRAKED, delivery_id__in=self._deliveries, approved=True
        )
        for case in cases:
            if case.amount is not None:
                self._approved[case.delivery_id].append(case.amount)
