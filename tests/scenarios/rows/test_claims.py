"""D-18: a customer claims that the shop is to blame, and the inspection decides."""

import pytest

from inventory.services import InvalidInspection
from orders.cases import Bearer
from orders.models import Case
from orders.services import request_return
from tests.scenarios.books import Stand, where
from tests.scenarios.endings import again, amounts, assert_row
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

#: The shipping fee (F), a coupon and points; with three mugs at 5.00 the customer pays 12.50.
FEE = {"shipping_minor": 250, "coupon": ("SPRING", 300), "points_minor": 200}

RETURNED = Stand(order="returned", payment="captured", reservation="out", shipment="delivered")
BACK = ("ReturnRequested", "ReturnInspected", "RefundDue", "CaseRefunded", "ReturnCompleted")


def test_d18_a_customers_claim_is_only_a_claim_until_the_inspection_says_so(world, policy):
    policy(RETURN_FEE_MINOR={"GBP": 300})
    order = world.delivered(**FEE)
    case = world.ask_back(order, (1, 3), fault=True)
    world.receive(case)

    world.inspect(case, fault=False)

    case = again(case)
    assert (case.fault, case.rule.bearer) == (False, Bearer.CUSTOMER)
    assert amounts(case) == {
        "goods": 1000,
        "return_fee": 300,
        "refund": 700,
        "coupon": 300,
        "points": 200,
    }
    assert where("MUG") == {"available": 100}
    words = "7.00 GBP was paid back"
    assert_row(world, 17, order, end=RETURNED, actions=BACK, keeps=550, words=words)


def test_d18_nothing_is_paid_while_nobody_has_said_whether_the_claim_is_so(world):
    order = world.delivered(**FEE)
    case = world.ask_back(order, (1, 3), fault=True)
    world.receive(case)

    with pytest.raises(InvalidInspection, match="say whether it is"):
        world.inspect(case, fault=None)

    assert again(case).state == Case.State.OPEN
    assert kept(world.provider, order) == 1250


def test_d18_what_a_person_of_the_shop_says_is_no_claim(world):
    order = world.delivered(**FEE)
    case = request_return(reload(order), lines=[(1, 3)], actor="admin:anna", fault=True)
    world.drain()
    world.receive(case)

    world.inspect(case, fault=None)

    assert again(case).rule.bearer == Bearer.SHOP
    assert_row(world, 18, order, end=RETURNED, actions=BACK, keeps=0, words="12.50 GBP was paid")


def test_d18_a_shop_that_inspects_nothing_believes_its_customers(world, policy):
    policy(INSPECTION="accept_all")
    order = world.delivered(**FEE)

    world.receive(world.ask_back(order, (1, 3), fault=True))

    assert_row(world, 18, order, end=RETURNED, actions=BACK, keeps=0, words="12.50 GBP was paid")
