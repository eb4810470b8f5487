"""Money and decisions of people of the shop, and what the database keeps out of orders."""

import pytest
from django.db import IntegrityError, transaction

from orders import services
from orders.models import BlockedCustomer, Case, Order
from orders.services import (
    InvalidCredit,
    InvalidDecision,
    InvalidOrder,
    place_order,
)
from sagas.clock import now
from tests.unit.placed_orders import KIM, an_order, given, refusal, told

S = Order.State

# -- money and decisions --------------------------------------------------------------------------


def goodwill(order, amount=200, *, actor="admin:a", approver="admin:b", reason="sorry"):
    return services.give_goodwill(
        order, amount_minor=amount, reason=reason, actor=actor, approver=approver
    )


@pytest.mark.django_db
def test_goodwill_names_both_people_and_is_not_given_twice():
    order = an_order(S.COMPLETED)

    case = goodwill(order)

    assert (case.actor, case.approver) == ("admin:a", "admin:b")
    assert Order.objects.get(pk=order.pk).given_back_minor == 200
    assert told(case) == ["CreditRequested"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"approver": "admin:a"}, "same_person"),
        ({"approver": ""}, "nameless"),
        ({"actor": KIM}, "nameless"),
        ({"reason": " "}, "no_reason"),
        ({"amount": 1601}, "bad_amount"),
        ({"amount": 0}, "bad_amount"),
    ],
)
def test_goodwill_without_two_people_a_reason_and_money_is_refused(changed, code):
    order = an_order(S.COMPLETED)

    assert refusal(InvalidCredit, goodwill, order, **changed) == code
    assert Order.objects.get(pk=order.pk).given_back_minor == 0


@pytest.mark.django_db
def test_a_shop_may_limit_goodwill_and_an_unpaid_order_gets_none(settings):
    settings.SHOP = {**settings.SHOP, "GOODWILL_MAX_MINOR": {"GBP": 100}}

    assert refusal(InvalidCredit, goodwill, an_order(S.COMPLETED), 101) == "bad_amount"
    assert refusal(InvalidCredit, goodwill, an_order()) == "not_paid"


@pytest.mark.django_db
def test_proposed_goodwill_waits_for_somebody_else():
    order = an_order(S.COMPLETED)
    case = services.propose_goodwill(order, amount_minor=200, reason="sorry", actor="admin:a")

    assert refusal(InvalidCredit, services.approve_goodwill, case, actor="admin:a") == "same_person"
    services.approve_goodwill(case, actor="admin:b")

    assert refusal(InvalidCredit, services.approve_goodwill, case, actor="admin:c") == "decided"
    assert told(case) == ["DecisionWanted", "CreditRequested"]


@pytest.mark.django_db
def test_declined_goodwill_gives_nothing():
    order = an_order(S.COMPLETED)
    case = services.propose_goodwill(order, amount_minor=200, reason="sorry", actor="admin:a")

    declined = services.decline_goodwill(case, actor="admin:b", reason="no")

    assert (declined.state, declined.refund_minor) == ("rejected", 0)
    assert told(case) == ["DecisionWanted", "CaseDenied"]


@pytest.mark.django_db
def test_a_choice_is_refused_where_nobody_was_asked():
    case = services.request_return(an_order(S.COMPLETED), lines=[(1, 1)])

    assert refusal(InvalidDecision, services.choose_remedy, case, "goods") == "not_asked"
    assert refusal(InvalidDecision, services.choose_remedy, case, "cake") == "bad_remedy"


@pytest.mark.django_db
def test_suspected_fraud_stops_the_order_and_blocks_its_customer():
    case = services.flag_fraud(an_order(S.CONFIRMED), reason="stolen card", actor="admin:a")

    assert (case.kind, case.is_whole) == ("fraud_cancel", True)
    assert refusal(InvalidOrder, place_order, **given()) == "customer_blocked"
    assert services.unblock_customer("kim", actor="admin:b")
    assert place_order(**given()).customer == "kim"
    assert BlockedCustomer.objects.get().lifted_by == "admin:b"


