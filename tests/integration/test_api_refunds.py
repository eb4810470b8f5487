"""Owed refunds over the API: seen by who may, decided by two people, refused with a reason."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from orders.events import PayBy
from orders.models import Order
from payments.models import Payment, Refund
from sagas.models import StoredEvent
from tests.scenarios.endings import at_most, cancel
from tests.world import kept, reload

ACCOUNT = {"bank": "Woori", "number": "1002-1", "holder": "Kim"}
VERBS = ("view_refund", "view_payment", "order_refund", "attest_outcome")


def staff(name, *verbs):
    user = User.objects.create_user(name, is_staff=bool(verbs))
    user.user_permissions.set(Permission.objects.filter(codename__in=verbs))
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def owed(world):
    """Return the refund of a cancelled order that the provider would not pay."""
    order = at_most(world, "shipping.book_label")
    world.provider.switch_on("decline", operation="refund", code="closed_account")
    cancel(world, order)
    for _ in range(4):
        world.pass_time(timedelta(minutes=10))
    world.provider.switch_off()
    return Refund.objects.get(order_id=order.pk, state=Refund.State.OWED)


def test_an_owed_refund_is_paid_elsewhere_once_a_second_person_has_approved(world, owed):
    anna, ben = staff("anna", *VERBS), staff("ben", *VERBS)
    place = f"/api/refunds/{owed.pk}"

    listed = anna.get("/api/refunds/", {"state": "owed"}).json()["results"]
    assert [found["id"] for found in listed] == [str(owed.pk)]
    body = {"account": ACCOUNT, "reason": "the card is gone"}
    assert anna.post(f"{place}/elsewhere/", body, "json").status_code == 200
    alone = anna.post(f"{place}/approve/", {"number": "1002-1", "reason": "me again"}, "json")
    assert (alone.status_code, alone.json()["type"].rpartition(":")[2]) == (409, "not-possible")
    assert (
        ben.post(f"{place}/approve/", {"number": "1002-1", "reason": "checked"}, "json").status_code
        == 200
    )
    world.drain()

    order = Order.objects.get(pk=owed.order_id)
    assert reload(order).state == Order.State.CANCELLED
    assert kept(world.provider, order) == 0
    money = ben.get(f"/api/payments/{order.number}/").json()
    assert (money["refunded_minor"], money["refunds"][0]["state"]) == (1500, "paid")


@pytest.mark.parametrize("verb", ["again", "elsewhere", "approve", "evidence"])
def test_nobody_decides_about_a_refund_without_the_permission(owed, verb):
    body = {"reason": "because", "account": ACCOUNT, "number": "1", "reference": "re_1"}

    answer = staff("eve", "view_refund").post(f"/api/refunds/{owed.pk}/{verb}/", body, "json")

    assert answer.status_code == 403
    assert Refund.objects.get(pk=owed.pk).state == Refund.State.OWED


def test_a_refund_that_is_not_owed_can_not_be_ordered_again(world):
    order = at_most(world, "shipping.book_label")
    cancel(world, order)
    refund = Refund.objects.get(order_id=order.pk)

    answer = staff("anna", *VERBS).post(
        f"/api/refunds/{refund.pk}/again/", {"reason": "once more"}, "json"
    )

    assert answer.status_code == 409
    assert str(refund.pk) in answer.json()["detail"]


# -- the customer's account -----------------------------------------------------------------------


def account_of(refund_or_payment):
    return f"/api/payments/{refund_or_payment.number}/account/"


def test_a_customer_who_paid_by_transfer_says_where_the_money_goes_and_it_goes_there(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()

    answer = staff("kim").post(account_of(world.payment(order)), ACCOUNT, "json")
    assert (answer.status_code, answer.json()) == (200, {"changed": True})
    world.provider.pay_deposit(order.number)
    world.learn(order)
    cancel(world, order)

    assert StoredEvent.objects.get(type="payments.RefundAccountGiven").actor == "customer:kim"
    assert Refund.objects.get(order_id=order.pk).account == ACCOUNT
    assert reload(order).state == Order.State.CANCELLED
    assert kept(world.provider, order) == 0


def test_an_account_for_an_owed_refund_is_the_customers_proposal_and_one_person_approves(
    world, owed
):
    answer = staff("kim").post(account_of(owed), ACCOUNT, "json")
    assert answer.status_code == 200
    assert Refund.objects.get(pk=owed.pk).state == Refund.State.OWED
    again = APIClient()
    again.force_authenticate(User.objects.get(username="kim"))
    assert again.post(account_of(owed), ACCOUNT, "json").json() == {"changed": False}

    approve = f"/api/refunds/{owed.pk}/approve/"
    assert (
        staff("ben", *VERBS)
        .post(approve, {"number": "1002-1", "reason": "called"}, "json")
        .status_code
        == 200
    )
    world.drain()

    paid = Refund.objects.get(pk=owed.pk)
    assert (paid.state, paid.account) == (Refund.State.PAID, ACCOUNT)
    assert (paid.proposed_by, paid.approved_by) == ("customer:kim", "admin:ben")


def test_a_person_of_the_shop_notes_the_account_for_the_customer(owed):
    answer = staff("anna", *VERBS).post(account_of(owed), ACCOUNT, "json")

    assert answer.status_code == 200
    assert Refund.objects.get(pk=owed.pk).proposed_by == "admin:anna"


def test_nobody_else_learns_of_an_order_by_giving_an_account_for_it(owed):
    answer = staff("eve", "view_refund").post(account_of(owed), ACCOUNT, "json")
    unknown = staff("kim").post("/api/payments/NONE/account/", ACCOUNT, "json")

    assert [answer.status_code, unknown.status_code] == [404, 404]
    assert answer["Content-Type"] == "application/problem+json"
    assert Payment.objects.get(order_id=owed.order_id).refund_account is None


def test_an_account_without_a_holder_is_refused_with_the_place(owed):
    answer = staff("kim").post(account_of(owed), {**ACCOUNT, "holder": ""}, "json")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/holder"]


def test_money_that_goes_back_the_way_it_came_needs_no_account(world):
    order = world.ready()

    answer = staff("kim").post(account_of(world.payment(order)), ACCOUNT, "json")

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "not-possible")
    assert "the way it came" in answer.json()["detail"]
    assert Payment.objects.get(order_id=order.pk).refund_account is None
