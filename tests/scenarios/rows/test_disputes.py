"""D-24, D-25: the customer's bank disputes the payment, and refunds wait until it has decided."""

from datetime import timedelta

import pytest

from orders.models import Case, Order
from orders.services import (
    InvalidCredit,
    InvalidDecision,
    close_inquiry,
    give_goodwill,
    request_cancel,
)
from payments.models import Dispute, Payment, Refund
from shipping.models import Shipment
from tests.scenarios.books import Stand, assert_books_agree, stand
from tests.scenarios.endings import ANNA, BEN, CUSTOMER, again, amounts, assert_row, facts, said
from tests.scenarios.given import assert_pending
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

State = Payment.State
HELD = Stand(order="fulfilling", payment="captured", reservation="committed", shipment="labelled")
ARRIVED = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
TAKEN = Stand(order="completed", payment="charged_back", reservation="out", shipment="delivered")
CANCELLED = Stand(
    order="cancelled", payment="charged_back", reservation="released", shipment="stopped"
)
REFUNDED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
OPENED = ("DisputeOpened", "DisputeAnswered")
ENDED = ("DisputeWon", "DisputeSettled")
LOST = ("DisputeLost", "DisputeSettled")


@pytest.fixture
def order(world):
    """Return an order of three mugs at 5.00 that is packed, labelled and paid."""
    placed = world.place()
    world.drain()
    return placed


def cancel(world, order):
    case = request_cancel(reload(order), reason="changed my mind", actor=CUSTOMER)
    world.drain()
    return case


def dispute_case(order):
    return Case.objects.filter(order=order, kind="chargeback").earliest("opened_at")


def refund():
    return Refund.objects.get()


def pend(world, order):
    """Have a refund of 5.00 on its way that the provider has not paid; return its name there."""
    world.provider.switch_on("pending_refund", times=1)
    world.bring_back(order, (1, 1))
    (found,) = world.provider.standing(order.number).refunds
    return found.id


# -- D-24: opened, before anything has left


def test_d24_a_dispute_keeps_the_parcel_in_the_house(world, order):
    world.dispute(order)

    assert not world.hand_over(order)
    assert world.payment(order).is_frozen
    assert dispute_case(order).state == Case.State.OPEN
    words = "Your bank disputes your payment: we wait for what it decides."
    assert_pending(order, words)
    assert_row(
        world,
        24,
        order,
        end=HELD,
        actions=OPENED,
        keeps=1500,
        words=words,
        open_sagas=["checkout", "dispute"],
    )


def test_d24_a_parcel_that_is_not_labelled_yet_stays_in_the_house_too(world):
    world.carrier.switch_on("refuse", operation="book", times=1)
    world.provider.switch_on("lost_answer", operation="capture", times=1)
    order = world.place()
    world.drain()
    world.dispute(order)
    world.drain()

    assert stand(order) == HELD
    assert not world.hand_over(order)


def test_d24_an_order_that_is_cancelled_gets_its_money_only_when_the_bank_has_decided(world, order):
    name = world.dispute(order)

    cancel(world, order)

    assert (refund().state, refund().operation) == (Refund.State.HELD, "hold")
    assert reload(order).state == Order.State.CANCELLING
    assert kept(world.provider, order) == 1500
    assert world.payment(order).held_minor == 1500
    assert_pending(order, "Your order is being cancelled.")
    world.decide(order, name, won=True)
    actions = (
        *OPENED,
        "RefundPlanned",
        "DisputeWon",
        "RefundReleased",
        "RefundPaid",
        "OrderUndone",
    )
    words = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 25, order, end=REFUNDED, actions=actions, keeps=0, words=words)


# -- D-24: opened, after something has left


def test_d24_a_return_is_not_paid_while_the_bank_has_the_matter(world):
    order = world.delivered()
    name = world.dispute(order)

    case = world.bring_back(order, (1, 1))

    assert case.state == Case.State.ACCEPTED
    assert refund().state == Refund.State.HELD
    assert kept(world.provider, order) == 1500
    assert_pending(order, "Your goods are back with us. 5.00 GBP will be paid back")
    world.decide(order, name, won=True)
    actions = (*OPENED, "CaseRefundPlanned", "DisputeWon", "CaseRefundReleased", "CaseRefunded")
    assert_row(world, 25, order, end=ARRIVED, actions=actions, keeps=1000, words="complete")


def test_d24_no_goodwill_is_paid_while_the_bank_has_the_matter(world):
    order = world.delivered()
    world.dispute(order)

    give_goodwill(reload(order), amount_minor=100, reason="sorry", actor=ANNA, approver=BEN)
    world.drain()

    assert refund().state == Refund.State.HELD
    assert kept(world.provider, order) == 1500
    assert_pending(order, "You get money back as an apology. 1.00 GBP will be paid back.")


