"""D-17 to D-19: goods that the customer has come back, and their money follows."""

from datetime import timedelta

import pytest

from inventory.events import InspectionOverdue
from inventory.models import ReturnedLine, StockItem
from inventory.services import Verdict
from orders.cases import Bearer
from orders.models import Case, Order, SoldLine
from orders.services import InvalidReturn, request_return
from payments.models import Refund
from sagas.calendar import due
from sagas.models import StoredEvent
from shipping.models import ReturnParcel
from tests.scenarios.books import Stand, assert_books_agree
from tests.scenarios.endings import again, amounts, assert_row, facts, said
from tests.scenarios.given import assert_pending
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

#: The shipping fee (F), a coupon and points; with three mugs at 5.00 the customer pays 12.50.
FEE = {"shipping_minor": 250, "coupon": ("SPRING", 300), "points_minor": 200}

BACK = (
    "ReturnRequested",
    "ReturnLabelled",
    "ReturnReceived",
    "ReturnQuarantined",
    "ReturnInspected",
    "RefundDue",
    "CaseRefundPlanned",
    "CaseRefunded",
    "ReturnCompleted",
)
RETURNED = Stand(order="returned", payment="captured", reservation="out", shipment="delivered")
KEPT = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")


def mugs():
    return StockItem.objects.get(sku="MUG")


def restored(order):
    """Return what came back of the coupon and of the points."""
    return {benefit.kind: benefit.restored_minor for benefit in order.benefits.all()}


# -- D-17: the customer has changed their mind


def test_d17_goods_are_received_and_inspected_before_all_that_was_paid_for_them_goes_back(world):
    order = world.delivered(**FEE)

    case = world.bring_back(order, (1, 3))

    assert (case.kind, case.state, case.rule.bearer) == ("return", "settled", Bearer.CUSTOMER)
    assert amounts(case) == {"goods": 1000, "refund": 1000, "coupon": 300, "points": 200}
    assert restored(order) == {"coupon": 300, "points": 200}
    assert mugs().available == 100
    actions = (*BACK, "OrderReturned")
    words = "Your goods are back with us. 10.00 GBP was paid back."
    assert_row(world, 17, order, end=RETURNED, actions=actions, keeps=250, words=words)


def test_d17_the_customer_pays_the_way_back_where_the_shop_asks_for_a_fee(world, policy):
    policy(RETURN_FEE_MINOR={"GBP": 300})
    order = world.delivered()

    case = world.bring_back(order, (1, 2))

    assert amounts(case) == {"goods": 1000, "return_fee": 300, "refund": 700}
    assert_row(world, 17, order, end=KEPT, actions=BACK, keeps=800, words="Your order is complete.")


def test_d17_a_fee_that_is_more_than_the_goods_takes_all_and_no_more(world, policy):
    policy(RETURN_FEE_MINOR={"GBP": 900})
    order = world.delivered()

    case = world.bring_back(order, (1, 1))

    assert amounts(case) == {"goods": 500, "return_fee": 500}
    assert case.state == Case.State.SETTLED
    assert "paid back" not in said(order)
    actions = [fact for fact in BACK if fact != "CaseRefundPlanned"]
    assert_row(world, 17, order, end=KEPT, actions=actions, keeps=1500, words="")


def test_d17_the_last_of_several_returns_of_a_line_gets_exactly_the_rest(world):
    order = world.delivered(coupon=("SPRING", 400), points_minor=100)

    found = [amounts(world.bring_back(order, (1, 1))) for _ in range(3)]

    assert [case["refund"] for case in found] == [333, 333, 334]
    assert [case["coupon"] for case in found] == [133, 133, 134]
    assert [case["points"] for case in found] == [33, 33, 34]
    line = SoldLine.objects.get(order=order)
    assert (line.returned, line.refunded_minor) == (3, line.paid_minor)
    actions = (*BACK * 3, "OrderReturned")
    assert_row(world, 17, order, end=RETURNED, actions=actions, keeps=0, words="3.34 GBP was paid")


def test_d17_returns_of_one_order_may_be_on_their_way_at_once(world):
    world.stock(CUP=10)
    order = world.delivered(("MUG", 2, 500), ("CUP", 2, 301))
    first = world.ask_back(order, (1, 1), (2, 2))
    second = world.ask_back(order, (1, 1))

    for case in (second, first):
        world.receive(case)
    for case in (first, second):
        world.inspect(case)

    assert (amounts(first)["refund"], amounts(second)["refund"]) == (1102, 500)
    assert reload(order).state == Order.State.RETURNED
    assert kept(world.provider, order) == 0
    assert_books_agree(world, stock={"CUP": 10})


def test_d17_damaged_goods_that_are_accepted_are_paid_for_and_not_sold_again(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 3))
    world.receive(case)

    world.inspect(case, {1: Verdict(sellable=1, damaged=2)})

    assert (mugs().available, mugs().damaged, mugs().quarantine) == (98, 2, 0)
    assert_row(world, 17, order, end=RETURNED, actions=BACK, keeps=0, words="15.00 GBP was paid")


