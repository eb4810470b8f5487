"""D-21 to D-23: an order is not to be trusted, before and after it has left."""

import pytest

from inventory.models import StockItem
from inventory.services import Verdict
from orders.models import BlockedCustomer, Case, Order, SoldLine
from orders.services import (
    InvalidDecision,
    InvalidOrder,
    choose_remedy,
    decide_fraud,
    flag_fraud,
    unblock_customer,
)
from payments.models import Refund
from sagas.pause import resume
from shipping import services as warehouse
from shipping.models import Shipment
from tests.scenarios.books import Stand, assert_books_agree
from tests.scenarios.endings import (
    ANNA,
    BEN,
    again,
    amounts,
    assert_row,
    at_most,
    facts,
    running,
    said,
)
from tests.scenarios.given import assert_pending
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

#: Three mugs at 5.00, of which coupon and points pay 5.00, and 2.50 for shipping.
PAID = {"shipping_minor": 250, "coupon": ("SPRING", 300), "points_minor": 200}

BEFORE = ("CancelRequested", "CancelAccepted", "OrderCancelled", "ShipmentStopped")
VOIDED = Stand(order="cancelled", payment="voided", reservation="released", shipment="stopped")
REFUNDED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
STOPPED = Stand(order="returned", payment="captured", reservation="out", shipment="intercepted")
ARRIVED = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")


def flag(world, order):
    """Suspect an order; return its case as it is once nothing is due any more."""
    case = flag_fraud(reload(order), reason="a stolen card", actor=ANNA)
    world.drain()
    return again(case)


def shipped(world, **placed):
    order = world.place(**placed)
    world.drain()
    world.hand_over(order)
    return order


def restored(order):
    return sum(benefit.restored_minor for benefit in order.benefits.all())


# -- D-21, D-22: before shipping


def test_d21_money_that_is_only_reserved_is_voided_once_the_parcel_is_stopped(world):
    order = at_most(world, "payments.capture", **PAID)

    case = flag(world, order)

    assert (case.kind, case.state, case.due_at) == ("fraud_cancel", "settled", None)
    assert amounts(case) == {}
    assert restored(order) == 0
    actions = (*BEFORE, "PaymentVoided", "StockReleased", "OrderUndone")
    words = "Your order is cancelled. You were not charged."
    assert_row(world, 21, order, end=VOIDED, actions=actions, keeps=0, words=words)


def test_d21_the_customer_is_blocked_until_somebody_lifts_it(world):
    order = at_most(world, "payments.capture")
    case = flag(world, order)

    with pytest.raises(InvalidOrder, match="kim may not place orders"):
        world.place()
    blocked = BlockedCustomer.objects.get(customer="kim")
    assert (blocked.actor, blocked.reason) == (ANNA, "a stolen card")
    assert flag(world, order).pk == case.pk
    assert unblock_customer("kim", actor=BEN)
    assert world.place()


def test_d21_a_shop_may_leave_its_customers_unblocked(world, policy):
    policy(FRAUD_BLOCKS=False)

    flag(world, at_most(world, "payments.capture"))

    assert not BlockedCustomer.objects.exists()


@pytest.mark.parametrize("step", ["shipping.book_label", "payments.look"])
def test_d22_money_that_was_taken_is_refunded_in_full_as_fraudulent(world, step):
    order = at_most(world, step, **PAID)

    case = flag(world, order)

    assert case.state == Case.State.SETTLED
    assert amounts(case) == {"goods": 1000, "postage": 250, "refund": 1250}
    assert restored(order) == 0
    assert Refund.objects.get().case == "fraud_cancel"
    actions = (*BEFORE, "RefundPlanned", "RefundPaid", "PaymentRefunded", "OrderUndone")
    words = "Your order is cancelled. 12.50 GBP was paid back."
    assert_row(world, 22, order, end=REFUNDED, actions=actions, keeps=0, words=words)


