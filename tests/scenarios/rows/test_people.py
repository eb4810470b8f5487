"""D-27, D-28, D-30: what people decide by force, out of goodwill, and too late."""

from dataclasses import replace
from datetime import timedelta

import pytest

from inventory.models import StockItem
from orders.events import CaseKind, PayBy
from orders.models import Case, Order
from orders.services import (
    InvalidCancel,
    InvalidCredit,
    approve_goodwill,
    decline_goodwill,
    give_goodwill,
    propose_goodwill,
    request_cancel,
)
from payments.models import Refund
from sagas.models import StoredEvent
from sagas.pause import resume
from tests.scenarios.books import Stand, assert_books_agree, where
from tests.scenarios.endings import (
    ANNA,
    BEN,
    CUSTOMER,
    again,
    amounts,
    assert_row,
    at_most,
    cancel,
    facts,
    said,
    the_case,
)
from tests.scenarios.given import WELCOME, Given, assert_pending, given, said_of
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

VOIDED = Stand(order="cancelled", payment="voided", reservation="released", shipment="stopped")
REFUNDED = replace(VOIDED, payment="refunded")
CLOSED = replace(VOIDED, payment="closed")
HAD = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
PACKED = Stand(order="fulfilling", payment="captured", reservation="committed", shipment="labelled")


# -- D-27: cancelled by force ---------------------------------------------------------------------

ASKED = ("CancelRequested", "CancelAccepted", "OrderCancelled", "ShipmentStopped")


def force(world, order):
    """Have an operator cancel by force; return the case as it is once nothing is due any more."""
    case = request_cancel(reload(order), kind=CaseKind.FORCE, reason="a wrong price", actor=ANNA)
    world.drain()
    return again(case)


@pytest.mark.parametrize(
    ("step", "end", "money", "words"),
    [
        ("payments.authorise", CLOSED, "PaymentClosed", "You were not charged."),
        ("payments.capture", VOIDED, "PaymentVoided", "You were not charged."),
        ("shipping.book_label", REFUNDED, "PaymentRefunded", "15.00 GBP was paid back."),
        ("payments.look", REFUNDED, "PaymentRefunded", "15.00 GBP was paid back."),
    ],
)
def test_d27_force_undoes_what_there_is_in_each_state_as_a_customers_wish_would(
    world, step, end, money, words
):
    order = at_most(world, step, **WELCOME)

    case = force(world, order)

    assert (case.kind, case.state, case.actor) == ("force", "settled", ANNA)
    assert given(order, "force").coupon + given(order, "force").points == 300
    assert where("MUG") == {"available": 100}
    actions = (*ASKED, money, "OrderUndone")
    assert_row(world, 27, order, end=end, actions=actions, keeps=0, words=words)
    assert said(order).startswith("Your order is cancelled.")


def test_d27_force_closes_an_account_before_the_stock_is_released(world):
    order = world.ready(pay_by=PayBy.VIRTUAL_ACCOUNT)

    force(world, order)

    actions = (*ASKED, "PaymentClosed", "StockReleased", "OrderUndone")
    words = "Your order is cancelled. You were not charged."
    assert_row(world, 27, order, end=CLOSED, actions=actions, keeps=0, words=words)


def test_d27_force_does_not_take_a_payment_without_an_answer_for_one_that_failed(world):
    world.provider.switch_on("lost_answer", operation="authorise", times=1)
    world.provider.switch_on("lost_answer", operation="inquire")
    order = world.place()
    world.drain()

    force(world, order)
    assert reload(order).state == Order.State.CANCELLING
    assert where("MUG") == {"available": 97, "reserved": 3}
    world.provider.switch_off()
    world.pass_time(timedelta(minutes=5))

    actions = (*ASKED, "PaymentVoided", "StockReleased", "OrderUndone")
    words = "Your order is cancelled. You were not charged."
    assert_row(world, 27, order, end=VOIDED, actions=actions, keeps=0, words=words)


