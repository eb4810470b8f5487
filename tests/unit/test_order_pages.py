"""What a person reads on the page of an order."""

import pytest
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import override

from orders.events import CaseKind
from orders.models import Case, Order
from payments.events import MoneyOp
from tests.unit.order_rows import NOW, a_case
from tests.unit.placed_orders import an_order

S = Order.State


@pytest.fixture
def page(db, admin_client):
    """Return what the page of an order says."""

    def said(order, language="en"):
        address = reverse("admin:orders_order_change", args=[order.pk])
        with override(language):  # what the page's language was is forgotten after it
            answer = admin_client.get(address, headers={"accept-language": language})
        return answer.content.decode()

    return said


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


@pytest.mark.parametrize(
    ("kind", "how"),
    [(kind, Case.Operation.REFUND) for kind in CaseKind]
    + [(CaseKind.CANCEL, how) for how in Case.Operation],
)
def test_the_page_of_an_ended_order_says_beside_the_amount_how_the_money_went(page, kind, how):
    order = an_order(S.CANCELLED)
    ended = {"state": Case.State.SETTLED, "settled_at": NOW, "approver": "admin:ben"}
    case = a_case(order, kind, given_minor=100, refund_minor=100, operation=how, **ended)
    case.save()

    said = page(order)

    assert f"{case.refund}<br>how the money goes: {escape(how.label)}<br>" in said
    assert f">{escape(case.get_kind_display())}</a>" in said


def test_the_page_of_an_ended_order_says_who_wanted_it_why_and_when(page):
    order = an_order(S.CANCELLED)
    ended = {"state": Case.State.SETTLED, "settled_at": NOW, "approver": "admin:ben"}
    case = a_case(order, CaseKind.RETURN, actor="customer:kim", fault=True, **ended)
    case.save()

    said = page(order)

    assert "reason: because<br>by: customer:kim<br>approved by: admin:ben<br>" in said
    assert f"way of the goods: {case.rule.bearer.label}<br>" in said
    assert "Jan. 5, 2026" in said


def test_nothing_is_said_of_how_the_money_goes_before_that_is_known(page):
    order = an_order(S.COMPLETED)
    a_case(order, CaseKind.RETURN, given_minor=100, refund_minor=100).save()

    assert "how the money goes" not in page(order)


def test_how_the_money_goes_is_said_in_korean(page):
    order = an_order(S.CANCELLED)
    a_case(order, CaseKind.CANCEL, operation=Case.Operation.VOID).save()

    said = page(order, "ko")

    assert "돈을 돌려주는 방법: 승인취소" in said


def test_a_case_knows_the_money_operations_of_payments():
    assert set(Case.Operation.values) == {operation.value for operation in MoneyOp}
