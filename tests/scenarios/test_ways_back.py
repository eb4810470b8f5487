"""What holds of every way back, whatever the row: its order, its deadline, and nobody else's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payments.models import Refund
from sagas.models import Case as EngineCase
from sagas.models import CaseKind, SagaStatus
from tests.scenarios.books import Stand, assert_books_agree, assert_quiet, back_by, stand, way_back
from tests.scenarios.endings import at_most, cancel, said, the_case
from tests.world import kept

pytestmark = pytest.mark.both_databases

COMPENSATED, COMPLETED = SagaStatus.COMPENSATED, SagaStatus.COMPLETED

VOIDED = Stand(order="cancelled", payment="voided", reservation="released", shipment="stopped")
REFUNDED = replace(VOIDED, payment="refunded")

#: An order that is being cancelled while the carrier has not answered.
UNTOUCHED = Stand(
    order="cancelling", payment="captured", reservation="committed", shipment="voiding"
)


def test_money_waits_for_the_parcel_and_stock_for_what_becomes_of_the_money(world):
    order = world.ready()
    world.carrier.switch_on("lost_request", operation="void", times=1)
    world.provider.switch_on("lost_request", operation="refund", times=1)

    cancel(world, order)
    assert stand(order) == UNTOUCHED
    world.pass_time(timedelta(seconds=2))
    assert stand(order) == replace(
        UNTOUCHED, payment="refunding", reservation="released", shipment="stopped"
    )
    world.pass_time(timedelta(seconds=4))

    assert stand(order) == REFUNDED
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_capture_that_is_refused_gives_the_authorisation_up(world):
    world.provider.switch_on("decline", operation="capture", code="expired_card")
    order = world.ready()

    assert stand(order) == VOIDED
    assert way_back(order) == back_by("PaymentVoided")
    assert the_case(order).kind == "payment_failed"
    assert "You were not charged." in said(order)
    assert world.provider.balances()[order.number].open_minor == 0
    assert kept(world.provider, order) == 0


def test_a_checkout_past_its_deadline_asks_to_be_cancelled_while_it_still_can_be(world):
    order = at_most(world, "shipping.book_label")

    world.pass_time(timedelta(days=15))

    assert "DeadlinePassed" in world.events(order)
    assert the_case(order).kind == "seller_cancel"
    assert stand(order) == REFUNDED
    assert Refund.objects.get(order_id=order.pk).case == "seller_cancel"
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_checkout_past_its_deadline_and_its_pivot_asks_a_person(world):
    order = world.ready()
    world.hand_over(order)

    world.pass_time(timedelta(days=15))

    saga = world.saga(order)
    assert EngineCase.objects.get(saga_id=saga.id).kind == CaseKind.OVERDUE
    assert (saga.status, saga.direction) == (SagaStatus.RUNNING, "forward")
    world.deliver(order)
    assert_quiet(world, order, status=COMPLETED, keeps=1500)


def test_one_way_back_leaves_other_orders_alone(world):
    orders = [world.place(), world.place(cards=("tok_declined",)), world.place()]
    world.drain()
    cancel(world, orders[0])
    world.deliver(orders[2])

    assert [stand(order).order for order in orders] == ["cancelled", "cancelled", "completed"]
    assert [kept(world.provider, order) for order in orders] == [0, 0, 1500]
    assert_books_agree(world)
