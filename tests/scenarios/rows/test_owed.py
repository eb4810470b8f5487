"""D-26: a refund fails, at once or days later, and stays owed until a person has seen to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orders.models import Case, Order
from orders.services import InvalidCredit, give_goodwill
from payments.models import LedgerEntry, Refund
from payments.services import (
    NotPossible,
    approve_elsewhere,
    order_refund_again,
    propose_elsewhere,
    settle_by_evidence,
)
from sagas.case import close_case
from sagas.models import Case as EngineCase
from sagas.models import CaseKind as EngineCaseKind
from sagas.models import Intent, Saga
from tests.scenarios.books import Stand, assert_books_agree
from tests.scenarios.endings import (
    ANNA,
    BEN,
    again,
    assert_row,
    at_most,
    cancel,
    facts,
    how_money_went,
    running,
    said,
    the_case,
)
from tests.scenarios.given import assert_pending
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

ACCOUNT = {"bank": "Woori", "number": "1002-1", "holder": "Kim"}

CANCELLED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
CANCELLING = replace(CANCELLED, order="cancelling", payment="refunding")
RETURNED = Stand(order="returned", payment="captured", reservation="out", shipment="delivered")

#: Asked three times under three keys, refused each time, and then left to a person.
REFUSED = ("RefundPlanned", "RefundRefused", "RefundRefused", "RefundRefused", "RefundOwed")
CASE_REFUSED = (
    "CaseRefundPlanned",
    "CaseRefundRefused",
    "CaseRefundRefused",
    "CaseRefundRefused",
    "RefundOwed",
)
STILL_OWED = "A refund is still owed to you. 15.00 GBP could not be paid out yet; we see to it."


def refund_of(order):
    return Refund.objects.get(order_id=order.pk)


def refuse_refunds(world, code="closed_account"):
    world.provider.switch_on("decline", operation="refund", code=code)


def owed_after_cancelling(world):
    """Return an order that is being cancelled, whose money the provider will not give back."""
    order = at_most(world, "shipping.book_label")
    refuse_refunds(world)
    cancel(world, order)
    return order


def come_back(world, order):
    """Let the provider have the money again that it gave back days ago."""
    world.pass_time(timedelta(days=3))
    world.provider.settle_refund(refund_of(order).provider_refund_id, ok=False)
    world.learn(order)


def pay_elsewhere(world, order):
    """Have one person propose an account, and another one approve it."""
    propose_elsewhere(refund_of(order), ACCOUNT, actor=ANNA, reason="the card is gone")
    approve_elsewhere(
        refund_of(order), number=ACCOUNT["number"], actor=BEN, reason="the customer was called"
    )
    world.drain()


# -- refused at once


def test_d26_a_refund_that_is_refused_under_three_keys_waits_for_two_people_and_the_order_with_it(
    world,
):
    order = owed_after_cancelling(world)
    keys = Intent.objects.filter(subject_key=str(refund_of(order).pk)).exclude(n=0)
    assert keys.values("idempotency_key").distinct().count() == 3
    assert refund_of(order).state == Refund.State.OWED
    assert_row(
        world,
        26,
        order,
        end=CANCELLING,
        actions=REFUSED,
        keeps=1500,
        words=STILL_OWED,
        open_sagas=("checkout", "owed_refund"),
    )

    world.provider.switch_off()
    pay_elsewhere(world, order)

    assert the_case(order).state == Case.State.SETTLED
    proposed = ("RefundElsewhereProposed", "OwedRefundOrdered", "OwedRefundPaid")
    actions = (*REFUSED, *proposed, "RefundPaid", "PaymentRefunded", "OrderUndone")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 26, order, end=CANCELLED, actions=actions, keeps=0, words=paid)


def test_d26_nothing_is_called_complete_while_a_refund_is_owed(world):
    order = owed_after_cancelling(world)

    assert_pending(order, STILL_OWED)
    world.pass_time(timedelta(days=8))

    assert reload(order).state == Order.State.CANCELLING
    assert facts(order, "RefundStillOwed", "OrderUndone") == ["RefundStillOwed"]
    assert_pending(order, STILL_OWED)


def test_d26_what_is_only_unknown_is_never_sent_under_another_key(world):
    order = at_most(world, "shipping.book_label")
    world.provider.switch_on("lost_answer", operation="refund", times=1)
    world.provider.switch_on("lost_answer", operation="inquire")
    cancel(world, order)
    world.pass_time(timedelta(minutes=30))
    assert refund_of(order).state == Refund.State.SENT

    world.provider.switch_off()
    world.pass_time(timedelta(minutes=30))

    (intent,) = Intent.objects.filter(subject_key=str(refund_of(order).pk)).exclude(n=0)
    assert intent.n == 1
    assert facts(order, "RefundRefused", "RefundOwed") == []
    assert kept(world.provider, order) == 0
    assert_books_agree(world)


def test_d26_goods_that_came_back_are_the_shops_while_their_money_is_owed(world):
    order = world.delivered()
    refuse_refunds(world)

    case = world.bring_back(order, (1, 3))

    assert case.state == Case.State.ACCEPTED
    assert STILL_OWED in said(order)
    assert running(order) == ["owed_refund", "return"]
    world.provider.switch_off()
    order_refund_again(refund_of(order), actor=ANNA, reason="the account is open again")
    world.drain()

    actions = (*CASE_REFUSED, "OwedRefundOrdered", "OwedRefundPaid", "ReturnCompleted")
    paid = "Your goods are back with us. 15.00 GBP was paid back."
    assert_row(world, 26, order, end=RETURNED, actions=actions, keeps=0, words=paid)


def test_d26_what_is_refused_once_more_goes_back_to_its_person(world):
    order = owed_after_cancelling(world)

    order_refund_again(refund_of(order), actor=ANNA, reason="the bank says that it works")
    world.drain()

    assert refund_of(order).state == Refund.State.OWED
    actions = (*REFUSED, "OwedRefundOrdered", "OwedRefundRefused")
    assert facts(order, *actions) == list(actions)
    assert_pending(order, STILL_OWED)


# -- who is asked


def asked_of_finance(order):
    """Return what finance was asked about the order's refund, the oldest first."""
    saga = Saga.objects.get(choreography="owed_refund", key=str(refund_of(order).pk))
    return list(EngineCase.objects.filter(saga_id=saga.pk, owner="finance").order_by("opened_at"))


