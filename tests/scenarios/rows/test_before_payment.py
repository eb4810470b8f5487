"""D-1 to D-6: the order ends before, while or just after its money comes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orders.events import PayBy
from orders.models import Case, Order
from payments.models import Payment, Refund
from payments.services import approve_elsewhere, give_account, learn, propose_elsewhere
from tests.scenarios.books import Stand
from tests.scenarios.endings import (
    ANNA,
    BEN,
    CUSTOMER,
    assert_row,
    at_most,
    cancel,
    facts,
    how_money_went,
    said,
    the_case,
)
from tests.scenarios.given import WELCOME, Given, assert_pending, given, said_of
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

BACK = ("OrderCancelled", "ShipmentStopped", "PaymentClosed", "StockReleased", "OrderUndone")
CLOSED = Stand(order="cancelled", payment="closed", reservation="released", shipment="stopped")


def test_d1_a_customer_who_cancels_before_paying_has_the_session_closed_and_then_the_stock_released(
    world,
):
    order = at_most(world, "payments.authorise")

    case = cancel(world, order)

    assert case.state == Case.State.SETTLED
    assert_row(world, 1, order, end=CLOSED, actions=BACK, keeps=0, words="cancelled")
    assert how_money_went(order) == ["close_session"]


def test_d2_an_order_that_no_card_pays_is_cancelled_once_its_session_is_closed(world):
    order = world.place(cards=("tok_declined", "tok_insufficient"))
    world.drain()

    tried = ("PaymentDeclined", "PaymentRetryRequested", "PaymentDeclined", "PaymentGivenUp")
    assert_row(world, 2, order, end=CLOSED, actions=(*tried, *BACK), keeps=0, words="cancelled")


def test_d2_another_card_saves_an_order_whose_first_one_was_declined(world):
    order = world.ready(cards=("tok_declined", "tok_visa"))
    assert facts(order, "PaymentDeclined", "PaymentRetryRequested", "PaymentAuthorised") == [
        "PaymentDeclined",
        "PaymentRetryRequested",
        "PaymentAuthorised",
    ]

    world.deliver(order)

    assert reload(order).state == Order.State.COMPLETED
    assert kept(world.provider, order) == 1500


def test_d3_a_payment_without_an_answer_keeps_the_stock_visibly_until_it_is_known(world):
    world.provider.switch_on("lost_request", operation="authorise", times=1)
    world.provider.switch_on("lost_answer", operation="inquire")
    order = world.place()
    world.drain()

    world.pass_time(timedelta(minutes=31))
    assert facts(order, "ReservationExpired", "PaymentUnderWay", "ReservationExtended") == [
        "ReservationExpired",
        "PaymentUnderWay",
        "ReservationExtended",
    ]
    assert reload(order).state == Order.State.PLACED
    world.pass_time(timedelta(hours=24))
    assert reload(order).state == Order.State.CANCELLING
    assert "complete" not in said(order).lower()
    world.provider.switch_off()
    world.pass_time(timedelta(minutes=12))

    assert the_case(order).kind == "payment_failed"
    actions = ("ReservationExtended", "ReservationOverdue", "CancelRequested", *BACK)
    assert_row(world, 3, order, end=CLOSED, actions=actions, keeps=0, words="cancelled")


def test_d3_a_payment_that_was_taken_after_all_is_an_order_like_any_other(world):
    world.provider.switch_on("lost_answer", operation="authorise", times=1)
    world.provider.switch_on("lost_answer", operation="inquire")
    order = world.place()
    world.drain()
    world.pass_time(timedelta(minutes=31))

    world.provider.switch_off()
    world.pass_time(timedelta(hours=1))

    assert facts(order, "ReservationExtended", "PaymentAuthorised", "OrderReady") == [
        "ReservationExtended",
        "PaymentAuthorised",
        "OrderReady",
    ]
    assert reload(order).state == Order.State.FULFILLING


def test_d4_a_capture_that_is_learned_of_while_the_order_lives_confirms_it(world):
    world.provider.switch_on("lost_answer", operation="capture", times=1)
    order = world.place()
    world.drain()
    assert world.payment(order).state == Payment.State.CAPTURING

    learn(order.number)
    world.drain()

    end = Stand(
        order="fulfilling", payment="captured", reservation="committed", shipment="labelled"
    )
    actions = ("StockCommitted", "PaymentCaptured", "OrderReady")
    assert_row(
        world, 4, order, end=end, actions=actions, keeps=1500, words="", open_sagas=["checkout"]
    )


ACCOUNT = {"bank": "Bank", "number": "110-22", "holder": "Kim"}
LATE = Stand(order="cancelled", payment="captured_late", reservation="released", shipment="stopped")
PAID_BACK = ("LateCaptureFound", "RefundDue", "CaseRefunded", "LateSuccessSettled")


def pay_late(world, **placed):
    """Place an order that is cancelled before its transfer arrives, which it does all the same."""
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT, **placed)
    world.drain()
    cancel(world, order)
    give_account(world.payment(order), ACCOUNT, actor=CUSTOMER)
    world.provider.switch_on("late_deposit")
    assert world.provider.pay_deposit(order.number).ok
    world.learn(order)
    return order


def test_d5_money_that_comes_after_the_order_was_given_up_goes_back_as_a_case_of_its_own(world):
    order = pay_late(world, **WELCOME)

    assert given(order, "late_success") == Given(refund=1500)
    assert given(order, "abandon") == Given(coupon=200, points=100)
    actions = (*BACK, *PAID_BACK)
    assert_row(world, 5, order, end=LATE, actions=actions, keeps=0, words="15.00 GBP was paid back")
    assert how_money_went(order) == ["close_session", "refund"]
    assert said_of(order, "abandon").startswith(
        "Your order is cancelled. No payment had reached us by then. Yours came later;"
    )


def test_d5_a_transfer_that_arrives_while_its_account_is_being_closed_goes_back_too(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    give_account(world.payment(order), ACCOUNT, actor=CUSTOMER)
    assert world.provider.pay_deposit(order.number).ok

    cancel(world, order)

    back = ("OrderCancelled", "ShipmentStopped", "LateCaptureFound", "StockReleased", "OrderUndone")
    paid = ("CaseRefunded", "LateSuccessSettled")
    assert facts(order, *paid) == list(paid)
    assert_row(world, 5, order, end=LATE, actions=back, keeps=0, words="15.00 GBP was paid back")


def test_d5_late_money_that_has_no_way_back_is_owed_until_two_people_have_found_one(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    cancel(world, order)
    world.provider.switch_on("late_deposit")
    world.provider.pay_deposit(order.number)

    world.learn(order)
    assert_pending(order, "still owed")
    refund = Refund.objects.get(order_id=order.pk)
    propose_elsewhere(refund, ACCOUNT, actor=ANNA)
    approve_elsewhere(refund, number=ACCOUNT["number"], actor=BEN)
    world.drain()

    owed = ("LateCaptureFound", "RefundOwed", "OwedRefundPaid", "CaseRefunded")
    actions = (*BACK, *owed, "LateSuccessSettled")
    assert_row(world, 5, order, end=LATE, actions=actions, keeps=0, words="15.00 GBP was paid back")


def test_d5_a_shop_that_reinstates_orders_sends_what_was_paid_too_late(world, settings):
    settings.SHOP = {**settings.SHOP, "REINSTATE_LATE": True}
    order = pay_late(world, **WELCOME)
    assert reload(order).state == Order.State.REINSTATED
    assert_pending(order, "is being sent")

    world.deliver(order, part=None)

    end = replace(LATE, order="reinstated")
    sent = ("ReplacementReserved", "OrderReinstated", "ReplacementHandedOver", "ReplacementSettled")
    actions = (*BACK, "LateCaptureFound", *sent)
    assert given(order, "late_success") == Given()
    assert_row(world, 5, order, end=end, actions=actions, keeps=1500, words="has reached you")


def test_d5_a_shop_that_reinstates_orders_pays_back_what_has_gone_to_others(world, settings):
    settings.SHOP = {**settings.SHOP, "REINSTATE_LATE": True}
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    cancel(world, order)
    give_account(world.payment(order), ACCOUNT, actor=CUSTOMER)
    world.provider.switch_on("late_deposit")
    world.provider.pay_deposit(order.number)
    world.stock(MUG=0)

    world.learn(order)

    actions = (*BACK, "LateCaptureFound", "ReplacementOutOfStock", *PAID_BACK[1:])
    paid_back = "15.00 GBP was paid back"
    assert_row(
        world, 5, order, end=LATE, actions=actions, keeps=0, words=paid_back, stock={"MUG": 0}
    )


def test_d6_a_deposit_that_does_not_come_closes_the_account_before_the_stock_is_released(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    assert world.payment(order).state == Payment.State.AWAITING_DEPOSIT
    assert "complete" not in said(order).lower()

    world.pass_time(timedelta(minutes=31))
    world.pass_time(timedelta(days=2))
    assert reload(order).state == Order.State.PLACED
    world.pass_time(timedelta(hours=23, minutes=40))

    kept = ("DepositAwaited", "ReservationExpired", "PaymentUnderWay", "ReservationExtended")
    actions = (*kept, "DepositExpired", "CancelRequested", *BACK)
    assert_row(world, 6, order, end=CLOSED, actions=actions, keeps=0, words="cancelled")


def test_d6_a_shop_that_was_closed_when_the_account_was_cancels_the_order_once(world):
    order = world.ready(pay_by=PayBy.VIRTUAL_ACCOUNT)

    world.pass_time(timedelta(days=4))

    late = ("ReservationExpired", "DepositExpired", "PaymentNotInSight")
    assert sorted(facts(order, *late)) == sorted(late)
    assert the_case(order).kind == "payment_failed"
    assert_row(world, 6, order, end=CLOSED, actions=BACK, keeps=0, words="has not arrived")
