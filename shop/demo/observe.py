"""Observe: what has really happened to the orders of a run, told from the books alone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orders.events import CaseKind
from orders.models import Case, Order
from payments.models import LedgerEntry, Payment
from sagas.facts import FenceRefused, LeaseExpired
from sagas.models import Intent, StoredEvent
from sagas.routing import FREE
from shipping.models import Shipment
from shop.demo.drive import own_sagas
from shop.demo.plan import Plan
from shop.demo.ways import Way

#: Of every way, at least so many must really have been gone, where as many were planned.
ENOUGH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the contexts know of one order."""

    order: Order
    payment: Payment | None
    #: In the order in which they left, replacements among them.
    shipments: tuple[Shipment, ...]
    cases: tuple[Case, ...]
    #: Whether a refund of it came back from the customer's bank.
    bounced: bool

    @property
    def way(self) -> Way | None:
        """The way it has gone; None for one that has not ended."""
        if self.order.state == Order.State.CANCELLED:
            return self._cancelled()
        if self.order.state == Order.State.LOST:
            (loss,) = self.of(CaseKind.LOST)
            return Way.LOSS_GOODS if loss.remedy == Case.Remedy.GOODS else Way.LOSS_MONEY
        if self.order.state in (Order.State.COMPLETED, Order.State.RETURNED):
            return next(way for way, is_so in _DELIVERED if is_so(self))
        return None

    def of(self, *kinds: CaseKind, state: str | None = None) -> list[Case]:
        """Return its cases of some kinds, in a state."""
        found = [case for case in self.cases if case.why in kinds]
        return [case for case in found if state is None or case.state == state]

    def _cancelled(self) -> Way:
        (case,) = (case for case in self.cases if case.is_whole)
        if case.why is CaseKind.PAYMENT_FAILED:
            return self._unpaid()
        if case.why in _BY_KIND:
            return _BY_KIND[case.why]
        if self.payment is None or self.payment.state == Payment.State.CLOSED:
            return Way.CANCEL_UNPAID
        if self.payment.state == Payment.State.VOIDED:
            return Way.CANCEL_AUTHORISED
        if self.bounced:
            return Way.REFUND_FAILED
        has_label = any(shipment.tracking for shipment in self.shipments)
        return Way.CANCEL_LABELLED if has_label else Way.CANCEL_CAPTURED

    def _unpaid(self) -> Way:
        if self.payment is None or not self.payment.is_deposit:
            return Way.DECLINED
        return Way.DEPOSIT_LATE if self.of(CaseKind.LATE_SUCCESS) else Way.DEPOSIT_EXPIRED

    @property
    def returns(self) -> list[Case]:
        """The returns whose goods were accepted."""
        return self.of(CaseKind.RETURN, state=Case.State.SETTLED)

    @property
    def parcels(self) -> list[Shipment]:
        """Its own parcels, without replacements."""
        return [shipment for shipment in self.shipments if shipment.case_id is None]


_BY_KIND: Final = {
    CaseKind.OOS_CANCEL: Way.OUT_OF_STOCK,
    CaseKind.SELLER_CANCEL: Way.CARRIER_REFUSES,
    CaseKind.FRAUD_CANCEL: Way.FRAUD,
    CaseKind.FORCE: Way.FORCE,
}

REJECTED = Case.State.REJECTED

