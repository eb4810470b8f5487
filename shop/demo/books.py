"""Books: totals here, at the provider and at the carrier, and what breaks a predicate."""

from collections import Counter
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, QuerySet, Sum

from inventory.events import StockAdjusted
from inventory.models import BUCKETS, StockItem
from payments.models import LedgerEntry, Payment
from payments.simulated_provider import Balance, SimulatedProvider
from sagas import clock
from sagas.models import StoredEvent
from sagas.reconciliation import PREDICATES, SOURCES, Finding, findings, survey
from sagas.reconciliation.engine import ENGINE
from sagas.reconciliation.statement import read_statement
from shipping.models import ReturnParcel, Shipment
from shipping.simulated_carrier import Parcel, SimulatedCarrier

#: What the demo can hold against other books; of its own day nothing is paid out yet.
COMPARED: Final = tuple(
    predicate
    for name, predicate in PREDICATES.items()
    if predicate not in ENGINE and name != "S3-late"
)


def broken(prefix: str) -> tuple[Finding, ...]:
    """Read the statements and return what does not hold; nothing may be on its way any more.

    Orders of others than this run's are left out: the provider may know those of another database.
    """
    quiet_since = clock.now()
    for source in SOURCES.values():
        read_statement(source)
    seen = survey(COMPARED, settled=quiet_since)
    return (*(found for found in seen if _is_ours(found, prefix)), *findings())


def _is_ours(found: Finding, prefix: str) -> bool:
    return str(found.seen.get("number") or prefix).startswith(prefix)


# -- totals ----------------------------------------------------------------------------------------


def booked(prefix: str) -> Counter[str]:
    """Return the minor units in our ledger, by kind."""
    mine = Payment.objects.filter(number__startswith=prefix).values("pk")
    return _by_kind(LedgerEntry.objects.filter(payment_id__in=mine), Sum("amount_minor"))


def balances(prefix: str) -> list[Balance]:
    """Return what the provider did, order by order."""
    found = SimulatedProvider(settings.PROVIDER_BOOKS).balances()
    return [balance for number, balance in found.items() if number.startswith(prefix)]


def sent(prefix: str) -> Counter[str]:
    """Return our parcels that had a label, by state."""
    labelled = Shipment.objects.filter(number__startswith=prefix, tracking__isnull=False)
    return _by_kind(labelled, Count("pk"), "state")


def came_back(prefix: str) -> QuerySet[ReturnParcel]:
    """Return the parcels that came back into the house."""
    return ReturnParcel.objects.filter(number__startswith=prefix, state__in=ReturnParcel.CAME)


def parcels(prefix: str) -> list[Parcel]:
    """Return the parcels that the carrier knows."""
    found = SimulatedCarrier(settings.CARRIER_BOOKS).list_parcels()
    return [parcel for parcel in found if parcel.reference.startswith(prefix)]


def came_in() -> int:
    """Return how many units of all articles were ever received, less those that were taken away."""
    facts = StoredEvent.objects.filter(type=StockAdjusted.wire_name)
    return sum(fact["delta"] for fact in facts.values_list("payload", flat=True))


def buckets() -> dict[str, int]:
    """Return how many units of all articles are in each bucket."""
    sums = {bucket: Sum(bucket, default=0) for bucket in BUCKETS}
    return StockItem.objects.aggregate(**sums)


def _by_kind(rows: QuerySet[Any], total: Sum | Count, name: str = "kind") -> Counter[str]:
    return Counter(dict(rows.order_by().values_list(name).annotate(total)))