def test_d27_the_customers_policy_holds_customers_and_no_operator(world, policy):
    order = world.ready()
    policy(CANCEL_WINDOW=timedelta(hours=1))
    world.pass_time(timedelta(hours=2))

    with pytest.raises(InvalidCancel, match="can't be cancelled online any more"):
        request_cancel(reload(order), reason="changed my mind", actor=CUSTOMER)
    with pytest.raises(InvalidCancel, match="Only the shop"):
        request_cancel(reload(order), kind=CaseKind.FORCE, actor=CUSTOMER)
    force(world, order)

    assert given(order, "force") == Given(refund=1500)
    actions = (*ASKED, "RefundPlanned", "RefundPaid", "OrderUndone")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 27, order, end=REFUNDED, actions=actions, keeps=0, words=paid)


def test_d27_force_never_cancels_what_has_left_in_the_same_moment(world):
    order = at_most(world, "orders.ship")
    world.hand_over(order)

    case = force(world, order)
    resume("orders.ship", actor="test")
    world.deliver(order)

    assert (again(case).state, amounts(case)) == ("rejected", {})
    assert not Refund.objects.exists()
    actions = ("CancelRequested", "CancelRefused", "CancelRejected", "OrderCompleted")
    assert_row(world, 27, order, end=HAD, actions=actions, keeps=1500, words="complete")


def test_d27_force_joins_the_case_of_who_asked_before(world):
    order = at_most(world, "shipping.book_label")
    world.provider.switch_on("pending_refund")
    first = cancel(world, order)

    case = force(world, order)

    assert case == first
    assert (case.kind, case.actor, case.reason) == ("cancel", CUSTOMER, "changed my mind")
    assert facts(order, "CancelRequested") == ["CancelRequested"]


# -- D-28: money is given, goods stay -------------------------------------------------------------

GIVEN = ("CreditRequested", "RefundDue", "CaseRefundPlanned", "CaseRefunded", "CreditSettled")


def propose(order, minor=400):
    return propose_goodwill(reload(order), amount_minor=minor, reason="a scratch", actor=ANNA)


def test_d28_money_goes_back_once_a_second_person_has_approved_and_no_stock_moves(world):
    order = world.delivered(**WELCOME)
    case = propose(order)
    world.drain()
    assert facts(order, *GIVEN) == []
    assert said_of(order, "goodwill").strip() == ""
    assert kept(world.provider, order) == 1500

    approve_goodwill(again(case), actor=BEN)
    world.drain()

    case = again(case)
    assert (case.state, case.actor, case.approver) == ("settled", ANNA, BEN)
    assert given(order, "goodwill") == Given(refund=400)
    assert where("MUG") == {"available": 97, "out": 3}
    words = "You got money back as an apology. 4.00 GBP was paid back."
    assert said_of(order, "goodwill") == words
    assert_row(world, 28, order, end=HAD, actions=GIVEN, keeps=1100, words="complete")


def test_d28_nothing_is_called_paid_while_it_is_on_its_way(world):
    order = world.delivered()
    world.provider.switch_on("pending_refund")

    give_goodwill(reload(order), amount_minor=400, reason="a scratch", actor=ANNA, approver=BEN)
    world.drain()

    assert_pending(order, "You get money back as an apology. 4.00 GBP will be paid back.")


def test_d28_nobody_approves_their_own_proposal_nor_does_a_customer(world):
    order = world.delivered()
    case = propose(order)

    with pytest.raises(InvalidCredit, match="somebody else has to approve"):
        approve_goodwill(again(case), actor=ANNA)
    with pytest.raises(InvalidCredit, match="two people of the shop"):
        approve_goodwill(again(case), actor=CUSTOMER)
    world.drain()

    assert again(case).state == Case.State.OPEN
    assert kept(world.provider, order) == 1500


def test_d28_what_a_second_person_declines_is_not_given(world):
    order = world.delivered()
    case = propose(order)

    decline_goodwill(again(case), actor=BEN, reason="it is a feature")
    world.drain()

    assert (again(case).state, amounts(case)) == ("rejected", {"given": 400, "withheld": 400})
    assert not Refund.objects.exists()
    denied = StoredEvent.objects.get(type="orders.CaseDenied")
    assert (denied.actor, denied.reason) == (BEN, "it is a feature")
    assert_row(world, 28, order, end=HAD, actions=(), keeps=1500, words="complete")


