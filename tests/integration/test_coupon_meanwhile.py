"""An apology coupon is used while another order is being placed with it."""

import pytest
from django.db import transaction

from orders.models import Case, Order
from orders.services import InvalidOrder
from tests.integration.workers import beside, wait_until_somebody_waits


@pytest.fixture
def code(world):
    """Return the code of a coupon of 5.00 GBP, given for an order that could not be sent."""
    missed = world.place((("NO-SUCH-ARTICLE", 1, 500),))
    world.drain()
    return Case.objects.get(order=missed).apology_code


def test_two_orders_of_the_same_moment_use_no_more_of_a_coupon_than_it_is_worth(world, code):
    with beside() as other:
        with transaction.atomic():
            first = world.place(number="FIRST", coupon=(code, 300))
            second = other(world.place, number="SECOND", coupon=(code, 300))
            wait_until_somebody_waits("the second order waits for the coupon")
        with pytest.raises(InvalidOrder, match=f"2.00 GBP is left of the coupon {code}."):
            second.result(10)

    assert Order.objects.get(number="FIRST") == first
    assert not Order.objects.filter(number="SECOND").exists()


def test_two_orders_of_the_same_moment_share_a_coupon_that_is_enough_for_both(world, code):
    with beside() as other:
        with transaction.atomic():
            world.place(coupon=(code, 300))
            second = other(world.place, number="SECOND", coupon=(code, 200))
            wait_until_somebody_waits("the second order waits for the coupon")
        assert second.result(10).discount_minor == 200
