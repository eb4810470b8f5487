"""D-7 to D-9: the whole order ends while all of it is in the house."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orders.models import Case
from orders.services import InvalidOrder
from payments.models import Refund
from sagas.calendar import due
from tests.scenarios.books import Stand, where
from tests.scenarios.endings import (
    assert_row,
    at_most,
    cancel,
    how_money_went,
    said,
    the_case,
)
from tests.scenarios.given import WELCOME, Given, assert_pending, given
from tests.world import reload

pytestmark = pytest.mark.both_databases

VOIDED = Stand(order="cancelled", payment="voided", reservation="released", shipment="stopped")
REFUNDED = replace(VOIDED, payment="refunded")
CLOSED = replace(VOIDED, payment="closed")

VOID = ("OrderCancelled", "ShipmentStopped", "PaymentVoided", "StockReleased", "OrderUndone")
REFUND = ("OrderCancelled", "ShipmentStopped", "RefundPlanned", "RefundPaid", "PaymentRefunded")
ALL_BACK = Given(refund=1500, postage=300, coupon=200, points=100)


def operation(order):
    """Return how the order's money went back."""
    return Refund.objects.get(order_id=order.pk).operation


# -- D-7: only reserved ---------------------------------------------------------------------------


def test_d7_money_that_is_only_reserved_is_given_up_and_nobody_is_charged(world):
    order = at_most(world, "payments.capture", **WELCOME)
    world.provider.switch_on("lost_request", operation="void", times=1)

    cancel(world, order)
    assert_pending(order, "What is reserved on your card will be released")
    assert where("MUG") == {"available": 97, "committed": 3}
    world.pass_time(timedelta(seconds=2))

    balance = world.provider.balances()[order.number]
    assert (balance.captured_minor, balance.voided_minor, balance.open_minor) == (0, 1500, 0)
    assert given(order, "cancel") == Given(coupon=200, points=100)
    assert where("MUG") == {"available": 100}
    assert_row(world, 7, order, end=VOIDED, actions=VOID, keeps=0, words="You were not charged")
    assert how_money_went(order) == ["void"]


# -- D-8: taken -----------------------------------------------------------------------------------


def test_d8_money_that_was_taken_today_is_cancelled_without_a_trace(world):
    order = at_most(world, "shipping.book_label", **WELCOME)
    world.provider.switch_on("lost_request", operation="refund", times=1)

    cancel(world, order)
    assert_pending(order, "15.00 GBP will be paid back by")
    world.pass_time(timedelta(seconds=2))

    assert operation(order) == "cancel_capture"
    assert given(order, "cancel") == ALL_BACK
    paid = "15.00 GBP was paid back"
    assert_row(world, 8, order, end=REFUNDED, actions=REFUND, keeps=0, words=paid)


def test_d8_money_that_was_taken_on_another_day_is_refunded_in_full(world):
    order = at_most(world, "shipping.book_label", **WELCOME)
    world.pass_time(timedelta(days=1))

    case = cancel(world, order)

    assert operation(order) == "refund"
    assert given(order, "cancel") == ALL_BACK
    assert case.due_at == due(case.opened_at, 3, zone="Asia/Seoul")
    paid = "15.00 GBP was paid back"
    assert_row(world, 8, order, end=REFUNDED, actions=REFUND, keeps=0, words=paid)


def test_d8_the_stock_is_free_while_the_money_is_on_its_way_and_the_order_waits_for_it(world):
    order = at_most(world, "shipping.book_label")
    world.provider.switch_on("pending_refund", times=1)

    cancel(world, order)
    assert where("MUG") == {"available": 100}
    assert reload(order).state == "cancelling"
    assert_pending(order, "15.00 GBP will be paid back by")
    (refund,) = world.provider.standing(order.number).refunds
    world.provider.settle_refund(refund.id)
    world.pass_time(timedelta(minutes=10))

    actions = ("RefundPlanned", "StockReleased", "RefundPaid", "PaymentRefunded", "OrderUndone")
    paid = "15.00 GBP was paid back"
    assert_row(world, 8, order, end=REFUNDED, actions=actions, keeps=0, words=paid)


