"""The reference shop in one process: real steps, real tables, simulated outside, no waiting.

Nothing runs by itself: `drain` works until nothing is due, `pass_time` moves the clock.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from inventory.models import ReturnedGoods
from inventory.services import Verdict, inspect, report_shortage, set_stock
from orders.events import Address
from orders.models import Case, Order
from orders.services import place_order, request_return
from payments.models import Payment
from payments.services import learn
from payments.simulated_provider import SimulatedProvider
from sagas import clock
from sagas.models import Delivery, Saga, StoredEvent
from sagas.reconciliation import findings
from sagas.relay import relay_once
from sagas.worker import Worker
from shipping import services as warehouse
from shipping.models import ReturnParcel, Shipment
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
        **more: Any,
    ) -> Order:
        """Place an order in GBP; its events wait for `drain`. `more` goes to `place_order`."""
        return place_order(
            customer=customer,
            currency="GBP",
            lines=lines,
            ship_to=HOME,
            payment_tokens=cards,
            number=number,
            actor=f"customer:{customer}",
            **more,
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

    def ready(self, **placed: Any) -> Order:
        """Return an order whose parcel waits for the driver."""
        order = self.place(**placed)
        self.drain()
        return order

    def hand_over(
        self, order: Order, *, part: int | None = 1, lines: Mapping[int, int] | None = None
    ) -> bool:
        """Give a parcel of the order to the driver; part None is the one of its replacement.

        `lines` are units by line number: the rest stays as part 2.
        """
        left = warehouse.hand_over(self.parcel(order, part), lines=lines)
        self.drain()
        return left

    def deliver(self, order: Order, *, part: int | None = 1) -> None:
        """Hand over if need be, let the carrier deliver, and read its scans."""
        self.hand_over(order, part=part)
        self.carrier.deliver(self.parcel(order, part).tracking)
        self.follow()

    def lose(self, order: Order, *, part: int | None = 1) -> None:
        """Hand over if need be, let the carrier lose the parcel, and read its scans."""
        self.hand_over(order, part=part)
        self.carrier.lose(self.parcel(order, part).tracking)
        self.follow()

    def follow(self) -> None:
        """Read the carrier's scans."""
        warehouse.follow_scans()
        self.drain()

    def delivered(self, *lines: tuple[str, int, int], **placed: Any) -> Order:
        """Return an order that its customer has."""
        order = self.place(lines or LINES, **placed)
        self.drain()
        self.deliver(order)
        return order

    def miss(self, order: Order, **units: int) -> None:
        """Have a person report that kept units are not there: `MUG=1`."""
        report_shortage(order.pk, units, reason="not on the shelf", actor="warehouse:lee")
        self.drain()

    def parcel(self, order: Order, part: int | None = 1) -> Shipment:
        """Return a parcel of the order, or with None the one of its replacement."""
        return Shipment.objects.get(order_id=order.pk, part=part)

    # -- the way back

    def ask_back(self, order: Order, *lines: tuple[int, int], fault: bool = False) -> Case:
        """Have the customer ask to send units of lines back; return the case."""
        case = request_return(
            reload(order), lines=lines, reason="too blue", actor="customer:kim", fault=fault
        )
        self.drain()
        return case

    def receive(self, case: Case) -> None:
        """Take in the parcel that comes back for a case."""
        warehouse.receive_return(ReturnParcel.objects.get(case_id=case.pk))
        self.drain()

    def inspect(
        self,
        case: Case,
        verdicts: Mapping[int, Verdict] | None = None,
        *,
        fault: bool | None = True,
    ) -> None:
        """Say what was found of goods that came back; as good as new if nothing is said.

        `fault` is whether what the customer claims is so.
        """
        goods = ReturnedGoods.objects.get(case_id=case.pk)
        fine = {line.line_no: Verdict(sellable=line.quantity) for line in goods.lines.all()}
        found = fine if verdicts is None else verdicts
        inspect(goods, found, actor="warehouse:lee", fault=fault)
        self.drain()

    def bring_back(self, order: Order, *lines: tuple[int, int], fault: bool = False) -> Case:
        """Bring units of lines all the way back, as good as new; return the case as it is then."""
        case = self.ask_back(order, *lines, fault=fault)
        self.receive(case)
        self.inspect(case)
        return Case.objects.get(pk=case.pk)

    # -- the bank

    def dispute(self, order: Order, **how: Any) -> str:
        """Let the customer's bank dispute the payment; return the provider's name for that."""
        name = self.provider.open_dispute(order.number, **how)
        self.learn(order)
        return name

    def decide(self, order: Order, dispute: str, *, won: bool) -> None:
        """Let the bank decide a dispute, for the shop or for the customer."""
        self.provider.close_dispute(dispute, won)
        self.learn(order)

    def learn(self, order: Order) -> None:
        """Have known here what the provider knows of the order, and what follows."""
        learn(order.number)
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