#: The ways of orders that arrived; the first one that is so.
_DELIVERED: Final[tuple[tuple[Way, Callable[[Seen], object]], ...]] = (
    (Way.DISPUTE_LOST, lambda seen: any(c.refund_minor for c in seen.of(CaseKind.CHARGEBACK))),
    (Way.DISPUTE_WON, lambda seen: seen.of(CaseKind.CHARGEBACK)),
    (Way.CANCEL_TOO_LATE, lambda seen: seen.of(CaseKind.CANCEL, state=REJECTED)),
    (Way.EXCHANGE, lambda seen: seen.of(CaseKind.EXCHANGE)),
    (Way.GOODWILL, lambda seen: seen.of(CaseKind.GOODWILL)),
    (Way.SHORTAGE, lambda seen: seen.of(CaseKind.OOS_CANCEL)),
    (Way.CANCEL_REST, lambda seen: len(seen.parcels) > 1),
    (Way.CANCEL_PART, lambda seen: seen.of(CaseKind.CANCEL_PARTIAL)),
    (Way.RETURN_REFUSED, lambda seen: seen.of(CaseKind.RETURN, state=REJECTED)),
    (Way.RETURN_DEFECTIVE, lambda seen: any(case.fault for case in seen.returns)),
    (Way.INTERCEPTED, lambda seen: seen.parcels[0].state == Shipment.State.INTERCEPTED),
    (Way.RETURN_SEVERAL, lambda seen: len(seen.returns) > 1),
    (Way.RETURN_WHOLE, lambda seen: seen.order.state == Order.State.RETURNED),
    (Way.RETURN_PART, lambda seen: seen.returns),
    (Way.DEPOSIT_PAID, lambda seen: seen.payment is not None and seen.payment.is_deposit),
    (Way.SECOND_CARD, lambda seen: seen.payment is not None and seen.payment.attempts > 1),
    (Way.PLAIN, lambda seen: True),
)


def observe(plan: Plan) -> dict[str, Way | None]:
    """Return which way each order has gone, by number."""
    return {seen.order.number: seen.way for seen in _look(plan.prefix)}


def _look(prefix: str) -> Iterator[Seen]:
    orders = list(Order.objects.filter(number__startswith=prefix))
    payments = {p.order_id: p for p in Payment.objects.filter(number__startswith=prefix)}
    came_back = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.REFUND_FAILED,
        payment_id__in=[payment.pk for payment in payments.values()],
    )
    bounced = set(came_back.values_list("payment_id", flat=True))
    shipments: defaultdict[object, list[Shipment]] = defaultdict(list)
    mine = [order.pk for order in orders]
    for shipment in Shipment.objects.filter(order_id__in=mine).order_by("part", "pk"):
        shipments[shipment.order_id].append(shipment)
    cases: defaultdict[object, list[Case]] = defaultdict(list)
    for case in Case.objects.filter(order__number__startswith=prefix):
        cases[case.order_id].append(case)
    for order in orders:
        payment = payments.get(order.pk)
        yield Seen(
            order=order,
            payment=payment,
            shipments=tuple(shipments[order.pk]),
            cases=tuple(cases[order.pk]),
            bounced=payment is not None and payment.pk in bounced,
        )


def too_few(plan: Plan, seen: dict[str, Way | None]) -> list[Way]:
    """Return the ways that fewer orders have gone than must."""
    counts = Counter(seen.values())
    planned = Counter(order.way for order in plan.orders)
    return [way for way in Way if counts[way] < min(ENOUGH, planned[way])]


def ends(prefix: str) -> list[tuple[str, str, int]]:
    """Return how sagas stand: choreography, status, how many."""
    mine = own_sagas(prefix).exclude(choreography=FREE)
    rows = Counter(mine.values_list("choreography", "status"))
    return [(name, status, count) for (name, status), count in sorted(rows.items())]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """How often the engine had to help itself since a moment."""

    expired_leases: int
    refused_fences: int
    inquiries: int


def recovery(since: datetime) -> Recovery:
    """Count what the log says since then."""
    events = StoredEvent.objects.filter(recorded_at__gte=since)
    inquiries = Intent.objects.filter(started_at__gte=since).values_list("inquiries", flat=True)
    return Recovery(
        expired_leases=events.filter(type=LeaseExpired.wire_name).count(),
        refused_fences=events.filter(type=FenceRefused.wire_name).count(),
        inquiries=sum(inquiries),
    )
