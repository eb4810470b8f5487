"""Every way back of a checkout, by the row of the decision table that it stands in."""

from dataclasses import replace
from datetime import timedelta

import pytest

from orders.models import Case, Loss, Order
from orders.services import request_cancel
from sagas.models import Case as EngineCase
from sagas.models import CaseKind, Saga, SagaStatus
from sagas.pause import pause
from shipping.models import Shipment
from tests.scenarios.books import Stand, assert_books_agree, assert_quiet, back_by, stand, way_back
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

COMPENSATED, COMPLETED = SagaStatus.COMPENSATED, SagaStatus.COMPLETED
Kind, Outcome = Case.Kind, Case.Outcome

CLOSED = Stand(order="cancelled", payment="closed", reservation="released", shipment="")
VOIDED = Stand(order="cancelled", payment="voided", reservation="released", shipment="")
REFUNDED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")

#: Parcel and stock of an order while the carrier has not answered.
UNTOUCHED = {"reservation": "committed", "shipment": "voiding"}


def at_most(world, step):
    """Place an order that comes as far as `step`, which is paused."""
    pause(step, actor="test", reason="the order is to stay here")
    order = world.place()
    world.drain()
    return order


def cancel(world, order):
    case = request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()
    return Case.objects.get(pk=case.pk)


def the_case(order):
    return Case.objects.get(order=order)


# -- the shop itself can't go on


@pytest.mark.parametrize("sku", ["MUG", "NO-SUCH-ARTICLE"])
def test_d9_what_is_not_there_is_cancelled_before_any_card_is_asked(world, sku):
    order = world.place(((sku, 101, 500),))
    world.drain()

    assert stand(order) == Stand(
        order="cancelled", payment="closed", reservation="refused", shipment=""
    )
    assert way_back(order) == back_by("PaymentClosed")
    assert the_case(order).kind == Kind.OOS_CANCEL
    assert order.number not in world.provider.balances()
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d2_an_order_declined_twice_is_cancelled_and_its_stock_released(world):
    order = world.place(cards=("tok_declined", "tok_insufficient"))
    world.drain()

    assert stand(order) == CLOSED
    assert way_back(order) == back_by("PaymentClosed")
    assert world.events(order).count("PaymentDeclined") == 2
    assert the_case(order).kind == Kind.PAYMENT_FAILED
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d2_a_second_card_saves_an_order_whose_first_was_declined(world):
    order = world.place(cards=("tok_declined", "tok_visa"))
    world.drain()
    world.deliver(order)

    assert reload(order).state == Order.State.COMPLETED
    assert world.events(order).count("PaymentDeclined") == 1
    assert_quiet(world, order, status=COMPLETED, keeps=1500)


def test_d7_a_refused_capture_gives_the_authorisation_up(world):
    world.provider.switch_on("decline", operation="capture", code="expired_card")
    order = world.place()
    world.drain()

    assert stand(order) == VOIDED
    assert way_back(order) == back_by("PaymentVoided")
    assert the_case(order).kind == Kind.PAYMENT_FAILED
    assert world.provider.balances()[order.number].open_minor == 0
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d14_what_no_carrier_takes_is_cancelled_and_refunded(world):
    world.carrier.switch_on("refuse")
    order = world.place()
    world.drain()

    assert stand(order) == Stand(
        order="cancelled", payment="refunded", reservation="released", shipment="refused"
    )
    assert way_back(order) == back_by("PaymentRefunded")
    assert the_case(order).kind == Kind.SELLER_CANCEL
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


# -- the customer changes their mind


def test_d1_an_order_cancelled_before_payment_closes_the_payment_session(world):
    order = at_most(world, "payments.authorise")

    case = cancel(world, order)

    assert (case.kind, case.outcome) == (Kind.ABANDON, Outcome.ACCEPTED)
    assert stand(order) == Stand(
        order="cancelled", payment="closed", reservation="released", shipment="stopped"
    )
    assert way_back(order) == back_by("PaymentClosed")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d7_an_order_cancelled_after_authorisation_is_voided(world):
    order = at_most(world, "payments.capture")

    case = cancel(world, order)

    assert (case.kind, case.outcome) == (Kind.CANCEL, Outcome.ACCEPTED)
    assert stand(order).payment == "voided"
    assert way_back(order) == back_by("PaymentVoided")
    balance = world.provider.balances()[order.number]
    assert (balance.captured_minor, balance.voided_minor) == (0, 1500)
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d8_an_order_cancelled_after_capture_is_refunded(world):
    order = at_most(world, "shipping.book_label")
    assert kept(world.provider, order) == 1500

    case = cancel(world, order)

    assert (case.kind, case.outcome) == (Kind.CANCEL, Outcome.ACCEPTED)
    assert stand(order) == REFUNDED
    assert way_back(order) == back_by("PaymentRefunded")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d12_an_order_cancelled_with_a_label_has_the_label_voided_first(world):
    order = world.place()
    world.drain()
    assert stand(order).shipment == Shipment.State.LABELLED

    cancel(world, order)

    assert stand(order) == REFUNDED
    assert way_back(order) == back_by("PaymentRefunded")
    assert [parcel.state for parcel in world.carrier.list_parcels()] == ["void"]
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_d12_an_order_that_was_handed_over_refuses_the_cancellation_and_goes_on(world):
    order = world.place()
    world.drain()
    world.hand_over(order)

    case = cancel(world, order)

    assert case.outcome == Outcome.REJECTED
    assert "CancelRejected" in world.events(order)
    assert way_back(order) == []
    world.deliver(order)
    assert_quiet(world, order, status=COMPLETED, keeps=1500)