def test_d24_a_dispute_in_mid_refund_holds_it_until_the_bank_has_decided(world):
    order = world.delivered()
    pend(world, order)
    assert refund().state == Refund.State.SENT

    name = world.dispute(order)
    world.pass_time(timedelta(hours=1))

    assert refund().state == Refund.State.HELD
    assert kept(world.provider, order) == 1500
    assert_books_agree(world)
    world.decide(order, name, won=True)
    actions = (*OPENED, "DisputeWon", "CaseRefundReleased", "CaseRefunded", "ReturnCompleted")
    assert_row(world, 25, order, end=ARRIVED, actions=actions, keeps=1000, words="complete")


def test_d24_a_dispute_in_mid_refund_that_is_lost_leaves_nothing_to_refund(world):
    order = world.delivered()
    pend(world, order)
    name = world.dispute(order)
    world.pass_time(timedelta(hours=1))

    world.decide(order, name, won=False)

    assert refund().state == Refund.State.DROPPED
    case = Case.objects.get(order=order, kind="return")
    assert case.state == Case.State.SETTLED
    assert "paid back" not in said(order)
    assert_row(world, 25, order, end=TAKEN, actions=(*OPENED, *LOST), keeps=0, words="")


def test_d24_a_refund_that_arrives_before_the_bank_looks_is_what_it_takes_less(world):
    order = world.delivered()
    world.bring_back(order, (1, 1))

    name = world.dispute(order)
    assert Dispute.objects.get().amount_minor == 1000
    world.decide(order, name, won=False)

    assert (world.payment(order).refunded_minor, world.payment(order).charged_back_minor) == (
        500,
        1000,
    )
    assert_row(world, 25, order, end=TAKEN, actions=(*OPENED, *LOST), keeps=0, words="")


# -- D-24: an inquiry


def test_d24_an_inquiry_takes_no_money_and_holds_what_would_be_given_back(world):
    order = world.delivered()
    name = world.dispute(order, inquiry=True)

    world.bring_back(order, (1, 1))

    assert refund().state == Refund.State.HELD
    assert dispute_case(order).reason == f"an inquiry of the bank: {name}"
    world.decide(order, name, won=True)
    actions = (*OPENED, "DisputeWon", "CaseRefundReleased", "CaseRefunded", "ReturnCompleted")
    assert_row(world, 25, order, end=ARRIVED, actions=actions, keeps=1000, words="complete")


def test_d24_an_inquiry_is_closed_by_giving_the_money_back(world):
    order = world.delivered()
    world.dispute(order, inquiry=True)

    case = close_inquiry(dispute_case(order), actor=ANNA, reason="not worth a quarrel")
    world.drain()
    assert close_inquiry(dispute_case(order), actor=ANNA) == case
    world.learn(order)

    assert amounts(case) == {"given": 1500, "refund": 1500}
    assert again(case).state == Case.State.SETTLED
    assert Dispute.objects.get().state == Dispute.State.WON
    actions = (*OPENED, "CreditRequested", "CaseRefunded", "CreditSettled", *ENDED)
    assert_row(world, 24, order, end=ARRIVED, actions=actions, keeps=0, words="complete")


def test_d24_an_inquiry_may_become_a_dispute(world):
    order = world.delivered()
    name = world.dispute(order, inquiry=True)

    world.provider.escalate_dispute(name)
    world.learn(order)
    close_inquiry(dispute_case(order), actor=ANNA)
    world.drain()

    assert Dispute.objects.get().state == Dispute.State.OPEN
    assert refund().state == Refund.State.HELD
    assert kept(world.provider, order) == 1500
    world.decide(order, name, won=False)
    assert refund().state == Refund.State.DROPPED
    actions = (*OPENED, "DisputeEscalated", *LOST)
    assert_row(world, 24, order, end=TAKEN, actions=actions, keeps=0, words="")


# -- D-25: decided


def test_d25_a_parcel_leaves_once_the_bank_has_left_the_money_with_the_shop(world, order):
    name = world.dispute(order)

    world.decide(order, name, won=True)
    world.deliver(order)

    case = dispute_case(order)
    assert (case.state, case.due_at, amounts(case)) == ("settled", None, {})
    assert not world.payment(order).is_frozen
    actions = (*OPENED, "DisputeWon", "ShipmentHandedOver", "OrderCompleted")
    assert_row(world, 25, order, end=ARRIVED, actions=actions, keeps=1500, words="complete")


