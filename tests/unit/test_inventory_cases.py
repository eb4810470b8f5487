"""Inventory's steps in cases: cancelled units, returned goods, replacements, losses."""

import pytest

from inventory.events import (
    LinesReleased,
    ReplacementOutOfStock,
    ReplacementReserved,
    ReturnInspected,
)
from inventory.models import Reservation, ReturnedGoods, ReturnedLine, StockItem
from inventory.participant import cases, returns
from orders.events import (
    CaseKind,
    ExchangeRequested,
    LinesCancelled,
    LossOpened,
    ReturnRequested,
)
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    GoodsSentBack,
    ReturnReceived,
    ReturnUnbookable,
)
from tests.unit.house import case, case_lines, order_lines
from tests.unit.stock_steps import CASE, ORDER, added, kept, kind_of, work

State = Reservation.State
GoodsState = ReturnedGoods.State


# -- some units are cancelled ---------------------------------------------------------------


def cancelled(quantity, kind=CaseKind.CANCEL_PARTIAL):
    lines = case_lines((1, "CUP", quantity))
    amount = Money(100 * quantity, "GBP")
    return case(LinesCancelled, ORDER, CASE, case=kind, lines=lines, amount=amount)


@pytest.mark.parametrize(
    ("state", "quantity", "after"),
    [
        (State.RESERVED, 1, State.RESERVED),
        (State.COMMITTED, 1, State.COMMITTED),
        (State.EXTENDED, 3, State.RELEASED),
        (State.COMMITTED, 3, State.RELEASED),
    ],
)
def test_cancelled_units_are_available_again(state, quantity, after):
    bucket = Reservation(state=state).bucket
    cup = StockItem(sku="CUP", **{bucket: 3})
    reservation, (line,) = kept(state, cup, 3)

    said = cases.release_lines(cancelled(quantity), reservation, [line], [cup])

    assert said == LinesReleased(case_id=CASE, order_id=ORDER)
    assert (cup.available, getattr(cup, bucket)) == (quantity, 3 - quantity)
    assert (line.released, reservation.state) == (quantity, after)


def test_when_the_rest_is_cancelled_all_that_is_to_leave_has_left():
    cup = StockItem(sku="CUP", committed=1, out=2)
    reservation, (line,) = kept(State.PARTLY_OUT, cup, 3, out=2)

    cases.release_lines(cancelled(1), reservation, [line], [cup])

    assert (cup.available, cup.committed, reservation.state) == (1, 0, State.OUT)


def test_units_that_are_not_there_are_not_made_available():
    cup = StockItem(sku="CUP", committed=2, damaged=1)
    reservation, (line,) = kept(State.COMMITTED, cup, 3, short=1)

    cases.release_lines(cancelled(1, CaseKind.OOS_CANCEL), reservation, [line], [cup])
    assert (cup.available, cup.committed, line.released) == (0, 2, 0)

    cases.release_lines(cancelled(3), reservation, [line], [cup])
    assert (cup.available, cup.committed, cup.damaged) == (2, 0, 1)
    assert (line.released, reservation.state) == (2, State.RELEASED)


@pytest.mark.parametrize("state", [State.REFUSED, State.RELEASED, State.OUT, State.WRITTEN_OFF])
def test_e7_a_cancel_is_answered_where_nothing_is_kept(state):
    cup = StockItem(sku="CUP", available=1)
    reservation, lines = kept(state, cup, 2, out=1)

    said = cases.release_lines(cancelled(1), reservation, lines, [cup])

    assert said == LinesReleased(case_id=CASE, order_id=ORDER)
    assert (cup.available, reservation.state) == (1, state)
    assert kind_of(cases.release_lines, state) is AnswerKind.APPLY


# -- goods come back ------------------------------------------------------------------------


def returned(state, item, quantity, *, is_fault=False, **found):
    goods = ReturnedGoods(case_id=CASE, order_id=ORDER, state=state, is_fault=is_fault)
    return goods, [ReturnedLine(goods=goods, line_no=1, item=item, quantity=quantity, **found)]