def test_d22_nothing_is_called_complete_while_the_refund_is_pending(world):
    order = world.place()
    world.drain()
    world.provider.switch_on("pending_refund")

    flag(world, order)

    assert reload(order).state == Order.State.CANCELLING
    assert running(order) == ["checkout"]
    assert_pending(order, "Your order is being cancelled. 15.00 GBP will be paid back.")


# -- D-23: after shipping


def test_d23_a_parcel_that_is_stopped_and_received_is_refunded(world):
    order = shipped(world, **PAID)

    case = flag(world, order)
    assert_pending(order, "Your order is being checked.")
    assert kept(world.provider, order) == 1250
    world.receive(case)
    world.inspect(case)

    assert again(case).state == Case.State.SETTLED
    assert amounts(case) == {"goods": 1000, "postage": 250, "refund": 1250}
    assert restored(order) == 0
    actions = (
        "ReturnRequested",
        "ReturnIntercepted",
        "ReturnReceived",
        "ReturnInspected",
        "RefundDue",
        "CaseRefunded",
        "OrderReturned",
    )
    words = "Your order was stopped, and your money went back. 12.50 GBP was paid back."
    assert_row(world, 23, order, end=STOPPED, actions=actions, keeps=0, words=words)


def test_d23_goods_that_a_fraud_has_had_are_kept_apart(world):
    order = shipped(world)
    case = flag(world, order)
    world.receive(case)

    world.inspect(case, {1: Verdict(sellable=2, damaged=1)})

    mugs = StockItem.objects.get(sku="MUG")
    assert (mugs.available, mugs.quarantine, mugs.damaged) == (97, 2, 1)
    assert_books_agree(world)


def test_d23_of_a_parcel_that_was_not_stopped_a_person_decides_to_refund(world):
    world.carrier.switch_on("no_intercept")
    order = shipped(world, **PAID)
    case = flag(world, order)
    world.deliver(order)
    assert again(case).state == Case.State.OPEN
    assert kept(world.provider, order) == 1250
    assert_pending(order, "Your order is being checked.")

    decide_fraud(case, refund=True, actor=BEN, reason="the card was stolen indeed")
    world.drain()

    assert (again(case).state, again(case).approver) == ("settled", BEN)
    assert amounts(case) == {"given": 1250, "refund": 1250}
    actions = ("InterceptFailed", "ReturnRejected", "CreditRequested", "CreditSettled")
    assert_row(world, 23, order, end=ARRIVED, actions=actions, keeps=0, words="complete")


def test_d23_of_a_parcel_that_was_not_stopped_a_person_decides_to_keep_the_money(world):
    world.carrier.switch_on("no_intercept")
    order = shipped(world, **PAID)
    case = flag(world, order)
    world.deliver(order)

    decide_fraud(case, refund=False, actor=BEN, reason="the customer has shown a passport")
    world.drain()

    assert again(case).state == Case.State.REJECTED
    assert amounts(case) == {}
    actions = ("InterceptFailed", "ReturnRejected")
    assert_row(world, 23, order, end=ARRIVED, actions=actions, keeps=1250, words="complete")
    with pytest.raises(InvalidDecision, match="no suspicion that is still open"):
        decide_fraud(again(case), refund=True, actor=BEN)


LOST = Stand(order="lost", payment="captured", reservation="written_off", shipment="lost")


def lost(world):
    """Return a suspected order whose parcel got lost on its way, and the case."""
    order = shipped(world, **PAID)
    case = flag(world, order)
    world.lose(order)
    return order, case


def test_d23_of_a_parcel_that_got_lost_nobody_asks_the_customer_before_a_person_has_decided(world):
    order, case = lost(world)

    assert again(case).state == Case.State.OPEN
    assert facts(order, "LossHeld", "RemedyAsked") == ["LossHeld"]
    assert kept(world.provider, order) == 1250
    assert_pending(order, "The carrier lost your parcel.")
    assert "Would you like" not in said(order)
    with pytest.raises(InvalidDecision, match="nothing to choose"):
        choose_remedy(Case.objects.get(kind="lost"), "goods")