def test_d25_what_has_not_shipped_is_cancelled_when_the_bank_takes_the_money(world, order):
    name = world.dispute(order)

    world.decide(order, name, won=False)

    whole = Case.objects.get(order=order, is_whole=True)
    assert (whole.kind, whole.state) == ("chargeback", "settled")
    assert not Refund.objects.exists()
    actions = (*OPENED, "DisputeLost", "CancelRequested", "OrderCancelled", "StockReleased")
    words = "Your bank took your payment back, so your order is cancelled."
    assert_row(world, 25, order, end=CANCELLED, actions=actions, keeps=0, words=words)
    assert said(order).strip() == words


def test_d25_a_bank_that_takes_a_part_before_shipping_leaves_the_rest_to_be_refunded(world, order):
    name = world.dispute(order, amount_minor=400)

    world.decide(order, name, won=False)

    assert refund().amount_minor == 1100
    actions = (*OPENED, "DisputeLost", "RefundPlanned", "RefundPaid", "OrderUndone")
    words = "so your order is cancelled. 11.00 GBP was paid back."
    assert_row(world, 25, order, end=REFUNDED, actions=actions, keeps=0, words=words)


def test_d25_what_has_shipped_stays_when_the_bank_takes_the_money(world):
    order = world.delivered()
    name = world.dispute(order)

    world.decide(order, name, won=False)

    case = dispute_case(order)
    assert amounts(case) == {"given": 1500, "refund": 1500}
    assert world.payment(order).charged_back_minor == 1500
    assert_row(
        world,
        25,
        order,
        end=TAKEN,
        actions=(*OPENED, *LOST),
        keeps=0,
        words="Your bank has decided",
    )
    with pytest.raises(InvalidCredit, match="From 1 to 0 minor units can be given"):
        give_goodwill(reload(order), amount_minor=1, reason="sorry", actor=ANNA, approver=BEN)


def test_d25_goods_that_come_back_after_the_bank_took_the_money_are_not_paid_again(world):
    order = world.delivered()
    world.decide(order, world.dispute(order, amount_minor=1200), won=False)

    case = world.bring_back(order, (1, 3))

    assert amounts(case) == {"goods": 1500, "withheld": 1200, "refund": 300}
    end = Stand(order="returned", payment="captured", reservation="out", shipment="delivered")
    actions = (*OPENED, *LOST, "ReturnRequested", "CaseRefunded", "OrderReturned")
    assert_row(world, 25, order, end=end, actions=actions, keeps=0, words="3.00 GBP was paid back")


def test_d25_held_refunds_get_what_the_bank_has_left_the_oldest_first(world):
    order = world.delivered()
    name = world.dispute(order, amount_minor=800)
    first = world.bring_back(order, (1, 1))
    second = world.bring_back(order, (1, 1))

    world.decide(order, name, won=False)

    paid = dict(Refund.objects.values_list("case_id", "amount_minor"))
    assert paid == {first.pk: 500, second.pk: 200}
    assert again(second).state == Case.State.SETTLED
    assert kept(world.provider, order) == 0
    assert_books_agree(world)


def test_d25_a_bank_may_dispute_again_what_it_had_left(world):
    order = world.delivered()
    world.decide(order, world.dispute(order), won=True)

    world.decide(order, world.dispute(order), won=False)

    states = Dispute.objects.order_by("opened_at").values_list("state", flat=True)
    assert list(states) == [Dispute.State.WON, Dispute.State.LOST]
    actions = (*OPENED, *ENDED, *OPENED, *LOST)
    assert facts(order, *dict.fromkeys(actions)) == list(actions)
    assert kept(world.provider, order) == 0


def test_d25_an_order_that_is_being_cancelled_when_the_bank_takes_all_ends_without_a_refund(
    world, order
):
    name = world.dispute(order)
    cancel(world, order)

    world.decide(order, name, won=False)

    assert refund().state == Refund.State.DROPPED
    assert Case.objects.get(order=order, is_whole=True).state == Case.State.SETTLED
    assert "paid back" not in said(order)
    actions = (*OPENED, "OrderCancelled", "DisputeLost", "OrderUndone")
    assert_row(world, 25, order, end=CANCELLED, actions=actions, keeps=0, words="is cancelled")


def test_d25_nobody_closes_an_inquiry_that_is_over(world):
    order = world.delivered()
    world.decide(order, world.dispute(order, inquiry=True), won=True)

    with pytest.raises(InvalidDecision, match="no question of a bank that is still open"):
        close_inquiry(dispute_case(order), actor=ANNA)


def test_d25_parcels_wait_for_the_last_of_several_disputes(world, order):
    parcel = Shipment.objects.get(order_id=order.pk)
    first = world.dispute(order)
    world.decide(order, first, won=True)
    second = world.dispute(order)
    assert again(parcel).disputes == 1

    world.decide(order, second, won=True)

    assert again(parcel).disputes == 0
    assert world.hand_over(order)