@pytest.mark.django_db
def test_suspicion_about_a_parcel_on_its_way_has_it_stopped_and_decides_nothing():
    order = an_order(S.SHIPPED)

    case = services.flag_fraud(order, reason="stolen card", actor="admin:a")

    assert told(case) == ["ReturnRequested"]
    assert services.flag_fraud(order, reason="again", actor="admin:b").pk == case.pk
    assert (
        refusal(InvalidDecision, services.decide_fraud, case, refund=True, actor="admin:b")
        == "under_way"
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("refund", "fact"), [(True, "CreditRequested"), (False, "CaseDenied")])
def test_a_person_decides_suspicion_about_what_has_arrived(refund, fact):
    order = an_order(S.COMPLETED)
    case = services.flag_fraud(order, reason="stolen card", actor="admin:a")

    services.decide_fraud(case, refund=refund, actor="admin:b", reason="looked into it")

    assert told(case) == ["DecisionWanted", fact]
    assert Order.objects.get(pk=order.pk).left_minor == (0 if refund else 1600)
    assert (
        refusal(InvalidDecision, services.decide_fraud, case, refund=True, actor="admin:b")
        == "decided"
    )


@pytest.mark.django_db
def test_suspicion_about_an_order_that_is_over_is_refused_and_blocks_nobody():
    order = an_order(S.LOST)

    assert (
        refusal(InvalidDecision, services.flag_fraud, order, reason="late", actor="admin:a")
        == "over"
    )
    assert not BlockedCustomer.objects.exists()


@pytest.mark.django_db
def test_an_inquiry_of_a_bank_is_closed_by_one_refund():
    order = an_order(S.COMPLETED)
    dispute = Case.objects.create(
        order=order, kind="chargeback", opened_at=now(), currency="GBP", reason="an inquiry"
    )

    first = services.close_inquiry(dispute, actor="admin:a", reason="not worth it")
    second = services.close_inquiry(dispute, actor="admin:b")

    assert (first.pk, first.refund_minor) == (second.pk, 1600)
    assert told(first) == ["CreditRequested"]


# -- constraints ----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"shipped": 4}, "sold_line_cancelled_and_shipped_within_quantity"),
        ({"cancelled": 3, "shipped": 1}, "sold_line_cancelled_and_shipped_within_quantity"),
        ({"shipped": 1, "returned": 2}, "sold_line_back_within_shipped"),
        ({"shipped": 3, "returned": 2, "lost": 2}, "sold_line_back_within_shipped"),
        ({"refunded_minor": 1501}, "sold_line_refunded_within_paid"),
        ({"cancelled": -1}, "sold_line_counts_not_negative"),
    ],
)
def test_the_database_keeps_what_can_not_be_out_of_a_line(changed, constraint):
    line = an_order().lines.get(line_no=1)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        type(line).objects.filter(pk=line.pk).update(**changed)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"given_back_minor": 1601}, "order_given_back_within_total"),
        ({"total_minor": 1500}, "order_total_adds_up"),
        ({"postage_back_minor": 1}, "order_postage_back_within_shipping"),
    ],
)
def test_the_database_keeps_what_can_not_be_out_of_an_order(changed, constraint):
    order = an_order()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Order.objects.filter(pk=order.pk).update(**changed)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ({"refund_minor": 1}, "case_refund_adds_up"),
        ({"state": "accepted"}, "case_decided_iff_not_open"),
        ({"settled_at": "2026-01-01T00:00Z"}, "case_settled_at_iff_settled"),
        ({"actor": "admin:a", "approver": "admin:a"}, "case_approver_is_somebody_else"),
        (
            {"kind": "goodwill", "state": "accepted", "decided_at": "2026-01-01T00:00Z"},
            "case_goodwill_is_approved",
        ),
    ],
)
def test_the_database_keeps_what_can_not_be_out_of_a_case(changed, constraint):
    case = services.request_cancel(an_order())

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Case.objects.filter(pk=case.pk).update(**changed)
