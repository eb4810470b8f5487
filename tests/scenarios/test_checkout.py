"""The whole way of an order, and back from every place on it."""

import pytest

from orders.models import Order
from orders.services import request_cancel
from sagas.models import SagaStatus
from sagas.pause import pause, resume
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases


def test_an_order_goes_all_the_way(world):
    order = world.place()
    world.drain()
    assert reload(order).state == Order.State.FULFILLING

    world.deliver(order)

    assert reload(order).state == Order.State.COMPLETED
    assert world.saga(order).status == SagaStatus.COMPLETED
    assert kept(world.provider, order) == 1500
    assert world.open_deliveries(order) == []
    world.assert_engine_agrees()


def test_a_cancelled_captured_order_is_refunded_and_its_stock_released(world):
    pause("shipping.book_label", actor="test", reason="the warehouse sleeps")
    order = world.place()
    world.drain()

    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()
    resume("shipping.book_label", actor="test")
    world.drain()

    assert reload(order).state == Order.State.CANCELLED
    assert world.saga(order).status == SagaStatus.COMPENSATED
    assert kept(world.provider, order) == 0
    assert "PaymentRefunded" in world.events(order)
    world.assert_engine_agrees()
