"""D-12 to D-14: the parcel is being packed, on its way, or refused."""

from datetime import timedelta

import pytest

from inventory.services import Verdict
from orders.models import Case
from orders.services import (
    InvalidCancel,
    request_cancel,
    request_return,
)
from tests.scenarios.books import Stand, where
from tests.scenarios.endings import ANNA, CUSTOMER, assert_row, cancel, facts
from tests.scenarios.given import WELCOME, Given, assert_pending, given, said_of
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

CANCELLED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
HAD = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
REFUND = ("OrderCancelled", "ShipmentStopped", "RefundPlanned", "RefundPaid", "OrderUndone")


def sent(world, **placed):
    """Return an order whose parcel is on its way."""
    order = world.ready(**placed)
    assert world.hand_over(order)
    return order


# -- D-12: being packed ---------------------------------------------------------------------------

ACCEPTED = ("CancelRequested", "CancelAccepted", *REFUND)


def test_d12_who_ships_accepts_the_wish_and_the_label_is_voided_before_the_money_goes_back(world):
    order = world.ready(**WELCOME)
    world.carrier.switch_on("lost_request", operation="void", times=1)

    cancel(world, order)
    assert kept(world.provider, order) == 1500
    assert_pending(order, "15.00 GBP will be paid back by")
    assert world.hand_over(order) is False
    world.pass_time(timedelta(seconds=2))

    assert [parcel.state for parcel in world.carrier.list_parcels()] == ["void"]
    assert given(order, "cancel") == Given(refund=1500, postage=300, coupon=200, points=100)
    paid = "15.00 GBP was paid back"
    assert_row(world, 12, order, end=CANCELLED, actions=ACCEPTED, keeps=0, words=paid)


def test_d12_a_label_that_can_not_be_voided_is_a_cost_and_no_reason_to_keep_money(world):
    order = world.ready()
    world.carrier.switch_on("refuse", operation="void", code="label_expired")

    cancel(world, order)

    paid = "15.00 GBP was paid back"
    assert_row(world, 12, order, end=CANCELLED, actions=ACCEPTED, keeps=0, words=paid)


def test_d12_who_ships_refuses_what_has_left_and_the_customer_is_offered_a_return(world):
    order = sent(world, **WELCOME)

    case = cancel(world, order)
    assert case.state == Case.State.REJECTED
    assert said_of(order, "cancel") == (
        "Your order had left already, so it could not be cancelled. "
        "You can send it back once you have it."
    )
    world.deliver(order)

    assert given(order, "cancel") == Given()
    actions = ("CancelRequested", "CancelRefused", "CancelRejected", "OrderCompleted")
    assert_row(world, 12, order, end=HAD, actions=actions, keeps=1500, words="complete")


def test_d12_a_shop_may_let_customers_cancel_for_a_while_only_and_operators_longer(world, settings):
    settings.SHOP = {**settings.SHOP, "CANCEL_WINDOW": timedelta(hours=1)}
    order = world.ready()
    world.pass_time(timedelta(hours=2))

    with pytest.raises(InvalidCancel, match="can't be cancelled online any more"):
        request_cancel(reload(order), reason="too late", actor=CUSTOMER)
    request_cancel(reload(order), reason="by phone", actor=ANNA)
    world.drain()

    paid = "15.00 GBP was paid back"
    assert_row(world, 12, order, end=CANCELLED, actions=ACCEPTED, keeps=0, words=paid)


# -- D-13: on its way -----------------------------------------------------------------------------

BACK = ("ReturnRequested", "ReturnIntercepted", "ReturnReceived", "ReturnQuarantined")
INSPECTED = (*BACK, "ReturnInspected", "RefundDue", "CaseRefunded", "ReturnCompleted")
RETURNED = Stand(order="returned", payment="captured", reservation="out", shipment="intercepted")


def stop(world, order, *, fault=False):
    """Have the customer ask for the parcel to be stopped; return the case."""
    case = request_return(
        reload(order), lines=[(1, 3)], reason="too blue", actor=CUSTOMER, fault=fault
    )
    world.drain()
    return case


def test_d13_a_parcel_that_is_stopped_is_paid_back_only_once_it_was_inspected(world, settings):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 250}}
    order = sent(world, **WELCOME)

    case = stop(world, order)
    assert_pending(order, "You asked to send goods back")
    world.receive(case)
    assert_pending(order, "You asked to send goods back")
    assert (where("MUG"), kept(world.provider, order)) == (
        {"available": 97, "quarantine": 3},
        1500,
    )
    world.inspect(case)

    # 12.00 were paid for the goods; the customer keeps nothing of the 3.00 for postage.
    assert given(order, "return") == Given(refund=950, fee=250, coupon=200, points=100)
    assert case.rule.bearer == "customer"
    assert where("MUG") == {"available": 100}
    actions = ("ShipmentIntercepted", "OrderIntercepted", *INSPECTED[4:], "OrderReturned")
    assert facts(order, *BACK) == list(BACK)
    paid = "9.50 GBP was paid back"
    assert_row(world, 13, order, end=RETURNED, actions=actions, keeps=550, words=paid)


