"""What goes back for a case: exact to the last minor unit, and never more than was paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.cases import CASES
from orders.events import CaseKind
from orders.models import Case, Order
from orders.reckoning import (
    book,
    book_parts,
    estimate,
    fall_short,
    reckon,
    reckon_whole,
    restore,
    return_fee,
    unbook,
)
from tests.unit.order_rows import a_case, books, parts_of, shipped


def rule(kind, *, fault=False, is_whole=False):
    return CASES[kind].applied(fault=fault, is_whole=is_whole)


@st.composite
def sold_orders(draw):
    """Return the books of an order that was paid by money, coupon and points, all shipped."""
    sold = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 999)), min_size=1, max_size=4))
    goods = sum(quantity * price for quantity, price in sold)
    coupon = draw(st.integers(0, goods))
    points = draw(st.integers(0, goods - coupon))
    return shipped(
        sold=tuple(sold),
        coupon=coupon,
        points=points,
        shipping=draw(st.integers(0, 300)) + (goods == coupon + points),
    )


def taken_bit_by_bit(data, found):
    """Yield random handfuls of units until the customer keeps nothing."""
    while rest := found.rest:
        taken = [(line, data.draw(st.integers(0, units))) for line, units in rest]
        yield [(line, units) for line, units in taken if units] or rest


def give_up(found, taken, case, reckoned):
    book(case, found, taken, reckoned)
    restore(case, found.benefits)
    for line, units in taken:
        line.returned += units


@given(sold_orders(), st.data())
def test_an_order_that_is_given_up_bit_by_bit_is_given_back_exactly(found, data):
    order = found.order
    for taken in taken_bit_by_bit(data, found):
        case = a_case(order, CaseKind.RETURN, fault=True)
        give_up(found, taken, case, reckon(found, taken, rule=case.rule))

    assert order.given_back_minor == order.total_minor
    assert order.postage_back_minor == order.shipping_minor
    assert [line.refunded_minor for line in found.lines] == [
        line.paid_minor for line in found.lines
    ]
    assert [b.restored_minor for b in found.benefits] == [b.used_minor for b in found.benefits]


@given(sold_orders(), st.data())
def test_whatever_the_cases_no_line_gets_more_than_was_paid_and_all_sums_add_up(found, data):
    order = found.order
    kinds = st.sampled_from(
        [CaseKind.RETURN, CaseKind.CANCEL_PARTIAL, CaseKind.LOST, CaseKind.FRAUD_CANCEL]
    )
    for taken in taken_bit_by_bit(data, found):
        case = a_case(order, data.draw(kinds), fault=data.draw(st.booleans()))
        order.given_back_minor += data.draw(st.integers(0, order.left_minor // 4))
        reckoned = reckon(
            found,
            taken,
            rule=case.rule,
            fee_minor=data.draw(st.integers(0, 400)),
            replaced_minor=data.draw(st.integers(0, 400)),
        )
        give_up(found, taken, case, reckoned)

        assert sum(reckoned.worths) == case.goods_minor
        assert 0 <= sum(reckoned.refunds) <= case.refund_minor
        assert case.refund_minor == (
            case.goods_minor + case.postage_minor - case.return_fee_minor
            - case.replaced_minor - case.withheld_minor
        )  # fmt: skip
        assert all(
            0 <= refund <= worth
            for refund, worth in zip(reckoned.refunds, reckoned.worths, strict=True)
        )

    assert 0 <= order.given_back_minor <= order.total_minor
    assert 0 <= order.postage_back_minor <= order.shipping_minor
    assert all(0 <= line.refunded_minor <= line.paid_minor for line in found.lines)
    assert all(0 <= b.restored_minor <= b.used_minor for b in found.benefits)


@given(sold_orders(), st.data())
def test_what_could_not_be_given_is_taken_off_the_books_again(found, data):
    order, taken = found.order, next(taken_bit_by_bit(data, found))
    case = a_case(order, CaseKind.RETURN, fault=True)
    parts = parts_of(case, *taken)
    reckoned = reckon(found, taken, rule=case.rule)
    book(case, found, taken, reckoned)
    book_parts(parts, taken, reckoned)

    unbook(case, found, parts)

    assert (order.given_back_minor, order.postage_back_minor, case.refund_minor) == (0, 0, 0)
    assert case.withheld_minor == case.goods_minor + case.postage_minor
    assert all(line.refunded_minor == 0 for line in found.lines)


@given(sold_orders(), st.data())
def test_what_the_bank_had_of_a_whole_order_is_taken_off_its_lines_and_then_its_postage(
    found, data
):
    order = found.order
    case = a_case(order, CaseKind.CANCEL, is_whole=True)
    taken = found.rest
    book(case, found, taken, reckon_whole(found, rule=case.rule))
    paid = data.draw(st.integers(0, case.refund_minor))

    fall_short(case, found, [], paid_minor=paid)

    lines = [line.refunded_minor for line in found.lines]
    assert sum(lines) + order.postage_back_minor == case.refund_minor == paid
    assert all(0 <= had <= line.paid_minor for had, line in zip(lines, found.lines, strict=True))
    assert 0 <= order.postage_back_minor <= order.shipping_minor
    assert order.given_back_minor == order.total_minor


def test_a_whole_order_that_is_still_being_cancelled_has_nothing_to_take_off():
    found = shipped(Order.State.CANCELLING, shipping=300)
    case = a_case(found.order, CaseKind.CANCEL, Case.State.ACCEPTED, is_whole=True)
    estimate(case, reckon_whole(found, rule=case.rule))

    fall_short(case, found, [], paid_minor=0)

    assert (case.refund_minor, found.order.postage_back_minor) == (0, 0)


# -- rows -----------------------------------------------------------------------------------------


def test_a_change_of_mind_pays_the_way_back_and_keeps_its_shipping_fee_paid():
    found = shipped(shipping=300)
    taken = [(found.lines[0], 1)]

    reckoned = reckon(found, taken, rule=rule(CaseKind.RETURN), fee_minor=200)

    assert (reckoned.goods_minor, reckoned.postage_minor, reckoned.refund_minor) == (500, 0, 300)


def test_the_fee_goes_back_for_the_shops_fault_once_nothing_is_kept():
    found = shipped(shipping=300)
    first, second = found.lines
    blamed = rule(CaseKind.RETURN, fault=True)

    part = reckon(found, [(first, 3)], rule=blamed)
    whole = reckon(found, [(first, 3), (second, 1)], rule=blamed)

    assert (part.postage_minor, whole.postage_minor) == (0, 300)


def test_a_shop_may_give_the_fee_back_in_proportion(settings):
    settings.SHOP = {**settings.SHOP, "PARTIAL_POSTAGE": "pro_rata"}
    found = shipped(shipping=160)

    reckoned = reckon(found, [(found.lines[0], 3)], rule=rule(CaseKind.LOST))

    assert reckoned.postage_minor == 150


def test_a_return_fee_is_never_more_than_what_goes_back():
    found = shipped(shipping=300)

    reckoned = reckon(found, [(found.lines[1], 1)], rule=rule(CaseKind.RETURN), fee_minor=900)

    assert (reckoned.return_fee_minor, reckoned.refund_minor) == (100, 0)


def test_what_was_given_as_goodwill_is_not_given_again():
    found = shipped()
    found.order.given_back_minor = 250

    reckoned = reckon(found, found.rest, rule=rule(CaseKind.RETURN))

    assert (reckoned.withheld_minor, reckoned.refund_minor) == (250, 1350)


def test_fraud_gets_money_back_but_neither_coupon_nor_points():
    found = shipped(coupon=100, points=60)

    reckoned = reckon(found, found.rest, rule=rule(CaseKind.FRAUD_CANCEL))

    assert (reckoned.coupon_minor, reckoned.points_minor) == (0, 0)
    assert reckoned.refund_minor == 1440


def test_an_order_whose_money_was_never_taken_gets_only_coupon_and_points_back():
    found = books(Order.State.CANCELLING, coupon=100, points=60, shipping=300)
    found.order.is_captured = False

    reckoned = reckon_whole(found, rule=rule(CaseKind.CANCEL, is_whole=True))

    assert reckoned.refund_minor == 0
    assert (reckoned.coupon_minor, reckoned.points_minor) == (100, 60)


def test_an_exchange_that_is_paid_after_all_pays_only_what_it_has_not_paid_yet():
    found = shipped()
    line = found.lines[0]
    line.refunded_minor = found.order.given_back_minor = 200

    reckoned = reckon(found, [(line, 3)], rule=rule(CaseKind.EXCHANGE), given_before=[200])

    assert (reckoned.goods_minor, reckoned.withheld_minor) == (1500, 200)
    assert reckoned.refunds == (1300,)


@pytest.mark.parametrize(
    ("kind", "fault", "wanted"),
    [
        (CaseKind.RETURN, False, 395),
        (CaseKind.RETURN, True, 0),
        (CaseKind.LOST, False, 0),
        (CaseKind.FRAUD_CANCEL, False, 0),
    ],
)
def test_only_who_changed_their_mind_pays_the_way_back(settings, kind, fault, wanted):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 395}}

    assert return_fee(rule(kind, fault=fault), "GBP") == wanted
    assert return_fee(rule(kind, fault=fault), "KWD") == 0


def test_a_case_says_what_its_kind_makes_of_it():
    case = a_case(shipped().order, CaseKind.OOS_CANCEL, Case.State.OPEN, is_whole=True)

    assert case.rule.apology
    assert case.rule.finals == ("cancelled", "")
