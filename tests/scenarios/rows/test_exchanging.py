"""D-20: the customer wants other goods instead; the replacement is reserved first."""

import pytest

from inventory.models import StockItem
from inventory.services import Verdict, set_stock
from orders.models import Case, SoldLine
from orders.services import InvalidReturn, request_exchange
from sagas.calendar import due
from tests.scenarios.books import Stand
from tests.scenarios.endings import (
    CUSTOMER,
    again,
    amounts,
    assert_row,
    facts,
    running,
    said,
)
from tests.scenarios.given import assert_pending
from tests.world import reload

pytestmark = pytest.mark.both_databases

AGREED = ("ExchangeRequested", "ReplacementReserved", "ExchangeAgreed", "ReturnLabelled")
CAME = ("ReturnReceived", "ReturnQuarantined", "ReturnInspected")
SENT = ("ReplacementLabelled", "ReplacementHandedOver", "ReplacementDelivered")
KEPT = Stand(order="completed", payment="captured", reservation="out", shipment="delivered")
BACK = Stand(order="returned", payment="captured", reservation="out", shipment="delivered")
CREDITED = ("CreditRequested", "CreditSettled")
PAID = ("RefundDue", "CaseRefundPlanned", "CaseRefunded", "ExchangeSettled")


@pytest.fixture
def order(world):
    """Return an order of three mugs at 5.00 that its customer has; there are ten cups, too."""
    world.stock(CUP=10)
    return world.delivered(shipping_minor=250)


def exchange(world, order, units=1, **how):
    """Have the customer ask for other goods instead of so many mugs; return the case."""
    case = request_exchange(
        reload(order), lines=[(1, units)], reason="too blue", actor=CUSTOMER, **how
    )
    world.drain()
    return case


def come_back(world, case, verdicts=None):
    world.receive(case)
    world.inspect(case, verdicts)


def units(sku):
    item = StockItem.objects.get(sku=sku)
    return {"available": item.available, "committed": item.committed, "out": item.out}


def ends(world, order, *, actions, keeps, words, end=KEPT):
    assert_row(
        world, 20, order, end=end, actions=actions, keeps=keeps, words=words, stock={"CUP": 10}
    )


# -- goods for goods


def test_d20_the_replacement_is_reserved_before_the_goods_come_back_and_sent_after(world, order):
    case = exchange(world, order, wanted=[("CUP", 1, 500)])
    assert units("CUP") == {"available": 9, "committed": 1, "out": 0}
    assert_pending(order, "You asked to exchange goods.")
    come_back(world, case)
    assert again(case).state == Case.State.SETTLED
    assert_pending(order, "Your goods are back with us. Other goods are being sent to you.")
    world.deliver(order, part=None)

    assert units("MUG") == {"available": 98, "committed": 0, "out": 2}
    assert units("CUP") == {"available": 9, "committed": 0, "out": 1}
    assert amounts(case) == {"goods": 500, "replaced": 500}
    line = SoldLine.objects.get(order=order)
    assert (line.exchanged, line.returned, line.refunded_minor) == (1, 0, 0)
    actions = (*AGREED, *CAME, "ReplacementDue", *SENT)
    ends(world, order, actions=actions, keeps=1750, words="Your order is complete.")


def test_d20_the_same_goods_are_sent_again_where_no_others_are_named(world, order):
    case = exchange(world, order, 3, fault=True)
    come_back(world, case)
    world.deliver(order, part=None)

    assert amounts(case) == {"goods": 1500, "replaced": 1500}
    mugs = StockItem.objects.get(sku="MUG")
    assert (mugs.available, mugs.out, mugs.quarantine) == (94, 3, 3)
    actions = (*AGREED, *CAME, "ReplacementDue", *SENT)
    ends(world, order, actions=actions, keeps=1750, words="Your order is complete.")


def test_d20_what_the_replacement_is_cheaper_is_paid_back(world, order, policy):
    policy(RETURN_FEE_MINOR={"GBP": 300})

    case = exchange(world, order, 2, wanted=[("CUP", 2, 350)])
    come_back(world, case)

    assert amounts(case) == {"goods": 1000, "replaced": 700, "refund": 300}
    assert again(case).due_at == due(again(case).received_at, 3, zone="Asia/Seoul")
    assert said(order) == (
        "Your goods are back with us. Other goods are being sent to you. 3.00 GBP was paid back."
    )
    world.deliver(order, part=None)
    actions = (*AGREED, *CAME, "ReplacementDue", *PAID, *SENT)
    assert set(facts(order, *actions)) == set(actions)
    ends(world, order, actions=(*AGREED, *CAME, *PAID), keeps=1450, words="complete")


