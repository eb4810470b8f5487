"""The address for messages, with each provider: verified, kept once, a hint to look (R37)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from payments.models import Payment, WebhookReceived
from sagas.models import Delivery, Saga, StoredEvent
from tests.conformance.requests import captured
from tests.conformance.rigs import forged, nowhere

pytestmark = pytest.mark.django_db

PROVIDERS = ["simulated", "stripe", "toss"]


def in_a_shop_with(*providers):
    return pytest.mark.parametrize("shop", providers, indirect=True)


def post(shop, headers, body, *, to=None):
    address = f"/api/payments/webhooks/{to or shop.gateway.name}/"
    return Client().post(address, body, "application/json", headers=headers)


@pytest.fixture
def waiting():
    """Return what makes an order whose authorisation is being inquired about in an hour."""

    def make(reference, authorisation_id=""):
        order_id, now = uuid4(), timezone.now()
        Payment.objects.create(
            order_id=order_id,
            number=reference,
            state=Payment.State.AUTHORISING,
            amount_minor=1000,
            due_minor=1000,
            currency="GBP",
            authorisation_id=authorisation_id,
        )
        saga = Saga.objects.create(choreography="checkout", key=str(order_id), started_at=now)
        event = StoredEvent.objects.create(
            type="inventory.StockReserved",
            payload={"order_id": str(order_id)},
            context="inventory",
            saga_id=saga.id,
            position=1,
            subject_model="x",
            subject_key=str(order_id),
            subject_seq=1,
            recorded_at=now,
        )
        return Delivery.objects.create(
            event=event,
            consumer="payments",
            purpose="inquire:authorise",
            kind="timer",
            saga_id=saga.id,
            position=1,
            available_at=now + timedelta(hours=1),
            created_at=now,
        )

    return make


def is_due(delivery):
    delivery.refresh_from_db()
    return delivery.available_at <= timezone.now()


@in_a_shop_with(*PROVIDERS)
def test_a_message_is_kept_as_it_came_and_brings_the_inquiry_forward(shop, waiting):
    reference, headers, body = shop.told(lambda: captured(shop)[0])
    inquiry = waiting(reference)

    answer = post(shop, headers, body)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    kept = WebhookReceived.objects.get()
    assert (kept.provider, kept.reference) == (shop.gateway.name, reference)
    assert kept.id.startswith(f"{shop.gateway.name}:")
    assert kept.body == body.decode()
    assert is_due(inquiry)


@in_a_shop_with(*PROVIDERS)
def test_a_message_that_comes_again_changes_nothing(shop, waiting):
    reference, headers, body = shop.told(lambda: captured(shop)[0])
    inquiry = waiting(reference)
    post(shop, headers, body)
    Delivery.objects.update(available_at=timezone.now() + timedelta(hours=1))

    assert post(shop, headers, body).status_code == 200

    assert WebhookReceived.objects.count() == 1
    assert not is_due(inquiry)


@in_a_shop_with(*PROVIDERS)
def test_a_forged_message_is_refused_and_not_kept(shop, waiting):
    reference, headers, body = shop.told(lambda: captured(shop)[0])
    inquiry = waiting(reference)

    assert post(shop, headers, forged(body)).status_code == 400

    assert not WebhookReceived.objects.exists()
    assert not is_due(inquiry)


@in_a_shop_with(*PROVIDERS)
def test_a_message_is_answered_after_twenty_statements(shop, waiting, django_assert_num_queries):
    """Is it known, whose is it, what time is it; keep it; bring the inquiry forward; announce it.

    Seven are the engine's that announce the hint, four hold transaction and savepoint.
    """
    reference, headers, body = shop.told(lambda: captured(shop)[0])
    waiting(reference)

    with django_assert_num_queries(20):
        post(shop, headers, body)


@in_a_shop_with(*PROVIDERS)
def test_a_message_that_is_known_is_answered_after_one_statement(
    shop, waiting, django_assert_num_queries
):
    reference, headers, body = shop.told(lambda: captured(shop)[0])
    waiting(reference)
    post(shop, headers, body)

    with django_assert_num_queries(1):
        post(shop, headers, body)


@in_a_shop_with("toss")
@pytest.mark.parametrize("order", [("DONE", "ABORTED"), ("ABORTED", "DONE")])
def test_contradicting_messages_are_both_kept_and_decide_nothing(shop, waiting, order):
    reference, _ = captured(shop)
    waiting(reference)

    for status in order:
        assert post(shop, *shop.stub.status_message(reference, status=status)).status_code == 200

    assert WebhookReceived.objects.filter(reference=reference).count() == 2
    assert Payment.objects.get().state == Payment.State.AUTHORISING


@in_a_shop_with("stripe")
def test_a_message_that_names_only_the_authorisation_finds_its_order(shop, waiting):
    reference, taken = captured(shop)
    held = shop.gateway.look_up(reference).authorisations[0].id
    inquiry = waiting(reference, authorisation_id=held)
    dispute = shop.stub.objects[shop.stub.dispute(taken)]

    post(shop, *shop.stub.message("charge.dispute.created", dispute))

    assert WebhookReceived.objects.get().reference == reference
    assert is_due(inquiry)


@in_a_shop_with("toss")
def test_a_message_that_can_not_be_verified_now_is_to_be_sent_again(shop, monkeypatch):
    _, headers, body = shop.told(lambda: captured(shop)[0])
    monkeypatch.setenv("TOSS_API_BASE", nowhere())

    assert post(shop, headers, body).status_code == 503

    assert not WebhookReceived.objects.exists()


@in_a_shop_with("stripe")
def test_messages_of_another_provider_have_no_address(shop):
    assert post(shop, {}, b"{}", to="toss").status_code == 404
    assert post(shop, {}, b"{}", to="simulated").status_code == 404
    assert post(shop, {}, b"{}", to="paypal").status_code == 404
