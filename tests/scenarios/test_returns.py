"""Goods come back after the pivot: goods first, then money, and never more than was bought."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from inventory.models import StockItem
from orders.models import Order, Return, SoldLine
from orders.services import InvalidReturn, request_return
from payments.models import Refund
from sagas import clock
from sagas.models import Saga, SagaStatus, StoredEvent
from shipping.models import ReturnParcel
from shipping.services import receive_return
from tests.scenarios.books import assert_quiet, stand
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

COMPLETED = SagaStatus.COMPLETED


@pytest.fixture
def order(world):
    """Return an order of three mugs at 5.00 that its customer has."""
    placed = world.place()
    world.drain()
    world.deliver(placed)
    return placed


def ask_for(world, order, quantity, *, line_no=1):
    asked = request_return(reload(order), lines=((line_no, quantity),), reason="too blue")
    world.drain()
    return asked


def take_in(world, returned):
    assert receive_return(ReturnParcel.objects.get(return_id=returned.pk))
    world.drain()


def send_back(world, order, quantity):
    returned = ask_for(world, order, quantity)
    take_in(world, returned)
    return Return.objects.get(pk=returned.pk)


def saga_of(returned):
    return Saga.objects.get(choreography="return", key=str(returned.pk))


def facts_of(returned):
    rows = StoredEvent.objects.filter(saga_id=saga_of(returned).id).order_by("position")
    return [name.split(".")[1] for name in rows.values_list("type", flat=True)]


def line_of(order):
    return SoldLine.objects.get(order=order)


def test_d17_a_whole_order_comes_back_and_all_of_its_money_returns(world, order):
    returned = send_back(world, order, 3)

    assert returned.state == Return.State.COMPLETED
    assert saga_of(returned).status == COMPLETED
    assert stand(order).order == Order.State.RETURNED
    assert world.saga(order).direction == "forward"
    assert StockItem.objects.get(sku="MUG").available == 100
    assert_quiet(world, order, status=COMPLETED, keeps=0)


def test_d17_goods_are_inspected_before_their_money_returns(world, order):
    returned = ask_for(world, order, 3)
    assert kept(world.provider, order) == 1500
    assert Refund.objects.get(return_id=returned.pk).state == Refund.State.PLANNED

    take_in(world, returned)

    facts = facts_of(returned)
    assert facts.index("ReturnInspected") < facts.index("ReturnRefunded")
    assert kept(world.provider, order) == 0


def test_d17_a_part_of_a_line_comes_back_and_the_rest_stays_sold(world, order):
    returned = send_back(world, order, 1)

    assert returned.refund_minor == 500
    assert (line_of(order).returned, line_of(order).return_pending) == (1, 0)
    assert stand(order).order == Order.State.COMPLETED
    assert_quiet(world, order, status=COMPLETED, keeps=1000)


def test_d17_several_returns_until_nothing_is_left(world, order):
    for left in (1000, 500, 0):
        assert stand(order).order == Order.State.COMPLETED
        send_back(world, order, 1)
        assert kept(world.provider, order) == left

    assert stand(order).order == Order.State.RETURNED
    assert_quiet(world, order, status=COMPLETED, keeps=0)


def test_two_returns_of_one_order_may_be_on_their_way_at_once(world, order):
    first, second = ask_for(world, order, 1), ask_for(world, order, 2)
    assert world.payment(order).pending_minor == 1500

    take_in(world, second)
    take_in(world, first)

    assert stand(order).order == Order.State.RETURNED
    assert_quiet(world, order, status=COMPLETED, keeps=0)


@pytest.mark.parametrize("on_its_way", [0, 1, 2])
def test_never_more_comes_back_than_was_bought(world, order, on_its_way):
    if on_its_way:
        ask_for(world, order, on_its_way)

    with pytest.raises(InvalidReturn, match=f"{3 - on_its_way} units can be sent back, not 4"):
        request_return(reload(order), lines=((1, 2), (1, 2)))
    assert line_of(order).return_pending == on_its_way


def test_the_database_itself_refuses_to_take_back_more_than_was_bought(world, order):
    refused = pytest.raises(IntegrityError, match="sold_line_returned_within_quantity")
    with refused, transaction.atomic():
        SoldLine.objects.filter(order=order).update(returned=F("quantity"), return_pending=1)


def test_a_return_that_the_carrier_refuses_frees_its_units_and_its_money(world, order):
    world.carrier.switch_on("refuse", operation="book_return", times=1)

    returned = ask_for(world, order, 3)

    assert Return.objects.get(pk=returned.pk).state == Return.State.REJECTED
    assert (saga_of(returned).status, facts_of(returned).count("ReturnRejected")) == (COMPLETED, 1)
    assert line_of(order).returnable == 3
    assert world.payment(order).pending_minor == 0
    assert Refund.objects.get(return_id=returned.pk).state == Refund.State.DROPPED
    assert send_back(world, order, 3).state == Return.State.COMPLETED
    assert_quiet(world, order, status=COMPLETED, keeps=0)


def test_a_return_that_the_carrier_refuses_may_be_asked_for_again_at_once(world, order):
    world.carrier.switch_on("refuse", operation="book_return", times=1)
    first = ask_for(world, order, 1)
    second = send_back(world, order, 1)

    assert Return.objects.get(pk=first.pk).state == Return.State.REJECTED
    assert second.state == Return.State.COMPLETED


def test_goods_can_not_come_back_before_the_customer_has_them(world):
    order = world.place()
    world.drain()

    with pytest.raises(InvalidReturn, match="goods can be sent back once it is completed"):
        request_return(reload(order), lines=((1, 1),))


def test_goods_can_not_come_back_after_the_window(world, order):
    refused = pytest.raises(InvalidReturn, match="its return window is over")
    with clock.travel(timedelta(days=31)), refused:
        request_return(reload(order), lines=((1, 1),))


def test_a_return_does_not_turn_its_checkout_around(world, order):
    before = world.events(order)
    send_back(world, order, 3)

    assert world.events(order) == before
    assert world.saga(order).turned_at is None


def test_a_parcel_taken_in_twice_is_refunded_once(world, order):
    returned = send_back(world, order, 1)
    take_in(world, returned)

    assert kept(world.provider, order) == 1000
    assert_quiet(world, order, status=COMPLETED, keeps=1000)