def test_d13_a_parcel_that_is_stopped_for_the_shops_fault_costs_the_customer_nothing(
    world, settings
):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 250}}
    order = sent(world, **WELCOME)

    case = stop(world, order, fault=True)
    world.receive(case)
    world.inspect(case)

    assert given(order, "return") == Given(refund=1500, postage=300, coupon=200, points=100)
    assert case.rule.bearer == "shop"
    assert where("MUG") == {"available": 97, "quarantine": 3}
    paid = "15.00 GBP was paid back"
    assert_row(world, 13, order, end=RETURNED, actions=INSPECTED, keeps=0, words=paid)


def test_d13_what_comes_back_damaged_is_not_sold_again(world):
    order = sent(world)

    case = stop(world, order)
    world.receive(case)
    world.inspect(case, {1: Verdict(sellable=2, damaged=1)})

    assert where("MUG") == {"available": 99, "damaged": 1}
    paid = "15.00 GBP was paid back"
    assert_row(world, 13, order, end=RETURNED, actions=INSPECTED, keeps=0, words=paid)


def test_d13_a_parcel_that_can_not_be_stopped_arrives_and_may_be_sent_back_then(world):
    order = sent(world)
    world.carrier.switch_on("no_intercept")

    case = stop(world, order)
    assert Case.objects.get(pk=case.pk).state == Case.State.REJECTED
    world.deliver(order)

    assert given(order, "return") == Given()
    actions = ("ReturnRequested", "InterceptFailed", "ReturnRejected", "OrderCompleted")
    assert_row(world, 13, order, end=HAD, actions=actions, keeps=1500, words="complete")
    again = request_return(reload(order), lines=[(1, 3)], reason="too blue", actor=CUSTOMER)
    assert again.pk != case.pk


def test_d13_a_shop_may_take_back_unseen(world, settings):
    settings.SHOP = {**settings.SHOP, "INSPECTION": "accept_all"}
    order = sent(world)

    world.receive(stop(world, order))

    assert where("MUG") == {"available": 100}
    paid = "15.00 GBP was paid back"
    assert_row(world, 13, order, end=RETURNED, actions=INSPECTED, keeps=0, words=paid)


# -- D-14: refused --------------------------------------------------------------------------------


def test_d14_the_next_carrier_takes_what_one_refuses(world):
    world.carrier.switch_on("refuse", carrier="swift")
    order = world.ready(**WELCOME)

    assert world.parcel(order).carrier == "post"
    assert facts(order, "CarrierRefused") == ["CarrierRefused"] * 2
    world.deliver(order)

    assert not Case.objects.filter(order=order).exists()
    assert kept(world.provider, order) == 1500
    assert facts(order, "ShipmentLabelled", "OrderCompleted") == [
        "ShipmentLabelled",
        "OrderCompleted",
    ]


def test_d14_what_no_carrier_takes_is_cancelled_by_the_shop_and_paid_back(world):
    world.carrier.switch_on("refuse")
    world.provider.switch_on("lost_request", operation="refund", times=1)
    order = world.ready(**WELCOME)
    assert_pending(order, "15.00 GBP will be paid back by")
    world.pass_time(timedelta(seconds=2))

    assert facts(order, "CarrierRefused") == ["CarrierRefused"] * 4
    assert given(order, "seller_cancel") == Given(refund=1500, postage=300, coupon=200, points=100)
    actions = ("CarriersExhausted", *REFUND)
    assert_row(world, 14, order, end=CANCELLED, actions=actions, keeps=0, words="could not send")


def test_d14_a_shop_may_have_its_carriers_asked_in_another_turn(world, settings):
    settings.SHOP = {**settings.SHOP, "CARRIERS": ("post", "swift"), "CARRIER_TRIES": 1}
    world.carrier.switch_on("refuse", carrier="post", times=1)
    order = world.ready()

    assert world.parcel(order).carrier == "swift"
    assert facts(order, "CarrierRefused") == ["CarrierRefused"]


def test_d14_a_shop_may_give_up_after_each_carrier_was_asked_once(world, settings):
    settings.SHOP = {**settings.SHOP, "CARRIERS": ("post", "swift"), "CARRIER_TRIES": 1}
    world.carrier.switch_on("refuse")
    order = world.ready()

    assert reload(order).state == "cancelled"
    assert facts(order, "CarrierRefused") == ["CarrierRefused"] * 2


def test_d14_a_parcel_that_the_driver_missed_is_given_to_them_again(world):
    world.carrier.switch_on("pickup_failed", times=1)
    order = world.ready()

    assert world.hand_over(order) is False
    world.deliver(order)

    assert reload(order).state == "completed"
    assert facts(order, "ShipmentHandedOver") == ["ShipmentHandedOver"]
    assert kept(world.provider, order) == 1500
