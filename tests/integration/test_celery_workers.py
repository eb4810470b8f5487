"""Real Celery workers, a real relay and a broker that comes and goes."""

import socket
from collections.abc import Sequence

import pytest

from inventory.models import Reservation, StockItem
from inventory.services import set_stock
from orders.models import Order
from orders.services import place_order
from payments.models import Payment
from sagas.models import Delivery
from sagas.reconciliation import findings
from shipping.models import Shipment
from tests.integration.workers import QUEUES, empty_broker, shares, wait_until
from tests.world import HOME, LINES, kept

#: Pool, size and queues of each worker.
CREWS: dict[str, list[tuple[str, str, Sequence[str]]]] = {
    "prefork": [("prefork", "2", QUEUES)],
    "threads": [("threads", "2", QUEUES)],
    "one per context": [("threads", "1", (queue,)) for queue in QUEUES],
}
QUIET = "nothing but timers is left"


@pytest.fixture
def shop(floor, outside):
    """Return the provider of a shop with a thousand mugs."""
    set_stock("MUG", 1000)
    provider, _carrier = outside
    return provider


def place(count: int) -> list[Order]:
    return [
        place_order(
            customer="kim",
            currency="GBP",
            lines=LINES,
            ship_to=HOME,
            payment_tokens=("tok_visa",),
            actor="customer:kim",
        )
        for _ in range(count)
    ]


def are_all(state: str) -> bool:
    return not Order.objects.exclude(state=state).exists()


def assert_done_once(provider, orders) -> None:
    """Every order is on its way out, and each of its effects is there once."""
    wait_until(lambda: are_all(Order.State.FULFILLING) and no_step_is_left(), QUIET)
    assert {kept(provider, order) for order in orders} == {1500}
    assert Payment.objects.filter(state=Payment.State.CAPTURED).count() == len(orders)
    assert Shipment.objects.filter(state=Shipment.State.LABELLED).count() == len(orders)
    assert Reservation.objects.filter(state=Reservation.State.COMMITTED).count() == len(orders)
    assert StockItem.objects.get(sku="MUG").committed == 3 * len(orders)
    assert [str(finding) for finding in findings()] == []


def no_step_is_left() -> bool:
    return not Delivery.objects.exclude(kind="timer").exists()


@pytest.mark.parametrize("crew", CREWS)
def test_forty_orders_pass_through_real_workers(shop, floor, crew):
    workers = [
        floor.worker("-P", pool, "-c", size, queues=queues) for pool, size, queues in CREWS[crew]
    ]
    for worker in workers:
        worker.wait_for("ready")

    orders = place(40)

    wait_until(lambda: are_all(Order.State.FULFILLING), "forty orders are on their way")
    assert_done_once(shop, orders)
    assert sum(shares().values()) >= 40 * 8
    assert not Delivery.objects.filter(attempts__gt=0).exists()
    assert [worker.stop() for worker in workers] == [0] * len(workers)


def test_a_worker_that_is_asked_to_stop_leaves_nothing_half_done(shop, floor):
    first = floor.worker("-P", "prefork", "-c", "2")
    first.wait_for("ready")
    orders = place(30)
    wait_until(lambda: bool(shares()), "the worker has begun")

    assert first.stop() == 0
    assert not Delivery.objects.filter(attempts__gt=0, state="ready").exists()
    assert "Traceback" not in first.words

    floor.worker("-P", "threads", "-c", "2").wait_for("ready")
    floor.relay()
    assert_done_once(shop, orders)


def test_the_relay_alone_wakes_workers_after_the_broker_lost_everything(shop, floor):
    orders = place(5)
    empty_broker()
    worker = floor.worker("-P", "threads", "-c", "2")
    worker.wait_for("ready")
    empty_broker()
    assert shares() == {}

    floor.relay(DJANGO_SETTINGS_MODULE="tests.integration.waking")

    assert_done_once(shop, orders)
    assert all(f":{worker.pid}:" in name for name in shares())


# -- a broker that is not there -------------------------------------------------------------------

PLACE_FIVE = """
import time
import django
django.setup()
from orders.services import place_order
from tests.world import HOME, LINES
for _ in range(5):
    began = time.monotonic()
    place_order(customer="kim", currency="GBP", lines=LINES, ship_to=HOME, payment_tokens=("tok",))
    print("placed in", time.monotonic() - began, flush=True)
"""


def closed_port():
    with socket.socket() as briefly:
        briefly.bind(("127.0.0.1", 0))
        return briefly.getsockname()[1]


@pytest.fixture
def silent_port():
    """Return a port that takes connections and never says a word."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(64)
        yield deaf.getsockname()[1]


@pytest.fixture(params=["closed", "silent"])
def dead_broker(request, silent_port):
    port = silent_port if request.param == "silent" else closed_port()
    return f"redis://127.0.0.1:{port}/0"


def test_a_broker_that_is_down_costs_neither_orders_nor_time(shop, floor, dead_broker):
    web = floor.run("-c", PLACE_FIVE, CELERY_BROKER_URL=dead_broker)
    wait_until(lambda: web.has_ended, "five orders are placed")

    times = [float(line.split()[-1]) for line in web.words.splitlines() if "placed in" in line]
    assert len(times) == 5, web.words
    # Who waits for the broker waits five seconds; who tries it again waits a fifth of one.
    assert max(times) < 4, times
    assert sorted(times)[2] < 0.2, times

    relay = floor.relay(CELERY_BROKER_URL=dead_broker)
    assert_done_once(shop, list(Order.objects.all()))
    assert relay.stop() == 0
