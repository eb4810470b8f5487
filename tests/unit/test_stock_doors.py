"""Stock by the admin and the API: what is missing, and what was found of returns."""

import pytest
from django.urls import reverse

from inventory.models import Reservation, ReturnedGoods, StockItem
from orders.events import ReturnRequested
from sagas.models import StoredEvent
from shipping.events import ReturnReceived
from tests.unit.house import case, case_lines
from tests.unit.stock_house import committed, hand_over, house

__all__ = ["committed", "house"]

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]


@pytest.fixture
def back(committed):
    """Return three cups of the order that are in quarantine."""
    hand_over(committed, (1, "CUP", 5), (2, "BAG", 2))
    about, lines = (committed.order_id, committed.case_id), case_lines((1, "CUP", 3))
    committed.say(case(ReturnRequested, *about, lines=lines, intercept=False))
    committed.say(ReturnReceived(case_id=committed.case_id))
    return ReturnedGoods.objects.get()


def reason_of(kind):
    fact = StoredEvent.objects.get(type=f"inventory.{kind}")
    return fact.actor, fact.reason


def act(client, row, verb, **given):
    page = reverse(f"admin:inventory_{row._meta.model_name}_{verb}", args=[row.pk])
    return client.post(page, {"confirmed": "1", "reason": "I looked", **given}, follow=True)


def post(client, path, body):
    return client.post(f"/api/stock/{path}/", body, content_type="application/json")


@pytest.mark.parametrize("model", [StockItem, Reservation, ReturnedGoods])
def test_the_admin_shows_stock_and_moves_none_by_a_form(back, admin_client, model):
    name = f"admin:inventory_{model._meta.model_name}"
    page = reverse(f"{name}_change", args=[model.objects.first().pk])

    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"state": "out"}).status_code == 403


def test_an_operator_reports_that_nothing_of_an_order_is_there(committed, admin_client):
    act(admin_client, Reservation.objects.get(), "miss_everything")

    committed.work()
    assert committed.units("CUP") == {"available": 5, "damaged": 5}
    assert reason_of("ShortageFound") == ("admin:admin", "I looked")


def test_what_is_kept_for_a_case_is_not_missed(committed, admin_client):
    Reservation.objects.update(holder_id=committed.case_id)

    answer = act(admin_client, Reservation.objects.get(), "miss_everything")

    assert f"It is kept for case {committed.case_id}".encode() in answer.content
    committed.work()


@pytest.mark.parametrize(
    ("verb", "cups"),
    [
        ("accept_all", {"available": 8, "out": 2}),
        ("accept_damaged", {"available": 5, "out": 2, "damaged": 3}),
        ("refuse_all", {"available": 5, "out": 2, "quarantine": 3}),
    ],
)
def test_an_operator_says_what_was_found_of_a_return(committed, back, admin_client, verb, cups):
    act(admin_client, back, verb)

    committed.work()
    assert committed.units("CUP") == cups
    assert reason_of("ReturnInspected") == ("admin:admin", "I looked")


@pytest.mark.parametrize(
    ("fault", "cups"), [("true", {"quarantine": 3, "available": 5}), ("false", {"available": 8})]
)
def test_an_operator_says_whether_what_the_customer_claims_is_so(
    committed, back, admin_client, fault, cups
):
    ReturnedGoods.objects.update(is_fault=True, is_claimed=True)
    unsaid = act(admin_client, back, "accept_all", fault="unknown")
    assert "say whether it is" in unsaid.content.decode()

    act(admin_client, back, "accept_all", fault=fault)

    committed.work()
    assert committed.units("CUP") == {"out": 2, **cups}


def test_another_program_says_whether_what_the_customer_claims_is_so(committed, back, admin_client):
    ReturnedGoods.objects.update(is_fault=True, is_claimed=True)
    path = f"returns/{committed.case_id}/inspection"
    found = [{"line_no": 1, "sellable": 3}]

    unsaid = post(admin_client, path, {"lines": found})
    answer = post(admin_client, path, {"lines": found, "fault": False})

    (error,) = unsaid.json()["errors"]
    assert (unsaid.status_code, error["code"], error["pointer"]) == (422, "fault_unsaid", "#/fault")
    assert (answer.status_code, answer.json()["is_fault"]) == (200, False)
    committed.work()


def test_another_program_reports_a_shortage(committed, admin_client):
    path = f"reservations/{committed.order_id}/shortage"
    one = [{"sku": "CUP", "quantity": 1}]

    answer = post(admin_client, path, {"lines": one * 2, "reason": "broken"})
    too_much = post(admin_client, path, {"lines": one * 9, "reason": "broken"})

    assert (answer.status_code, answer.json()["state"]) == (200, "committed")
    assert committed.units("CUP")["damaged"] == 2
    assert (too_much.status_code, too_much.json()["errors"][0]["code"]) == (422, "not_kept")


def test_another_program_reports_what_was_found_of_a_return(committed, back, admin_client):
    path = f"returns/{committed.case_id}/inspection"

    some = post(admin_client, path, {"lines": [{"line_no": 1, "sellable": 1}]})
    found = {"line_no": 1, "sellable": 1, "damaged": 1, "refused": 1}
    answer = post(admin_client, path, {"lines": [found]})

    assert (some.status_code, some.json()["errors"][0]["code"]) == (422, "wrong_count")
    assert (answer.status_code, answer.json()["state"]) == (200, "inspected")
    committed.work()


def test_nobody_looks_at_what_is_not_there_or_not_theirs(committed, client, admin_client):
    path = f"returns/{committed.order_id}/inspection"
    body = {"lines": [{"line_no": 1}]}

    assert post(admin_client, path, body).status_code == 404
    assert post(client, path, body).status_code == 401
