"""D-10, D-11 and D-16: a part of an order ends, and the rest goes on."""

from datetime import timedelta

import pytest

from orders.models import Case
from orders.services import InvalidCancel, request_partial_cancel
from payments.models import Refund
from sagas.pause import resume
from tests.scenarios.books import Stand, where
from tests.scenarios.endings import CUSTOMER, assert_row, at_most, facts
from tests.scenarios.given import WELCOME, Given, assert_pending, given, said_of
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

#: Paid for goods of 20.00: 17.00, of which 4.25 are for the pens; and 3.00 for postage.
TWO_LINES = (("MUG", 3, 500), ("PEN", 2, 250))
PENS = {"PEN": 10}
PACKED = Stand(order="fulfilling", payment="captured", reservation="committed", shipment="labelled")
HAD = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
PENS_BACK = Given(refund=425, coupon=50, points=25)


def operations(order):
    """Return how the order's money went back, the first first."""
    rows = Refund.objects.filter(order_id=order.pk).order_by("planned_at")
    return list(rows.values_list("operation", "amount_minor"))


def give_up(world, order, *lines):
    """Have the customer cancel units of lines; return the case as it is then."""
    case = request_partial_cancel(
        reload(order), lines=lines, reason="one is enough", actor=CUSTOMER
    )
    world.drain()
    return Case.objects.get(pk=case.pk)


def split(world, sent=2, **placed):
    """Place an order of three mugs of which so many have left."""
    order = world.ready(**placed)
    world.hand_over(order, lines={1: sent})
    return order


# -- D-10: missing, and only reserved -------------------------------------------------------------

REDUCED = ("ShortageFound", "PartialCancelRequested", "PartialCancelAccepted", "LinesCancelled")


def test_d10_less_is_taken_for_what_is_missing_and_the_rest_is_given_up(world):
    world.stock(**PENS)
    order = at_most(world, "payments.capture", lines=TWO_LINES, **WELCOME)

    world.miss(order, PEN=2)
    assert said_of(order, "oos_cancel").startswith("A part of your order was out of stock")
    assert "You pay 4.25 GBP less." in said_of(order, "oos_cancel")
    assert_pending(order, "being prepared")
    resume("payments.capture", actor="test")
    world.drain()

    balance = world.provider.balances()[order.number]
    assert (balance.captured_minor, balance.voided_minor, balance.open_minor) == (1575, 425, 0)
    assert given(order, "oos_cancel") == PENS_BACK
    assert where("PEN") == {"available": 8, "damaged": 2}
    assert operations(order) == []
    actions = (*REDUCED, "AmountReduced", "PartialCancelSettled", "PaymentCaptured", "OrderReady")
    assert_row(
        world,
        10,
        order,
        end=PACKED,
        actions=actions,
        keeps=1575,
        words="being packed",
        open_sagas=["checkout"],
        stock=PENS,
    )


def test_d10_what_is_missed_before_any_card_was_asked_is_never_asked_for(world):
    world.stock(**PENS)
    order = at_most(world, "payments.authorise", lines=TWO_LINES, **WELCOME)

    world.miss(order, PEN=2)
    resume("payments.authorise", actor="test")
    world.drain()
    world.deliver(order)

    balance = world.provider.balances()[order.number]
    assert (balance.authorised_minor, balance.captured_minor) == (1575, 1575)
    actions = (*REDUCED, "AmountReduced", "PaymentAuthorised", "PaymentCaptured", "OrderCompleted")
    assert_row(world, 10, order, end=HAD, actions=actions, keeps=1575, words="complete", stock=PENS)


# -- D-11: missing, and taken ---------------------------------------------------------------------

REFUNDED = (*REDUCED, "CaseRefundPlanned", "CaseRefunded", "PartialCancelSettled")


@pytest.mark.parametrize(("days", "how"), [(0, "partial_cancel"), (1, "refund")])
def test_d11_what_was_paid_for_missing_units_goes_back_and_the_others_are_sent(world, days, how):
    world.stock(**PENS)
    order = world.ready(lines=TWO_LINES, **WELCOME)
    world.pass_time(timedelta(days=days))
    world.provider.switch_on("lost_request", operation="refund", times=1)

    world.miss(order, PEN=2)
    assert_pending(order, "4.25 GBP will be paid back by")
    world.pass_time(timedelta(seconds=2))
    assert "4.25 GBP was paid back." in said_of(order, "oos_cancel")
    assert "As an apology you get a coupon of 5.00 GBP: SORRY-" in said_of(order, "oos_cancel")
    world.deliver(order)

    assert operations(order) == [(how, 425)]
    assert given(order, "oos_cancel") == PENS_BACK
    assert where("PEN") == {"available": 8, "damaged": 2}
    actions = (*REFUNDED, "OrderCompleted")
    assert_row(world, 11, order, end=HAD, actions=actions, keeps=1575, words="complete", stock=PENS)


def test_d11_units_that_do_not_divide_evenly_are_paid_back_to_the_last_penny(world):
    order = at_most(world, "shipping.book_label", lines=(("MUG", 3, 400),), coupon=("TWO", 200))

    for _ in range(3):
        world.miss(order, MUG=1)

    assert [amount for _, amount in operations(order)] == [333, 333, 334]
    assert Case.objects.filter(order=order, kind="oos_cancel").count() == 3
    end = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
    assert_row(world, 9, order, end=end, actions=["OrderUndone"], keeps=0, words="out of stock")


