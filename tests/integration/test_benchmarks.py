"""The benchmark stays alive: at its smallest it finds what it plants, and nothing else."""

import pytest

from benchmarks.copies import templates
from benchmarks.looking import Look, Looked, Pass
from benchmarks.measure import Cost
from benchmarks.reconciling import Row, Shop
from orders.models import Order

ORDERS = 60


@pytest.mark.slow
def test_a_small_benchmark_finds_what_it_plants_and_nothing_else(world):
    shop = Shop(templates(world), tell=str)
    shop.grow(ORDERS)

    row = shop.measured("all of it", Look(statements=shop.statements()))

    assert row.wrong == []
    assert (row.orders, Order.objects.count()) == (ORDERS, ORDERS)
    assert row.found.keys() >= {"D1", "D2", "D2.state", "E29", "I1", "M2", "P2", "S1-amount", "X4"}
    assert row.cost.core > 0
    assert row.cost.peak > 1


def test_what_is_not_found_as_it_was_planted_is_named():
    cost = Cost(wall=1.0, client=0.5, server=None, peak=90.0)
    passes = [
        Pass(predicate=name, looked=9, found=found, seconds=0.1, error=error)
        for name, found, error in (("I1", 0, ""), ("M2", 2, ""), ("M5", 1, ""), ("S2", 0, "gone"))
    ]

    row = Row(
        name="all of it",
        orders=9,
        looked=Looked(cost=cost, passes=passes, lines=0, error=""),
        planted={"I1": 1, "M2": 2},
    )

    assert row.wrong == ["S2: gone", "I1: 1 planted, 0 found", "M5: 0 planted, 1 found"]
