"""The reference shop in one process: real steps, real tables, simulated outside, no waiting.

Nothing runs by itself: `drain` works until nothing is due, `pass_time` moves the clock.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta

from inventory.services import set_stock
from orders.events import Address
from orders.models import Order
from orders.services import place_order
from payments.models import Payment
from payments.simulated_provider import SimulatedProvider
from sagas import clock
from sagas.models import Delivery, Saga, StoredEvent
from sagas.reconciliation import findings
from sagas.relay import relay_once
from sagas.worker import Worker
from shipping import services as warehouse
from shipping.models import Shipment
from shipping.simulated_carrier import SimulatedCarrier

HOME = Address(name="Kim", street="1 Hill", city="Seoul", postcode="04524", country="KR")

#: One article, three of it, 5.00 each.
LINES = (("MUG", 3, 500),)


class World:
    """A shop with stock, a provider and a carrier; made by the `world` fixture."""

    def __init__(self, provider: SimulatedProvider, carrier: SimulatedCarrier) -> None:
        self.provider = provider
        self.carrier = carrier
        self.worker = Worker()
        self._time = ExitStack()

    def stock(self, **units: int) -> None:
        """Have so many units of each article available."""
        for sku, count in units.items():
            set_stock(sku, count)

    def place(
        self,
        lines: Sequence[tuple[str, int, int]] = LINES,
        *,
        cards: Sequence[str] = ("tok_visa",),
        number: str | None = None,
        customer: str = "kim",
    ) -> Order:
        """Place an order in GBP; its events wait for `drain`."""
        return place_order(
            customer=customer,
            currency="GBP",
            lines=lines,
            ship_to=HOME,
            payment_tokens=cards,
            number=number,
            actor=f"customer:{customer}",
        )

    def drain(self) -> int:
        """Work until nothing is due: hints are not needed for that (G9)."""
        handled = 0
        while True:
            relay_once(drains=False)
            done = self.worker.drain()
            handled += done
            if not done:
                return handled

    def pass_time(self, distance: timedelta) -> None:
        """Let so much time pass, then do what is due."""
        self._time.enter_context(clock.travel(distance))
        self.drain()

    def back_to_now(self) -> None:
        self._time.close()

    # -- the way of a parcel

    def hand_over(self, order: Order) -> bool:
        """Give the order's parcel to the driver."""
        left = warehouse.hand_over(Shipment.objects.get(order_id=order.pk))
        self.drain()
        return left

    def deliver(self, order: Order) -> None:
        """Hand over if need be, let the carrier deliver, and read its scans."""
        self.hand_over(order)
        self.carrier.deliver(Shipment.objects.get(order_id=order.pk).tracking)
        warehouse.follow_scans()
        self.drain()

    def lose(self, order: Order) -> None:
        """Hand over, let the carrier lose the parcel, and read its scans."""
        self.hand_over(order)
        self.carrier.lose(Shipment.objects.get(order_id=order.pk).tracking)
        warehouse.follow_scans()
        self.drain()

    # -- looking

    def saga(self, order: Order, choreography: str = "checkout") -> Saga:
        return Saga.objects.get(choreography=choreography, key=str(order.pk))

    def payment(self, order: Order) -> Payment:
        return Payment.objects.get(order_id=order.pk)

    def events(self, order: Order) -> list[str]:
        """Return the names of the checkout's events in their order."""
        saga = self.saga(order)
        rows = StoredEvent.objects.filter(saga_id=saga.id).order_by("position")
        return [name.split(".")[1] for name in rows.values_list("type", flat=True)]

    def open_deliveries(self, order: Order) -> list[str]:
        """Return what still waits in the checkout, timers aside."""
        rows = Delivery.objects.filter(saga_id=self.saga(order).id).exclude(kind="timer")
        return [f"{row.consumer}.{row.purpose}:{row.state}" for row in rows]

    def assert_engine_agrees(self) -> None:
        """No invariant of the engine's tables is broken (D1-D8)."""
        found = [str(finding) for finding in findings()]
        assert found == []


def reload(order: Order) -> Order:
    """Return the order as it is stored now."""
    return Order.objects.get(pk=order.pk)


def kept(provider: SimulatedProvider, order: Order) -> int:
    """Return the minor units that the provider holds for the order, by its own books."""
    balance = provider.balances().get(order.number)
    return balance.kept_minor if balance else 0
