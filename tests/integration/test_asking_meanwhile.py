"""A message of the provider comes while something else is announced of its payment."""

from django.db import transaction

from orders.events import PayBy
from payments.events import AuthorisationExpiring
from payments.models import Payment, WebhookReceived
from payments.services import ask, give_account, receive_webhook
from sagas.models import Saga, StoredEvent
from sagas.outbox import publish, saga_transaction
from tests.integration.workers import beside, wait_until_somebody_waits

ACCOUNT = {"bank": "Bank", "number": "110-22", "holder": "Kim"}


def test_a_hint_gives_way_to_what_is_announced_of_its_payment_at_the_same_moment(world):
    order = world.place()
    world.drain()
    payment = Payment.objects.get(order_id=order.pk)
    events = StoredEvent.objects.filter(subject_key=str(payment.pk))
    before = events.count()

    with beside() as other:
        with transaction.atomic():
            with saga_transaction(payment):
                publish(AuthorisationExpiring(order_id=order.pk), of=payment)
            asked = other(ask, payment)
            wait_until_somebody_waits("the hint waits for the payment")
        assert asked.result(10) is True

    places = list(events.order_by("subject_seq").values_list("subject_seq", flat=True))
    assert len(places) == before + 2
    assert places[-2:] == [places[-3] + 1, places[-3] + 2]


def test_what_is_announced_of_a_payment_takes_its_place_after_a_hint_of_the_same_moment(world):
    order = world.place()
    world.drain()
    payment = Payment.objects.get(order_id=order.pk)
    before = places_of(payment)

    with beside() as other:
        with transaction.atomic():
            ask(payment)
            announced = other(announce, payment)
            wait_until_somebody_waits("the announcement waits for the hint")
        announced.result(10)

    assert places_of(payment) == [*before, before[-1] + 1, before[-1] + 2]


def places_of(payment):
    events = StoredEvent.objects.filter(subject_key=str(payment.pk))
    return list(events.order_by("subject_seq").values_list("subject_seq", flat=True))


def announce(payment):
    """Announce something of it under its row's lock alone, as a step does in a lane of its own."""
    with transaction.atomic():
        Payment.objects.select_for_update(no_key=True).get(pk=payment.pk)
        publish(AuthorisationExpiring(order_id=payment.order_id), of=payment)


def test_a_hint_says_in_which_state_the_payment_is_when_its_turn_comes(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    payment = Payment.objects.get(order_id=order.pk)

    with beside() as other:
        with transaction.atomic():
            with saga_transaction(payment) as locked:
                locked.start_close()
                publish(AuthorisationExpiring(order_id=order.pk), of=locked)
            asked = other(ask, payment)
            wait_until_somebody_waits("the hint waits for the payment")
        asked.result(10)

    hint = StoredEvent.objects.get(type="payments.PaymentHinted")
    assert (hint.from_state, hint.to_state) == ("closing", "closing")


def test_a_message_that_two_receive_at_the_same_moment_is_kept_once(world):
    order = world.place()
    world.drain()
    message = next(m for m in world.provider.due_webhooks() if m.reference == order.number)

    with beside() as other:
        with transaction.atomic():
            assert receive_webhook(message.headers, message.body.encode())
            received = other(receive_webhook, message.headers, message.body.encode())
            wait_until_somebody_waits("the message is kept")
        assert received.result(10) is False

    assert WebhookReceived.objects.count() == 1
    assert StoredEvent.objects.filter(type="payments.PaymentHinted").count() == 1


def test_who_gives_an_account_waits_for_the_payments_lane_before_its_row(world):
    order = world.place(pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    payment = Payment.objects.get(order_id=order.pk)
    ask(payment)

    with beside() as other:
        with transaction.atomic():
            Saga.objects.select_for_update().get(key=f"payments.Payment:{payment.pk}")
            given = other(give_account, payment, ACCOUNT, actor="customer:kim")
            wait_until_somebody_waits("the lane is wanted")
            Payment.objects.select_for_update(nowait=True).get(pk=payment.pk)
        assert given.result(10) is True
