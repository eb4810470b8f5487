"""The house: inventory and shipping alone, led by the facts of the others, with their books added.

What orders and payments would do is said by the test, event by event; after each, every unit must
be in the bucket in which reservations and returned goods put it (I1-I5).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction

from inventory.models import Reservation, ReservationLine, ReturnedLine, StockItem
from inventory.services import set_stock
from orders.events import Address, CaseKind, CaseLine, OrderLine, OrderPlaced
from sagas.event import Event
from sagas.models import Delivery, DeliveryState, StoredEvent
from sagas.money import Money
from sagas.outbox import publish
from sagas.worker import Worker

HOME = Address(name="Kim", street="1 Hill", city="Leeds", postcode="LS1", country="GB")
BUCKETS = ("available", "reserved", "committed", "out", "quarantine", "damaged")
GOODS_HERE = ("inspected", "sent_back")


def order_lines(*lines: tuple[str, int]) -> tuple[OrderLine, ...]:
    """Return an order's lines: article and units."""
    return tuple(
        OrderLine(line_no=n, sku=sku, quantity=quantity, unit_price_minor=100)
        for n, (sku, quantity) in enumerate(lines, start=1)
    )


def case_lines(*lines: tuple[int, str, int]) -> tuple[CaseLine, ...]:
    """Return the lines of a case: line number, article and units."""
    return tuple(
        CaseLine(line_no=n, sku=sku, quantity=quantity, amount_minor=100 * quantity)
        for n, sku, quantity in lines
    )


def placed(order_id: UUID, *lines: tuple[str, int], customer: str = "kim") -> OrderPlaced:
    """Return the fact that an order was placed."""
    return OrderPlaced(
        order_id=order_id,
        number=f"S-{order_id.hex[-6:]}",
        customer=customer,
        total=Money(1000, "GBP"),
        lines=order_lines(*lines),
        ship_to=HOME,
        payment_tokens=("tok_visa",),
    )


def case(event_type: Any, order_id: UUID, case_id: UUID, **values: Any) -> Any:
    """Return a fact of a case, with what every such fact has."""
    shared = {"case": CaseKind.CANCEL, "number": "S-1", "reason": "because", "ship_from": HOME}
    known = {name: shared[name] for name in shared if name in event_type.__struct_fields__}
    return event_type(order_id=order_id, case_id=case_id, **{**known, **values})


class House:
    """One worker for some contexts, and the stock that is there."""

    def __init__(self, *consumers: str, **units: int) -> None:
        self.worker = Worker(set(consumers))
        self.items = {sku: set_stock(sku, count) for sku, count in units.items()}
        self.came = dict(units)
        self.order_id, self.case_id = uuid4(), uuid4()

    def say(self, *events: Event) -> None:
        """Have these facts happen at once, let the house react, and add up its books."""
        speaker = next(iter(self.items.values()))
        with transaction.atomic():
            for event in events:
                publish(event, of=speaker, actor="test")
        self.work()

    def work(self) -> None:
        """Do what is due, and add up the books."""
        self.worker.drain()
        dead = Delivery.objects.filter(state=DeliveryState.DEAD).values_list("purpose", "error")
        assert list(dead) == []
        self.adds_up()

    def place(self, *lines: tuple[str, int], customer: str = "kim") -> UUID:
        """Place an order of its own, and return its id."""
        order_id = uuid4()
        self.say(placed(order_id, *lines, customer=customer))
        return order_id

    # -- looking

    def state(self, holder_id: UUID | None = None) -> str:
        """Return the state of the reservation of an order or case."""
        return str(Reservation.objects.get(holder_id=holder_id or self.order_id).state)

    def said(self) -> list[str]:
        """Return the names of what inventory and shipping have announced, oldest first."""
        rows = StoredEvent.objects.filter(context__in=("inventory", "shipping"))
        names = rows.exclude(type="inventory.StockAdjusted").order_by("recorded_at", "id")
        return [name.split(".")[1] for name in names.values_list("type", flat=True)]

    def units(self, sku: str) -> dict[str, int]:
        """Return where the units of an article are; empty buckets are left out."""
        item = StockItem.objects.get(sku=sku)
        return {bucket: getattr(item, bucket) for bucket in BUCKETS if getattr(item, bucket)}

    def adds_up(self) -> None:
        """Every unit is in one bucket, and that is the one the books say (I1-I5)."""
        booked = _booked()
        for item in StockItem.objects.all():
            assert item.total == self.came[item.sku], item.sku
            for bucket in BUCKETS[1:]:
                assert getattr(item, bucket) == booked[item.pk][bucket], (item.sku, bucket)

    def close(self) -> None:
        self.worker.close()


def _booked() -> defaultdict[UUID, Counter[str]]:
    """Return the units that reservations and returned goods put into each bucket."""
    units: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    for line in ReservationLine.objects.select_related("reservation"):
        bucket = Reservation.BUCKETS.get(line.reservation.state)
        if bucket:
            units[line.item_id][bucket] += line.kept
        units[line.item_id]["out"] += line.out - line.lost
        units[line.item_id]["damaged"] += line.short + line.lost
    for back in _came_back():
        _add_returned(units[back.item_id], back)
    return units


def _came_back() -> Iterable[ReturnedLine]:
    here = ("quarantined", *GOODS_HERE)
    return ReturnedLine.objects.filter(goods__state__in=here).select_related("goods")


def _add_returned(units: Counter[str], line: ReturnedLine) -> None:
    units["out"] -= line.quantity
    if line.goods.state == "quarantined":
        units["quarantine"] += line.quantity
        return
    units["damaged"] += line.damaged
    units["quarantine"] += line.sellable if line.goods.is_fault else 0
    left_again = line.goods.state == "sent_back"
    units["out" if left_again else "quarantine"] += line.refused
