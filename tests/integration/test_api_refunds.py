"""Owed refunds over the API: seen by who may, decided by two people, refused with a reason."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from orders.models import Order
from payments.models import Refund
from tests.scenarios.endings import at_most, cancel
from tests.world import kept, reload

ACCOUNT = {"bank": "Woori", "number": "1002-1", "holder": "Kim"}
VERBS = ("view_refund", "view_payment", "order_refund", "attest_outcome")


def staff(name, *verbs):
    user = User.objects.create_user(name, is_staff=True)
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
    alone = anna.post(f"{place}/approve/", {"reason": "me again"}, "json")
    assert (alone.status_code, alone.json()["type"].rpartition(":")[2]) == (409, "not-possible")
    assert ben.post(f"{place}/approve/", {"reason": "checked"}, "json").status_code == 200
    world.drain()

    order = Order.objects.get(pk=owed.order_id)
    assert reload(order).state == Order.State.CANCELLED
    assert kept(world.provider, order) == 0
    money = ben.get(f"/api/payments/{order.number}/").json()
    assert (money["refunded_minor"], money["refunds"][0]["state"]) == (1500, "paid")


@pytest.mark.parametrize("verb", ["again", "elsewhere", "approve", "evidence"])
def test_nobody_decides_about_a_refund_without_the_permission(owed, verb):
    body = {"reason": "because", "account": ACCOUNT, "reference": "re_1"}

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
