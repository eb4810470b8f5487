"""Inventory's steps, called like the functions they are: no database, no engine."""

from datetime import timedelta

import pytest
from django.conf import settings

from inventory import stock
from inventory.events import (
    CommitRejected,
    OutOfStock,
    ReservationExtended,
    ReservationRefused,
    StockCommitted,
    StockReleased,
    StockReserved,
    StockShipped,
)
from inventory.models import Reservation, StockItem
from inventory.participant import cases, checkout, inventory
from orders.events import (
    OrderConfirmed,
)
from payments.events import PaymentClosed, PaymentUnderWay
from sagas import fsm
from sagas.matrix import cells
from sagas.participant import ABSENT, AnswerKind
from shipping.events import (
    SentLine,
    ShipmentHandedOver,
)
from tests.unit.house import placed
from tests.unit.stock_steps import NOW, ORDER, added, kept, kind_of, work

State = Reservation.State


def reserved(event, *items, open_ones=()):
    """Return what the step said, the reservation, and its new lines."""
    unit, reservation = work(), checkout.open_reservation(event)
    said = checkout.reserve(
        event,
        reservation,
        items=list(items),
        overdue=[],
        open_ones=list(open_ones),
        over=[],
        work=unit,
    )
    return said, reservation, added(unit)


def handed_over(*lines):
    sent = tuple(
        SentLine(line_no=n, sku=sku, quantity=quantity)
        for n, (sku, quantity) in enumerate(lines, start=1)
    )
    return ShipmentHandedOver(order_id=ORDER, lines=sent)


# -- try ------------------------------------------------------------------------------------


def test_a_reservation_keeps_every_line_for_a_while():
    cup, bag = StockItem(sku="CUP", available=5), StockItem(sku="BAG", available=1)

    said, reservation, lines = reserved(placed(ORDER, ("CUP", 2), ("BAG", 1)), bag, cup)

    assert said == StockReserved(order_id=ORDER)
    assert (cup.available, cup.reserved) == (3, 2)
    assert (bag.available, bag.reserved) == (0, 1)
    assert (reservation.holder_id, reservation.state) == (ORDER, State.RESERVED)
    assert reservation.expires_at == NOW + settings.SHOP["RESERVATION_TTL"]
    assert {(line.item.sku, line.quantity) for line in lines} == {("CUP", 2), ("BAG", 1)}


def test_an_article_on_two_lines_is_reserved_once_for_both():
    cup = StockItem(sku="CUP", available=5)

    _said, _reservation, lines = reserved(placed(ORDER, ("CUP", 2), ("CUP", 3)), cup)

    assert (cup.available, cup.reserved) == (0, 5)
    assert [line.quantity for line in lines] == [5]


def test_lines_of_one_article_are_added_up_before_stock_is_promised():
    cup = StockItem(sku="CUP", available=4)

    said, _reservation, _lines = reserved(placed(ORDER, ("CUP", 2), ("CUP", 3)), cup)

    assert said == OutOfStock(order_id=ORDER, skus=("CUP",))


@pytest.mark.parametrize("items", [[], [StockItem(sku="BAG", available=1)]])
def test_too_little_or_unknown_stock_keeps_nothing_at_all(items):
    cup = StockItem(sku="CUP", available=5)

    said, reservation, lines = reserved(placed(ORDER, ("CUP", 2), ("BAG", 2)), cup, *items)

    assert said == OutOfStock(order_id=ORDER, skus=("BAG",))
    assert (cup.available, cup.reserved) == (5, 0)
    assert (reservation.state, lines) == (State.REFUSED, [])


@pytest.mark.parametrize(("limit", "is_kept"), [(None, True), (3, True), (2, False)])
def test_e8_a_customer_has_only_so_many_open_reservations(shop, limit, is_kept):
    shop["MAX_OPEN_RESERVATIONS"] = limit
    cup = StockItem(sku="CUP", available=5)
    open_ones = [Reservation(open_for="kim", slot=slot) for slot in (0, 1)]

    said, reservation, _lines = reserved(placed(ORDER, ("CUP", 1)), cup, open_ones=open_ones)

    if is_kept:
        assert said == StockReserved(order_id=ORDER)
        assert (reservation.open_for, reservation.slot) == (("kim", 2) if limit else (None, None))
    else:
        assert said == ReservationRefused(order_id=ORDER, limit=2)
        assert (cup.available, reservation.state) == (5, State.REFUSED)


