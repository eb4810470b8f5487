"""Deeds: does what a plan says, through the services of the contexts.

The only module of a replay that knows them. What a service refuses is named by the error that it
raises, and leaves the act undone.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from uuid import UUID

from inventory import services as inventory
from inventory.inspection import Verdict
from inventory.models import ReturnedGoods
from orders import services as orders
from orders.models import Order
from sagas.relay import relay_once
from sagas.worker import Worker
from shipping import services as shipping
from shipping.models import ReturnParcel, Shipment
from shipping.simulated_carrier import SimulatedCarrier
from shop.demo.people import address_of
from shop.invoices import CURRENCY, Invoice
from shop.replay.acts import GoodsBack, MoneyBack, Placing, Way

ACTOR: Final = "replay"
#: Who agrees to goodwill; never the one who asks for it.
APPROVER: Final = "replay:second"
#: How many units of an article are there after a delivery.
LOT: Final = 10_000
_CARD: Final = "tok_visa"

Refusal = orders.InvalidInput


class Deeds:
    """Acts on the orders of one replay, whose numbers begin with `prefix`."""

    def __init__(self, *, prefix: str, carrier: SimulatedCarrier) -> None:
        """The work that follows is done by `work`, in this process."""
        self._prefix = prefix
        self._carrier = carrier
        self._worker = Worker()
        #: Units of each article that were delivered and are not sold.
        self._shelf = Counter[str]()

    def close(self) -> None:
        """Let the worker go."""
        self._worker.close()

    def work(self) -> int:
        """Work until nothing is due; return how many deliveries were handled."""
        handled = 0
        while True:
            relay_once(drains=False)
            done = self._worker.drain()
            handled += done
            if not done:
                return handled

    # -- out -------------------------------------------------------------------------------------

    def stock_up(self, invoices: Iterable[Invoice]) -> None:
        """Have goods delivered before they run out, in large lots: the file records no stock."""
        for invoice in invoices:
            for line in invoice.lines:
                self._shelf[line.sku] -= line.quantity
        short = {sku: LOT - units for sku, units in self._shelf.items() if units < 0}
        if short:
            self._shelf.update(short)
            inventory.receive_goods(short, reason="delivery of goods", actor=ACTOR)

    def place(self, act: Placing) -> None:
        """Place an order as it was placed."""
        invoice, customer = act.invoice, _customer(act.invoice)
        orders.place_order(
            number=self._number(act.order),
            customer=customer,
            currency=CURRENCY,
            lines=[(line.sku, line.quantity, line.unit_price_minor) for line in invoice.lines],
            ship_to=address_of(_customer(invoice), invoice.country),
            payment_tokens=(_CARD,),
            actor=f"customer:{customer}",
        )

    def send(self, numbers: Sequence[str]) -> set[str]:
        """Let parcels leave and arrive; return the orders whose parcel did not leave."""
        ids = dict(self._ids(numbers))
        parcels = Shipment.objects.filter(order_id__in=ids.values()).order_by("pk")
        left = [parcel for parcel in parcels if shipping.hand_over(parcel, actor=ACTOR)]
        self.work()
        for parcel in left:
            self._carrier.deliver(str(parcel.tracking))
        shipping.follow_scans()
        self.work()
        gone = {parcel.order_id for parcel in left}
        return {number for number, order_id in ids.items() if order_id not in gone}

    # -- back ------------------------------------------------------------------------------------

    def cancel(self, act: GoodsBack) -> None:
        """Ask for the cancellation of what is left of an order, or of some units."""
        order = self._order(act.order)
        if act.way is Way.CANCEL:
            orders.request_cancel(order, reason=act.note, actor=ACTOR)
            return
        orders.request_partial_cancel(order, lines=act.lines, reason=act.note, actor=ACTOR)

    def ask_back(self, act: GoodsBack) -> UUID:
        """Ask for units to be sent back; return the id of the return."""
        returned = orders.request_return(
            self._order(act.order), lines=act.lines, reason=act.note, actor=ACTOR
        )
        return returned.pk

    def take_in(self, returns: Collection[UUID]) -> None:
        """Take returned parcels in, and accept all that is in them."""
        for parcel in ReturnParcel.objects.filter(case_id__in=returns).order_by("pk"):
            shipping.receive_return(parcel, actor=ACTOR)
        self.work()
        here = ReturnedGoods.objects.filter(state=ReturnedGoods.State.QUARANTINED)
        for goods in here.filter(case_id__in=returns).order_by("pk"):
            found = {line.line_no: Verdict(sellable=line.quantity) for line in goods.lines.all()}
            inventory.inspect(goods, found, actor=ACTOR)
        self.work()

    def give(self, act: MoneyBack) -> None:
        """Give money to the customer of an order; a second person agrees."""
        orders.give_goodwill(
            self._order(act.order),
            amount_minor=act.minor,
            reason=f"{act.note} {act.what}",
            actor=ACTOR,
            approver=APPROVER,
        )

    # -- orders ----------------------------------------------------------------------------------

    def _number(self, order: str) -> str:
        return self._prefix + order

    def _order(self, order: str) -> Order:
        return Order.objects.get(number=self._number(order))

    def _ids(self, numbers: Iterable[str]) -> Iterable[tuple[str, UUID]]:
        names = {self._number(number): number for number in numbers}
        rows = Order.objects.filter(number__in=names).values_list("number", "pk")
        return ((names[number], order_id) for number, order_id in rows)


def _customer(invoice: Invoice) -> str:
    """Return who orders; somebody whom the file does not name is never the same as another."""
    return invoice.customer or f"guest-{invoice.number}"