def test_d23_of_a_parcel_that_got_lost_a_person_decides_to_refund_and_nothing_is_paid_twice(world):
    order, case = lost(world)

    decide_fraud(case, refund=True, actor=BEN, reason="the card was stolen indeed")
    world.drain()

    assert amounts(case) == {"given": 1250, "refund": 1250}
    assert restored(order) == 0
    assert amounts(Case.objects.get(kind="lost")).get("refund") is None
    actions = ("LossOpened", "SuspicionDecided", "LossSettled")
    words = "Your order was stopped, and your money went back. 12.50 GBP was paid back."
    assert_row(world, 23, order, end=LOST, actions=actions, keeps=0, words=words)


def test_d23_of_a_parcel_that_got_lost_an_honest_customer_is_asked_after_all(world):
    order, case = lost(world)

    decide_fraud(case, refund=False, actor=BEN, reason="the customer has shown a passport")
    world.drain()
    assert_pending(order, "Would you like the goods once more, or your money back?")
    choose_remedy(Case.objects.get(kind="lost"), "money")
    world.drain()

    actions = ("LossOpened", "SuspicionDecided", "RemedyAsked", "RemedyChosen", "LossSettled")
    paid = "The carrier lost your parcel. 12.50 GBP was paid back."
    assert_row(world, 23, order, end=LOST, actions=actions, keeps=0, words=paid)


def test_d23_nobody_decides_while_the_parcel_may_still_come_back(world):
    order = shipped(world)
    case = flag(world, order)

    with pytest.raises(InvalidDecision, match="The parcel may still come back"):
        decide_fraud(case, refund=True, actor=BEN)
    assert kept(world.provider, order) == 1500


def test_d23_of_goods_that_the_customer_has_a_person_decides_at_once(world):
    order = world.delivered()
    world.bring_back(order, (1, 1))

    case = flag(world, order)
    assert running(order) == []
    decide_fraud(case, refund=True, actor=BEN)
    world.drain()

    assert amounts(case) == {"given": 1000, "refund": 1000}
    actions = ("CreditRequested", "RefundDue", "CaseRefunded", "CreditSettled")
    assert facts(order, *actions)[-4:] == list(actions)
    assert kept(world.provider, order) == 0
    assert_books_agree(world)


def test_d23_the_rest_that_is_still_in_the_house_does_not_leave(world):
    order = world.place()
    world.drain()
    first = Shipment.objects.get(order_id=order.pk)
    warehouse.hand_over(first, lines={1: 2})
    world.drain()

    case = flag(world, order)

    rest = Shipment.objects.get(order_id=order.pk, part=2)
    assert rest.state == Shipment.State.STOPPED
    assert SoldLine.objects.get(order=order).cancelled == 1
    assert kept(world.provider, order) == 1000
    assert again(case).state == Case.State.OPEN
    decide_fraud(case, refund=True, actor=BEN)
    world.drain()
    assert kept(world.provider, order) == 0


def test_d23_a_parcel_that_left_in_the_same_moment_is_stopped_when_it_is_flagged_again(world):
    order = at_most(world, "orders.ship")
    world.hand_over(order)

    late = flag(world, order)
    resume("orders.ship", actor="test")
    world.drain()
    assert again(late).state == Case.State.REJECTED
    case = flag(world, order)
    world.receive(case)
    world.inspect(case)

    actions = ("CancelRefused", "CancelRejected", "ReturnIntercepted", "CaseRefunded")
    words = "Your order was stopped, and your money went back."
    assert_row(world, 23, order, end=STOPPED, actions=actions, keeps=0, words=words)
    assert said(order).endswith("15.00 GBP was paid back.")
