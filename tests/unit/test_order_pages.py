"""What a person reads on the page of an order."""

import pytest
from django.urls import reverse

from orders.events import CaseKind
from orders.models import Order
from tests.unit.order_rows import a_case
from tests.unit.placed_orders import an_order

S = Order.State


@pytest.fixture
def page(db, admin_client):
    """Return what the page of an order says."""
    return lambda order: admin_client.get(
        reverse("admin:orders_order_change", args=[order.pk])
    ).content.decode()


def test_amounts_are_shown_as_people_read_them(page):
    order = an_order(S.COMPLETED)

    said = page(order)

    assert str(order.total) in said
    assert "minor units" not in said


@pytest.mark.parametrize(
    ("kind", "is_uncharged", "words"),
    [
        (CaseKind.CANCEL_PARTIAL, False, "refund: "),
        (CaseKind.CANCEL_PARTIAL, True, "not charged: "),
        (CaseKind.CHARGEBACK, False, "taken by the bank: "),
    ],
)
def test_what_a_bank_took_and_what_was_never_taken_is_not_called_a_refund(
    page, kind, is_uncharged, words
):
    order = an_order(S.COMPLETED)
    case = a_case(order, kind, given_minor=100, refund_minor=100, is_uncharged=is_uncharged)
    case.save()

    said = page(order)

    assert f"{words}{case.refund}" in said