def test_d17_refused_units_go_back_to_the_customer_and_only_the_others_are_paid_for(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 3))
    world.receive(case)

    world.inspect(case, {1: Verdict(sellable=1, damaged=1, refused=1)})

    assert amounts(case) == {"goods": 1000, "refund": 1000}
    line = SoldLine.objects.get(order=order)
    assert (line.returned, line.returnable) == (2, 1)
    assert set(facts(order, *BACK, "GoodsRefused", "GoodsSentBack")) == {
        *BACK,
        "GoodsRefused",
        "GoodsSentBack",
    }
    assert_row(world, 17, order, end=KEPT, actions=BACK, keeps=500, words="")


def test_d17_what_was_refused_once_may_come_back_once_more(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 3))
    world.receive(case)
    world.inspect(case, {1: Verdict(sellable=2, refused=1)})

    second = world.bring_back(order, (1, 1))

    assert amounts(second) == {"goods": 500, "refund": 500}
    assert reload(order).state == Order.State.RETURNED
    assert kept(world.provider, order) == 0
    assert_books_agree(world)


def test_d17_nothing_is_called_complete_before_it_is(world):
    order = world.delivered()
    world.provider.switch_on("pending_refund")

    case = world.ask_back(order, (1, 3))
    assert_pending(order, "You asked to send goods back.")
    world.receive(case)
    assert_pending(order, "You asked to send goods back.")
    world.inspect(case)
    assert again(case).state == Case.State.ACCEPTED
    assert_pending(order, "Your goods are back with us. 15.00 GBP will be paid back by")
    (pending,) = world.provider.standing(order.number).refunds
    world.provider.settle_refund(pending.id)
    world.pass_time(timedelta(hours=1))

    assert_row(
        world, 17, order, end=RETURNED, actions=BACK, keeps=0, words="15.00 GBP was paid back"
    )


def test_d17_the_law_counts_from_the_receipt_of_the_goods(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 1))
    assert again(case).due_at is None

    world.pass_time(timedelta(days=4))
    world.receive(case)

    now = again(case)
    assert now.received_at - now.opened_at > timedelta(days=4)
    assert now.due_at == due(now.received_at, 3, zone="Asia/Seoul")


def test_d17_a_shop_may_count_other_days_elsewhere(world, policy):
    policy(LEGAL_DAYS=14, LEGAL_ZONE="Europe/London")
    order = world.delivered()

    case = world.bring_back(order, (1, 1))

    assert case.due_at == due(case.received_at, 14, zone="Europe/London")


def test_d17_where_nobody_inspects_everything_is_accepted_at_once(world, policy):
    policy(INSPECTION="accept_all")
    order = world.delivered()

    world.receive(world.ask_back(order, (1, 3)))

    assert mugs().available == 100
    assert_row(world, 17, order, end=RETURNED, actions=BACK, keeps=0, words="15.00 GBP was paid")


def test_d17_goods_that_nobody_looks_at_are_told_about(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 1))
    world.receive(case)

    world.pass_time(timedelta(days=3))

    assert StoredEvent.objects.filter(type=InspectionOverdue.wire_name).exists()
    assert kept(world.provider, order) == 1500
    world.inspect(case)
    assert_row(world, 17, order, end=KEPT, actions=BACK, keeps=1000, words="")


def test_d17_the_window_in_which_goods_may_come_back_is_the_shops_to_choose(world, policy):
    policy(RETURN_WINDOW=timedelta(days=7))
    order = world.delivered()
    world.provider.pass_time(timedelta(days=8))
    world.pass_time(timedelta(days=8))

    with pytest.raises(InvalidReturn, match="its return window is over"):
        request_return(reload(order), lines=[(1, 1)])
    policy(RETURN_WINDOW=timedelta(days=14))
    world.bring_back(order, (1, 1))

    assert_row(world, 17, order, end=KEPT, actions=BACK, keeps=1000, words="")


def test_d17_a_return_that_no_carrier_fetches_may_be_asked_for_again(world):
    world.carrier.switch_on("refuse", operation="book_return", times=2)
    order = world.delivered()

    refused = world.ask_back(order, (1, 3))

    assert again(refused).state == Case.State.REJECTED
    assert facts(order, "ReturnUnbookable", "ReturnNotExpected", "ReturnRejected") == [
        "ReturnUnbookable",
        "ReturnRejected",
        "ReturnNotExpected",
    ]
    assert SoldLine.objects.get(order=order).returnable == 3
    world.bring_back(order, (1, 3))
    assert reload(order).state == Order.State.RETURNED
    assert kept(world.provider, order) == 0
    assert_books_agree(world)


# -- D-18: the shop is to blame