def test_d20_dearer_goods_are_refused(world, order):
    with pytest.raises(InvalidReturn, match=r"6\.00 GBP can't be had for goods that cost 5\.00"):
        request_exchange(reload(order), lines=[(1, 1)], wanted=[("CUP", 1, 600)])

    assert not Case.objects.exists()


# -- goods for money


def test_d20_without_stock_the_goods_come_back_for_their_money(world, order, policy):
    policy(RETURN_FEE_MINOR={"GBP": 50})

    case = exchange(world, order, wanted=[("CUP", 11, 40)])
    assert again(case).remedy == Case.Remedy.MONEY
    come_back(world, case)

    assert amounts(case) == {"goods": 500, "return_fee": 50, "refund": 450}
    assert again(case).state == Case.State.SETTLED
    actions = ("ExchangeRequested", "ReplacementOutOfStock", "ExchangeAgreed", *CAME, *PAID)
    ends(world, order, actions=actions, keeps=1300, words="complete")


def test_d20_everything_that_comes_back_for_money_ends_the_order(world, order):
    set_stock("MUG", 0)

    case = exchange(world, order, 3)
    come_back(world, case)

    assert amounts(case) == {"goods": 1500, "refund": 1500}
    words = "Your goods are back with us. 15.00 GBP was paid back."
    actions = ("ReplacementOutOfStock", *CAME, *PAID, "OrderReturned")
    stock = {"MUG": 3, "CUP": 10}
    assert_row(world, 20, order, end=BACK, actions=actions, keeps=250, words=words, stock=stock)


def test_d20_where_only_a_part_is_accepted_that_part_is_paid_for_and_nothing_is_sent(world, order):
    case = exchange(world, order, 2, wanted=[("CUP", 2, 500)])

    come_back(world, case, {1: Verdict(sellable=1, refused=1)})

    assert again(case).remedy == Case.Remedy.MONEY
    assert amounts(case) == {"goods": 500, "refund": 500}
    assert units("CUP") == {"available": 10, "committed": 0, "out": 0}
    assert facts(order, "ReplacementUnwanted", "ReplacementReleased", "GoodsSentBack") != []
    ends(world, order, actions=(*AGREED, *CAME, *PAID), keeps=1250, words="complete")


# -- nothing for nothing


def test_d20_where_nothing_is_accepted_the_replacement_is_released_and_the_goods_go_back(
    world, order
):
    case = exchange(world, order, wanted=[("CUP", 1, 500)])

    come_back(world, case, {1: Verdict(refused=1)})

    assert again(case).state == Case.State.REJECTED
    assert units("CUP") == {"available": 10, "committed": 0, "out": 0}
    assert units("MUG") == {"available": 97, "committed": 0, "out": 3}
    actions = (*AGREED, *CAME, "ReplacementUnwanted", "ExchangeRejected")
    ends(world, order, actions=actions, keeps=1750, words="complete")


def test_d20_goods_that_no_carrier_fetches_free_what_was_reserved(world, order):
    world.carrier.switch_on("refuse", operation="book_return")

    case = exchange(world, order, wanted=[("CUP", 1, 500)])

    assert again(case).state == Case.State.REJECTED
    assert units("CUP") == {"available": 10, "committed": 0, "out": 0}
    assert SoldLine.objects.get(order=order).returnable == 3
    actions = ("ReplacementReserved", "ReturnUnbookable", "ReplacementUnwanted")
    ends(world, order, actions=actions, keeps=1750, words="complete")


# -- the replacement does not arrive


def test_d20_a_replacement_that_no_carrier_takes_is_paid_for_after_all(world, order):
    case = exchange(world, order, wanted=[("CUP", 1, 450)])
    world.carrier.switch_on("refuse", operation="book")

    come_back(world, case)

    credit = Case.objects.exclude(pk=case.pk).get(order=order)
    assert amounts(case)["refund"] == 50
    assert amounts(credit) == {"goods": 500, "withheld": 50, "refund": 450}
    assert units("CUP") == {"available": 10, "committed": 0, "out": 0}
    line = SoldLine.objects.get(order=order)
    assert (line.exchanged, line.returned, line.refunded_minor) == (0, 1, 500)
    actions = (*AGREED, *CAME, "ReplacementRefused", *CREDITED)
    ends(world, order, actions=actions, keeps=1250, words="complete")


def test_d20_a_replacement_that_gets_lost_is_paid_for_after_all(world, order):
    case = exchange(world, order, 3, wanted=[("CUP", 3, 500)])
    come_back(world, case)

    world.lose(order, part=None)

    assert running(order) == []
    assert StockItem.objects.get(sku="CUP").damaged == 3
    actions = (*AGREED, *CAME, *SENT[:2], "ReplacementLost", *CREDITED, "OrderReturned")
    ends(world, order, actions=actions, keeps=250, words="15.00 GBP was paid back", end=BACK)
