"""A batch says the same to the database for one order and for sixty-four, in one COMMIT."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from inventory.models import ReturnedGoods, StockItem
from inventory.services import Verdict, inspect
from orders.events import OrderPlaced
from orders.models import Case, Order
from orders.services import choose_remedy, request_cancel, request_return
from sagas import clock
from sagas.models import BrakeLock, Delivery, DeliveryState
from sagas.participant import by
from sagas.pause import pause, resume
from sagas.worker import Worker, _call
from shipping import services as warehouse
from shipping.models import ReturnParcel, Shipment
from tests.integration.statements import statements
from tests.world import reload

SIZES = (1, 8, 64)
THREE_LINES = (("MUG", 1, 500), ("POT", 1, 900), ("JAR", 1, 300))


class Crew:
    """One worker per context; writes down what each of its batches was about and what it said."""

    def __init__(self) -> None:
        self.workers = [Worker({name}) for name in ("inventory", "payments", "orders", "shipping")]
        for worker in self.workers:
            worker.slot.take([], clock.now())
        self.trace: list[tuple[str, int, list[str]]] = []

    def work(self, *, until: str = "nothing is due") -> None:
        """Run batches until nothing is due, or until one was about `until`."""
        while any(self._one_batch(worker) for worker in self.workers):
            if until in [steps for steps, _, _ in self.trace]:
                return

    def _one_batch(self, worker: Worker) -> bool:
        with statements() as said:
            heads = worker._look(())
            if not heads:
                return False
            batch = worker._take(heads, alone=False)
        steps = ", ".join(sorted({f"{d.consumer}.{d.purpose}" for d in heads}))
        self._note(steps, batch, said)
        if batch.plan.leases:
            self._settle(worker, batch.plan.leases, steps)
        return True

    def _settle(self, worker: Worker, leases, steps: str) -> None:
        answers = [_call(lease) for lease in leases]
        with statements() as said:
            (batch,) = worker._settle(answers)
        self._note(f"{steps}, answered", batch, said)

    def _note(self, steps: str, batch, said: list[str]) -> None:
        assert batch.plan.singles == [], "the shop has no plain steps"
        self.trace.append((steps, len(batch.members), said))

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


@pytest.fixture
def crew(world, settings):
    """Return workers whose batches are as large as the number of orders, never cut by time."""
    settings.SAGAS = {**settings.SAGAS, "BATCH_SIZE": 200, "BATCH_TIME": timedelta(minutes=1)}
    world.stock(MUG=1000, POT=1000, JAR=1000)
    BrakeLock.objects.bulk_create(BrakeLock(name=name) for name in settings.SAGAS["BRAKES"])
    crew = Crew()
    yield crew
    crew.close()


# -- the ways of an order -------------------------------------------------------------------------


def shipped(world, orders):
    for order in orders:
        warehouse.hand_over(Shipment.objects.get(order_id=order.pk))


def all_the_way(world, crew, orders):
    crew.work()
    shipped(world, orders)
    crew.work()
    for order in orders:
        world.carrier.deliver(Shipment.objects.get(order_id=order.pk).tracking)
    warehouse.follow_scans()
    crew.work()


def lost(world, crew, orders):
    crew.work()
    shipped(world, orders)
    crew.work()
    for order in orders:
        world.carrier.lose(Shipment.objects.get(order_id=order.pk).tracking)
    warehouse.follow_scans()
    crew.work()
    for case in Case.objects.filter(order__in=orders):
        choose_remedy(case, "money", actor="customer:kim")
    crew.work()


def sent_back(world, crew, orders):
    all_the_way(world, crew, orders)
    for order in orders:
        request_return(reload(order), lines=((1, 1), (2, 1)), reason="too blue")
    crew.work()
    for parcel in ReturnParcel.objects.filter(order_id__in=[order.pk for order in orders]):
        warehouse.receive_return(parcel)
    crew.work()
    for goods in ReturnedGoods.objects.filter(order_id__in=[order.pk for order in orders]):
        fine = {line.line_no: Verdict(sellable=line.quantity) for line in goods.lines.all()}
        inspect(goods, fine, actor="warehouse:lee")
    crew.work()


def cancelled_before(step):
    """Return the way of an order that is cancelled when it has come to `step`."""

    def way(world, crew, orders):
        pause(step, actor="test", reason="the order is to stay here")
        crew.work()
        cancel(orders)
        crew.work()
        resume(step, actor="test")
        crew.work()

    return way


def cancelled_with_a_label(world, crew, orders):
    crew.work()
    cancel(orders)
    crew.work()


def cancelled_while_unknown(world, crew, orders):
    for operation in ("authorise", "inquire"):
        world.provider.switch_on("lost_answer", operation=operation, times=len(orders))
    crew.work(until="payments.authorise, answered")
    pause("payments", actor="test", reason="nobody is to ask yet")
    cancel(orders)
    crew.work()
    resume("payments", actor="test")
    with clock.travel(timedelta(minutes=1)):
        crew.work()


def cancel(orders):
    for order in orders:
        request_cancel(reload(order), reason="changed my mind", actor="customer:kim")


S = Order.State
WAYS = {
    "all the way": (all_the_way, S.COMPLETED, ("inventory.reserve", "inventory.ship")),
    "lost": (lost, S.LOST, ("orders.lose", "payments.send_case_refund, answered")),
    "sent back": (sent_back, S.COMPLETED, ("orders.judge_return", "orders.complete_return")),
    "cancelled unpaid": (
        cancelled_before("payments.authorise"),
        S.CANCELLED,
        ("payments.undo_authorise, answered", "inventory.undo_reserve"),
    ),
    "cancelled reserved": (
        cancelled_before("payments.capture"),
        S.CANCELLED,
        ("payments.undo_authorise, answered", "inventory.undo_reserve"),
    ),
    "cancelled paid": (
        cancelled_with_a_label,
        S.CANCELLED,
        ("shipping.undo_book_label, answered", "payments.send_refund, answered"),
    ),
    "cancelled while unknown": (
        cancelled_while_unknown,
        S.CANCELLED,
        ("payments.inquire:authorise, answered", "payments.undo_authorise"),
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_batch_says_the_same_whatever_its_size(world, crew, name):
    way, end, expected = WAYS[name]
    traces = {}
    for size in SIZES:
        orders = [world.place(THREE_LINES) for _ in range(size)]
        way(world, crew, orders)
        assert {reload(order).state for order in orders} == {end}
        traces[size], crew.trace = crew.trace, []

    for size in SIZES:
        assert_same(traces[1], traces[size], size)
    assert set(expected) <= {steps for steps, _, _ in traces[1]}


def assert_same(one, many, size):
    assert [steps for steps, _, _ in one] == [steps for steps, _, _ in many]
    for (steps, each, first), (_, members, said) in zip(one, many, strict=True):
        assert each == len(steps.split(", ")) - steps.endswith("answered"), steps
        assert members == each * size, steps
        assert said == first, steps
        assert said.count("COMMIT") == (1 if steps.endswith("answered") else 2), steps


# -- who fails, fails alone -----------------------------------------------------------------------

ITEMS = {"items": by(StockItem, "sku", "lines.sku")}


def deliveries_of(guest):
    return Delivery.objects.filter(consumer=guest.name).order_by("position", "id")


def test_two_failing_members_are_named_and_fail_alone(world, guest, host):
    @guest.on(OrderPlaced, saga="checkout", locks=ITEMS)
    def greet(event: OrderPlaced, items) -> None:
        if event.number in bad:
            raise LookupError(event.number)

    bad = {"S-2", "S-5"}
    for n in range(6):
        world.place(number=f"S-{n}")

    host.run_once()

    failed = deliveries_of(guest)
    assert len(failed) == 2
    assert {d.error.strip().rsplit(maxsplit=1)[-1] for d in failed} == bad
    assert {(d.attempts, d.state, d.alone) for d in failed} == {(1, DeliveryState.READY, False)}


def test_plain_steps_run_alone(world, guest, host):
    transactions = []

    @guest.on(OrderPlaced, saga="checkout")
    def greet(event: OrderPlaced) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text")
            transactions.append(cursor.fetchone())

    for _ in range(3):
        world.place()

    assert host.drain() == 3
    assert len(set(transactions)) == 3


def test_a_saga_that_somebody_works_on_is_left_alone_and_not_waited_for(world, guest, host):
    other = Worker({guest.name})
    found = []

    @guest.on(OrderPlaced, saga="checkout")
    def greet(event: OrderPlaced) -> None:
        if event.number == "S-1":
            thread = threading.Thread(target=look_too)
            thread.start()
            thread.join()
        found.append(event.number)

    def look_too() -> None:
        other.drain()
        connection.close()

    world.place(number="S-1")
    world.place(number="S-2")

    assert host.drain() == 1
    assert found == ["S-2", "S-1"]
    other.close()


def test_a_declared_step_that_queries_is_told_so(world, guest, host):
    @guest.on(OrderPlaced, saga="checkout", locks=ITEMS)
    def greet(event: OrderPlaced, items) -> None:
        StockItem.objects.count()

    world.place()
    host.run_once()

    (failed,) = deliveries_of(guest)
    assert "StrayQuery: guest.greet ran a query of its own" in failed.error