def test_d11_a_rest_that_is_missing_does_not_keep_what_has_left_from_completing(world):
    order = split(world)

    world.miss(order, MUG=1)
    world.deliver(order)

    assert operations(order) == [("partial_cancel", 500)]
    assert where("MUG") == {"available": 97, "out": 2, "damaged": 1}
    assert world.parcel(order, 2).state == "stopped"
    actions = ("ShipmentSplit", *REFUNDED, "ShipmentDelivered", "OrderCompleted")
    assert_row(world, 11, order, end=HAD, actions=actions, keeps=1000, words="complete")


# -- D-16: a part has left, and the rest is cancelled ---------------------------------------------

CANCELLED = ("PartialCancelRequested", "PartialCancelAccepted", "LinesCancelled", "CaseRefunded")


def test_d16_the_rest_is_cancelled_while_a_part_is_on_its_way_and_the_order_completes(world):
    order = split(world, **WELCOME)
    assert where("MUG") == {"available": 97, "committed": 1, "out": 2}
    world.provider.switch_on("lost_request", operation="refund", times=1)

    case = give_up(world, order, (1, 1))
    assert_pending(order, "4.00 GBP will be paid back by")
    world.pass_time(timedelta(seconds=2))
    assert "4.00 GBP was paid back." in said_of(order, "cancel_partial")
    assert world.parcel(order, 2).state == "stopped"
    assert where("MUG") == {"available": 98, "out": 2}
    world.deliver(order)

    assert Case.objects.get(pk=case.pk).state == Case.State.SETTLED
    assert given(order, "cancel_partial") == Given(refund=400, coupon=66, points=33)
    assert [parcel.state for parcel in world.carrier.list_parcels()] == ["delivered", "void"]
    begun = ("ShipmentHandedOver", "ShipmentSplit", "RestLabelled", *CANCELLED)
    actions = (*begun, "PartialCancelSettled", "ShipmentDelivered", "OrderCompleted")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1100, words="complete")


def test_d16_a_rest_that_is_cancelled_last_lets_the_order_complete(world):
    order = split(world)
    world.deliver(order)
    assert reload(order).state == "shipped"

    give_up(world, order, (1, 1))

    arrived = ("ParcelDelivered", "RestStopped", "ShipmentDelivered", "OrderCompleted")
    assert facts(order, *arrived) == list(arrived)
    actions = ("ParcelDelivered", *CANCELLED, "PartialCancelSettled")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1000, words="complete")


def test_d16_a_shop_may_give_postage_back_in_proportion(world, settings):
    settings.SHOP = {**settings.SHOP, "PARTIAL_POSTAGE": "pro_rata"}
    order = split(world, **WELCOME)

    give_up(world, order, (1, 1))
    world.deliver(order)

    assert given(order, "cancel_partial") == Given(refund=500, postage=100, coupon=66, points=33)
    actions = (*CANCELLED, "OrderCompleted")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1000, words="complete")


def test_d16_a_rest_that_leaves_before_the_wish_comes_to_it_is_not_cancelled(world):
    order = split(world)
    case = request_partial_cancel(order, lines=[(1, 1)], reason="late", actor=CUSTOMER)
    world.hand_over(order, part=2)

    assert Case.objects.get(pk=case.pk).state == Case.State.REJECTED
    assert "had left already" in said_of(order, "cancel_partial")
    with pytest.raises(InvalidCancel, match="of 0 units that are left"):
        give_up(world, order, (1, 1))
    world.deliver(order)
    world.deliver(order, part=2)

    actions = ("RestHandedOver", "PartialCancelRefused", "PartialCancelRejected", "OrderCompleted")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1500, words="complete")


def test_d16_a_rest_that_no_carrier_takes_can_be_cancelled(world):
    order = world.ready()
    world.carrier.switch_on("refuse")
    world.hand_over(order, lines={1: 2})
    assert world.parcel(order, 2).state == "refused"

    give_up(world, order, (1, 1))
    world.deliver(order)

    actions = ("RestRefused", *CANCELLED, "OrderCompleted")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1000, words="complete")


def test_d16_what_stays_of_a_rest_still_leaves(world):
    order = split(world, sent=1)

    give_up(world, order, (1, 1))
    world.deliver(order, part=2)
    world.deliver(order)

    actions = (*CANCELLED, "RestHandedOver", "ParcelDelivered", "ShipmentDelivered")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1000, words="complete")


def test_d16_a_part_may_be_given_up_before_anything_has_left(world):
    order = world.ready(**WELCOME)

    give_up(world, order, (1, 1))
    world.deliver(order)

    assert operations(order) == [("partial_cancel", 400)]
    assert where("MUG") == {"available": 98, "out": 2}
    actions = (*CANCELLED, "ShipmentHandedOver", "OrderCompleted")
    assert_row(world, 16, order, end=HAD, actions=actions, keeps=1100, words="complete")


def test_d16_all_that_is_left_of_an_order_is_cancelled_as_a_whole(world):
    order = world.ready(**WELCOME)
    give_up(world, order, (1, 1))

    whole = give_up(world, order, (1, 2))

    assert (whole.kind, whole.is_whole) == ("cancel", True)
    assert given(order, "cancel") == Given(refund=1100, postage=300, coupon=134, points=67)
    assert kept(world.provider, order) == 0
    assert facts(order, "OrderUndone") == ["OrderUndone"]