# -- D-9: not there -------------------------------------------------------------------------------


@pytest.mark.parametrize("sku", ["MUG", "NO-SUCH-ARTICLE"])
def test_d9_what_is_not_there_is_cancelled_before_any_card_is_asked(world, sku):
    order = world.place(((sku, 101, 500),))
    world.drain()

    end = replace(CLOSED, reservation="refused")
    actions = ("OutOfStock", "OrderCancelled", "ShipmentStopped", "PaymentClosed", "OrderUndone")
    assert order.number not in world.provider.balances()
    assert f"coupon of 5.00 GBP: {the_case(order).apology_code}." in said(order)
    assert_row(world, 9, order, end=end, actions=actions, keeps=0, words="out of stock")


def test_d9_what_is_missed_before_the_money_is_taken_gives_the_authorisation_up(world):
    order = at_most(world, "payments.capture", **WELCOME)

    world.miss(order, MUG=3)

    assert where("MUG") == {"available": 97, "damaged": 3}
    assert given(order, "oos_cancel") == Given(coupon=200, points=100)
    assert the_case(order).due_at is None
    assert f"coupon of 5.00 GBP: {the_case(order).apology_code}." in said(order)
    actions = ("ShortageFound", "CancelRequested", "CancelAccepted", *VOID)
    assert_row(world, 9, order, end=VOIDED, actions=actions, keeps=0, words="out of stock")


def test_d9_the_apology_pays_for_another_order_of_that_customer_and_comes_back_with_it(world):
    missed = world.place((("NO-SUCH-ARTICLE", 1, 500),))
    world.drain()
    code = the_case(missed).apology_code

    for _ in range(2):
        order = at_most(world, "payments.capture", coupon=(code, 500))
        assert order.total_minor == 1000
        with pytest.raises(InvalidOrder, match=f"0.00 GBP is left of the coupon {code}."):
            world.place(coupon=(code, 1))
        cancel(world, order)

    with pytest.raises(InvalidOrder, match="another customer"):
        world.place(customer="lee", coupon=(code, 500))


def test_d9_a_shop_that_gives_no_coupon_promises_none(world, policy):
    policy(APOLOGY_COUPON_MINOR={})

    order = world.place((("NO-SUCH-ARTICLE", 1, 500),))
    world.drain()

    assert the_case(order).apology_code is None
    assert "apology" not in said(order)


@pytest.mark.parametrize(("days", "how"), [(0, "cancel_capture"), (1, "refund")])
def test_d9_what_is_missed_after_the_money_was_taken_is_paid_back_within_three_business_days(
    world, days, how
):
    order = at_most(world, "shipping.book_label", **WELCOME)
    world.pass_time(timedelta(days=days))
    world.provider.switch_on("lost_request", operation="refund", times=1)

    world.miss(order, MUG=3)
    assert_pending(order, "15.00 GBP will be paid back by")
    assert "You will get a coupon of 5.00 GBP as an apology." in said(order)
    world.pass_time(timedelta(seconds=2))

    assert where("MUG") == {"available": 97, "damaged": 3}
    assert operation(order) == how
    assert given(order, "oos_cancel") == ALL_BACK
    assert the_case(order).due_at == due(reload(order).paid_at, 3, zone="Asia/Seoul")
    assert f"coupon of 5.00 GBP: {the_case(order).apology_code}." in said(order)
    actions = ("ShortageFound", "CancelRequested", "CancelAccepted", *REFUND)
    assert_row(world, 9, order, end=REFUNDED, actions=actions, keeps=0, words="out of stock")


def test_d9_a_shop_under_another_law_promises_the_money_by_another_day(world, settings):
    settings.SHOP = {**settings.SHOP, "LEGAL_DAYS": 14, "LEGAL_ZONE": "Europe/Berlin"}
    order = at_most(world, "shipping.book_label")

    world.miss(order, MUG=3)

    case = Case.objects.get(order=order)
    assert case.due_at == due(reload(order).paid_at, 14, zone="Europe/Berlin")
