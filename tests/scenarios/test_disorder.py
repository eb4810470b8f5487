"""Events that come twice, too early, too late or the wrong way round: each has a decided answer."""

from datetime import timedelta

import pytest

from inventory.events import OutOfStock, StockCommitted, StockReserved
from inventory.models import Reservation
from orders import events as orders
from orders.events import OrderCancelled, OrderPlaced
from orders.models import Order
from orders.services import request_cancel
from payments.events import PaymentDeclined
from sagas import codec
from sagas.exceptions import DirectionConflict, PermanentFailure
from sagas.models import Case, CaseKind, Delivery, DeliveryState, Saga, SagaStatus, StoredEvent
from sagas.participant import by
from sagas.pause import pause, resume
from shipping.events import ShipmentHandedOver, ShipmentLabelled
from shipping.models import Shipment
from tests.scenarios.books import assert_books_agree, assert_quiet, stand
from tests.scenarios.facts import facts, say
from tests.world import reload

pytestmark = pytest.mark.both_databases


def hold(step):
    pause(step, actor="test", reason="the order is to stay here")


def let_go(world, step):
    resume(step, actor="test")
    world.drain()


def cancelled(order, reason="test"):
    why = orders.CaseKind.FORCE
    return OrderCancelled(order_id=order.pk, case_id=order.pk, case=why, reason=reason)


def placed_event(order):
    stored = StoredEvent.objects.get(type="orders.OrderPlaced", payload__number=order.number)
    event = codec.decode(stored.type, stored.version, stored.payload)
    assert isinstance(event, OrderPlaced)
    return stored, event


# -- twice


def test_an_order_announced_twice_has_one_saga_and_no_second_delivery(world):
    order = world.place()
    stored, event = placed_event(order)
    before = Delivery.objects.count()

    assert say(event, of=order) == stored
    assert (Saga.objects.filter(key=str(order.pk)).count(), Delivery.objects.count()) == (1, before)

    world.drain()
    assert say(event, of=order) == stored
    world.deliver(order)
    assert_quiet(world, order, status=SagaStatus.COMPLETED, keeps=1500)


def test_an_event_whose_move_is_in_the_log_already_is_ignored(world):
    order = world.place()
    world.drain()

    say(StockReserved(order_id=order.pk), of=Reservation.objects.get(order_id=order.pk))
    world.drain()

    (ignored,) = facts(order, "EventIgnored")
    assert ignored["step"] == "payments.authorise"
    assert ignored["reason"] == "its subject has made this move before"
    assert_books_agree(world)


def test_a_delivery_that_is_put_back_by_hand_has_no_second_effect(world):
    order = world.place()
    stored, _ = placed_event(order)
    copy = Delivery.objects.get(event=stored, purpose="reserve")
    world.drain()
    copy.save(force_insert=True)

    for _ in range(8):
        world.pass_time(timedelta(minutes=2))

    assert Delivery.objects.get(id=copy.id).state == DeliveryState.DEAD
    assert_books_agree(world)


# -- too late


def test_an_event_in_a_state_that_refuses_it_is_refused_with_its_reason(world):
    order = world.place()
    world.drain()

    say(PaymentDeclined(order_id=order.pk, code="late"), of=world.payment(order))
    world.drain()

    assert facts(order, "StepRefused") == [
        {"step": "orders.offer_retry", "reason": "this order is paid"}
    ]
    assert reload(order).state == Order.State.FULFILLING


def test_what_would_still_go_forward_is_refused_when_a_saga_turns(world):
    hold("payments.authorise")
    order = world.place()
    world.drain()

    request_cancel(reload(order))
    world.drain()

    assert facts(order, "StepRefused") == [
        {"step": "payments.authorise", "reason": "the saga is going back"}
    ]
    let_go(world, "payments.authorise")
    assert stand(order).payment == "closed"


def test_a_step_in_the_very_batch_that_turns_its_saga_is_refused(world, extras):
    offered = []

    @extras.on(OutOfStock, reads={"orders": by(Order, "id", "order_id")})
    def offer_another_article(event, orders) -> None:
        offered.append(event.order_id)

    order = world.place((("MUG", 101, 500),))
    world.drain()

    assert offered == []
    assert facts(order, "StepRefused") == [
        {"step": "extras.offer_another_article", "reason": "the saga is going back"}
    ]
    assert_quiet(world, order, status=SagaStatus.COMPENSATED, keeps=0)