def test_d26_finance_is_asked_until_a_second_person_has_it_paid_elsewhere(world):
    order = owed_after_cancelling(world)
    (case,) = asked_of_finance(order)
    assert (case.kind, case.closed_at) == (EngineCaseKind.HELD, None)
    assert f"Order {order.number}: a refund of 15.00 GBP is owed (closed_account)" in case.detail
    propose_elsewhere(refund_of(order), ACCOUNT, actor=ANNA, reason="the card is gone")
    world.drain()
    assert again(case).closed_at is None

    world.provider.switch_off()
    approve_elsewhere(
        refund_of(order), number=ACCOUNT["number"], actor=BEN, reason="the customer was called"
    )
    world.drain()

    case = again(case)
    assert case.closed_at is not None
    assert (case.closed_by, case.note) == (BEN, "the customer was called")
    assert how_money_went(order) == ["refund_elsewhere"]
    assert facts(order, "CaseOpened", "CaseClosed") == ["CaseOpened", "CaseClosed"]
    assert_books_agree(world)


def test_d26_finance_is_asked_anew_when_it_is_refused_once_more(world):
    order = owed_after_cancelling(world)

    order_refund_again(refund_of(order), actor=ANNA, reason="the bank says that it works")
    world.drain()

    first, second = asked_of_finance(order)
    assert (first.closed_by, first.note) == (ANNA, "the bank says that it works")
    assert second.closed_at is None
    world.assert_engine_agrees()


def test_d26_nobody_closes_the_question_while_the_refund_is_owed(world):
    order = owed_after_cancelling(world)
    (case,) = asked_of_finance(order)

    with pytest.raises(ValueError, match="It is not decided yet"):
        close_case(case, actor=ANNA, reason="too much work")

    assert again(case).closed_at is None


