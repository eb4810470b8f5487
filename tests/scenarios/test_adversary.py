"""A provider at its worst: nine ways to mislead a shop.

However it misbehaves, an order ends where it would have ended, money goes where it belongs and
once, and its customer reads nothing that is not so.
"""

from datetime import timedelta

import pytest

from payments.models import Refund
from payments.services import order_refund_again
from sagas.models import Case as EngineCase
from sagas.models import CaseKind
from sagas.pause import resume
from tests.scenarios.adversity import (
    BACK,
    CANCELLED,
    ENDS,
    GIVEN_BACK,
    OWED,
    PAID_BACK,
    REFUNDED,
    TAKEN,
    UNCHARGED,
    VOIDED,
    WORDS,
    assert_arrives,
    assert_over,
    cancelled_by,
    find_out,
    in_the_dark,
    refund_of,
    theirs,
)
from tests.scenarios.books import assert_books_agree, stand
from tests.scenarios.endings import ANNA, at_most, cancel, said
from tests.scenarios.given import WELCOME, assert_pending
from tests.scenarios.honesty import assert_paid_out_once
from tests.scenarios.messages import assert_came_first, post_messages, postman
from tests.scenarios.reconciled import found
from tests.world import kept

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("mounted")]

SOON, HOUR, DAYS = timedelta(seconds=5), timedelta(hours=1), timedelta(days=3)
FORWARD = ("authorise", "capture")


# -- 1: declines ----------------------------------------------------------------------------------


def test_a_card_that_is_declined_in_the_end_is_released_and_never_charged(world):
    world.provider.switch_on("decline", operation="capture", times=1)
    world.provider.switch_on("lost_answer", operation="void", times=1)
    with in_the_dark(world):
        order = world.place(**WELCOME)
        world.drain()

    assert_pending(order, "Your payment has not arrived, so your order is being cancelled.")
    find_out(world, order)

    gone = "Your payment has not arrived, so your order is cancelled. You were not charged."
    words = f"{gone} {GIVEN_BACK}"
    assert_over(world, order, end=VOIDED, keeps=0, words=words)


def test_a_release_that_is_declined_is_asked_for_until_it_is_not(world):
    order = cancelled_by(world, "void", decline={})

    assert_pending(order, "What is reserved on your card will be released.")
    world.provider.switch_off("decline")
    find_out(world, order)
    world.pass_time(HOUR)

    assert_over(world, order, end=VOIDED, keeps=0, words=UNCHARGED)


def test_a_refund_that_is_declined_for_good_is_owed_until_a_person_has_it_paid(world):
    order = cancelled_by(world, "refund", decline={"times": 3})

    assert_pending(order, OWED)
    order_refund_again(refund_of(order), actor=ANNA, reason="the card works again")
    world.drain()

    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)


# -- 2: a stored 500 that is replayed -------------------------------------------------------------


@pytest.mark.parametrize("operation", FORWARD)
def test_a_stored_error_is_looked_behind_going_forward(world, operation):
    world.provider.switch_on("stored_error", operation=operation)
    order = world.place()
    world.drain()

    assert_pending(order, "Your")
    world.pass_time(SOON)

    assert_arrives(world, order)


@pytest.mark.parametrize("operation", BACK)
def test_a_stored_error_is_looked_behind_going_back(world, operation):
    order = cancelled_by(world, operation, stored_error={})

    assert_pending(order, "Your order is being cancelled.")
    find_out(world, order)

    assert_over(world, order, end=ENDS[operation], keeps=0, words=WORDS[operation])


def test_a_stored_error_may_hide_that_a_refund_was_declined(world):
    hidden = {"stored_error": {"times": 1}, "decline": {"times": 1}}
    order = cancelled_by(world, "refund", **hidden)
    assert_pending(order, "15.00 GBP will be paid back")

    find_out(world, order)

    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)


# -- 3: keys that are forgotten -------------------------------------------------------------------


@pytest.mark.parametrize("operation", FORWARD)
def test_a_forgotten_key_charges_nobody_twice(world, operation):
    world.provider.switch_on("expired_keys", operation=operation)
    world.provider.switch_on("stored_error", operation=operation)
    order = world.place()
    world.drain()

    world.pass_time(SOON)

    assert_arrives(world, order)


@pytest.mark.parametrize("operation", ["void", "refund"])
def test_a_forgotten_key_pays_nobody_back_twice(world, operation):
    order = cancelled_by(world, operation, expired_keys={}, lost_answer={"times": 1})

    assert_pending(order, "Your order is being cancelled.")
    find_out(world, order)

    assert_over(world, order, end=ENDS[operation], keeps=0, words=WORDS[operation])


# -- 4: not found, and then executed --------------------------------------------------------------


@pytest.mark.parametrize("operation", FORWARD)
def test_what_is_not_found_is_sent_again_and_happens_once(world, operation):
    world.provider.switch_on("not_found_then_executes", operation=operation, times=1)
    order = world.place()
    world.drain()

    assert_pending(order, "Your")
    world.pass_time(SOON)

    assert_arrives(world, order)


