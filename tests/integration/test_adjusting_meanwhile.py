"""Stock is adjusted while somebody holds an article's lane: lanes come before rows, everywhere."""

import pytest
from django.db import transaction

from inventory.models import StockItem
from inventory.services import adjust_stock, receive_goods
from sagas.models import Saga
from tests.integration.workers import beside, wait_until_somebody_waits


@pytest.fixture
def articles(world):
    world.stock(CUP=7)
    return list(StockItem.objects.order_by("pk"))


def adjust_one(item):
    adjust_stock(item.sku, 1, reason="counted", actor="warehouse:lee")


def receive_all(_item):
    units = dict.fromkeys(StockItem.objects.values_list("sku", flat=True), 1)
    receive_goods(units, reason="delivery", actor="warehouse:lee")


@pytest.mark.parametrize("adjust", [adjust_one, receive_all])
@pytest.mark.parametrize("which", [0, 1])
def test_who_adjusts_an_article_waits_for_its_lane_before_any_row(articles, adjust, which):
    item = articles[which]

    with beside() as other:
        with transaction.atomic():
            Saga.objects.select_for_update().get(key=f"inventory.StockItem:{item.pk}")
            adjusted = other(adjust, item)
            wait_until_somebody_waits("the lane is wanted")
            list(StockItem.objects.select_for_update(nowait=True))
        adjusted.result(10)

    before = item.available
    item.refresh_from_db()
    assert item.available == before + 1
