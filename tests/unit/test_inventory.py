"""Inventory's steps, called like the functions they are: no database, no engine."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.conf import settings

from inventory.events import (
    OutOfStock,
    ReturnInspected,
    ReturnQuarantined,
    StockCommitted,
    StockReleased,
    StockReserved,
)
from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from inventory.participant import (
    commit,
    drop_return,
    expect_goods,
    expect_return,
    inspect,
    open_reservation,
    quarantine,
    release,
    reserve,
    ship,
    write_off,
)
from orders.events import (
    Address,
    LossOpened,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    ReturnLine,
    ReturnRequested,
)
from payments.events import PaymentClosed
from sagas.matrix import answer
from sagas.money import Money
from sagas.participant import AnswerKind
from sagas.work import Work
from shipping.events import ReturnReceived, ReturnUnbookable, ShipmentHandedOver

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOME = Address(name="Ada", street="1 Mill Lane", city="Leeds", postcode="LS1", country="GB")
ORDER = uuid4()


def placed(*lines):
    return OrderPlaced(
        order_id=ORDER,
        number="S-1",
        customer="ada",
        total=Money(1000, "GBP"),
        lines=tuple(
            OrderLine(line_no=n, sku=sku, quantity=quantity, unit_price_minor=100)
            for n, (sku, quantity) in enumerate(lines, start=1)
        ),
        ship_to=HOME,
        payment_tokens=("tok_visa",),
    )


def return_of(*lines):
    return ReturnRequested(
        return_id=uuid4(),
        order_id=ORDER,
        number="S-1",
        lines=tuple(
            ReturnLine(line_no=n, sku=sku, quantity=quantity, amount_minor=100)
            for n, (sku, quantity) in enumerate(lines, start=1)
        ),
        refund=Money(100, "GBP"),
        ship_from=HOME,
        reason="too small",
    )


def kind_of(step, state):
    """Return how a step answers in a state; None when nobody decided it."""
    found = answer(step, state)
    return found.kind if found else None


def work():
    return Work("default", NOW)


def added(work):
    return list(work._added.values())


def kept(state, item, quantity):
    reservation = Reservation(order_id=ORDER, state=state)
    return reservation, [ReservationLine(reservation=reservation, item=item, quantity=quantity)]


def test_a_reservation_keeps_every_line_for_a_while():
    cup, bag = StockItem(sku="CUP", available=5), StockItem(sku="BAG", available=1)
    event = placed(("CUP", 2), ("BAG", 1))
    reservation, unit = open_reservation(event), work()

    fact = reserve(event, reservation, items=[bag, cup], work=unit)

    assert fact == StockReserved(order_id=ORDER)
    assert (cup.available, cup.reserved) == (3, 2)
    assert (bag.available, bag.reserved) == (0, 1)
    assert reservation.state == Reservation.State.RESERVED
    assert reservation.expires_at == NOW + settings.SHOP["RESERVATION_TTL"]
    assert {(line.item.sku, line.quantity) for line in added(unit)} == {("CUP", 2), ("BAG", 1)}


def test_an_article_on_two_lines_is_reserved_once_for_both():
    cup = StockItem(sku="CUP", available=5)
    event, unit = placed(("CUP", 2), ("CUP", 3)), work()

    reserve(event, open_reservation(event), items=[cup], work=unit)

    assert (cup.available, cup.reserved) == (0, 5)
    assert [line.quantity for line in added(unit)] == [5]


def test_lines_of_one_article_are_added_up_before_stock_is_promised():
    cup = StockItem(sku="CUP", available=4)
    event = placed(("CUP", 2), ("CUP", 3))

    fact = reserve(event, open_reservation(event), items=[cup], work=work())

    assert fact == OutOfStock(order_id=ORDER, skus=("CUP",))


@pytest.mark.parametrize("items", [[], [StockItem(sku="BAG", available=1)]])
def test_too_little_or_unknown_stock_keeps_nothing_at_all(items):
    cup = StockItem(sku="CUP", available=5)
    event, unit = placed(("CUP", 2), ("BAG", 2)), work()
    reservation = open_reservation(event)

    fact = reserve(event, reservation, items=[cup, *items], work=unit)

    assert fact == OutOfStock(order_id=ORDER, skus=("BAG",))
    assert (cup.available, cup.reserved) == (5, 0)
    assert reservation.state == Reservation.State.REFUSED
    assert added(unit) == []


def test_paid_stock_is_committed_and_then_leaves_the_house():
    cup = StockItem(sku="CUP", available=3, reserved=2)
    reservation, lines = kept(Reservation.State.RESERVED, cup, 2)

    fact = commit(OrderConfirmed(order_id=ORDER), reservation, lines=lines, items=[cup])
    assert fact == StockCommitted(order_id=ORDER)
    assert (cup.reserved, cup.committed) == (0, 2)

    ship(ShipmentHandedOver(order_id=ORDER), reservation, lines=lines, items=[cup])
    assert (cup.committed, cup.out, cup.total) == (0, 2, 5)
    assert reservation.state == Reservation.State.OUT


@pytest.mark.parametrize("state", [Reservation.State.RESERVED, Reservation.State.COMMITTED])
def test_releasing_gives_back_from_the_bucket_the_stock_is_in(state):
    cup = StockItem(sku="CUP", available=3, **{str(state): 2})
    reservation, lines = kept(state, cup, 2)

    fact = release(PaymentClosed(order_id=ORDER), reservation, lines=lines, items=[cup])

    assert fact == StockReleased(order_id=ORDER)
    assert (cup.available, cup.reserved, cup.committed) == (5, 0, 0)
    assert reservation.state == Reservation.State.RELEASED


def test_a_lost_parcel_is_written_off():
    cup = StockItem(sku="CUP", out=2)
    reservation, lines = kept(Reservation.State.OUT, cup, 2)
    lost = LossOpened(loss_id=uuid4(), order_id=ORDER, refund=Money(200, "GBP"))

    write_off(lost, reservation, lines=lines, items=[cup])

    assert (cup.out, cup.damaged) == (0, 2)
    assert reservation.state == Reservation.State.WRITTEN_OFF


def test_a_return_is_expected_article_by_article():
    cup, unit = StockItem(sku="CUP", out=3), work()
    event = return_of(("CUP", 1), ("CUP", 1))

    expect_return(event, expect_goods(event), items=[cup], work=unit)

    assert [(line.item.sku, line.quantity) for line in added(unit)] == [("CUP", 2)]
    assert cup.out == 3


def test_inspected_goods_are_available_again_unless_they_are_damaged():
    cup = StockItem(sku="CUP", quarantine=3)
    goods = ReturnedGoods(return_id=uuid4(), order_id=ORDER, state=ReturnedGoods.State.QUARANTINED)
    lines = [ReturnedLine(goods=goods, item=cup, quantity=3, damaged=1)]

    fact = inspect(ReturnQuarantined(return_id=goods.return_id), goods, lines=lines, items=[cup])

    assert fact == ReturnInspected(return_id=goods.return_id, order_id=ORDER)
    assert (cup.quarantine, cup.available, cup.damaged) == (0, 2, 1)


def test_goods_that_come_back_are_kept_apart_first():
    cup = StockItem(sku="CUP", out=3)
    goods = ReturnedGoods(return_id=uuid4(), order_id=ORDER)
    lines = [ReturnedLine(goods=goods, item=cup, quantity=3)]

    quarantine(ReturnReceived(return_id=goods.return_id), goods, lines=lines, items=[cup])

    assert (cup.out, cup.quarantine, cup.available) == (0, 3, 0)


def test_goods_that_nobody_fetches_are_not_waited_for():
    goods = ReturnedGoods(return_id=uuid4(), order_id=ORDER)

    drop_return(
        ReturnUnbookable(return_id=goods.return_id, order_id=ORDER, code="no_service"), goods
    )

    assert goods.state == ReturnedGoods.State.DROPPED


@pytest.mark.parametrize("step", [reserve, commit, ship, write_off])
def test_no_event_that_moves_stock_is_ever_ignored(step):
    answers = [kind_of(step, state) for state in ("", *Reservation.State.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers


def test_stock_that_is_not_reserved_yet_is_waited_for():
    assert kind_of(commit, "") is AnswerKind.PARK
    assert kind_of(commit, Reservation.State.NEW) is AnswerKind.PARK
    assert kind_of(ship, Reservation.State.RESERVED) is AnswerKind.PARK


def test_a_reservation_expires_later_than_it_is_made():
    assert settings.SHOP["RESERVATION_TTL"] > timedelta(0)