def test_d26_what_was_paid_after_all_is_no_question_any_more(world):
    order = owed_after_cancelling(world)

    settle_by_evidence(refund_of(order), reference="re_x", actor=ANNA, reason="seen there")

    (case,) = asked_of_finance(order)
    assert (case.closed_by, case.note) == (ANNA, "seen there")


def test_d26_finance_is_not_asked_while_the_bank_may_pay_instead(world):
    order = world.delivered()
    refuse_refunds(world)
    world.bring_back(order, (1, 1))
    world.provider.switch_off()

    name = world.dispute(order)
    (case,) = asked_of_finance(order)
    assert case.closed_at is not None
    world.decide(order, name, won=True)

    assert [asked.closed_at is None for asked in asked_of_finance(order)] == [False, True]
    world.assert_engine_agrees()


# -- taken back days later


def test_d26_a_refund_that_comes_back_days_later_is_owed_again_and_its_entry_is_reversed(world):
    order = at_most(world, "shipping.book_label")
    case = cancel(world, order)
    assert case.state == Case.State.SETTLED

    come_back(world, order)

    entries = LedgerEntry.objects.filter(kind__in=("refund", "refund_failed"))
    assert sorted(entries.values_list("kind", "amount_minor")) == [
        ("refund", 1500),
        ("refund_failed", 1500),
    ]
    payment = world.payment(order)
    assert (payment.refunded_minor, payment.pending_minor) == (0, 1500)
    assert (again(case).is_owed, again(case).is_over) == (True, False)
    end = replace(CANCELLED, payment="refunding")
    back = ("RefundPaid", "OrderUndone", "RefundOwed")
    assert_row(
        world,
        26,
        order,
        end=end,
        actions=back,
        keeps=1500,
        words=STILL_OWED,
        open_sagas=("owed_refund",),
    )
    pay_elsewhere(world, order)

    assert again(case).is_over
    actions = (*back, "RefundElsewhereProposed", "OwedRefundOrdered", "OwedRefundPaid")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 26, order, end=CANCELLED, actions=actions, keeps=0, words=paid)


def test_d26_a_refund_that_comes_back_twice_goes_to_the_person_who_had_it(world):
    order = at_most(world, "shipping.book_label")
    cancel(world, order)
    come_back(world, order)
    order_refund_again(refund_of(order), actor=ANNA, reason="a typing error of the bank")
    world.drain()
    assert kept(world.provider, order) == 0

    come_back(world, order)

    assert refund_of(order).state == Refund.State.OWED
    assert the_case(order).is_owed
    end = replace(CANCELLED, payment="refunding")
    back = ("RefundOwed", "OwedRefundPaid", "OwedRefundRefused")
    assert_row(world, 26, order, end=end, actions=back, keeps=1500, words=STILL_OWED)
    pay_elsewhere(world, order)

    actions = ("OwedRefundRefused", "RefundElsewhereProposed")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 26, order, end=CANCELLED, actions=actions, keeps=0, words=paid)


# -- two people


def test_d26_an_account_is_never_paid_by_who_proposed_it(world):
    order = owed_after_cancelling(world)
    world.provider.switch_off()
    propose_elsewhere(refund_of(order), ACCOUNT, actor=ANNA)

    with pytest.raises(NotPossible, match="ask a colleague"):
        approve_elsewhere(refund_of(order), number=ACCOUNT["number"], actor=ANNA)
    world.drain()

    assert kept(world.provider, order) == 1500
    assert_pending(order, STILL_OWED)


def test_d26_what_is_owed_is_not_left_for_anything_else(world):
    order = world.delivered()
    refuse_refunds(world)
    world.bring_back(order, (1, 2))

    with pytest.raises(InvalidCredit, match="From 1 to 500 minor units can be given"):
        give_goodwill(reload(order), amount_minor=501, reason="sorry", actor=ANNA, approver=BEN)