@pytest.mark.parametrize(
    ("state", "left"), [(State.RESERVED, 0), (State.EXTENDED, 0), (State.COMMITTED, 2)]
)
def test_e1_what_was_paid_for_just_before_in_the_same_batch_does_not_lapse(state, left):
    """The rows say so already, which the database does not know yet."""
    cup = StockItem(sku="CUP", reserved=2)
    reservation, lines = kept(state, cup, 2)
    reservation.expires_at = NOW

    stock.lapse(lines, [cup], of=[reservation], now=NOW)

    assert (lines[0].kept, cup.available) == (left, 2 - left)


def test_e5_what_a_payment_may_yet_pay_for_is_kept_once_more_and_until_when_is_said():
    reservation = Reservation(order_id=ORDER, state=State.RESERVED, expires_at=NOW)

    said = checkout.extend(PaymentUnderWay(order_id=ORDER), reservation, work())

    until = NOW + settings.SHOP["RESERVATION_EXTENSION"]
    assert said == ReservationExtended(order_id=ORDER, until=until)
    assert (reservation.state, reservation.expires_at) == (State.EXTENDED, until)
    assert kind_of(checkout.extend, State.EXTENDED) is AnswerKind.LATE


def test_e4_stock_is_kept_until_the_account_that_waits_for_its_money_is_surely_closed():
    reservation = Reservation(order_id=ORDER, state=State.RESERVED, expires_at=NOW)
    closes = NOW + timedelta(days=3)

    said = checkout.extend(PaymentUnderWay(order_id=ORDER, until=closes), reservation, work())

    assert said.until == closes + settings.SHOP["RESERVATION_TTL"]
    assert reservation.expires_at == said.until


# -- confirm --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.RESERVED, State.EXTENDED])
def test_paid_stock_is_committed_and_then_leaves_the_house(state):
    cup = StockItem(sku="CUP", available=3, reserved=2)
    reservation, lines = kept(state, cup, 2)
    reservation.take_slot("kim", 0)

    said = checkout.commit(OrderConfirmed(order_id=ORDER), reservation, kept=lines, items=[cup])
    assert said == StockCommitted(order_id=ORDER)
    assert (cup.reserved, cup.committed) == (0, 2)
    assert (reservation.open_for, reservation.slot) == (None, None)

    checkout.ship(handed_over(("CUP", 2)), reservation, kept=lines, items=[cup])
    assert (cup.committed, cup.out, cup.total) == (0, 2, 5)
    assert reservation.state == State.OUT


def test_e6_what_was_released_is_kept_again_when_it_is_confirmed_after_all():
    cup = StockItem(sku="CUP", available=5)
    reservation, lines = kept(State.RELEASED, cup, 2)

    said = checkout.commit(OrderConfirmed(order_id=ORDER), reservation, kept=lines, items=[cup])

    assert said == StockCommitted(order_id=ORDER)
    assert (cup.available, cup.committed, reservation.state) == (3, 2, State.COMMITTED)


@pytest.mark.parametrize(
    ("state", "available", "skus"), [(State.RELEASED, 1, ("CUP",)), (State.REFUSED, 5, ())]
)
def test_e6_what_went_to_others_can_not_be_confirmed(state, available, skus):
    cup = StockItem(sku="CUP", available=available)
    reservation, lines = kept(state, cup, 2)
    lines = lines if skus else []

    said = checkout.commit(OrderConfirmed(order_id=ORDER), reservation, kept=lines, items=[cup])

    assert said == CommitRejected(order_id=ORDER, skus=skus)
    assert (cup.available, cup.committed, reservation.state) == (available, 0, state)


