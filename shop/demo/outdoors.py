"""Outdoors: what warehouse, carrier, provider and everybody else do once an order is placed.

It looks at the shop's books and does whatever is next for each order. Most of it can be found out
again from those; what was done out of the ordinary it remembers, so as to do it once.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from django.db.models import QuerySet

from inventory.models import ReturnedGoods
from inventory.services import Verdict, inspect
from orders.events import CaseKind
from orders.models import Case, Order
from payments.models import Dispute, Payment, Refund
from payments.services import approve_elsewhere, propose_elsewhere, receive_webhook
from shipping.models import ReturnParcel, Shipment
from shipping.services import follow_scans, hand_over, receive_return
from shop.demo.people import ACCOUNT, ANNA, BEN, WAREHOUSE
from shop.demo.plan import Plan, Planned
from shop.demo.prepare import Outside
from shop.demo.script import LATER, SCRIPT, Act, Moment
from shop.demo.ways import Way

#: Longer than an account waits for its deposit.
_DAYS: Final = timedelta(days=4)
_REST: Final = 2

#: Which orders are at a moment.
_AT: Final[dict[Moment, Callable[[], QuerySet[Order]]]] = {
    Moment.UNPAID: lambda: _with(Payment.objects.filter(state=Payment.State.AWAITING_DEPOSIT)),
    Moment.PACKED: lambda: _with(
        Shipment.objects.filter(state=Shipment.State.LABELLED, part=1)
    ).filter(state=Order.State.FULFILLING),
    Moment.UNDER_WAY: lambda: _with(
        Shipment.objects.filter(state=Shipment.State.HANDED_OVER, part=1)
    ).filter(state=Order.State.SHIPPED),
    Moment.COMPLETE: lambda: Order.objects.filter(state=Order.State.COMPLETED),
    Moment.LOST: lambda: _with(
        Case.objects.filter(kind=CaseKind.LOST.value, state=Case.State.ASKED)
    ),
    Moment.DISPUTED: lambda: _with(Dispute.objects.filter(state__in=Dispute.LIVE)),
    Moment.CANCELLED: lambda: Order.objects.filter(state=Order.State.CANCELLED),
}


def _with(rows: QuerySet[Any]) -> QuerySet[Order]:
    """Return the orders that have one of these rows."""
    return Order.objects.filter(pk__in=rows.values("order_id"))


class Outdoors:
    """The world outside, as far as the orders of one plan go."""

    def __init__(self, plan: Plan, outside: Outside) -> None:
        """Nothing has happened yet."""
        self._outside = outside
        self._prefix = plan.prefix
        self._planned = {order.number: order for order in plan.orders}
        self._open: dict[Moment, dict[str, Act]] = {moment: {} for moment in Moment}
        self._has_aged = False
        self._left_again: set[str] = set()
        for order in plan.orders:
            for moment, act in SCRIPT.get(order.way, {}).items():
                self._open[moment][order.number] = act

    def move(self) -> None:
        """Do what can be done now."""
        self._act()
        self._drive_out()
        self._drive_on()
        follow_scans()
        self._deliver_webhooks()
        self._take_in()
        self._inspect()
        self._pay_elsewhere()

    def let_days_pass(self) -> None:
        """Let the provider live in a later time: accounts expire, and banks have decided."""
        if not self._has_aged:
            self._has_aged = True
            self._outside.provider.pass_time(_DAYS)

    def is_quiet(self) -> bool:
        """Whether nothing is left that is to happen, in days that have come."""
        left = {moment for moment, acts in self._open.items() if acts}
        return not (left if self._has_aged else left - LATER)

    # -- out of the ordinary ----------------------------------------------------------------------

    def _act(self) -> None:
        """Do what the script says for orders whose moment has come."""
        for moment, acts in self._open.items():
            if acts and (self._has_aged or moment not in LATER):
                for order in _AT[moment]().filter(number__in=list(acts)):
                    acts.pop(order.number)(self._outside, self._planned[order.number], order)

    def _goes_on(self, moment: Moment, order: Planned) -> bool:
        """Whether an order may go on from a moment: what happens there has had its answer."""
        if moment not in SCRIPT.get(order.way, {}):
            return True
        if order.number in self._open[moment]:
            return False
        cases = list(Case.objects.filter(order__number=order.number))
        return bool(cases) and all(case.is_over for case in cases)

    # -- parcels out ------------------------------------------------------------------------------

    def _shipments(self, state: Shipment.State) -> Iterator[tuple[Shipment, Planned]]:
        rows = Shipment.objects.filter(state=state, number__startswith=self._prefix)
        for shipment in rows.order_by("pk"):
            yield shipment, self._planned[shipment.number]

    def _drive_out(self) -> None:
        """The driver fetches what has a label, once nobody wants anything else of it."""
        for shipment, order in self._shipments(Shipment.State.LABELLED):
            if shipment.case_id is not None:
                hand_over(shipment, actor=WAREHOUSE)
            elif shipment.part != _REST and self._goes_on(Moment.PACKED, order):
                hand_over(shipment, lines=_part_of(order), actor=WAREHOUSE)

    def _drive_on(self) -> None:
        """Parcels arrive or get lost, refused goods leave again."""
        carrier = self._outside.carrier
        for shipment, order in self._shipments(Shipment.State.HANDED_OVER):
            is_first = shipment.case_id is None
            if is_first and order.way in (Way.LOSS_MONEY, Way.LOSS_GOODS):
                carrier.lose(str(shipment.tracking))
            elif not is_first or self._goes_on(Moment.UNDER_WAY, order):
                carrier.deliver(str(shipment.tracking))
        for parcel in self._parcels(ReturnParcel.State.SENT_BACK):
            tracking = str(parcel.sent_back_tracking)
            if tracking not in self._left_again:
                self._left_again.add(tracking)
                carrier.hand_over(tracking)
                carrier.deliver(tracking)

    # -- goods back -------------------------------------------------------------------------------

    def _parcels(self, *states: ReturnParcel.State) -> Iterable[ReturnParcel]:
        rows = ReturnParcel.objects.filter(state__in=states, number__startswith=self._prefix)
        return rows.order_by("pk")

    def _take_in(self) -> None:
        """Returned parcels arrive, and those that were stopped on their way."""
        for parcel in self._parcels(ReturnParcel.State.LABELLED, ReturnParcel.State.INTERCEPTED):
            receive_return(parcel, actor=WAREHOUSE)

    def _inspect(self) -> None:
        """Somebody looks at what came back, unit by unit."""
        mine = Order.objects.filter(number__startswith=self._prefix)
        waiting = ReturnedGoods.objects.filter(
            state=ReturnedGoods.State.QUARANTINED, order_id__in=mine.values("pk")
        )
        for goods in waiting.order_by("pk"):
            order = mine.get(pk=goods.order_id)
            found = _VERDICTS.get(self._planned[order.number].way, _good)
            verdicts = {line.line_no: found(line.quantity) for line in goods.lines.all()}
            inspect(goods, verdicts, actor=WAREHOUSE, fault=goods.is_claimed)

    # -- money ------------------------------------------------------------------------------------

    def _deliver_webhooks(self) -> None:
        """The provider's messages arrive, some of them several times (R37)."""
        for message in self._outside.provider.due_webhooks():
            receive_webhook(message.headers, message.body.encode())
            self._outside.provider.mark_delivered(message.id)

    def _pay_elsewhere(self) -> None:
        """One person proposes where an owed refund is paid to, another one approves it (R34)."""
        mine = Order.objects.filter(number__startswith=self._prefix)
        owed = Refund.objects.filter(
            state=Refund.State.OWED, approved_by="", order_id__in=mine.values("pk")
        )
        for refund in owed.order_by("pk"):
            propose_elsewhere(refund, ACCOUNT, actor=ANNA, reason="the customer's new account")
            approve_elsewhere(
                refund, number=ACCOUNT["number"], actor=BEN, reason="the customer was called"
            )


def _part_of(order: Planned) -> dict[int, int] | None:
    """Return what of an order leaves with the first parcel; None for all of it."""
    if order.way is not Way.CANCEL_REST:
        return None
    first, *others = order.invoice.lines
    return {1: first.quantity if others else first.quantity - 1}


def _good(units: int) -> Verdict:
    return Verdict(sellable=units)


_VERDICTS: Final[dict[Way, Callable[[int], Verdict]]] = {
    Way.RETURN_DEFECTIVE: lambda units: Verdict(damaged=units),
    Way.RETURN_REFUSED: lambda units: Verdict(refused=units),
}
