"""A message of the provider comes while something else is announced of its payment."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction

from payments.events import AuthorisationExpiring
from payments.models import Payment
from payments.services import ask
from sagas.models import StoredEvent
from sagas.outbox import publish, saga_transaction
from tests.integration.workers import wait_until_somebody_waits


def test_a_hint_gives_way_to_what_is_announced_of_its_payment_at_the_same_moment(world):
    order = world.place()
    world.drain()
    payment = Payment.objects.get(order_id=order.pk)
    events = StoredEvent.objects.filter(subject_key=str(payment.pk))
    before = events.count()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            with saga_transaction(payment):
                publish(AuthorisationExpiring(order_id=order.pk), of=payment)
            asked = other.submit(ask_and_leave, payment)
            wait_until_somebody_waits("the hint waits for the payment")
        assert asked.result(10) is True

    places = list(events.order_by("subject_seq").values_list("subject_seq", flat=True))
    assert len(places) == before + 2
    assert places[-2:] == [places[-3] + 1, places[-3] + 2]


def ask_and_leave(payment):
    try:
        return ask(payment)
    finally:
        connection.close()
