"""D-15: the carrier loses a parcel, and its customer gets the goods once more or the money."""

from datetime import timedelta

import pytest

from orders.models import Case
from orders.services import choose_remedy, request_partial_cancel, request_return
from payments.models import Refund
from tests.scenarios.books import Stand, where
from tests.scenarios.endings import CUSTOMER, assert_row, facts, the_case
from tests.scenarios.given import WELCOME, Given, assert_pending, given
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

HAD = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
LOST = Stand(order="lost", payment="captured", reservation="written_off", shipment="lost")
ASKED = ("ShipmentLost", "OrderLost", "RemedyAsked")
PAID = ("RefundDue", "CaseRefunded", "LossSettled")
RESENT = ("ReshipWanted", "ReplacementReserved", "ReplacementDue", "LossSettled")
ARRIVED = ("ReplacementLabelled", "ReplacementHandedOver", "ReplacementDelivered")


def lost(world, **placed):
    """Return an order whose parcel got lost."""
    order = world.ready(**placed)
    world.lose(order)
    return order


def choose(world, order, remedy):
    choose_remedy(the_case(order), remedy, actor=CUSTOMER)
    world.drain()


def test_d15_who_wants_their_money_for_a_lost_parcel_gets_all_of_it(world):
    order = lost(world, **WELCOME)
    assert_pending(order, "Would you like the goods once more, or your money back?")
    assert kept(world.provider, order) == 1500
    world.provider.switch_on("lost_request", operation="refund", times=1)

    choose(world, order, "money")
    assert_pending(order, "15.00 GBP will be paid back")
    world.pass_time(timedelta(seconds=2))

    assert given(order, "lost") == Given(refund=1500, postage=300, coupon=200, points=100)
    assert where("MUG") == {"available": 97, "damaged": 3}
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=(*ASKED, *PAID), keeps=0, words=paid)


def test_d15_who_wants_the_goods_once_more_gets_them_and_no_money_moves(world):
    order = lost(world, **WELCOME)

    choose(world, order, "goods")
    assert_pending(order, "What you ordered is being sent to you")
    world.deliver(order, part=None)

    assert given(order, "lost") == Given()
    assert not Refund.objects.filter(order_id=order.pk).exists()
    assert where("MUG") == {"available": 94, "out": 3, "damaged": 3}
    actions = (*ASKED, *RESENT, *ARRIVED, "ReplacementSettled")
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=1500, words="has reached you")


def test_d15_who_does_not_choose_in_time_gets_the_money(world):
    order = lost(world, **WELCOME)

    world.provider.pass_time(timedelta(days=8))
    world.pass_time(timedelta(days=8))

    assert given(order, "lost") == Given(refund=1500, postage=300, coupon=200, points=100)
    actions = (*ASKED, "LossUndecided", *PAID)
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=0, words=paid)


def test_d15_who_wants_goods_that_are_not_there_gets_the_money(world):
    order = lost(world)
    world.stock(MUG=2)

    choose(world, order, "goods")

    actions = (*ASKED, "ReshipWanted", "ReplacementOutOfStock", *PAID)
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=0, words=paid, stock={"MUG": 5})


def test_d15_a_shop_may_always_pay_for_what_got_lost(world, settings):
    settings.SHOP = {**settings.SHOP, "LOSS_REMEDY": "money"}

    order = lost(world)

    assert facts(order, "RemedyAsked") == []
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=PAID, keeps=0, words=paid)


def test_d15_a_shop_may_always_send_once_more_what_got_lost(world, settings):
    settings.SHOP = {**settings.SHOP, "LOSS_REMEDY": "goods"}

    order = lost(world)
    world.deliver(order, part=None)

    assert facts(order, "RemedyAsked") == []
    actions = (*RESENT, *ARRIVED)
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=1500, words="has reached you")


def test_d15_goods_that_get_lost_once_more_are_paid_back(world):
    order = lost(world, **WELCOME)
    choose_remedy(the_case(order), "goods", actor=CUSTOMER)
    world.drain()

    world.lose(order, part=None)

    assert where("MUG") == {"available": 94, "damaged": 6}
    actions = (*ASKED, *RESENT, "ReplacementLost", "CreditRequested", "CaseRefunded")
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=0, words=paid)


def test_d15_goods_that_no_carrier_takes_once_more_are_paid_back(world):
    order = lost(world, **WELCOME)
    world.carrier.switch_on("refuse")

    choose(world, order, "goods")

    assert where("MUG") == {"available": 97, "damaged": 3}
    actions = (*ASKED, *RESENT, "ReplacementRefused", "CreditRequested", "CaseRefunded")
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=0, words=paid)


def test_d15_one_of_two_parcels_is_lost_and_the_order_completes_with_the_other(world):
    order = world.ready(**WELCOME)
    world.hand_over(order, lines={1: 2})
    world.lose(order, part=2)
    world.deliver(order)

    choose(world, order, "money")

    assert given(order, "lost") == Given(refund=400, coupon=66, points=33)
    assert where("MUG") == {"available": 97, "out": 2, "damaged": 1}
    actions = ("ParcelLost", "RemedyAsked", "ShipmentDelivered", "OrderCompleted", *PAID)
    assert_row(world, 15, order, end=HAD, actions=actions, keeps=1100, words="complete")


def test_d15_the_only_parcel_that_left_is_lost_and_the_rest_is_cancelled(world):
    order = world.ready(**WELCOME)
    world.hand_over(order, lines={1: 2})
    world.lose(order)
    choose(world, order, "money")

    request_partial_cancel(reload(order), lines=[(1, 1)], reason="never mind", actor=CUSTOMER)
    world.drain()

    assert given(order, "lost") == Given(refund=800, coupon=133, points=66)
    assert given(order, "cancel_partial") == Given(refund=700, postage=300, coupon=67, points=34)
    actions = (
        "ParcelLost",
        "RemedyAsked",
        "LossSettled",
        "RestStopped",
        "ShipmentLost",
        "OrderLost",
    )
    paid = "7.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=actions, keeps=0, words=paid)


def test_d15_a_parcel_that_was_stopped_and_gets_lost_on_its_way_back_is_a_loss(world):
    order = world.ready(**WELCOME)
    world.hand_over(order)
    request_return(order, lines=[(1, 3)], reason="too blue", actor=CUSTOMER)
    world.drain()

    world.carrier.lose(world.parcel(order).tracking)
    world.follow()
    choose_remedy(Case.objects.get(order=order, kind="lost"), "money", actor=CUSTOMER)
    world.drain()

    assert given(order, "return") == Given()
    assert given(order, "lost") == Given(refund=1500, postage=300, coupon=200, points=100)
    actions = ("ReturnIntercepted", "InterceptFailed", "ReturnRejected")
    assert facts(order, *actions) == list(actions)
    paid = "15.00 GBP was paid back"
    assert_row(world, 15, order, end=LOST, actions=(*ASKED, *PAID), keeps=0, words=paid)
