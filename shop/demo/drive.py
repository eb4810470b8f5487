"""Drive: places the orders of a plan and leads each its way, stage by stage.

Orders that are cancelled early are caught with a pause on the step that would come next; their
customers' wishes overtake it. All others go on together.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from inventory.models import Reservation, StockItem
from inventory.services import set_stock
from orders.models import Case, Order
from orders.services import place_order, request_cancel
from payments.models import Dispute, Payment, Refund
from sagas.models import Delivery, Saga, SagaStatus, StoredEvent
from sagas.participant import Kind
from sagas.pause import pause, resume
from sagas.routing import FREE
from sagas.step import INQUIRE_PREFIX
from shop.demo.outdoors import Outdoors
from shop.demo.people import ACTOR, address_of, customer_of
from shop.demo.plan import Fault, Plan, Planned
from shop.demo.prepare import Outside
from shop.demo.screen import Screen
from shop.demo.ways import WAIT_FOR_DAYS, WITH_BENEFITS, Way
from shop.invoices import CURRENCY

State = Order.State

#: How long, in seconds, nothing at all may happen before the run is given up.
_PATIENCE = 90.0
#: How long, in seconds, to wait between two looks.
_LOOK = 0.05

_ENDED = (State.CANCELLED, State.COMPLETED, State.RETURNED, State.LOST)
#: What every parcel costs its customer, in minor units.
_POSTAGE = 395
#: A coupon pays one of so many parts of the goods, and points another one.
_TENTHS = 10
#: Placed before all others, each at its stage.
_EARLY = (
    Way.OUT_OF_STOCK,
    Way.CANCEL_UNPAID,
    Way.CANCEL_AUTHORISED,
    Way.CANCEL_CAPTURED,
    Way.REFUND_FAILED,
)


class Stalled(Exception):
    """Nothing has happened for too long."""


class Drive:
    """Leads the orders of one plan."""

    def __init__(self, plan: Plan, outside: Outside, screen: Screen) -> None:
        """Begin; nothing is placed yet."""
        self.plan = plan
        self.outside = outside
        self._screen = screen
        self._outdoors = Outdoors(plan, outside)
        self._began = time.monotonic()

    # -- stages --------------------------------------------------------------------------------

    def sold_out(self) -> None:
        """Orders for articles that are gone just now; the goods arrive after they were refused."""
        orders = self.plan.going(Way.OUT_OF_STOCK)
        wanted = {order.invoice.lines[0].sku for order in orders}
        there = dict(StockItem.objects.filter(sku__in=wanted).values_list("sku", "available"))
        for sku in sorted(wanted):
            set_stock(sku, 0, reason="sold out", actor=ACTOR)
        try:
            self.place(orders)
            self.wait_for(_("sold out"), orders, State.CANCELLED)
        finally:
            for sku in sorted(wanted):
                set_stock(sku, there[sku], reason="delivery of goods", actor=ACTOR)

    def cancelled_early(self) -> None:
        """Orders whose customers change their minds at each stage before there is a parcel."""
        with _paused("payments.authorise"):
            orders = self.plan.going(Way.CANCEL_UNPAID)
            self.place(orders)
            self.until(_("reserved"), lambda: _are_reserved(orders))
            self._cancel(orders)
        with _paused("payments.capture"):
            orders = self.plan.going(Way.CANCEL_AUTHORISED)
            self.place(orders)
            self.wait_for(_("authorised"), orders, State.CONFIRMED)
            self._cancel(orders)
        with _paused("shipping.book_label"):
            orders = self.plan.going(Way.CANCEL_CAPTURED, Way.REFUND_FAILED)
            self.place(orders)
            self.wait_for(_("captured"), orders, State.FULFILLING)
            self._cancel(orders)

    def others(self) -> tuple[Planned, ...]:
        """Return the orders that none of the early stages has placed."""
        return tuple(order for order in self.plan.orders if order.way not in _EARLY)

    def finish(self) -> None:
        """Go on until every order and all that came of it has ended; some wait for days."""
        waiting = [order.number for order in self.plan.going(*WAIT_FOR_DAYS)]
        self.until(_("on their way"), lambda: self._rests(waiting))
        self._outdoors.let_days_pass()
        self.until(_("days later"), self._is_over)

    # -- what customers do ------------------------------------------------------------------------

    def place(self, orders: Iterable[Planned]) -> None:
        """Place orders, with what is to go wrong for each arranged before."""
        for order in orders:
            self._arrange(order)
            _place(order)
            self._tell(_("placing"))

    def _arrange(self, order: Planned) -> None:
        if order.way is Way.CARRIER_REFUSES:
            self.outside.carrier.switch_on("refuse", reference=order.number, operation="book")
        for fault in order.faults:
            self._arrange_fault(order, fault)

    def _arrange_fault(self, order: Planned, fault: Fault) -> None:
        side = self.outside.carrier if fault.is_carriers else self.outside.provider
        side.switch_on(fault.trouble, reference=order.number, operation=fault.operation, times=1)

    def _cancel(self, orders: Iterable[Planned]) -> None:
        for row in _rows(orders):
            request_cancel(row, reason="changed my mind", actor=customer_of(row))
        self.wait_for(_("cancelled"), orders, State.CANCELLED)

    # -- waiting ----------------------------------------------------------------------------------

    def wait_for(self, what: str, orders: Iterable[Planned], state: State) -> None:
        """Wait until all these orders are in a state."""
        numbers = [order.number for order in orders]
        there = Order.objects.filter(number__in=numbers, state=state)
        self.until(what, lambda: there.count() == len(numbers))

    def until(self, what: str, reached: Callable[[], bool]) -> None:
        """Let the world move until something is so. Raises Stalled when nothing moves any more."""
        seen, moved_at = -1, time.monotonic()
        while not reached():
            self._outdoors.move()
            self._tell(what)
            newest = StoredEvent.objects.count()
            if newest != seen:
                seen, moved_at = newest, time.monotonic()
            elif time.monotonic() - moved_at > _PATIENCE:
                raise Stalled(what)
            time.sleep(_LOOK)

    def _tell(self, what: str) -> None:
        self._screen.progress(lambda: self._how_far(what))

    def _how_far(self, what: str) -> str:
        found = Order.objects.filter(number__startswith=self.plan.prefix)
        states = Counter(found.values_list("state", flat=True))
        ended = sum(states[state] for state in _ENDED)
        return _("%(seconds)4.0f s  %(placed)d of %(all)d placed, %(ended)d ended  (%(what)s)") % {
            "seconds": time.monotonic() - self._began,
            "placed": states.total(),
            "all": len(self.plan.orders),
            "ended": ended,
            "what": what,
        }

    # -- the end ----------------------------------------------------------------------------------

    def _rests(self, waiting: list[str]) -> bool:
        """Whether nothing moves, and all orders but those that wait for days have ended."""
        mine = Order.objects.filter(number__startswith=self.plan.prefix)
        ended = mine.filter(state__in=_ENDED).exclude(number__in=waiting)
        if ended.count() < len(self.plan.orders) - len(waiting) or not self._outdoors.is_quiet():
            return False
        return not _is_awaited(own_sagas(self.plan.prefix))

    def _is_over(self) -> bool:
        if not self._rests([]):
            return False
        return not own_sagas(self.plan.prefix).filter(status=SagaStatus.RUNNING).exists()


def own_sagas(prefix: str) -> QuerySet[Saga]:
    """Return the sagas of the orders whose numbers begin so, of their cases and refunds.

    What is learned of a payment between its calls has a lane of its own, which never ends.
    """
    mine = Order.objects.filter(number__startswith=prefix).values("pk")
    payments = Payment.objects.filter(order_id__in=mine)
    keys = [
        *mine.values_list("pk", flat=True),
        *Case.objects.filter(order__in=mine).values_list("pk", flat=True),
        *Refund.objects.filter(order_id__in=mine).values_list("pk", flat=True),
        # Of these, payments knows before there is a case.
        *Dispute.objects.filter(order_id__in=mine).values_list("case_id", flat=True),
        *(key for late in payments.values_list("late_captures", flat=True) for key in late),
    ]
    lanes = [f"{Payment._meta.label}:{key}" for key in payments.values_list("pk", flat=True)]
    return Saga.objects.filter(
        Q(key__in=[str(key) for key in keys]) | Q(choreography=FREE, key__in=lanes)
    )


def _is_awaited(sagas: QuerySet[Saga]) -> bool:
    """Whether something of these sagas is still to be done; a timer far away is not."""
    left = Delivery.objects.filter(saga_id__in=sagas.values("id"))
    inquiries = left.filter(purpose__startswith=INQUIRE_PREFIX)
    return left.exclude(kind=Kind.TIMER).exists() or inquiries.exists()


@contextmanager
def _paused(step: str) -> Iterator[None]:
    pause(step, actor=ACTOR, reason="customers change their minds here")
    try:
        yield
    finally:
        resume(step, actor=ACTOR)


def _place(order: Planned) -> None:
    invoice = order.invoice
    goods = invoice.total_minor
    is_paid_in_part = order.way in WITH_BENEFITS and goods >= _TENTHS
    place_order(
        number=order.number,
        customer=order.customer,
        currency=CURRENCY,
        lines=[(line.sku, line.quantity, line.unit_price_minor) for line in invoice.lines],
        ship_to=address_of(order.customer, invoice.country),
        payment_tokens=order.cards,
        pay_by=order.pay_by,
        shipping_minor=_POSTAGE,
        coupon=("WELCOME", goods // _TENTHS) if is_paid_in_part else None,
        points_minor=goods // _TENTHS if is_paid_in_part else 0,
        actor=f"customer:{order.customer}",
    )


def _rows(orders: Iterable[Planned]) -> QuerySet[Order]:
    return Order.objects.filter(number__in=[order.number for order in orders]).order_by("pk")


def _are_reserved(orders: Iterable[Planned]) -> bool:
    """Whether stock is kept for all of them, and their payments are known but not tried."""
    ids = list(_rows(orders).values_list("id", flat=True))
    kept = Reservation.objects.filter(order_id__in=ids, state=Reservation.State.RESERVED)
    known = Payment.objects.filter(order_id__in=ids, state=Payment.State.PENDING)
    return kept.count() == known.count() == len(ids)
