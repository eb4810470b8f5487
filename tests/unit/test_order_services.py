"""Commands of orders that customers give: what they announce, and what they refuse and why."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from orders import services
from orders.events import CaseKind, PayBy
from orders.models import Case, Order
from orders.services import (
    InvalidCancel,
    InvalidOrder,
    InvalidReturn,
    place_order,
)
from sagas.clock import now
from sagas.models import StoredEvent
from sagas.money import Money
from tests.unit.placed_orders import KIM, an_order, given, refusal, told

S = Order.State

# -- placing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"lines": []}, "empty", "lines"),
        ({"lines": [("CUP", 0, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", -1, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", 1_000_001, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", 1, 1), ("", 1, 100)]}, "bad_sku", "lines[1].sku"),
        ({"lines": [("CUP", 1, -1)]}, "bad_price", "lines[0].unit_price"),
        ({"lines": [("CUP", 1, Money(1, "EUR"))]}, "currency_mismatch", "lines[0].unit_price"),
        ({"lines": [("CUP", 1_000_000, 9_000_000_001)]}, "bad_total", "lines"),
        ({"lines": [("CUP", 1, 0)]}, "bad_total", "lines"),
        ({"lines": [("CUP", 1, 1)] * 10_001}, "too_many_lines", "lines"),
        ({"currency": "gbp"}, "bad_currency", "currency"),
        ({"customer": ""}, "bad_customer", "customer"),
        ({"payment_tokens": []}, "no_payment_token", "payment_tokens"),
        ({"payment_tokens": ["tok_visa", ""]}, "no_payment_token", "payment_tokens"),
        ({"shipping_minor": -1}, "bad_shipping", "shipping"),
        ({"points_minor": -1}, "bad_points", "points"),
        ({"coupon": ("", 100)}, "bad_coupon", "coupon.code"),
        ({"coupon": ("TEN", 0)}, "bad_coupon", "coupon.amount"),
        ({"coupon": ("TEN", 1601)}, "benefits_exceed_goods", "points"),
        ({"coupon": ("TEN", 1600)}, "bad_total", "lines"),
    ],
)
def test_a_bad_order_is_refused_and_the_error_says_where(changed, code, field):
    with pytest.raises(InvalidOrder) as refused:
        place_order(**given(**changed))

    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.message


@pytest.mark.django_db
def test_an_order_adds_up_and_divides_what_is_paid_over_its_lines():
    order = place_order(**given(shipping_minor=300, coupon=("TEN", 100), points_minor=51))

    assert (order.goods_minor, order.total_minor) == (1600, 1749)
    assert [line.paid_minor for line in order.lines.all()] == [1358, 91]
    assert {(b.kind, b.reference, b.used_minor) for b in order.benefits.all()} == {
        ("coupon", "TEN", 100),
        ("points", "", 51),
    }


@pytest.mark.django_db
def test_a_price_may_be_money_and_an_account_needs_no_card():
    order = place_order(
        **given(
            lines=[("CUP", 2, Money(250, "GBP"))],
            payment_tokens=[],
            pay_by=PayBy.VIRTUAL_ACCOUNT,
        )
    )

    assert (order.total_minor, order.pay_by) == (500, "virtual_account")


# -- cancelling -----------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "kind"),
    [(S.PLACED, "abandon"), (S.CONFIRMED, "cancel"), (S.FULFILLING, "cancel")],
)
def test_a_wish_is_named_by_how_far_the_order_is(state, kind):
    case = services.request_cancel(an_order(state), reason="changed my mind", actor=KIM)

    assert (case.kind, case.state, case.is_whole) == (kind, "open", True)
    assert told(case) == ["CancelRequested"]


@pytest.mark.django_db
def test_a_second_wish_returns_the_first_case_and_asks_nobody_again():
    order = an_order()
    first = services.request_cancel(order, actor=KIM)

    second = services.request_cancel(order, actor="admin:lee", kind=CaseKind.FORCE)

    assert second.pk == first.pk
    assert told(first) == ["CancelRequested"]


@pytest.mark.django_db
def test_the_database_keeps_a_second_cancellation_of_an_order_out():
    order = an_order()
    case = services.request_cancel(order)

    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.create(
            order=order, kind="cancel", is_whole=True, opened_at=case.opened_at, currency="GBP"
        )


@pytest.mark.django_db
def test_an_order_that_a_case_has_ended_gives_that_case_and_one_that_is_complete_refuses():
    order = an_order(S.COMPLETED)
    back = services.request_return(order, lines=[(1, 3)])

    assert refusal(InvalidCancel, services.request_cancel, order) == "over"
    Order.objects.filter(pk=order.pk).update(state=S.RETURNED)

    assert services.request_cancel(Order.objects.get(pk=order.pk)).pk == back.pk


@pytest.mark.django_db
def test_customers_are_held_to_the_policy_and_operators_are_not(settings):
    settings.SHOP = {**settings.SHOP, "CANCEL_WINDOW": timedelta(0)}
    order = an_order()

    assert refusal(InvalidCancel, services.request_cancel, order, actor=KIM) == "window_over"
    assert (
        refusal(InvalidCancel, services.request_cancel, order, actor=KIM, kind=CaseKind.FORCE)
        == "not_yours"
    )
    case = services.request_cancel(order, actor="admin:lee", kind=CaseKind.FORCE)

    assert case.kind == "force"


@pytest.mark.django_db
def test_a_part_is_asked_for_and_its_units_are_pending():
    order = an_order(S.CONFIRMED)

    case = services.request_partial_cancel(order, lines=[(1, 1), (1, 1)], actor=KIM)

    (part,) = case.lines.all()
    assert (case.kind, part.quantity, part.amount_minor) == ("cancel_partial", 2, 1000)
    assert order.lines.get(line_no=1).cancellable == 1
    assert told(case) == ["PartialCancelRequested"]


@pytest.mark.django_db
def test_all_that_is_left_of_an_order_that_has_not_left_is_cancelled_as_a_whole():
    order = an_order(S.CONFIRMED)
    services.request_partial_cancel(order, lines=[(1, 2)])

    case = services.request_partial_cancel(order, lines=[(1, 1), (2, 1)])

    assert (case.kind, case.is_whole) == ("cancel", True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("lines", "code"),
    [([], "empty"), ([(1, 0)], "bad_quantity"), ([(9, 1)], "unknown_line"), ([(1, 4)], "too_many")],
)
def test_units_that_can_not_be_cancelled_are_refused(lines, code):
    order = an_order()

    assert refusal(InvalidCancel, services.request_partial_cancel, order, lines=lines) == code
    assert not order.cases.exists()


@pytest.mark.django_db
def test_nothing_is_cancelled_in_part_of_an_order_that_is_going_or_gone():
    going, gone = an_order(), an_order(S.COMPLETED)
    services.request_cancel(going)

    assert (
        refusal(InvalidCancel, services.request_partial_cancel, going, lines=[(1, 1)])
        == "cancelled"
    )
    assert refusal(InvalidCancel, services.request_partial_cancel, gone, lines=[(1, 1)]) == "over"


# -- returning and exchanging ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_return_says_what_it_will_come_to_and_takes_its_units(settings):
    settings.SHOP = {**settings.SHOP, "RETURN_FEE_MINOR": {"GBP": 200}}
    order = an_order(S.COMPLETED)

    case = services.request_return(order, lines=[(1, 2)], reason="too big", actor=KIM)

    assert (case.goods_minor, case.return_fee_minor, case.refund_minor) == (1000, 200, 800)
    assert order.lines.get(line_no=1).returnable == 1
    assert told(case) == ["ReturnRequested"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "changed", "lines", "code"),
    [
        (S.FULFILLING, {}, [(1, 1)], "not_delivered"),
        (S.COMPLETED, {}, [(1, 4)], "too_many"),
        (S.COMPLETED, {}, [(7, 1)], "unknown_line"),
        (S.SHIPPED, {}, [(1, 1)], "not_stoppable"),
        (S.SHIPPED, {"parcels": 2}, [(1, 3), (2, 1)], "not_stoppable"),
        (S.LOST, {}, [(1, 1)], "not_delivered"),
    ],
)
def test_a_return_that_can_not_be_is_refused(state, changed, lines, code):
    order = an_order(state)
    Order.objects.filter(pk=order.pk).update(**{"parcels": order.parcels, **changed})

    assert refusal(InvalidReturn, services.request_return, order, lines=lines) == code


@pytest.mark.django_db
def test_a_return_after_its_window_is_refused():
    order = an_order(S.COMPLETED)
    Order.objects.filter(pk=order.pk).update(delivered_at=now() - timedelta(days=31))

    assert refusal(InvalidReturn, services.request_return, order, lines=[(1, 1)]) == "window_over"


@pytest.mark.django_db
def test_a_parcel_on_its_way_with_everything_in_it_is_to_be_stopped():
    case = services.request_return(an_order(S.SHIPPED), lines=[(1, 3), (2, 1)])

    event = StoredEvent.objects.get(type="orders.ReturnRequested")
    assert event.payload["intercept"] is True
    assert case.kind == "return"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wanted", "replaced", "refund"), [((), 1000, 0), ([("BAG", 2, 400)], 800, 200)]
)
def test_an_exchange_is_for_the_same_goods_or_for_cheaper_ones(wanted, replaced, refund):
    order = an_order(S.COMPLETED)

    case = services.request_exchange(order, lines=[(1, 2)], wanted=wanted, actor=KIM)

    assert (case.replaced_minor, case.refund_minor) == (replaced, refund)
    assert told(case) == ["ExchangeRequested"]


@pytest.mark.django_db
def test_dearer_goods_are_not_had_by_exchange():
    order = an_order(S.COMPLETED)
    dearer = [("BAG", 1, 501)]

    assert (
        refusal(InvalidReturn, services.request_exchange, order, lines=[(1, 1)], wanted=dearer)
        == "dearer"
    )
    with pytest.raises(InvalidOrder) as refused:
        services.request_exchange(order, lines=[(1, 1)], wanted=[("", 1, 1)])
    assert refused.value.field == "wanted[0].sku"