def test_an_event_that_comes_too_late_is_answered_by_the_step_for_that(world, extras):
    answered = []

    @extras.late(subject=by(Order, "id", "order_id"))
    def turn_away(event, order) -> None:
        answered.append((event.order_id, order.state))

    @extras.on(
        ShipmentLabelled,
        subject=by(Order, "id", "order_id"),
        applies_in=(Order.State.PLACED,),
        otherwise={Order.State.FULFILLING: turn_away},
    )
    def engrave(event, order) -> None:
        answered.append(event)

    order = world.place()
    world.drain()

    assert answered == [(order.pk, "fulfilling")]
    world.assert_engine_agrees()


def test_an_event_of_an_order_that_is_cancelled_meets_a_closed_door(world):
    order = world.place(cards=("tok_declined",))
    world.drain()
    assert stand(order).order == Order.State.CANCELLED

    say(StockReserved(order_id=order.pk), of=Reservation.objects.get(order_id=order.pk))
    world.drain()

    assert stand(order).payment == "closed"
    assert_books_agree(world)


# -- too early


def early(world):
    """Return an order that is told of its committed stock before it is confirmed."""
    hold("payments.authorise")
    order = world.place()
    world.drain()
    say(StockCommitted(order_id=order.pk), of=Reservation.objects.get(order_id=order.pk))
    world.drain()
    return order


def test_an_early_event_parks_and_says_what_it_waits_for(world):
    order = early(world)

    parked = Delivery.objects.get(state=DeliveryState.PARKED)
    assert (parked.consumer, parked.purpose) == ("orders", "collect")
    assert (parked.waits_model, parked.waits_key) == ("orders.Order", f"id={order.pk}")
    assert parked.deadline_at is not None
    assert "placed" in parked.reason


def test_a_parked_event_is_woken_by_the_move_of_its_subject(world):
    order = early(world)

    resume("payments.authorise", actor="test")
    world.worker.drain()  # no relay looks again, no time passes

    assert not Delivery.objects.filter(state=DeliveryState.PARKED).exists()
    assert reload(order).state == Order.State.FULFILLING
    world.assert_engine_agrees()


def test_a_parked_event_lets_others_of_its_lane_pass(world):
    order = early(world)

    request_cancel(reload(order))
    world.drain()

    assert stand(order).order == Order.State.CANCELLED
    assert "orders.collect" in {fact["step"] for fact in facts(order, "StepRefused")}


def test_an_event_that_was_parked_for_too_long_asks_a_person(world, settings):
    settings.SAGAS = {**settings.SAGAS, "PARK_DEADLINE": timedelta(minutes=5)}
    early(world)

    world.pass_time(timedelta(minutes=4))
    assert Delivery.objects.get(purpose="collect").state == DeliveryState.PARKED
    world.pass_time(timedelta(minutes=2))

    dead = Delivery.objects.get(purpose="collect")
    assert dead.state == DeliveryState.DEAD
    assert PermanentFailure.__name__ in dead.error
    assert Case.objects.get(delivery_id=dead.id).kind == CaseKind.DEAD_LETTER
    world.assert_engine_agrees()


# -- the wrong way


def test_a_saga_that_goes_back_does_not_pass_its_pivot(world):
    order = world.place()
    world.drain()
    shipment = Shipment.objects.get(order_id=order.pk)
    say(cancelled(order), of=order)

    with pytest.raises(DirectionConflict, match="which is going back"):
        say(ShipmentHandedOver(order_id=order.pk, lines=()), of=shipment)
    assert world.hand_over(order) is False
    assert world.saga(order).pivoted_at is None


def test_a_saga_past_its_pivot_does_not_go_back(world):
    order = world.place()
    world.drain()
    world.hand_over(order)
    before = world.events(order)

    with pytest.raises(DirectionConflict, match="after its pivot"):
        say(cancelled(order), of=order)
    assert world.events(order) == before
    assert world.saga(order).direction == "forward"


def test_a_second_abort_does_not_turn_a_saga_twice(world):
    order = world.place(cards=("tok_declined",))
    world.drain()
    turned = world.saga(order).turned_at

    say(cancelled(order, "again"), of=order)
    world.drain()

    assert world.saga(order).turned_at == turned
    assert stand(order).order == Order.State.CANCELLED
