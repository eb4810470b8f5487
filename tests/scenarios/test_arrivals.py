"""What arrives from other versions of the code: it waits, is lifted, or is told apart (R20)."""

from datetime import timedelta

import pytest

from inventory.events import StockAdjusted
from orders.events import OrderPlaced
from orders.models import Order
from sagas import codec
from sagas.event import EVENT_TYPES, UPCASTERS, Event, upcast
from sagas.exceptions import PayloadTooLarge
from sagas.models import Case, Delivery, DeliveryState, StoredEvent
from sagas.routing import forget_routes
from sagas.worker import Worker
from tests.scenarios.facts import arrive, facts

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)
READY, DEAD = DeliveryState.READY, DeliveryState.DEAD


@pytest.fixture
def order(world):
    """Return an order with everything done that can be."""
    placed = world.place()
    world.drain()
    return placed


@pytest.fixture
def noted():
    """Declare an event of version 2, whose version 1 said `text` instead of `note`."""

    class Noted(Event):
        version = 2

        order_id: str
        note: str

    @upcast(Noted, from_version=1)
    def rename(payload):
        payload["note"] = payload.pop("text")
        return payload

    yield Noted
    del EVENT_TYPES[Noted.wire_name], UPCASTERS[Noted.wire_name, 1]


def again(row):
    return Delivery.objects.get(id=row.id)


# -- not yet deployed here


@pytest.mark.parametrize(
    ("step", "changed", "reason"),
    [
        ("engrave", {}, "This code has no step inventory.engrave"),
        ("commit", {"type": "loyalty.PointsEarned"}, "No event class is called 'loyalty.Points"),
        ("commit", {"version": 7}, "inventory.StockAdjusted v7 is newer than v1"),
    ],
)
def test_what_this_code_does_not_know_waits_and_never_dies(world, order, step, changed, reason):
    fact = StockAdjusted(item_id=order.pk, sku="MUG", delta=1, reason="x")
    row = arrive(world.saga(order), fact, consumer="inventory", step=step, **changed)

    world.drain()
    first = again(row)
    assert first.reason.startswith(reason)
    for _ in range(12):
        world.pass_time(HOUR / 12)

    later = again(row)
    assert (later.state, later.attempts) == (READY, 0)
    assert first.created_at < first.available_at < later.available_at
    assert not Case.objects.exists()


def test_what_nobody_here_consumes_waits_for_who_does(world, order):
    fact = StockAdjusted(item_id=order.pk, sku="MUG", delta=1, reason="x")
    row = arrive(world.saga(order), fact, consumer="loyalty", step="add_points")

    for _ in range(12):
        world.pass_time(HOUR / 12)
    assert (again(row).state, again(row).attempts) == (READY, 0)

    Worker({"loyalty"}).drain()
    assert (again(row).state, again(row).attempts) == (READY, 0)
    world.deliver(order)
    assert Order.objects.get(pk=order.pk).state == Order.State.COMPLETED


def test_what_waited_is_done_once_the_code_is_there(world, extras):
    order = world.place()
    world.drain()
    placed = StoredEvent.objects.get(type="orders.OrderPlaced")
    event = codec.decode(placed.type, placed.version, placed.payload)
    row = arrive(world.saga(order), event, consumer="extras", step="greet")
    world.drain()
    assert again(row).state == READY
    greeted = []

    @extras.on(OrderPlaced)
    def greet(event) -> None:
        greeted.append(event.number)

    forget_routes()
    world.pass_time(HOUR / 12)

    assert greeted == [order.number]
    assert not Delivery.objects.filter(id=row.id).exists()


# -- known, but not as it should be


def test_an_older_version_is_lifted_when_it_is_read(world, extras, noted):
    order = world.place()
    seen = []

    @extras.on(noted, saga="checkout")
    def read(event) -> None:
        seen.append(event.note)

    forget_routes()
    world.drain()
    old = {"version": 1, "payload": {"order_id": str(order.pk), "text": "fragile"}}
    new = noted(order_id=str(order.pk), note="glass")
    arrive(world.saga(order), new, consumer="extras", step="read", **old)
    arrive(world.saga(order), new, consumer="extras", step="read")
    world.drain()

    assert seen == ["fragile", "glass"]


def test_a_version_without_an_upcaster_asks_a_person(world, order, noted):
    old = {"version": 0, "payload": {"order_id": str(order.pk)}}
    new = noted(order_id=str(order.pk), note="glass")
    row = arrive(world.saga(order), new, consumer="inventory", step="commit", **old)
    world.drain()

    assert again(row).state == DEAD
    assert "v0 has no upcaster to v1: declare one" in again(row).error


def test_a_payload_that_does_not_fit_its_schema_asks_a_person_at_once(world, order):
    fact = StockAdjusted(item_id=order.pk, sku="MUG", delta=1, reason="x")
    broken = {"payload": {"item_id": str(order.pk), "sku": "MUG", "delta": "many", "reason": "x"}}
    row = arrive(world.saga(order), fact, consumer="inventory", step="commit", **broken)

    world.drain()

    dead = again(row)
    assert (dead.state, dead.attempts) == (DEAD, 1)
    assert "does not fit its schema" in dead.error
    assert Case.objects.get(delivery_id=row.id).closed_at is None
    assert len(facts(order, "DeliveryDied")) == 1


def test_a_payload_that_is_too_large_is_refused_and_nothing_is_written(world, settings):
    settings.SAGAS = {**settings.SAGAS, "MAX_PAYLOAD_BYTES": 200}
    before = StoredEvent.objects.count()

    with pytest.raises(PayloadTooLarge, match=r"orders.OrderPlaced takes \d+ bytes, more than"):
        world.place()

    assert not Order.objects.exists()
    assert StoredEvent.objects.count() == before
