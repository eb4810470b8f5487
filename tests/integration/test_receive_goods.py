"""A delivery of goods: many articles in one transaction, each with a fact of its own."""

import pytest

from inventory.models import StockItem
from inventory.services import InvalidAdjustment, receive_goods
from sagas.models import StoredEvent
from sagas.reconciliation import findings

pytestmark = pytest.mark.both_databases


def available() -> dict[str, int]:
    return dict(StockItem.objects.values_list("sku", "available"))


def test_units_are_added_to_articles_that_are_new_or_known(world):
    receive_goods({"MUG": 5, "CUP": 7}, reason="delivery", actor="kim")

    assert available() == {"MUG": 105, "CUP": 7}
    facts = StoredEvent.objects.filter(type="inventory.StockAdjusted", actor="kim")
    assert {fact.payload["sku"]: fact.payload["delta"] for fact in facts} == {"MUG": 5, "CUP": 7}
    assert findings() == []


@pytest.mark.parametrize("units", [0, -1])
def test_no_units_are_no_delivery_and_nothing_of_it_is_booked(world, units):
    with pytest.raises(InvalidAdjustment):
        receive_goods({"CUP": 7, "MUG": units}, reason="delivery")

    assert available() == {"MUG": 100}


def test_a_delivery_needs_a_reason(world):
    with pytest.raises(InvalidAdjustment, match="reason"):
        receive_goods({"CUP": 7}, reason="")


def test_an_empty_delivery_changes_nothing(world):
    receive_goods({}, reason="delivery")

    assert available() == {"MUG": 100}