def test_d18_for_the_shops_fault_the_fee_goes_back_too_and_the_goods_stay_apart(world, policy):
    policy(RETURN_FEE_MINOR={"GBP": 300})
    order = world.delivered(**FEE)

    case = world.bring_back(order, (1, 3), fault=True)

    assert case.rule.bearer == Bearer.SHOP
    assert amounts(case) == {
        "goods": 1000,
        "postage": 250,
        "refund": 1250,
        "coupon": 300,
        "points": 200,
    }
    assert restored(order) == {"coupon": 300, "points": 200}
    assert (mugs().available, mugs().quarantine) == (97, 3)
    assert case.due_at == due(case.received_at, 3, zone="Asia/Seoul")
    assert_row(
        world, 18, order, end=RETURNED, actions=BACK, keeps=0, words="12.50 GBP was paid back"
    )


def test_d18_the_fee_goes_back_with_the_last_of_the_goods(world):
    order = world.delivered(shipping_minor=250)

    first = world.bring_back(order, (1, 2), fault=True)
    assert amounts(first) == {"goods": 1000, "refund": 1000}
    last = world.bring_back(order, (1, 1), fault=True)

    assert amounts(last) == {"goods": 500, "postage": 250, "refund": 750}
    assert_row(world, 18, order, end=RETURNED, actions=BACK * 2, keeps=0, words="7.50 GBP was paid")


def test_d18_a_shop_may_give_the_fee_back_in_proportion(world, policy):
    policy(PARTIAL_POSTAGE="pro_rata")
    order = world.delivered(shipping_minor=250)

    found = [amounts(world.bring_back(order, (1, 1), fault=True)) for _ in range(3)]

    assert [case["postage"] for case in found] == [83, 83, 84]
    assert_row(world, 18, order, end=RETURNED, actions=BACK * 3, keeps=0, words="5.84 GBP was paid")


def test_d18_faulty_goods_that_are_damaged_are_paid_for_and_written_down_so(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 2), fault=True)
    world.receive(case)

    world.inspect(case, {1: Verdict(sellable=1, damaged=1)})

    assert (mugs().available, mugs().quarantine, mugs().damaged) == (97, 1, 1)
    assert_row(world, 18, order, end=KEPT, actions=BACK, keeps=500, words="")


# -- D-19: refused at inspection

REFUSED = ("ReturnRequested", "ReturnReceived", "ReturnInspected", "ReturnRejected")
NOTHING_PAID = "Nothing is paid back: the goods did not come back, or stay with you."


def test_d19_a_later_return_that_is_accepted_is_what_the_customer_reads_of(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 1))
    world.receive(case)
    world.inspect(case, {1: Verdict(refused=1)})
    assert NOTHING_PAID in said(order)

    world.bring_back(order, (1, 3))

    assert said(order) == "Your goods are back with us. 15.00 GBP was paid back."
    assert kept(world.provider, order) == 0


def test_d19_what_is_refused_at_inspection_is_sent_back_and_no_money_moves(world):
    order = world.delivered(**FEE)
    case = world.ask_back(order, (1, 3))
    world.receive(case)

    world.inspect(case, {1: Verdict(refused=3)})

    assert again(case).state == Case.State.REJECTED
    assert restored(order) == {"coupon": 0, "points": 0}
    assert not Refund.objects.exists()
    assert (mugs().quarantine, mugs().out, mugs().available) == (0, 3, 97)
    assert SoldLine.objects.get(order=order).returnable == 3
    parcel = ReturnParcel.objects.get(case_id=case.pk)
    assert parcel.state == ReturnParcel.State.SENT_BACK
    assert facts(order, "GoodsRefused", "GoodsSentBack") == ["GoodsRefused", "GoodsSentBack"]
    words = f"Your order is complete. {NOTHING_PAID}"
    assert_row(world, 19, order, end=KEPT, actions=REFUSED, keeps=1250, words=words)


def test_d19_the_evidence_is_kept_for_a_dispute(world):
    order = world.delivered()
    case = world.ask_back(order, (1, 2))
    world.receive(case)

    world.inspect(case, {1: Verdict(refused=2)})

    found = ReturnedLine.objects.get(goods__case_id=case.pk)
    assert (found.refused, found.quantity) == (2, 2)
    part = case.lines.get()
    assert (part.accepted, part.refused, part.refunded_minor) == (0, 2, 0)
    inspected = StoredEvent.objects.get(type="inventory.ReturnInspected")
    assert inspected.actor == "warehouse:lee"


def test_d19_refused_goods_that_no_carrier_takes_stay_until_a_person_decides(world):
    order = world.delivered()
    world.carrier.switch_on("refuse", operation="send_back")
    case = world.ask_back(order, (1, 3))
    world.receive(case)

    world.inspect(case, {1: Verdict(refused=3)})

    assert ReturnParcel.objects.get(case_id=case.pk).state == ReturnParcel.State.KEPT
    assert mugs().quarantine == 3
    assert facts(order, "GoodsSentBack", "SendBackRefused") == ["SendBackRefused"]
    assert_row(world, 19, order, end=KEPT, actions=REFUSED, keeps=1500, words="")