def test_d12_the_driver_does_not_get_a_parcel_whose_order_is_being_cancelled(world):
    order = world.place()
    world.drain()
    request_cancel(reload(order), reason="changed my mind")
    world.drain()

    assert world.hand_over(order) is False
    assert [parcel.state for parcel in world.carrier.list_parcels()] == ["void"]


def test_d30_a_second_cancellation_returns_the_first_case(world):
    order = at_most(world, "shipping.book_label")
    first = request_cancel(reload(order), reason="changed my mind")

    assert request_cancel(reload(order), reason="really") == first
    world.drain()
    assert request_cancel(reload(order), reason="and again") == first
    assert world.events(order).count("CancelRequested") == 1
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_r39_money_waits_for_the_parcel_and_stock_for_the_money(world):
    order = world.place()
    world.drain()
    world.carrier.switch_on("lost_request", operation="void", times=1)
    world.provider.switch_on("lost_request", operation="refund", times=1)

    cancel(world, order)
    assert stand(order) == replace(REFUNDED, order="cancelling", payment="captured", **UNTOUCHED)
    world.pass_time(timedelta(seconds=2))
    assert stand(order) == replace(
        REFUNDED, order="cancelling", payment="refunding", reservation="committed"
    )
    world.pass_time(timedelta(seconds=4))

    assert stand(order) == REFUNDED
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


# -- time passes


def test_d3_an_order_that_is_not_paid_in_time_is_cancelled(world):
    order = at_most(world, "payments.authorise")

    world.pass_time(timedelta(minutes=31))

    assert "ReservationExpired" in world.events(order)
    assert stand(order).order == Order.State.CANCELLED
    assert way_back(order) == back_by("PaymentClosed")
    assert the_case(order).kind == Kind.PAYMENT_FAILED
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_checkout_past_its_deadline_asks_to_be_cancelled_while_it_still_can_be(world):
    order = at_most(world, "shipping.book_label")

    world.pass_time(timedelta(days=15))

    assert "DeadlinePassed" in world.events(order)
    assert the_case(order).kind == Kind.SELLER_CANCEL
    assert stand(order) == REFUNDED
    assert way_back(order) == back_by("PaymentRefunded")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_checkout_past_its_deadline_and_its_pivot_asks_a_person(world):
    order = world.place()
    world.drain()
    world.hand_over(order)

    world.pass_time(timedelta(days=15))

    saga = world.saga(order)
    assert EngineCase.objects.get(saga_id=saga.id).kind == CaseKind.OVERDUE
    assert (saga.status, saga.direction) == (SagaStatus.RUNNING, "forward")
    world.deliver(order)
    assert_quiet(world, order, status=COMPLETED, keeps=1500)


# -- the parcel


def test_d15_a_lost_parcel_ends_the_checkout_and_a_loss_gives_the_money_back(world):
    order = world.place()
    world.drain()

    world.lose(order)

    assert stand(order) == Stand(
        order="lost", payment="captured", reservation="written_off", shipment="lost"
    )
    assert way_back(order) == []
    assert Loss.objects.get(order=order).state == Loss.State.SETTLED
    loss = Saga.objects.get(choreography="loss")
    assert (loss.status, loss.direction) == (COMPLETED, "forward")
    assert world.payment(order).refunded_minor == 1500
    assert_quiet(world, order, status=COMPLETED, keeps=0)


def test_one_way_back_leaves_other_orders_alone(world):
    orders = [world.place(), world.place(cards=("tok_declined",)), world.place()]
    world.drain()
    cancel(world, orders[0])
    world.deliver(orders[2])

    assert [stand(order).order for order in orders] == ["cancelled", "cancelled", "completed"]
    assert [kept(world.provider, order) for order in orders] == [0, 0, 1500]
    assert_books_agree(world)
