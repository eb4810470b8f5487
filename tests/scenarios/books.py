"""What everybody's books say at the end: the shop's four contexts, the provider, the carrier."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model

from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from orders.models import Order
from payments.models import LedgerEntry, Payment
from sagas.models import Delivery, Saga, StoredEvent
from shipping.models import Shipment
from tests.world import World, kept

#: The facts of a cancellation; money's is named by what was done to it.
UNDONE = ("OrderCancelled", "ShipmentStopped", "StockReleased", "OrderUndone")
MONEY_BACK = ("PaymentClosed", "PaymentVoided", "PaymentRefunded")

#: What the world begins with.
MUGS = {"MUG": 100}

#: Which bucket the units of a reservation are in.
_BUCKET_OF = {
    Reservation.State.RESERVED: "reserved",
    Reservation.State.COMMITTED: "committed",
    Reservation.State.OUT: "out",
    Reservation.State.WRITTEN_OFF: "damaged",
}


@dataclass(frozen=True, kw_only=True)
class Stand:
    """The state of each part of an order; empty where there is no such part."""

    order: str
    payment: str
    reservation: str
    shipment: str


def stand(order: Order) -> Stand:
    """Return where an order's parts are now."""
    return Stand(
        order=Order.objects.get(pk=order.pk).state,
        payment=_state(Payment, order),
        reservation=_state(Reservation, order),
        shipment=_state(Shipment, order),
    )


def _state(model: type[Model], order: Order) -> str:
    found = model._default_manager.filter(order_id=order.pk).first()
    return str(found.state) if found else ""  # type: ignore[attr-defined]  # each has one


def way_back(order: Order) -> list[str]:
    """Return the facts of the order's cancellation, in the order of the log."""
    rows = StoredEvent.objects.filter(saga_id__in=_sagas_of(order)).order_by("position")
    names = [name.split(".")[1] for name in rows.values_list("type", flat=True)]
    return [name for name in names if name in UNDONE + MONEY_BACK]


def back_by(money: str) -> list[str]:
    """Return what `way_back` must be: parcel, then money, then stock (R39)."""
    return ["OrderCancelled", "ShipmentStopped", money, "StockReleased", "OrderUndone"]


def _sagas_of(order: Order) -> list[UUID]:
    return list(Saga.objects.filter(key=str(order.pk)).values_list("id", flat=True))


def assert_quiet(world: World, order: Order, *, status: str, keeps: int) -> None:
    """The checkout has ended like this, nothing of it waits, and all books agree.

    `keeps` is what the provider holds for the order in the end, in minor units.
    """
    saga = world.saga(order)
    assert saga.status == status
    assert list(Delivery.objects.filter(saga_id=saga.id)) == []
    assert kept(world.provider, order) == keeps
    assert_books_agree(world)


def assert_books_agree(world: World, *, stock: Mapping[str, int] = MUGS) -> None:
    """Money, stock and parcels are the same wherever they stand, and the engine agrees."""
    assert _money_here() == _money_there(world)
    assert_stock_adds_up(stock)
    assert _labels_here() == _labels_there(world)
    world.assert_engine_agrees()


def assert_stock_adds_up(stock: Mapping[str, int]) -> None:
    """Every unit is in one bucket, and every bucket is what the reservations say (I1, I3, I5)."""
    assert {item.sku: item.total for item in StockItem.objects.all()} == {**MUGS, **stock}
    for item in StockItem.objects.all():
        expected = _buckets(item)
        for bucket in ("reserved", "committed", "out", "damaged"):
            assert getattr(item, bucket) == expected[bucket], (item.sku, bucket)


def _buckets(item: StockItem) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in ReservationLine.objects.filter(item=item).select_related("reservation"):
        bucket = _BUCKET_OF.get(line.reservation.state)
        if bucket:
            units[bucket] += line.quantity
    inspected = ReturnedGoods.State.INSPECTED
    for back in ReturnedLine.objects.filter(item=item, goods__state=inspected):
        units["out"] -= back.quantity
        units["damaged"] += back.damaged
    return units


def _money_here() -> list[tuple[str, str, int]]:
    return sorted(LedgerEntry.objects.values_list("kind", "reference", "amount_minor"))


def _money_there(world: World) -> list[tuple[str, str, int]]:
    lines = world.provider.list_transactions()
    return sorted((t.kind, t.id, t.amount_minor) for t in lines if t.kind != "close")


def _labels_here() -> list[str]:
    found = Shipment.objects.values_list("tracking", flat=True)
    return sorted(tracking for tracking in found if tracking)


def _labels_there(world: World) -> list[str]:
    parcels = world.carrier.list_parcels()
    return sorted(parcel.tracking for parcel in parcels if parcel.direction == "out")
