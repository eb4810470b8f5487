"""What a message of the provider causes, and what a person's evidence does (R37, D-29)."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from payments import gateway, services
from payments.models import Evidence, Payment, WebhookReceived
from payments.simulated_provider import SimulatedProvider
from sagas.call import Outcome
from sagas.intent import stored_outcome
from sagas.models import Delivery, Intent, IntentState, Saga, StoredEvent
from tests.unit.payment_rows import (
    CASE,
    NOW,
    ORDER,
    State,
    captured,
    open_saga,
    payment,
    refund,
    said,
    stored,
)


@pytest.fixture
def books(settings, tmp_path):
    settings.PROVIDER_BOOKS = tmp_path / "provider.sqlite3"
    return SimulatedProvider(settings.PROVIDER_BOOKS)


# -- messages of the provider ---------------------------------------------------------------------


def unanswered(step, subject_key, *, saga):
    """A call that got no answer and is asked about in an hour."""
    now = timezone.now()
    Saga.objects.filter(pk=saga.pk).update(position=1)
    event = StoredEvent.objects.create(
        type="inventory.StockReserved",
        payload={"order_id": str(ORDER)},
        context="inventory",
        saga_id=saga.id,
        position=1,
        subject_model="x",
        subject_key="x",
        subject_seq=1,
        recorded_at=now,
    )
    Intent.objects.create(
        saga_id=saga.id,
        event_id=event.id,
        choreography=saga.choreography,
        key=saga.key,
        step=f"payments.{step}",
        subject_key=str(subject_key),
        n=1,
        idempotency_key=uuid4(),
        state=IntentState.UNKNOWN,
        started_at=now,
    )
    return Delivery.objects.create(
        event=event,
        consumer="payments",
        purpose=f"inquire:{step}",
        kind="timer",
        saga_id=saga.id,
        position=1,
        available_at=now + timedelta(hours=1),
        created_at=now,
    )


@pytest.fixture
def inquiry(db):
    payment(State.AUTHORISING, attempts=1).save()
    return unanswered("authorise", ORDER, saga=open_saga("checkout", ORDER))


def post(webhook, **headers):
    named = {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in webhook.headers.items()}
    return Client().post(
        "/api/payments/webhook/", webhook.body, "application/json", **(named | headers)
    )


@pytest.fixture
def webhook(books, settings):
    settings.ROOT_URLCONF = "tests.unit.payment_urls"
    books.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    return next(books.due_webhooks())


def is_due(delivery):
    delivery.refresh_from_db()
    return delivery.available_at <= timezone.now()


def test_a_message_is_kept_once_and_brings_the_inquiry_forward(webhook, inquiry):
    assert [post(webhook).status_code for _ in range(2)] == [200, 200]

    assert is_due(inquiry)
    kept = WebhookReceived.objects.get()
    assert (kept.reference, kept.kind) == ("1001", "authorise.succeeded")
    assert json.loads(kept.body)["data"]["reference"] == "1001"


def test_a_message_is_a_hint_to_look_and_changes_no_payment(webhook, inquiry):
    post(webhook)

    assert Payment.objects.get().state == State.AUTHORISING
    assert "PaymentHinted" in said()
    assert Delivery.objects.get(purpose="look").consumer == "payments"


def test_a_message_with_a_wrong_signature_is_refused_and_not_kept(webhook, inquiry):
    answer = post(webhook, HTTP_WEBHOOK_SIGNATURE="v1,nonsense")

    assert answer.status_code == 400
    assert not WebhookReceived.objects.exists()
    assert not is_due(inquiry)


def test_a_message_about_an_unknown_order_is_kept_and_causes_nothing(webhook, db):
    assert post(webhook).status_code == 200

    assert WebhookReceived.objects.exists()
    assert said() == []


@pytest.mark.django_db
def test_the_refunds_of_cases_are_asked_about_too():
    paid = captured(pending_minor=300)
    paid.save()
    refund().save()
    waiting = unanswered("send_case_refund", refund().id, saga=open_saga("return", CASE))

    assert services.bring_forward(paid) == 1
    assert is_due(waiting)
    assert services.learn("no such order") is False


# -- evidence -------------------------------------------------------------------------------------


def test_a_call_without_an_answer_is_answered_by_evidence_and_goes_on(inquiry):
    evidence = services.settle_by_evidence(
        Payment.objects.get(), reference="au_7", actor="admin:kim", reason="seen there"
    )

    intent = Intent.objects.get()
    assert intent.state == IntentState.ANSWERED
    assert stored_outcome(intent) == Outcome(ok=True, reference="au_7")
    assert is_due(inquiry)
    fact = StoredEvent.objects.get(type="payments.OutcomeAttested")
    assert (fact.actor, fact.reason, fact.payload["reference"]) == (
        "admin:kim",
        "seen there",
        "au_7",
    )
    assert evidence.verify_by - evidence.recorded_at == timedelta(hours=24)
    assert Payment.objects.get().state == State.AUTHORISING


@pytest.mark.django_db
def test_a_refund_without_an_answer_is_answered_by_evidence():
    captured(pending_minor=300).save()
    refund().save()
    unanswered("send_case_refund", refund().id, saga=open_saga("return", CASE))

    services.settle_by_evidence(refund(), reference="re_7", actor="admin:kim", reason="")

    assert Intent.objects.get().state == IntentState.ANSWERED
    assert Evidence.objects.get().refund_id == refund().id


@pytest.mark.parametrize(("reference", "actor"), [("", "admin:kim"), ("au_7", "")])
def test_evidence_has_a_reference_and_a_person(inquiry, reference, actor):
    with pytest.raises(services.NotPossible, match="vouches"):
        services.settle_by_evidence(
            Payment.objects.get(), reference=reference, actor=actor, reason=""
        )


def test_there_is_nothing_to_attest_when_everything_is_known(inquiry):
    Intent.objects.update(state=IntentState.OUT)

    with pytest.raises(services.NotPossible, match="without an answer"):
        services.settle_by_evidence(Payment.objects.get(), reference="au_7", actor="a", reason="")


@pytest.mark.django_db
def test_evidence_is_verified_when_the_provider_says_so_too(books):
    paying = payment(tokens=["tok_visa"])
    asked = gateway.AUTHORISE.request(None, paying)
    paying = stored(paying, authorisation_id=gateway.AUTHORISE.send(asked, uuid4()).reference)

    def is_so(reference, step="authorise"):
        return services.verify_evidence(
            Evidence.objects.create(
                payment_id=paying.pk,
                step=f"payments.{step}",
                reference=reference,
                actor="admin:kim",
                reason="",
                recorded_at=NOW,
                verify_by=NOW,
            )
        )

    assert is_so(paying.authorisation_id)
    assert not is_so("au_invented")
    assert not is_so("vo_invented", "void")
    books.void("v-1", paying.authorisation_id)
    assert is_so("vo_1", "void")
    assert set(Evidence.objects.filter(verified_at=None).values_list("reference", flat=True)) == {
        "au_invented"
    }