@pytest.mark.parametrize("fault", [False, True])
def test_a_return_is_expected_line_by_line(fault):
    cup, unit = StockItem(sku="CUP", out=3), work()
    lines = case_lines((1, "CUP", 1), (4, "CUP", 1))
    event = case(ReturnRequested, ORDER, CASE, lines=lines, intercept=False, fault=fault)
    goods = returns.expect_goods(event)

    returns.expect_return(event, goods, items=[cup], work=unit)

    assert [(line.line_no, line.quantity) for line in added(unit)] == [(1, 1), (4, 1)]
    assert (goods.is_fault, goods.case_id, cup.out) == (fault, CASE, 3)


def test_goods_that_come_back_are_kept_apart_first():
    cup = StockItem(sku="CUP", out=3)
    goods, lines = returned(GoodsState.EXPECTED, cup, 3)

    returns.quarantine(ReturnReceived(case_id=CASE), goods, returned=lines, items=[cup])

    assert (cup.out, cup.quarantine, cup.available) == (0, 3, 0)


@pytest.mark.parametrize(("who", "is_done"), [("by_hand", False), ("accept_all", True)])
def test_a_shop_may_have_nobody_look_at_what_comes_back(shop, who, is_done):
    shop["INSPECTION"] = who
    cup = StockItem(sku="CUP", quarantine=2)
    goods, lines = returned(GoodsState.QUARANTINED, cup, 2)

    said = returns.accept_unseen(ReturnReceived(case_id=CASE), goods, lines, [cup])

    assert isinstance(said, ReturnInspected) is is_done
    assert (cup.available, cup.quarantine) == ((2, 0) if is_done else (0, 2))


def test_refused_units_leave_again():
    cup = StockItem(sku="CUP", quarantine=2)
    goods, lines = returned(GoodsState.INSPECTED, cup, 3, sellable=1, refused=2)

    sent = GoodsSentBack(case_id=CASE, tracking="PX1")
    returns.book_out_refused(sent, goods, returned=lines, items=[cup])

    assert (cup.quarantine, cup.out, goods.state) == (0, 2, GoodsState.SENT_BACK)


def test_goods_that_nobody_brings_are_not_waited_for():
    goods = ReturnedGoods(case_id=CASE, order_id=ORDER)

    returns.drop_return(ReturnUnbookable(case_id=CASE, order_id=ORDER, code="no_service"), goods)

    assert goods.state == GoodsState.DROPPED


# -- replacements, losses -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("available", "said", "state", "committed"),
    [
        (2, ReplacementReserved, State.COMMITTED, 2),
        (1, ReplacementOutOfStock, State.REFUSED, 0),
    ],
)
def test_a_replacement_is_kept_for_its_case_whole_or_not_at_all(available, said, state, committed):
    cup = StockItem(sku="CUP", available=available)
    event = case(
        ExchangeRequested, ORDER, CASE, lines=(), wanted=order_lines(("CUP", 1), ("CUP", 1))
    )
    reservation = cases.open_replacement(event)

    fact = cases.reserve_replacement(event, reservation, items=[cup], work=work())

    assert fact == said(case_id=CASE, order_id=ORDER)
    assert (reservation.holder_id, reservation.order_id) == (CASE, ORDER)
    assert (reservation.state, cup.committed) == (state, committed)


def lost(*lines):
    return case(LossOpened, ORDER, CASE, lines=case_lines(*lines))


def test_only_what_was_in_the_lost_parcel_is_written_off():
    cup = StockItem(sku="CUP", out=3)
    reservation, (line,) = kept(State.OUT, cup, 3, out=3)

    cases.write_off(lost((1, "CUP", 1)), reservation, [line], [cup])
    assert (cup.out, cup.damaged, line.lost) == (2, 1, 1)
    assert reservation.state == State.OUT

    cases.write_off(lost((1, "CUP", 2)), reservation, [line], [cup])
    assert (cup.out, cup.damaged, reservation.state) == (0, 3, State.WRITTEN_OFF)


def test_a_loss_of_what_is_not_booked_out_yet_is_tried_again():
    cup = StockItem(sku="CUP", committed=2, out=1)
    reservation, (line,) = kept(State.PARTLY_OUT, cup, 3, out=1)

    with pytest.raises(cases.NotOutYet, match="2 of CUP are lost, and 1 are out"):
        cases.write_off(lost((1, "CUP", 2)), reservation, [line], [cup])


@pytest.fixture
def shop(settings):
    """Return the shop's policy, for this test alone."""
    settings.SHOP = dict(settings.SHOP)
    return settings.SHOP
