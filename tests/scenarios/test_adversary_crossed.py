"""A provider at its worst, crossed: what a customer, a bank and a bad day do at the same time."""

from datetime import timedelta

import pytest

from orders.events import PayBy
from orders.models import Case
from payments.models import Refund
from payments.services import give_account
from sagas.pause import pause, resume
from tests.scenarios.adversity import (
    CANCELLED,
    LATE,
    OWED,
    PAID_BACK,
    REFUNDED,
    TAKEN,
    UNCHARGED,
    VOIDED,
    assert_over,
    cancelled_by,
    find_out,
    in_the_dark,
    refund_of,
    theirs,
)
from tests.scenarios.books import stand
from tests.scenarios.endings import CUSTOMER, cancel, said
from tests.scenarios.given import WELCOME, assert_pending
from tests.scenarios.honesty import assert_honest
from tests.scenarios.messages import assert_came_first, postman

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("mounted")]

HOUR = timedelta(hours=1)
#: Longer than a request may be under way.
LATER = timedelta(minutes=12)
ACCOUNT = {"bank": "Bank", "number": "110-22", "holder": "Kim"}


@pytest.mark.parametrize(("operation", "end"), [("authorise", VOIDED), ("capture", REFUNDED)])
def test_what_is_not_found_while_its_order_is_being_cancelled_is_waited_for(world, operation, end):
    """A call of unknown outcome, and a customer who cancels meanwhile."""
    world.provider.switch_on("not_found_then_executes", operation=operation, times=1)
    with in_the_dark(world):
        order = world.place(**WELCOME)
        world.drain()
        cancel(world, order)
    assert_pending(order, "Your order is being cancelled.")

    find_out(world, order)
    assert_pending(order, "Your order is being cancelled.")
    world.pass_time(LATER)

    words = PAID_BACK if operation == "capture" else UNCHARGED
    assert_over(world, order, end=end, keeps=0, words=words)


def test_money_that_was_taken_unheard_is_paid_back_and_not_called_released(world):
    world.provider.switch_on("lost_answer", operation="capture", times=1)
    world.provider.switch_on("pending_refund", times=1)
    with in_the_dark(world):
        order = world.place(**WELCOME)
        world.drain()
        cancel(world, order)
    assert_pending(order, "Your order is being cancelled.")

    find_out(world, order)
    assert_pending(order, "15.00 GBP will be paid back")
    assert_honest(world, order)
    world.provider.settle_refund(theirs(world, order))
    world.pass_time(HOUR)

    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)


def test_late_money_whose_message_comes_before_the_answer_goes_back_once(world):
    """Late success, and a message before the answer that closes the account."""
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    give_account(world.payment(order), ACCOUNT, actor=CUSTOMER)
    world.provider.switch_on("early_webhook", operation="close", times=1)
    assert world.provider.pay_deposit(order.number).ok

    with postman(world):
        cancel(world, order)
    world.drain()

    assert_came_first("close")
    assert list(Case.objects.values_list("kind", flat=True)) == ["abandon", "late_success"]
    words = "Your payment came after your order was given up. 15.00 GBP was paid back."
    assert_over(world, order, end=LATE, keeps=0, words=words)


def test_a_refund_that_came_back_is_not_paid_beside_what_the_bank_took(world):
    """A refund that fails days later, and a dispute: what the bank took is owed no more."""
    order = cancelled_by(world, "refund")
    world.provider.settle_refund(theirs(world, order), ok=False)
    world.learn(order)
    assert said(order) == OWED

    name = world.dispute(order)
    assert refund_of(order).state == Refund.State.HELD
    world.decide(order, name, won=False)

    assert refund_of(order).state == Refund.State.DROPPED
    assert_over(world, order, end=TAKEN, keeps=0, words=CANCELLED)


def test_a_refund_that_was_declined_for_good_is_not_paid_beside_what_the_bank_took(world):
    order = cancelled_by(world, "refund", decline={"times": 3})
    assert_pending(order, OWED)

    name = world.dispute(order)
    world.decide(order, name, won=False)

    assert refund_of(order).state == Refund.State.DROPPED
    assert_over(world, order, end=TAKEN, keeps=0, words=CANCELLED)


@pytest.mark.parametrize(
    ("won", "end", "words"), [(True, REFUNDED, PAID_BACK), (False, TAKEN, CANCELLED)]
)
@pytest.mark.parametrize("fault", ["lost_request", "late_request", "not_found_then_executes"])
def test_a_dispute_over_a_refund_of_which_nothing_is_known_pays_once(
    world, fault, *, won, end, words
):
    """An unknown refund, and a dispute: the bank is faster than the request."""
    order = cancelled_by(world, "refund", **{fault: {"times": 1}})
    assert refund_of(order).state == Refund.State.SENT

    name = world.provider.open_dispute(order.number)
    world.provider.close_dispute(name, won)
    world.learn(order)
    world.pass_time(LATER)
    world.provider.execute_late()
    world.learn(order)
    world.pass_time(HOUR)

    assert_over(world, order, end=end, keeps=0, words=words)


def test_who_was_charged_and_charged_back_is_not_told_that_they_were_not_charged(world):
    """A capture of unknown outcome, a cancellation, and a bank faster than the refund."""
    world.provider.switch_on("lost_answer", operation="capture", times=1)
    pause("shipping.undo_book_label", actor="test", reason="the parcel is looked for")
    with in_the_dark(world):
        order = world.place(**WELCOME)
        world.drain()
        cancel(world, order)
    find_out(world, order)
    assert stand(order).payment == "captured"

    world.decide(order, world.dispute(order), won=False)
    assert_pending(order, "Your order is being cancelled.")
    resume("shipping.undo_book_label", actor="test")
    world.drain()

    assert not Refund.objects.exists()
    assert_over(world, order, end=TAKEN, keeps=0, words=CANCELLED)
