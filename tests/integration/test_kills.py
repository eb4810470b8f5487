"""A worker killed between any two steps: everything settles, and nothing is done twice."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from itertools import count

import pytest
from django.db import connection, transaction

from inventory.models import StockItem
from orders.events import OrderPlaced
from orders.models import Order
from payments.models import Payment
from sagas import clock
from sagas.models import Case, Delivery, DeliveryState, Slot, StoredEvent
from sagas.relay import relay_once
from sagas.transport import CeleryTransport
from sagas.worker import Worker
from tests.integration.workers import ROOT, environment, wait_until, wait_until_somebody_waits
from tests.scenarios.books import assert_books_agree
from tests.world import kept, reload

#: Longer than any lease, and than a silent worker is trusted.
LONG = timedelta(minutes=4)
A_LITTLE = timedelta(seconds=5)


def wake(*queues: str) -> None:
    for queue in queues:
        assert CeleryTransport().wake(queue, [])


def process_of(slot: Slot) -> int:
    return int(slot.worker.split(":")[1])


def facts(name: str) -> int:
    return StoredEvent.objects.filter(type=f"sagas.{name}").count()


def sent(world, kind: str) -> int:
    """Return how often the provider has done something, by its own books."""
    return len([line for line in world.provider.list_transactions() if line.kind == kind])


def assert_done_once(world, *orders: Order, mugs: int = 100) -> None:
    assert {reload(order).state for order in orders} == {Order.State.FULFILLING}
    assert {kept(world.provider, order) for order in orders} == {1500}
    assert not Case.objects.exists()
    assert_books_agree(world, stock={"MUG": mugs})


# -- inside a batch -------------------------------------------------------------------------------


def test_a_worker_killed_inside_a_batch_leaves_its_slot_as_evidence(world, floor):
    worker = floor.worker("-P", "prefork", "-c", "1", queues=["inventory"])
    worker.wait_for("ready")
    orders = [world.place() for _ in range(3)]

    with transaction.atomic():
        StockItem.objects.select_for_update().get(sku="MUG")
        wake("inventory")
        wait_until_somebody_waits("the batch waits for the mugs")
        slot = Slot.objects.exclude(claimed=[]).get()
        os.kill(process_of(slot), signal.SIGKILL)
    worker.stop()

    assert len(Slot.objects.get(id=slot.id).claimed) == len(orders)
    with clock.travel(LONG):
        relay_once(drains=False)
        suspects = Delivery.objects.filter(id__in=slot.claimed)
        assert {(d.attempts, d.alone) for d in suspects} == {(1, True)}
        assert "fell silent while it held this delivery" in suspects[0].error
    world.pass_time(LONG + A_LITTLE)
    assert Slot.objects.get(id=slot.id).claimed == []
    assert_done_once(world, *orders)


def test_a_worker_that_is_slow_is_not_taken_for_dead(world, guest, host):
    relayed = []

    @guest.on(OrderPlaced, saga="checkout")
    def linger(event: OrderPlaced) -> None:
        relay = threading.Thread(target=look_after_workers)
        relay.start()
        relay.join(10)
        relayed.append(not relay.is_alive())

    def look_after_workers() -> None:
        with clock.travel(LONG):
            relay_once(drains=False)
        connection.close()

    world.place()

    assert host.drain() == 1
    assert relayed == [True], "the relay did not wait for the slow worker"
    assert host.failed == 0


# -- while a call is out --------------------------------------------------------------------------


@pytest.fixture
def hanging(world, floor):
    """Return a worker whose authorisation the provider has carried out and not answered, and the
    order that it is for.
    """
    world.provider.switch_on("hang", operation="authorise", times=1)
    worker = floor.worker("-P", "threads", "-c", "1")
    worker.wait_for("ready")
    order = world.place()
    wake("inventory")
    wait_until(lambda: sent(world, "authorise") == 1, "the provider has reserved the money")
    leased = Delivery.objects.get(state=DeliveryState.LEASED)
    assert leased.leased_by.split(":")[1] == str(worker.pid)
    yield worker, order
    world.provider.switch_off("hang")


def test_a_worker_killed_after_the_provider_acted_is_followed_by_a_question(world, hanging):
    worker, order = hanging
    worker.kill()

    world.pass_time(LONG)

    assert facts("LeaseExpired") == 1
    assert facts("CallStarted") == 3, "authorise, capture and book, each begun once"
    assert (sent(world, "authorise"), sent(world, "capture")) == (1, 1)
    assert_done_once(world, order)


def test_a_worker_that_wakes_after_its_lease_is_refused(world, hanging):
    worker, order = hanging
    worker.send(signal.SIGSTOP)
    world.pass_time(LONG)
    assert_done_once(world, order)

    world.provider.switch_off("hang")
    worker.send(signal.SIGCONT)
    wait_until(lambda: facts("FenceRefused") == 1, "the late worker is refused")

    assert worker.stop() == 0
    assert Slot.objects.get(worker__contains=f":{worker.pid}:").refused_fences == 1
    assert (sent(world, "authorise"), sent(world, "capture")) == (1, 1)
    assert_done_once(world, order)


def test_a_late_worker_is_refused_although_nobody_has_taken_over(world, hanging):
    worker, order = hanging
    worker.send(signal.SIGSTOP)
    with clock.travel(LONG):
        relay_once(drains=False)
    assert facts("LeaseExpired") == 1

    world.provider.switch_off("hang")
    worker.send(signal.SIGCONT)
    wait_until(lambda: facts("FenceRefused") == 1, "the late worker is refused")

    assert worker.stop() == 0
    assert world.payment(order).state == Payment.State.AUTHORISING
    world.pass_time(LONG)
    assert_done_once(world, order)


# -- between any two steps ------------------------------------------------------------------------


@pytest.fixture
def doomed(world, tmp_path):
    """Return a function that drains in a process which dies at its k-th step."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.killed"],
        cwd=ROOT,
        env=environment(CELERY_BROKER_URL=""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        steps, ends = process.stdin, process.stdout
        assert steps is not None
        assert ends is not None

        def drain(k: int) -> str:
            steps.write(f"{k}\n")
            steps.flush()
            return ends.readline().strip()

        yield drain
        steps.close()


@pytest.mark.slow
def test_a_worker_killed_between_any_two_steps_does_nothing_twice(world, doomed):
    world.stock(MUG=1000)
    heir = Worker({"inventory", "payments"})
    orders = []
    for k in count():
        orders.append(world.place())
        end = doomed(k)
        if end == "finished":
            break
        assert end == "killed", f"at step {k}"
        inherit(heir)
        assert world.payment(orders[-1]).state == Payment.State.AUTHORISED, f"at step {k}"
    heir.close()

    assert len(orders) > 60, "a batch of stock, one of payments, a call and its outcome"
    world.pass_time(2 * LONG)
    assert_done_once(world, *orders, mugs=1000)


def inherit(heir: Worker) -> None:
    """Do what the dead worker left, once its slot and its lease tell of its death."""
    wait_until(nobody_else_is_in_a_transaction, "the server knows that the worker is dead")
    for distance in (LONG, LONG + A_LITTLE):
        with clock.travel(distance):
            relay_once(drains=False)
            heir.drain()


def nobody_else_is_in_a_transaction() -> bool:
    """Whether no other session of this database holds locks: a dead client's does for a while."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        return not cursor.fetchone()[0]