@pytest.mark.parametrize("operation", ["void", "refund"])
def test_a_way_back_that_is_not_found_is_gone_once(world, operation):
    order = cancelled_by(world, operation, not_found_then_executes={"times": 1})

    assert_pending(order, "Your order is being cancelled.")
    find_out(world, order)

    assert_over(world, order, end=ENDS[operation], keeps=0, words=WORDS[operation])


# -- 5: messages that contradict each other -------------------------------------------------------


@pytest.mark.parametrize("first", ["", "aborted_first"])
def test_messages_that_say_done_and_aborted_decide_nothing(world, first):
    world.provider.switch_on("contradictory_webhooks", code=first)
    world.provider.switch_on("lost_answer", operation="capture", times=1)
    with in_the_dark(world):
        order = world.place()
        world.drain()
        assert post_messages(world) == 4
        world.drain()
    assert stand(order).payment == "capturing"

    find_out(world, order)

    assert_arrives(world, order)


@pytest.mark.parametrize("first", ["", "aborted_first"])
def test_messages_that_contradict_a_refund_pay_it_once(world, first):
    world.provider.switch_on("contradictory_webhooks", code=first)
    world.provider.switch_on("reordered_webhooks")
    order = cancelled_by(world, "refund", pending_refund={"times": 1})
    post_messages(world)
    world.drain()
    assert_pending(order, "15.00 GBP will be paid back")

    world.provider.settle_refund(theirs(world, order))
    post_messages(world, again=True)
    post_messages(world)
    world.drain()

    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)


# -- 6: a message before the answer ---------------------------------------------------------------


@pytest.mark.parametrize("operation", FORWARD)
def test_a_message_that_comes_before_its_answer_is_no_second_payment(world, operation):
    world.provider.switch_on("early_webhook", operation=operation, times=1)

    with postman(world):
        order = world.place()
        world.drain()

    assert_came_first(operation)
    assert_arrives(world, order)


@pytest.mark.parametrize("operation", BACK)
def test_a_message_that_comes_before_its_answer_is_no_second_way_back(world, operation):
    order = at_most(world, BACK[operation], **WELCOME)
    post_messages(world)
    world.provider.switch_on("early_webhook", operation=operation, times=1)

    with postman(world):
        cancel(world, order)

    assert_came_first({"refund": "send_refund"}.get(operation, operation))
    assert_over(world, order, end=ENDS[operation], keeps=0, words=WORDS[operation])


# -- 7: a refund that fails days later ------------------------------------------------------------


def test_a_refund_that_comes_back_days_later_is_owed_until_it_is_paid_again(world):
    order = cancelled_by(world, "refund")
    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)

    world.pass_time(DAYS)
    world.provider.settle_refund(theirs(world, order), ok=False)
    post_messages(world)
    world.drain()
    assert said(order) == OWED
    assert (stand(order).payment, refund_of(order).state) == ("refunding", "owed")
    assert kept(world.provider, order) == 1500
    assert_books_agree(world)
    order_refund_again(refund_of(order), actor=ANNA, reason="the account is open again")
    world.drain()

    assert_over(world, order, end=REFUNDED, keeps=0, words=PAID_BACK)


# -- 8: a dispute in mid-refund -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "end", "words"), [(True, REFUNDED, PAID_BACK), (False, TAKEN, CANCELLED)]
)
def test_a_dispute_while_a_cancelled_orders_money_goes_back_waits_for_the_bank(
    world, won, end, words
):
    order = cancelled_by(world, "refund", pending_refund={"times": 1})
    assert_pending(order, "15.00 GBP will be paid back")

    name = world.dispute(order)
    world.pass_time(HOUR)
    assert refund_of(order).state == Refund.State.HELD
    assert kept(world.provider, order) == 1500
    world.decide(order, name, won=won)

    assert_over(world, order, end=end, keeps=0, words=words)


# -- 9: a settlement file that lies ---------------------------------------------------------------


def test_a_settlement_that_lies_in_every_way_is_found_line_by_line_and_moves_no_money(world):
    given_up = cancelled_by(world, "refund")
    resume("shipping.book_label", actor="test")
    missing, amount, currency = (world.ready() for _ in range(3))
    before, words = world.provider.balances(), said(given_up)

    plant = world.provider.plant_in_settlement
    twice = plant("duplicate", given_up.number, line="refund")
    lost = plant("missing", missing.number)
    wrong = plant("wrong_amount", amount.number)
    other = plant("wrong_currency", currency.number)
    strange = plant("unknown_reference", "NOBODY")

    breaks = sorted(
        [("S1-amount", f"{line.kind} {line.id}") for line in (twice, wrong, other)]
        + [("S2", f"capture {lost.id}"), ("S4", f"capture {strange.id}")]
    )
    assert found(later=DAYS, repairs=True) == breaks
    assert found(later=DAYS, repairs=True) == breaks
    asked = EngineCase.objects.filter(kind=CaseKind.RECONCILIATION, owner="finance")
    assert asked.count() == len(breaks)
    assert world.provider.balances() == before
    assert said(given_up) == words
    assert_paid_out_once(world, given_up)
    assert_books_agree(world)