@pytest.mark.parametrize("taken_by", ["refund on its way", "bank", "another goodwill"])
def test_d28_no_more_is_given_than_others_have_left(world, taken_by):
    order = world.delivered()
    if taken_by == "refund on its way":
        world.provider.switch_on("pending_refund")
        world.bring_back(order, (1, 2))
    elif taken_by == "bank":
        world.decide(order, world.dispute(order, amount_minor=1000), won=False)
    else:
        give_goodwill(reload(order), amount_minor=1000, reason="sorry", actor=ANNA, approver=BEN)
        world.drain()

    with pytest.raises(InvalidCredit, match="From 1 to 500 minor units can be given, not 501"):
        propose(order, 501)
    give_goodwill(reload(order), amount_minor=500, reason="sorry", actor=ANNA, approver=BEN)
    world.drain()

    payment = world.payment(order)
    given_up = payment.refunded_minor + payment.pending_minor + payment.charged_back_minor
    assert given_up == payment.captured_minor == 1500
    assert StockItem.objects.get(sku="MUG").damaged == 0


def test_d28_two_proposals_for_the_same_money_are_not_both_approved(world):
    order = world.delivered()
    first, second = propose(order, 1000), propose(order, 1000)
    approve_goodwill(again(first), actor=BEN)
    world.drain()

    with pytest.raises(InvalidCredit, match="From 1 to 500 minor units"):
        approve_goodwill(again(second), actor=BEN)

    assert kept(world.provider, order) == 500
    assert_books_agree(world)


# -- D-30: over already ---------------------------------------------------------------------------


def unchanged(world, order):
    """Ask for a cancellation as a customer and as an operator by force; return the two cases."""
    before = StoredEvent.objects.count()
    asked = request_cancel(reload(order), reason="once more", actor=CUSTOMER)
    forced = request_cancel(reload(order), kind=CaseKind.FORCE, reason="really", actor=ANNA)
    world.drain()
    assert StoredEvent.objects.count() == before
    return asked, forced


def test_d30_who_cancels_a_cancelled_order_gets_the_case_that_there_is(world):
    order = at_most(world, "shipping.book_label")
    case = cancel(world, order)

    assert unchanged(world, order) == (case, case)

    assert (case.kind, case.reason) == ("cancel", "changed my mind")
    assert Case.objects.get() == case
    actions = ("CancelRequested", "RefundPaid", "OrderUndone")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 30, order, end=REFUNDED, actions=actions, keeps=0, words=paid)


def test_d30_who_cancels_what_was_sent_back_gets_the_return(world):
    order = world.delivered()
    case = world.bring_back(order, (1, 3))

    assert unchanged(world, order) == (case, case)

    end = replace(HAD, order="returned")
    actions = ("ReturnRequested", "CaseRefunded", "OrderReturned")
    words = "Your goods are back with us. 15.00 GBP was paid back."
    assert_row(world, 30, order, end=end, actions=actions, keeps=0, words=words)


def test_d30_who_cancels_what_got_lost_gets_the_loss(world):
    order = world.ready()
    world.lose(order)
    case = the_case(order)

    assert unchanged(world, order) == (case, case)

    assert case.kind == "lost"
    assert Case.objects.count() == 1


def test_d30_an_order_that_ended_well_has_no_case_and_a_return_is_offered(world):
    order = world.delivered()

    for kind, actor in ((None, CUSTOMER), (CaseKind.FORCE, ANNA)):
        with pytest.raises(InvalidCancel, match="goods can be sent back, nothing cancelled"):
            request_cancel(reload(order), kind=kind, actor=actor)

    assert not Case.objects.exists()
    actions = ("OrderCompleted",)
    assert_row(world, 30, order, end=HAD, actions=actions, keeps=1500, words="you can send it back")
