"""What everybody's books say at the end: the shop's four contexts, the provider, the carrier."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model

from inventory.models import (
    BUCKETS,
    Reservation,
    ReservationLine,
    ReturnedGoods,
    ReturnedLine,
    StockItem,
)
from orders.models import Order
from payments.models import LedgerEntry, Payment
from sagas.models import Delivery, Saga, StoredEvent
from shipping.models import ReturnParcel, Shipment
from tests.world import World, kept

#: The facts of a cancellation; money's is named by what was done to it.
UNDONE = ("OrderCancelled", "ShipmentStopped", "StockReleased", "OrderUndone")
MONEY_BACK = ("PaymentClosed", "PaymentVoided", "RefundPlanned", "PaymentRefunded")

#: What both sides write down of money: opening and closing an account moves none, and that a
#: reservation has ended by time is in no statement.
STATED = ("authorise", "capture", "void", "refund", "refund_failed", "chargeback")

#: What the world begins with.
MUGS = {"MUG": 100}


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
    """Return what `way_back` must be: parcel, then money, then stock (R39).

    Stock waits until a refund is on its way; the order waits until it is paid (R34).
    """
    order = [money, "StockReleased"]
    if money == "PaymentRefunded":
        order = ["RefundPlanned", "StockReleased", money]
    return ["OrderCancelled", "ShipmentStopped", *order, "OrderUndone"]


def _sagas_of(order: Order) -> list[UUID]:
    return list(Saga.objects.filter(key=str(order.pk)).values_list("id", flat=True))


def assert_quiet(world: World, order: Order, *, status: str, keeps: int) -> None:
    """The checkout has ended like this, nothing of it waits, and all books agree.

    `keeps` is what the provider holds for the order in the end, in minor units.
    """
    saga = world.saga(order)
    assert saga.status == status
    assert _waiting(saga, order) == []
    assert kept(world.provider, order) == keeps
    assert_books_agree(world)


def _waiting(saga: Saga, order: Order) -> list[str]:
    """Return what of a saga waits, but for the look at a payment that was given up (D-5)."""
    found = Delivery.objects.filter(saga_id=saga.id).values_list("purpose", flat=True)
    given_up = _state(Payment, order) in (Payment.State.CLOSED, Payment.State.VOIDED)
    late_look = f"while_in:payment.state.{_state(Payment, order)}"
    return [purpose for purpose in found if not (given_up and purpose == late_look)]


def assert_books_agree(world: World, *, stock: Mapping[str, int] = MUGS) -> None:
    """Money, stock and parcels are the same wherever they stand, and the engine agrees."""
    assert _money_here() == _money_there(world)
    assert_stock_adds_up(stock)
    assert _labels_here() == _labels_there(world)
    world.assert_engine_agrees()


def where(sku: str) -> dict[str, int]:
    """Return in which buckets an article has units, and how many."""
    item = StockItem.objects.get(sku=sku)
    return {bucket: getattr(item, bucket) for bucket in BUCKETS if getattr(item, bucket)}


def assert_stock_adds_up(stock: Mapping[str, int]) -> None:
    """Every unit is in one bucket, and every bucket is what the reservations say (I1, I3, I5)."""
    assert {item.sku: item.total for item in StockItem.objects.all()} == {**MUGS, **stock}
    for item in StockItem.objects.all():
        expected = _buckets(item)
        for bucket in ("reserved", "committed", "out", "quarantine", "damaged"):
            assert getattr(item, bucket) == expected[bucket], (item.sku, bucket)


def _buckets(item: StockItem) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in ReservationLine.objects.filter(item=item).select_related("reservation"):
        bucket = Reservation.BUCKETS.get(line.reservation.state)
        if bucket:
            units[bucket] += line.kept
        units["out"] += line.out - line.lost
        units["damaged"] += line.lost + line.short
    for back in ReturnedLine.objects.filter(item=item).select_related("goods"):
        units.update(_came_back(back))
    return units


def _came_back(line: ReturnedLine) -> Counter[str]:
    """Return where the units of a return are; a fault's sellable ones stay in quarantine (D-18)."""
    state, found = line.goods.state, Counter[str]()
    if state in (ReturnedGoods.State.EXPECTED, ReturnedGoods.State.DROPPED):
        return found
    if state == ReturnedGoods.State.QUARANTINED:
        return Counter(out=-line.quantity, quarantine=line.quantity)
    found["out"] = -line.quantity
    found["damaged"] = line.damaged
    found["quarantine"] = line.sellable if line.goods.is_fault else 0
    found["out" if state == ReturnedGoods.State.SENT_BACK else "quarantine"] += line.refused
    return found


def _money_here() -> list[tuple[str, str, int]]:
    lines = LedgerEntry.objects.filter(kind__in=STATED)
    return sorted(lines.values_list("kind", "reference", "amount_minor"))


def _money_there(world: World) -> list[tuple[str, str, int]]:
    lines = world.provider.list_transactions()
    return sorted((t.kind, t.id, t.amount_minor) for t in lines if t.kind in STATED)


def _labels_here() -> list[str]:
    """Return every parcel that was ordered; one that was stopped on its way keeps its number."""
    found = set(Shipment.objects.values_list("tracking", flat=True))
    found.update(*ReturnParcel.objects.values_list("tracking", "sent_back_tracking"))
    return sorted(tracking for tracking in found if tracking)


def _labels_there(world: World) -> list[str]:
    return sorted(parcel.tracking for parcel in world.carrier.list_parcels())
