"""I1-I6: stock that is broken by hand is found under its name and nowhere else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from inventory.models import Reservation, ReturnedLine, StockItem
from orders.models import Order
from sagas import clock
from sagas.models import StoredEvent
from tests.scenarios.planting import Orders, Plant, assert_found, found, orders_of
from tests.world import World

pytestmark = pytest.mark.both_databases

MUG = "MUG"


def mugs():
    return StockItem.objects.filter(sku=MUG)


def a_mug_that_came_from_nowhere(_: World, __: Orders) -> str:
    mugs().update(available=F("available") + 1)
    return MUG


def a_bucket_below_nothing(_: World, __: Orders) -> str:
    """All that came in came in once less, so that only this one bucket is wrong."""
    unguard("stock_available_not_negative")
    gone = mugs().get().available + 1
    mugs().update(available=-1)
    came = StoredEvent.objects.filter(type="inventory.StockAdjusted").get()
    came.payload["delta"] -= gone
    came.save()
    return MUG


def a_mug_that_is_reserved_for_nobody(_: World, __: Orders) -> str:
    mugs().update(available=F("available") - 1, reserved=F("reserved") + 1)
    return MUG


def a_committed_mug_less(_: World, __: Orders) -> str:
    mugs().update(available=F("available") + 1, committed=F("committed") - 1)
    return MUG


def a_mug_in_quarantine_that_never_came_back(_: World, __: Orders) -> str:
    mugs().update(available=F("available") - 1, quarantine=F("quarantine") + 1)
    return MUG


def a_returned_mug_that_was_damaged(_: World, __: Orders) -> str:
    ReturnedLine.objects.update(sellable=0, damaged=1)
    return MUG


def stock_for_an_ended_order(_: World, orders: Orders) -> str:
    Order.objects.filter(pk=orders["waiting"].pk).update(state=Order.State.CANCELLED)
    return str(Reservation.objects.get(order_id=orders["waiting"].pk).pk)


def stock_that_is_kept_too_long(_: World, orders: Orders) -> str:
    kept = Reservation.objects.filter(order_id=orders["waiting"].pk)
    kept.update(expires_at=clock.now() - timedelta(hours=1))
    return str(kept.get().pk)


def unguard(constraint: str) -> None:
    """Let the database of this transaction take what it refuses otherwise."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute(f"ALTER TABLE inventory_stockitem DROP CONSTRAINT {constraint}")


BREAKS: list[tuple[str, Plant]] = [
    ("I1", a_mug_that_came_from_nowhere),
    ("I2", a_bucket_below_nothing),
    ("I3", a_mug_that_is_reserved_for_nobody),
    ("I3", a_committed_mug_less),
    ("I4", stock_for_an_ended_order),
    ("I5", a_mug_in_quarantine_that_never_came_back),
    ("I5", a_returned_mug_that_was_damaged),
    ("I6", stock_that_is_kept_too_long),
]


@pytest.fixture
def guards():
    """Have the database's guards back after the test; elsewhere the transaction does that."""
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def test_each_planted_break_of_stock_is_found_and_nothing_else(world, guards):
    orders = orders_of(world, waiting=True)
    undamaged = found()

    assert undamaged == []
    assert_found(world, orders, BREAKS)
