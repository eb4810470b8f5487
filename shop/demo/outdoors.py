"""Outdoors: what the warehouse, the carrier, the provider and customers do once parcels exist.

It looks at the shop's books, does whatever is next for each order, and remembers nothing that it
could not find out again.
"""

from collections.abc import Iterable
from itertools import islice
from uuid import UUID

from django.db import transaction

from orders.models import Case, Order, Return
from orders.services import request_cancel, request_return
from payments.services import receive_webhook
from shipping.models import ReturnParcel, Shipment
from shipping.services import follow_scans, hand_over, receive_return
from shop.demo.plan import Plan, Planned
from shop.demo.prepare import ACTOR, Outside
from shop.demo.ways import Way

#: How many of the provider's messages are kept with one commit.
_AT_ONCE = 50


class Outdoors:
    """The world outside, as far as the orders of one plan go."""

    def __init__(self, plan: Plan, outside: Outside) -> None:
        """Nothing has happened yet."""
        self._outside = outside
        self._prefix = plan.prefix
        self._planned = {order.number: order for order in plan.orders}
        self._sent_back: dict[str, int] = {}
        self._told: set[UUID] = set()

    def move(self) -> None:
        """Do what can be done now."""
        self._drive_out()
        self._drive_on()
        follow_scans()
        self._deliver_webhooks()
        self._send_back()
        self._take_in()

    def _shipments(self, state: Shipment.State) -> Iterable[tuple[Shipment, Planned]]:
        rows = Shipment.objects.filter(state=state, number__startswith=self._prefix)
        for shipment in rows.order_by("pk"):
            yield shipment, self._planned[shipment.number]

    def _drive_out(self) -> None:
        """The driver fetches what has a label, unless its customer has just changed his mind."""
        for shipment, planned in self._shipments(Shipment.State.LABELLED):
            if planned.way is Way.CANCEL_LABELLED:
                self._cancel(shipment.order_id)
            else:
                hand_over(shipment, actor=ACTOR)

    def _drive_on(self) -> None:
        """Parcels arrive or get lost; one whose customer asks too late waits for the answer."""
        for shipment, planned in self._shipments(Shipment.State.HANDED_OVER):
            if planned.way is Way.LOSS:
                self._outside.carrier.lose(str(shipment.tracking))
            elif planned.way is not Way.CANCEL_TOO_LATE or self._is_rejected(shipment.order_id):
                self._outside.carrier.deliver(str(shipment.tracking))
            else:
                self._cancel(shipment.order_id)

    def _cancel(self, order_id: UUID) -> None:
        if order_id not in self._told:
            self._told.add(order_id)
            request_cancel(Order.objects.get(pk=order_id), reason="changed my mind", actor=ACTOR)

    def _is_rejected(self, order_id: UUID) -> bool:
        return Case.objects.filter(order_id=order_id, outcome=Case.Outcome.REJECTED).exists()

    def _deliver_webhooks(self) -> None:
        """The provider's messages arrive, some of them several times; many at once (R37)."""
        due = self._outside.provider.due_webhooks()
        while some := list(islice(due, _AT_ONCE)):
            with transaction.atomic():
                for message in some:
                    receive_webhook(message.headers, message.body.encode())
            for message in some:
                self._outside.provider.mark_delivered(message.id)

    def _send_back(self) -> None:
        """Customers send goods back as soon as their order is complete."""
        rows = Order.objects.filter(state=Order.State.COMPLETED, number__startswith=self._prefix)
        for order in rows.order_by("pk"):
            parcels = self._planned[order.number].returns
            if self._sent_back.setdefault(order.number, 0) < len(parcels):
                for parcel in parcels[self._sent_back[order.number] :]:
                    request_return(order, lines=parcel, reason="sent back", actor=ACTOR)
                self._sent_back[order.number] = len(parcels)

    def _take_in(self) -> None:
        """Returned parcels arrive."""
        rows = ReturnParcel.objects.filter(
            state=ReturnParcel.State.LABELLED, number__startswith=self._prefix
        )
        for parcel in rows.order_by("pk"):
            receive_return(parcel, actor=ACTOR)

    def is_quiet(self) -> bool:
        """Whether nothing is left to be sent back or taken in."""
        planned = sum(len(order.returns) for order in self._planned.values())
        asked = Return.objects.filter(order__number__startswith=self._prefix)
        return asked.count() >= planned and not asked.filter(state=Return.State.REQUESTED).exists()
