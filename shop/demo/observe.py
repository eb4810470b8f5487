"""Observe: what has really happened to the orders of a run, told from the books alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from orders.models import Case, Order, Return
from payments.models import Payment
from sagas.facts import FenceRefused, LeaseExpired
from sagas.models import Intent, StoredEvent
from shipping.models import Shipment
from shop.demo.drive import own_sagas
from shop.demo.plan import Plan
from shop.demo.ways import Way

#: Of every way, at least so many must really have been gone, where as many were planned.
ENOUGH = 10

_BY_CASE = {
    Case.Kind.OOS_CANCEL: Way.OUT_OF_STOCK,
    Case.Kind.PAYMENT_FAILED: Way.DECLINED,
    Case.Kind.SELLER_CANCEL: Way.CARRIER_REFUSES,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the contexts know of one order."""

    order: Order
    payment: Payment | None
    shipment: Shipment | None
    cases: tuple[Case, ...]
    returns: int

    @property
    def way(self) -> Way | None:
        """The way it has gone; None for one that has not ended."""
        if self.order.state == Order.State.CANCELLED:
            return self._cancelled()
        if self.order.state == Order.State.LOST:
            return Way.LOSS
        if self.order.state in (Order.State.COMPLETED, Order.State.RETURNED):
            return self._delivered()
        return None

    def _cancelled(self) -> Way:
        granted = [case for case in self.cases if case.outcome == Case.Outcome.ACCEPTED]
        kind = Case.Kind(granted[0].kind) if granted else None
        if kind in _BY_CASE:
            return _BY_CASE[kind]
        if self.payment is None or self.payment.state == Payment.State.CLOSED:
            return Way.CANCEL_UNPAID
        if self.payment.state == Payment.State.VOIDED:
            return Way.CANCEL_AUTHORISED
        has_label = self.shipment is not None and self.shipment.tracking
        return Way.CANCEL_LABELLED if has_label else Way.CANCEL_CAPTURED

    def _delivered(self) -> Way:
        if any(case.outcome == Case.Outcome.REJECTED for case in self.cases):
            return Way.CANCEL_TOO_LATE
        if self.returns > 1:
            return Way.RETURN_SEVERAL
        if self.returns:
            is_all = self.order.state == Order.State.RETURNED
            return Way.RETURN_WHOLE if is_all else Way.RETURN_PART
        is_second = self.payment is not None and self.payment.attempts > 1
        return Way.SECOND_CARD if is_second else Way.PLAIN


def observe(plan: Plan) -> dict[str, Way | None]:
    """Return which way each order has gone, by number."""
    return {seen.order.number: seen.way for seen in _look(plan.prefix)}


def _look(prefix: str) -> Iterator[Seen]:
    orders = list(Order.objects.filter(number__startswith=prefix))
    payments = {p.order_id: p for p in Payment.objects.filter(number__startswith=prefix)}
    ids = [order.pk for order in orders]
    shipments = {s.order_id: s for s in Shipment.objects.filter(order_id__in=ids)}
    cases: defaultdict[object, list[Case]] = defaultdict(list)
    for case in Case.objects.filter(order__number__startswith=prefix):
        cases[case.order_id].append(case)
    done = Return.objects.filter(
        order__number__startswith=prefix, state=Return.State.COMPLETED
    ).values_list("order_id", flat=True)
    returns = Counter(done)
    for order in orders:
        yield Seen(
            order=order,
            payment=payments.get(order.pk),
            shipment=shipments.get(order.pk),
            cases=tuple(cases[order.pk]),
            returns=returns[order.pk],
        )


def too_few(plan: Plan, seen: dict[str, Way | None]) -> list[Way]:
    """Return the ways that fewer orders have gone than must."""
    counts = Counter(seen.values())
    planned = Counter(order.way for order in plan.orders)
    return [way for way in Way if counts[way] < min(ENOUGH, planned[way])]


def ends(prefix: str) -> list[tuple[str, str, int]]:
    """Return how sagas stand: choreography, status, how many."""
    rows = Counter(own_sagas(prefix).values_list("choreography", "status"))
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
