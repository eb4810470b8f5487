"""What COMMIT reports and what it did are two things; the rows tell (R4, R5)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction

from inventory.models import StockItem
from orders.events import OrderPlaced
from orders.models import Order
from payments.models import Payment
from sagas.models import Case, Delivery, DeliveryState, StoredEvent
from sagas.participant import by
from sagas.work import Work
from sagas.worker import Worker, _call
from tests.world import kept, reload

#: Longer than any call may take.
TWO_LEASES = timedelta(minutes=4)
ITEMS = {"items": by(StockItem, "sku", "lines.sku")}


class Line:
    """The line to the database: one COMMIT on it reports an error, whether it applied or not."""

    def __init__(self, *, applied: bool) -> None:
        """Begin with a good line."""
        self.applied = applied
        self.good: int | None = None
        self._commit = connections["default"].commit

    def breaks(self, *, after: int = 0) -> None:
        """Have the next COMMIT report an error, or the one `after` so many."""
        self.good = after

    def commit(self) -> None:
        is_bad, self.good = self.good == 0, self.good - 1 if self.good else None
        if self.applied or not is_bad:
            self._commit()
        if is_bad:
            raise OperationalError("server closed the connection unexpectedly")


@contextmanager
def bad_line(*, applied: bool) -> Iterator[Line]:
    """Yield the line that is used inside the block."""
    real = connections["default"]
    line = Line(applied=applied)
    real.commit = line.commit  # type: ignore[method-assign]
    try:
        yield line
    finally:
        del real.commit


def left_for(guest) -> list[Delivery]:
    return list(Delivery.objects.filter(consumer=guest.name))


def keepsakes() -> int:
    return StockItem.objects.filter(sku__startswith="keepsake").count()


# -- the answer to COMMIT is lost -----------------------------------------------------------------


@pytest.mark.parametrize("applied", [True, False])
def test_a_plain_steps_commit_that_reports_an_error_is_no_attempt(world, guest, host, applied):
    runs = []

    @guest.on(OrderPlaced, saga="checkout")
    def keep(event: OrderPlaced) -> None:
        runs.append(event.number)
        StockItem.objects.create(sku=f"keepsake {event.number}")
        if len(runs) == 1:
            line.breaks()

    world.place()
    with bad_line(applied=applied) as line:
        host.drain()
        assert all(d.attempts == 0 and d.error == "" for d in left_for(guest))
        host.drain()

    assert len(runs) == (1 if applied else 2)
    assert (keepsakes(), left_for(guest), host.failed) == (1, [], 0)
    assert not Case.objects.exists()


@pytest.mark.parametrize("applied", [True, False])
def test_a_batchs_commit_that_reports_an_error_is_no_attempt(world, guest, host, applied):
    runs = []

    @guest.on(OrderPlaced, saga="checkout", locks=ITEMS)
    def keep(event: OrderPlaced, items, work: Work) -> None:
        runs.append(event.number)
        work.add(StockItem(sku=f"keepsake {event.number}"))
        if len(runs) == 3:
            line.breaks()

    for _ in range(3):
        world.place()
    with bad_line(applied=applied) as line:
        host.drain()

    assert len(runs) == (3 if applied else 6)
    assert (keepsakes(), left_for(guest), host.failed) == (3, [], 0)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_an_outcomes_commit_that_reports_an_error_takes_the_money_once(world, count, applied):
    orders = [world.place() for _ in range(count)]
    Worker({"inventory"}).drain()
    payments = Worker({"payments"})
    payments.run_once()
    batch = payments._take(payments._look(()), alone=False)
    answers = [_call(lease) for lease in batch.plan.leases]
    with bad_line(applied=applied) as line:
        line.breaks()
        payments._settle(answers)
    world.drain()
    world.pass_time(TWO_LEASES)

    assert len(answers) == count
    assert {reload(order).state for order in orders} == {Order.State.FULFILLING}
    assert {kept(world.provider, order) for order in orders} == {1500}
    assert payments.failed == 0
    world.assert_engine_agrees()


@pytest.mark.parametrize("applied", [True, False])
def test_no_call_is_made_before_its_intent_is_known_to_be_kept(world, applied):
    order = world.place()
    Worker({"inventory"}).drain()
    payments = Worker({"payments"})
    payments.run_once()
    with bad_line(applied=applied) as line:
        line.breaks(after=1)  # the first one is the slot's
        payments.run_once()

    assert world.payment(order).state == Payment.State.AUTHORISED, "and the lease is used at once"
    assert not StoredEvent.objects.filter(type="sagas.FenceRefused").exists()
    assert len(world.provider.list_transactions()) == 1


def test_a_hook_that_raises_after_the_commit_undoes_nothing(world, guest, host):
    @guest.on(OrderPlaced, saga="checkout")
    def keep(event: OrderPlaced) -> None:
        StockItem.objects.create(sku=f"keepsake {event.number}")
        transaction.on_commit(lambda: 1 / 0)

    world.place()
    host.drain()

    assert (keepsakes(), left_for(guest), host.failed) == (1, [], 0)


# -- a transaction that can't commit any more -----------------------------------------------------


def swallow_orm_error() -> None:
    with suppress(IntegrityError):
        StockItem.objects.create(sku="MUG")


def swallow_sql_error() -> None:
    with suppress(IntegrityError), connection.cursor() as cursor:
        cursor.execute("UPDATE inventory_stockitem SET available = -1")


def close_the_connection() -> None:
    connection.close()


@pytest.mark.parametrize(
    ("last_act", "said"),
    [
        (swallow_orm_error, "guest.keep swallowed a database error"),
        (swallow_sql_error, "guest.keep swallowed a database error"),
        (close_the_connection, "guest.keep closed the database connection"),
    ],
)
def test_a_step_that_spoils_its_transaction_fails_by_name(world, guest, host, last_act, said):
    spoils = [True]

    @guest.on(OrderPlaced, saga="checkout")
    def keep(event: OrderPlaced) -> None:
        StockItem.objects.create(sku=f"keepsake {event.number}")
        if spoils:
            last_act()

    world.place()
    host.run_once()
    (failed,) = left_for(guest)
    assert (failed.attempts, failed.state, keepsakes()) == (1, DeliveryState.READY, 0)
    assert said in failed.error

    spoils.clear()
    Delivery.objects.filter(id=failed.id).update(available_at=failed.created_at)
    host.drain()
    assert (keepsakes(), left_for(guest)) == (1, [])


# -- others in the way, and one that breaks a constraint ------------------------------------------


def test_a_deadlock_is_tried_again_and_is_no_attempt(world, guest, host):
    runs = []
    other_has_pot, worker_has_mug = threading.Event(), threading.Event()

    @guest.on(OrderPlaced, saga="checkout")
    def keep(event: OrderPlaced) -> None:
        runs.append(event.number)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout TO '20ms'")
        lock("MUG")
        worker_has_mug.set()
        assert other_has_pot.wait(10)
        lock("POT")
        StockItem.objects.create(sku=f"keepsake {event.number}")

    def other() -> None:
        with transaction.atomic():
            lock("POT")
            other_has_pot.set()
            assert worker_has_mug.wait(10)
            lock("MUG")
        connection.close()

    world.stock(POT=1)
    world.place()
    thread = threading.Thread(target=other)
    thread.start()
    host.run_once()
    thread.join()

    assert len(runs) >= 2
    assert (keepsakes(), left_for(guest), host.failed) == (1, [], 0)


def lock(sku: str) -> None:
    StockItem.objects.select_for_update().get(sku=sku)


def test_who_breaks_a_constraint_fails_alone_and_the_others_are_done(world, guest, host):
    @guest.on(OrderPlaced, saga="checkout", locks=ITEMS)
    def keep(event: OrderPlaced, items, work: Work) -> None:
        work.add(StockItem(sku="MUG" if event.number == "S-1" else f"keepsake {event.number}"))

    for n in range(3):
        world.place(number=f"S-{n}")
    host.run_once()

    (failed,) = left_for(guest)
    assert (failed.attempts, failed.state) == (1, DeliveryState.READY)
    assert "IntegrityError" in failed.error
    assert set(StockItem.objects.values_list("sku", flat=True)) >= {"keepsake S-0", "keepsake S-2"}
