"""A page of the admin asks the database as often for a row with many lines as for one with one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import Reservation, ReturnedGoods
from orders.models import Case, Order
from sagas.reconciled import ReconciliationRun
from shipping.models import ReturnParcel, Shipment
from tests.integration.reconciling import run

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

SKUS = [f"SKU{n}" for n in range(5)]
PAGES = (Order, Case, Reservation, ReturnedGoods, Shipment, ReturnParcel)


@pytest.fixture
def asked(admin_client):
    """Return a function that says what a row's page asks the database for."""

    def of(row) -> list[str]:
        meta = row._meta
        page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
        admin_client.get(page)  # what Django remembers from now on is asked for here
        with CaptureQueriesContext(connection) as seen:
            assert admin_client.get(page).status_code == 200
        return [query["sql"] for query in seen]

    return of


def come_back(world, skus):
    """Return an order of these articles, one of each of which is back."""
    order = world.delivered(*((sku, 2, 500) for sku in skus))
    world.receive(world.ask_back(order, *((n, 1) for n in range(1, len(skus) + 1))))
    return order


def test_a_page_with_many_lines_asks_as_often_as_one_with_a_single_line(world, asked):
    world.stock(**dict.fromkeys(SKUS, 50))
    one, many = come_back(world, SKUS[:1]), come_back(world, SKUS)

    wrong = {}
    for model in PAGES:
        few, more = (asked(row_of(model, order)) for order in (one, many))
        if len(few) != len(more):
            wrong[model.__name__] = (len(few), len(more), more)
    assert wrong == {}


def row_of(model, order):
    """Return the row of an order."""
    if model is Order:
        return Order.objects.get(pk=order.pk)
    return model.objects.filter(order_id=order.pk).first()


def test_a_run_over_many_predicates_asks_as_often_as_one_over_a_single_one(db, asked):
    one, all_of_them = run(only=["D2"]), run()

    assert all_of_them.passes.count() > one.passes.count()
    assert len(asked(one)) == len(asked(all_of_them))
    assert ReconciliationRun.objects.count() == 2
