"""Whole orders through another provider than the simulated one: nothing else is told of it."""

from datetime import timedelta

import pytest

from orders.models import Order
from orders.services import request_cancel
from tests.world import reload

pytestmark = pytest.mark.parametrize("shop", ["stripe"], indirect=True)


def moved(shop, order):
    """Return what the provider says was taken and given back for an order."""
    standing = shop.gateway.look_up(order.number)
    return [sum(x.amount_minor for x in side) for side in (standing.captures, standing.refunds)]


def test_an_order_is_paid_through_stripe_and_refunded_when_it_is_cancelled(world, shop):
    order = world.place(cards=("pm_declined", "pm_visa"), number=shop.order())
    world.drain()
    assert reload(order).state == Order.State.FULFILLING
    assert moved(shop, order) == [1500, 0]

    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()

    assert reload(order).state == Order.State.CANCELLED
    assert moved(shop, order) == [1500, 1500]


def test_an_answer_of_stripe_that_is_lost_is_found_and_nothing_is_paid_twice(world, shop):
    shop.lose("answer")
    order = world.place(cards=("pm_visa",), number=shop.order())
    world.drain()
    assert reload(order).state == Order.State.PLACED

    world.pass_time(timedelta(seconds=2))

    assert reload(order).state == Order.State.FULFILLING
    assert len(shop.gateway.look_up(order.number).authorisations) == 1
    assert moved(shop, order) == [1500, 0]