@pytest.mark.parametrize("state", [State.COMMITTED, State.PARTLY_OUT, State.OUT])
def test_e7_a_confirmation_is_answered_again_and_moves_nothing_again(state):
    cup = StockItem(sku="CUP", reserved=2, committed=2)
    reservation, lines = kept(state, cup, 2)

    said = checkout.commit(OrderConfirmed(order_id=ORDER), reservation, kept=lines, items=[cup])

    assert said == StockCommitted(order_id=ORDER)
    assert (cup.reserved, cup.committed, reservation.state) == (2, 2, state)
    assert kind_of(checkout.commit, state) is AnswerKind.APPLY


def test_exactly_what_left_is_booked_out_and_the_rest_is_kept():
    cup = StockItem(sku="CUP", committed=5)
    reservation, (line,) = kept(State.COMMITTED, cup, 5)

    said = checkout.ship(handed_over(("CUP", 1), ("CUP", 1)), reservation, [line], [cup])
    assert said == StockShipped(order_id=ORDER)
    assert (cup.committed, cup.out) == (3, 2)
    assert (line.kept, reservation.state) == (3, State.PARTLY_OUT)

    checkout.ship(handed_over(("CUP", 3)), reservation, [line], [cup])
    assert (cup.committed, cup.out, reservation.state) == (0, 5, State.OUT)


def test_what_was_missed_and_left_all_the_same_is_not_damaged_any_more():
    cup = StockItem(sku="CUP", committed=1, damaged=2)
    reservation, (line,) = kept(State.COMMITTED, cup, 3, short=2)

    checkout.ship(handed_over(("CUP", 2)), reservation, [line], [cup])

    assert (cup.committed, cup.damaged, cup.out) == (0, 1, 2)
    assert (line.short, line.out, reservation.state) == (1, 2, State.OUT)


# -- cancel ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "bucket"),
    [
        (State.RESERVED, "reserved"),
        (State.EXTENDED, "reserved"),
        (State.COMMITTED, "committed"),
    ],
)
def test_releasing_gives_back_from_the_bucket_the_stock_is_in(state, bucket):
    cup = StockItem(sku="CUP", available=3, damaged=1, **{bucket: 2})
    reservation, lines = kept(state, cup, 4, short=1, released=1)

    said = checkout.release(PaymentClosed(order_id=ORDER), reservation, kept=lines, items=[cup])

    assert said == StockReleased(order_id=ORDER)
    assert (cup.available, cup.reserved, cup.committed, cup.damaged) == (5, 0, 0, 1)
    assert reservation.state == State.RELEASED


def test_e4_stock_waits_for_the_answer_about_the_money():
    undo = inventory.steps["undo_reserve"]

    assert {event.__name__ for event in undo.events} == {
        "PaymentClosed", "PaymentVoided", "RefundPlanned",
    }  # fmt: skip
    assert set(undo.undo_table) == {ABSENT, *fsm.states(Reservation, "state")}


# -- declarations ---------------------------------------------------------------------------


def test_every_state_has_an_answer_to_every_event():
    for step in inventory.steps.values():
        undecided = [cell.state for cell in cells(step).values() if cell.answer is None]
        assert not (step.events and undecided), step.full_name


def test_no_event_that_moves_stock_is_ever_ignored():
    for step in inventory.steps.values():
        assert AnswerKind.IGNORE not in {found.kind for found in step.otherwise.values()}, (
            step.full_name
        )


def test_stock_that_is_not_reserved_or_not_out_yet_is_waited_for():
    assert kind_of(checkout.commit, ABSENT) is AnswerKind.PARK
    assert kind_of(checkout.commit, State.NEW) is AnswerKind.PARK
    assert kind_of(checkout.ship, State.RESERVED) is AnswerKind.PARK
    assert kind_of(cases.write_off, State.COMMITTED) is AnswerKind.PARK


def test_a_reservation_expires_later_than_it_is_made():
    assert settings.SHOP["RESERVATION_TTL"] > timedelta(0)
    assert settings.SHOP["RESERVATION_EXTENSION"] > timedelta(0)


@pytest.fixture
def shop(settings):
    """Return the shop's policy, for this test alone."""
    settings.SHOP = dict(settings.SHOP)
    return settings.SHOP
