"""Goods that come back, and what goes out in their place (D-17 to D-20).

The house adds its books up after every fact, so each of these tests proves I1-I5, too.
"""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from inventory import services
from inventory.events import (
    InspectedLine,
    ReturnInspected,
)
from inventory.models import Reservation, ReturnedGoods, ReturnedLine
from inventory.services import Verdict, inspect
from orders.events import (
    ExchangeRequested,
    GoodsRefused,
    ReplacementDue,
    ReplacementUnwanted,
    ReturnRequested,
)
from sagas import clock
from shipping.events import (
    GoodsSentBack,
    ReplacementHandedOver,
    ReplacementLost,
    ReturnReceived,
    ReturnUnbookable,
)
from tests.unit.house import HOME, case, case_lines, order_lines
from tests.unit.stock_house import committed, facts, hand_over, house

__all__ = ["committed", "house"]

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
State = Reservation.State


# -- goods come back --------------------------------------------------------------------------


def receive(house, *, fault=False):
    """Have the order's five cups and two bags come back, and return the goods."""
    hand_over(house, (1, "CUP", 5), (2, "BAG", 2))
    lines = case_lines((1, "CUP", 5), (2, "BAG", 2))
    about = (house.order_id, house.case_id)
    house.say(case(ReturnRequested, *about, lines=lines, intercept=False, fault=fault))
    house.say(ReturnReceived(case_id=house.case_id))
    assert house.units("CUP") == {"available": 5, "quarantine": 5}
    return ReturnedGoods.objects.get(case_id=house.case_id)


FOUND = {1: Verdict(sellable=2, damaged=1, refused=2), 2: Verdict(damaged=2)}


@pytest.mark.parametrize("fault", [False, True])
def test_d17_d18_d19_what_is_found_decides_where_each_unit_goes(committed, fault):
    goods = receive(committed, fault=fault)

    inspect(goods, FOUND, actor="warehouse:lee")

    committed.work()
    sellable = {"quarantine": 4, "available": 5} if fault else {"quarantine": 2, "available": 7}
    assert committed.units("CUP") == {**sellable, "damaged": 1}
    assert committed.units("BAG") == {"available": 8, "damaged": 2}
    said = facts(ReturnInspected).get()
    assert said.actor == "warehouse:lee"
    assert said.payload["lines"][0] == {
        "line_no": 1, "sku": "CUP", "sellable": 2, "damaged": 1, "refused": 2,
    }  # fmt: skip

    about = (committed.order_id, committed.case_id)
    committed.say(
        case(GoodsRefused, *about, lines=case_lines((1, "CUP", 2)), ship_to=HOME),
        GoodsSentBack(case_id=committed.case_id, tracking="PX1"),
    )
    assert committed.units("CUP")["out"] == 2


def test_what_was_accepted_is_what_the_shop_keeps_and_pays_for():
    line = InspectedLine(line_no=1, sku="CUP", sellable=2, damaged=1, refused=2)

    assert line.accepted == 3


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ({1: Verdict(sellable=5)}, "wrong_count"),
        ({1: Verdict(sellable=6), 2: Verdict(sellable=2)}, "wrong_count"),
        ({1: Verdict(sellable=6, refused=-1), 2: Verdict(sellable=2)}, "wrong_count"),
        ({1: Verdict(sellable=5), 2: Verdict(refused=2), 3: Verdict()}, "unknown_line"),
    ],
)
def test_an_inspection_speaks_of_every_unit_and_of_no_other(committed, verdicts, code):
    goods = receive(committed)

    with pytest.raises(services.InvalidInspection) as refused:
        inspect(goods, verdicts, actor="lee")

    assert refused.value.code == code
    committed.adds_up()


def test_goods_are_inspected_once(committed):
    goods = receive(committed)
    inspect(goods, FOUND, actor="lee")

    with pytest.raises(services.InvalidInspection) as refused:
        inspect(goods, FOUND, actor="lee")

    assert refused.value.code == "not_in_quarantine"
    assert facts(ReturnInspected).count() == 1


def test_goods_that_nobody_looks_at_are_told_of(committed):
    receive(committed)

    with clock.travel(settings.SHOP["INSPECTION_PATIENCE"] + timedelta(seconds=1)):
        committed.work()

    assert "InspectionOverdue" in committed.said()


def test_a_shop_may_accept_everything_unseen(committed):
    settings.SHOP["INSPECTION"] = "accept_all"

    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))
    about, lines = (committed.order_id, committed.case_id), case_lines((1, "CUP", 5))
    committed.say(case(ReturnRequested, *about, lines=lines, intercept=False))
    committed.say(ReturnReceived(case_id=committed.case_id))

    assert committed.units("CUP") == {"available": 10}
    assert committed.said()[-1] == "ReturnInspected"


def test_goods_that_no_carrier_fetches_are_not_expected(committed):
    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))
    about, lines = (committed.order_id, committed.case_id), case_lines((1, "CUP", 5))
    committed.say(case(ReturnRequested, *about, lines=lines, intercept=False))

    committed.say(case(ReturnUnbookable, *about, code="no_service"))

    assert ReturnedGoods.objects.get().state == ReturnedGoods.State.DROPPED


# -- replacements -----------------------------------------------------------------------------


def exchange(house):
    """Have two bags kept for the house's case."""
    about, wanted = (house.order_id, house.case_id), order_lines(("BAG", 2))
    house.say(case(ExchangeRequested, *about, lines=(), wanted=wanted))
    assert house.state(house.case_id) == State.COMMITTED


def due(house):
    about, wanted = (house.order_id, house.case_id), order_lines(("BAG", 2))
    house.say(case(ReplacementDue, *about, wanted=wanted, ship_to=HOME))


def test_d20_a_replacement_is_kept_beside_its_order_and_does_not_expire(committed):
    exchange(committed)

    with clock.travel(timedelta(days=40)):
        committed.work()

    assert committed.units("BAG") == {"available": 6, "committed": 4}


def test_a_replacement_leaves_and_may_get_lost(committed):
    exchange(committed)
    due(committed)

    committed.say(ReplacementHandedOver(case_id=committed.case_id))
    assert committed.units("BAG") == {"available": 6, "committed": 2, "out": 2}

    committed.say(case(ReplacementLost, committed.order_id, committed.case_id))
    assert committed.units("BAG") == {"available": 6, "committed": 2, "damaged": 2}
    assert committed.state(committed.case_id) == State.WRITTEN_OFF


def test_a_replacement_that_is_not_wanted_is_available_again(committed):
    exchange(committed)

    committed.say(case(ReplacementUnwanted, committed.order_id, committed.case_id))

    assert committed.units("BAG") == {"available": 8, "committed": 2}
    assert committed.said()[-1] == "ReplacementReleased"


def test_too_little_for_a_replacement_keeps_nothing(house):
    about, wanted = (house.order_id, house.case_id), order_lines(("BAG", 11))

    house.say(case(ExchangeRequested, *about, lines=(), wanted=wanted))

    assert house.said() == ["ReplacementOutOfStock"]
    assert house.units("BAG") == {"available": 10}


# -- what the database refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"sellable": 3, "refused": 3}, "never_more_than_came"),
        ({"damaged": -1}, "counts_not_negative"),
    ],
)
def test_never_more_is_found_than_came_back(committed, values, name):
    receive(committed)

    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        ReturnedLine.objects.filter(line_no=1).update(**values)
