"""Unknown is not failed (R29): calls that got no answer, forward, backward and in between."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from orders.models import Order
from orders.services import request_cancel
from payments.models import Payment, WebhookReceived
from payments.services import bring_forward
from sagas.models import Delivery, DeliveryState, Intent, IntentState, SagaStatus
from sagas.pause import pause
from shipping.models import Shipment
from tests.scenarios.books import assert_books_agree, assert_quiet, back_by, stand, way_back
from tests.scenarios.messages import post_messages
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

COMPENSATED, COMPLETED = SagaStatus.COMPENSATED, SagaStatus.COMPLETED
SOON = timedelta(seconds=5)
#: Longer than the shop's horizon, after which "not known" means "never".
LATER = timedelta(minutes=12)

FAULTS = ["lost_answer", "lost_request", "late_request"]
FORWARD = ["authorise", "capture", "book"]
#: What is called to undo, and how far the order must have come before it is cancelled.
BACK = {"close": "placed", "void": "confirmed", "refund": "fulfilling", "label": "fulfilling"}


def outside(world, operation):
    """Return whom the operation is asked of."""
    return world.carrier if operation in ("book", "label") else world.provider


def lose(world, operation, fault):
    """Have the next such call get no answer."""
    name = "void" if operation == "label" else operation
    outside(world, operation).switch_on(fault, operation=name, times=1)


@contextmanager
def nobody_knows(world, operation):
    """Have inquiries get no answer either, inside the block."""
    outside(world, operation).switch_on("lost_answer", operation="inquire")
    yield
    outside(world, operation).switch_off("lost_answer")


def cancel(world, order):
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()


def inquire_now(world, order):
    bring_forward(world.payment(order))
    world.drain()


def intents(order, step):
    return list(Intent.objects.filter(key=str(order.pk), step=step).exclude(n=0).order_by("n"))


def done_by_provider(world, kind):
    return sum(t.kind == kind for t in world.provider.list_transactions())


# -- forward


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", FORWARD)
def test_a_forward_call_without_an_answer_is_asked_about_and_happens_once(world, operation, fault):
    lose(world, operation, fault)
    order = world.place()
    world.drain()
    assert "CallUnanswered" in world.events(order)
    assert reload(order).state != Order.State.CANCELLED

    world.pass_time(SOON)
    outside(world, operation).execute_late()
    world.deliver(order)

    (balance,) = world.provider.balances().values()
    assert (balance.authorised_minor, balance.captured_minor) == (1500, 1500)
    assert len(world.carrier.list_parcels()) == 1
    assert_quiet(world, order, status=COMPLETED, keeps=1500)


@pytest.mark.parametrize("fault", FAULTS)
def test_while_nothing_is_known_the_payment_stays_in_flight(world, fault):
    lose(world, "authorise", fault)
    with nobody_knows(world, "authorise"):
        order = world.place()
        world.drain()

    assert world.payment(order).state == Payment.State.AUTHORISING
    (intent,) = intents(order, "payments.authorise")
    assert intent.state == IntentState.UNKNOWN
    timer = Delivery.objects.get(purpose="inquire:authorise")
    assert (timer.state, timer.kind) == (DeliveryState.READY, "timer")
    world.assert_engine_agrees()


@pytest.mark.parametrize("fault", ["lost_request", "late_request"])
def test_a_call_that_the_other_side_does_not_know_is_sent_again_under_the_same_key(world, fault):
    lose(world, "capture", fault)
    order = world.place()
    world.drain()
    world.pass_time(SOON)

    (intent,) = intents(order, "payments.capture")
    assert (intent.n, intent.inquiries, intent.state) == (1, 1, IntentState.DONE)
    (captured,) = (t for t in world.provider.list_transactions() if t.kind == "capture")
    assert captured.key == str(intent.idempotency_key)


def test_inquiries_that_get_no_answer_either_go_on_with_growing_distance(world):
    lose(world, "authorise", "lost_answer")
    world.provider.switch_on("lost_answer", operation="inquire")
    order = world.place()
    world.drain()
    for _ in range(3):
        world.pass_time(timedelta(seconds=40))
    (intent,) = intents(order, "payments.authorise")
    assert (intent.state, intent.inquiries) == (IntentState.UNKNOWN, 3)
    assert world.payment(order).state == Payment.State.AUTHORISING

    world.provider.switch_off()
    world.pass_time(timedelta(minutes=2))

    assert reload(order).state == Order.State.FULFILLING
    assert done_by_provider(world, "authorise") == 1


def test_a_provider_that_can_not_be_reached_is_tried_again_under_the_same_key(
    world, settings, tmp_path
):
    reachable = settings.PROVIDER_BOOKS
    (tmp_path / "no-folder").touch()
    settings.PROVIDER_BOOKS = tmp_path / "no-folder" / "provider.sqlite3"
    order = world.place()
    world.drain()
    waiting = Delivery.objects.get(purpose="authorise")
    assert (waiting.state, waiting.attempts) == (DeliveryState.READY, 1)

    settings.PROVIDER_BOOKS = reachable
    world.pass_time(SOON)

    assert reload(order).state == Order.State.FULFILLING
    assert [intent.n for intent in intents(order, "payments.authorise")] == [1]


# -- back


def order_that_is(world, state):
    paused = {"placed": "payments.authorise", "confirmed": "payments.capture"}.get(state)
    if paused:
        pause(paused, actor="test", reason="the order is to stay here")
    order = world.place()
    world.drain()
    assert reload(order).state == state
    return order


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", BACK)
def test_an_undo_without_an_answer_is_asked_about_and_happens_once(world, operation, fault):
    order = order_that_is(world, BACK[operation])
    lose(world, operation, fault)

    with nobody_knows(world, operation):
        cancel(world, order)
    assert stand(order).order == Order.State.CANCELLING
    world.pass_time(SOON)
    outside(world, operation).execute_late()

    assert stand(order).order == Order.State.CANCELLED
    assert way_back(order)[1] == "ShipmentStopped"
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


@pytest.mark.parametrize(
    ("operation", "state"),
    [("authorise", ""), ("capture", ""), ("void", "confirmed"), ("refund", "fulfilling")],
)
def test_what_was_done_under_a_key_that_is_forgotten_since_is_not_done_twice(
    world, operation, state
):
    world.provider.switch_on("expired_keys", operation=operation, seconds=0)
    if not state:
        lose(world, operation, "lost_answer")
    order = order_that_is(world, state) if state else world.place()
    if state:
        lose(world, operation, "lost_answer")
        cancel(world, order)
    else:
        world.drain()

    world.pass_time(SOON)

    assert done_by_provider(world, operation) == 1
    if state:
        assert_quiet(world, order, status=COMPENSATED, keeps=0)
    else:
        world.deliver(order)
        assert_quiet(world, order, status=COMPLETED, keeps=1500)


@pytest.mark.parametrize(
    ("operation", "tries"),
    [
        ("void", ["payments.void"] * 3),
        ("refund", ["payments.send_refund", *["payments.retry_refund"] * 2]),
    ],
)
def test_a_refused_undo_is_tried_again_under_the_next_key(world, operation, tries):
    order = order_that_is(world, BACK[operation])
    world.provider.switch_on("decline", operation=operation, times=2)

    cancel(world, order)
    world.pass_time(timedelta(seconds=30))
    world.pass_time(timedelta(seconds=30))

    made = [intent for step in dict.fromkeys(tries) for intent in intents(order, step)]
    assert [intent.step for intent in made] == tries
    assert [intent.state for intent in made] == ["failed", "failed", "done"]
    assert len({intent.idempotency_key for intent in made}) == len(tries)
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


# -- cancelled while a call is out


@pytest.mark.parametrize(("operation", "money"), [("authorise", "Voided"), ("capture", "Refunded")])
def test_d5_a_call_that_happened_is_recorded_while_going_back_and_undone(world, operation, money):
    lose(world, operation, "lost_answer")
    order = world.place()
    world.drain()

    cancel(world, order)

    assert way_back(order) == back_by(f"Payment{money}")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


@pytest.mark.parametrize(("operation", "money"), [("authorise", "Closed"), ("capture", "Voided")])
def test_d3_going_back_never_sends_again_and_waits_for_the_horizon(world, operation, money):
    lose(world, operation, "lost_request")
    order = world.place()
    world.drain()

    cancel(world, order)
    world.pass_time(timedelta(minutes=2))
    assert stand(order).order == Order.State.CANCELLING
    assert "ShipmentStopped" in way_back(order)
    assert done_by_provider(world, operation) == 0

    world.pass_time(LATER)
    assert done_by_provider(world, operation) == 0
    assert way_back(order) == back_by(f"Payment{money}")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_call_that_was_sent_again_may_still_happen_until_a_horizon_after_that(world):
    lose(world, "authorise", "lost_request")
    with nobody_knows(world, "authorise"):
        order = world.place()
        world.drain()
        world.pass_time(LATER)
    lose(world, "authorise", "late_request")
    inquire_now(world, order)

    cancel(world, order)
    inquire_now(world, order)
    assert world.payment(order).state == Payment.State.AUTHORISING
    world.provider.execute_late()
    world.pass_time(LATER)

    assert way_back(order) == back_by("PaymentVoided")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


@pytest.mark.parametrize(("operation", "money"), [("authorise", "Voided"), ("capture", "Refunded")])
def test_d5_a_call_carried_out_late_is_found_before_the_horizon(world, operation, money):
    lose(world, operation, "late_request")
    order = world.place()
    world.drain()
    cancel(world, order)
    world.pass_time(timedelta(minutes=2))
    assert stand(order).order == Order.State.CANCELLING

    world.provider.execute_late()
    world.pass_time(LATER)

    assert way_back(order) == back_by(f"Payment{money}")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


@pytest.mark.parametrize("operation", ["authorise", "capture"])
def test_r39_a_call_carried_out_after_its_undo_finds_the_door_closed(world, operation):
    lose(world, operation, "late_request")
    order = world.place()
    world.drain()
    cancel(world, order)
    world.pass_time(LATER)
    assert stand(order).order == Order.State.CANCELLED

    (late,) = world.provider.execute_late()

    assert not late.ok
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_cancellation_while_a_label_is_being_booked_waits_for_the_carrier(world, fault):
    lose(world, "book", fault)
    with nobody_knows(world, "book"):
        order = world.place()
        world.drain()
        cancel(world, order)
    assert stand(order).shipment == Shipment.State.BOOKING
    assert way_back(order) == []

    world.pass_time(SOON)
    world.carrier.execute_late()

    assert [parcel.state for parcel in world.carrier.list_parcels()] == ["void"]
    assert way_back(order) == back_by("PaymentRefunded")
    assert_quiet(world, order, status=COMPENSATED, keeps=0)


def test_a_late_try_finds_the_tombstone_of_its_undo(world):
    order = order_that_is(world, "placed")
    cancel(world, order)

    tombstones = Intent.objects.filter(key=str(order.pk), state=IntentState.TOMBSTONE)
    assert {t.step for t in tombstones} >= {
        "payments.authorise",
        "payments.capture",
        "shipping.book_label",
    }


# -- the provider's messages


def deliver_webhooks(world):
    post_messages(world, again=True)
    world.drain()


@pytest.mark.usefixtures("mounted")
def test_a_message_of_the_provider_brings_the_inquiry_forward(world):
    lose(world, "authorise", "lost_answer")
    with nobody_knows(world, "authorise"):
        order = world.place()
        world.drain()
    assert reload(order).state == Order.State.PLACED

    deliver_webhooks(world)

    assert reload(order).state == Order.State.FULFILLING
    assert_books_agree(world)


@pytest.mark.usefixtures("mounted")
def test_repeated_messages_change_nothing(world):
    world.provider.switch_on("repeated_webhooks", repeats=3)
    order = world.place()
    world.drain()
    before = world.events(order)

    deliver_webhooks(world)
    deliver_webhooks(world)

    assert WebhookReceived.objects.count() == 2
    assert world.events(order) == before
    assert kept(world.provider, order) == 1500


@pytest.mark.usefixtures("mounted")
def test_a_message_with_a_wrong_signature_is_refused_and_looked_at_by_nobody(world):
    lose(world, "authorise", "lost_answer")
    order = world.place()
    world.drain()
    (message,) = world.provider.due_webhooks()

    answer = Client().post(
        reverse("payments_api:webhook"),
        message.body.replace("1500", "1"),
        "application/json",
        HTTP_WEBHOOK_ID=message.headers["webhook-id"],
        HTTP_WEBHOOK_TIMESTAMP=message.headers["webhook-timestamp"],
        HTTP_WEBHOOK_SIGNATURE=message.headers["webhook-signature"],
    )
    world.drain()

    assert answer.status_code == 400
    assert reload(order).state == Order.State.PLACED
    assert not WebhookReceived.objects.exists()
