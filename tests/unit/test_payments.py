"""Payments: what its steps decide, what its gateway asks, and what a provider's message causes."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from inventory.events import ReturnInspected, StockReserved
from orders.events import (
    Address,
    LossOpened,
    OrderConfirmed,
    OrderPlaced,
    ReturnRequested,
)
from payments import gateway, participant, services
from payments.events import (
    CaptureRefused,
    LossRefundPlanned,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    RefundPaid,
    RefundPlanned,
    ReturnRefunded,
)
from payments.models import LedgerEntry, Payment, Refund, WebhookReceived
from payments.simulated_provider import IdempotencyConflict, SimulatedProvider
from sagas import fsm, matrix
from sagas.call import Outcome
from sagas.exceptions import NotSent, PermanentFailure, Unanswered
from sagas.models import Delivery, Saga, StoredEvent
from sagas.money import Money
from sagas.participant import ABSENT
from sagas.work import Work
from shipping.events import ReturnUnbookable, ShipmentStopped

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = UUID(int=1)
CASE = UUID(int=2)
ADDRESS = Address(name="Kim", street="1 Main St", city="Leeds", postcode="LS1", country="GB")
State = Payment.State


def payment(state=State.PENDING, **values):
    given = {
        "order_id": ORDER,
        "number": "1001",
        "amount_minor": 1000,
        "currency": "GBP",
        "tokens": ["tok_a", "tok_b"],
    }
    return Payment(state=state, **(given | values))


def authorised(state=State.AUTHORISED, **values):
    given = {"attempts": 1, "authorisation_id": "au_1", "authorised_minor": 1000}
    return payment(state, **(given | values))


def captured(state=State.CAPTURED, **values):
    return authorised(state, **({"capture_id": "ch_1", "captured_minor": 1000} | values))


def refund(state=Refund.State.SENT, amount=300, **values):
    given = {"order_id": ORDER, "kind": Refund.Kind.RETURN, "return_id": CASE, "currency": "GBP"}
    return Refund(state=state, amount_minor=amount, **(given | values))


@pytest.fixture
def work():
    return Work("default", NOW)


def added(work):
    return list(work._added.values())


def done(reference):
    return Outcome(ok=True, reference=reference)


def refused(code):
    return Outcome(ok=False, code=code)


# -- forward


def test_an_order_opens_a_payment_of_its_total_with_its_cards():
    event = OrderPlaced(
        order_id=ORDER,
        number="1001",
        customer="kim",
        total=Money(1000, "GBP"),
        lines=(),
        ship_to=ADDRESS,
        payment_tokens=("tok_a", "tok_b"),
    )

    opened = participant.payment_of(event)

    assert (opened.state, opened.amount_minor, opened.currency) == (State.PENDING, 1000, "GBP")
    assert (opened.number, opened.tokens, opened.attempts) == ("1001", ["tok_a", "tok_b"], 0)


def test_cards_are_tried_in_their_order_and_the_last_one_again():
    paying = payment()
    tried = []
    for _ in range(3):
        paying.start_authorise()
        tried.append(paying.card_token)
        paying.decline("card_declined")

    assert tried == ["tok_a", "tok_b", "tok_b"]


def test_an_authorised_payment_is_announced_and_entered_under_the_providers_name(work):
    paying = payment(State.AUTHORISING, attempts=1)

    said = participant.authorise(
        StockReserved(order_id=ORDER), paying, outcome=done("au_1"), work=work
    )

    assert said == PaymentAuthorised(order_id=ORDER, amount=Money(1000, "GBP"))
    assert (paying.state, paying.authorised_minor) == (State.AUTHORISED, 1000)
    (entry,) = added(work)
    assert (entry.kind, entry.reference, entry.amount_minor) == ("authorise", "au_1", 1000)
    assert entry.recorded_at == NOW


def test_a_declined_card_moves_no_money_and_leaves_no_ledger_entry(work):
    paying = payment(State.AUTHORISING, attempts=1)

    said = participant.authorise(
        StockReserved(order_id=ORDER), paying, outcome=refused("card_declined"), work=work
    )

    assert said == PaymentDeclined(order_id=ORDER, code="card_declined")
    assert (paying.state, paying.authorised_minor) == (State.DECLINED, 0)
    assert added(work) == []


def test_a_confirmed_order_is_captured_in_full(work):
    paying = authorised(State.CAPTURING)

    said = participant.capture(
        OrderConfirmed(order_id=ORDER), paying, outcome=done("ch_1"), work=work
    )

    assert said == PaymentCaptured(order_id=ORDER, amount=Money(1000, "GBP"))
    assert (paying.state, paying.captured_minor, paying.open_minor) == (State.CAPTURED, 1000, 0)
    assert [entry.kind for entry in added(work)] == ["capture"]


def test_a_refused_capture_leaves_the_reservation_to_be_voided(work):
    paying = authorised(State.CAPTURING)

    said = participant.capture(
        OrderConfirmed(order_id=ORDER), paying, outcome=refused("expired"), work=work
    )

    assert said == CaptureRefused(order_id=ORDER, code="expired")
    assert (paying.state, paying.open_minor) == (State.AUTHORISED, 1000)


# -- back


def test_a_reservation_is_voided_so_that_the_customer_sees_no_charge(work):
    paying = authorised(State.VOIDING)

    said = participant.void(
        ShipmentStopped(order_id=ORDER), paying, outcome=done("vo_1"), work=work
    )

    assert said == PaymentVoided(order_id=ORDER, amount=Money(1000, "GBP"))
    assert (paying.state, paying.voided_minor, paying.open_minor) == (State.VOIDED, 1000, 0)


def test_captured_money_is_planned_to_go_back_under_a_name_that_never_changes(work):
    paying = captured()

    said = participant.plan_refund(ShipmentStopped(order_id=ORDER), paying, work=work)

    (planned,) = added(work)
    assert said == RefundPlanned(refund_id=planned.id, order_id=ORDER, amount=Money(1000, "GBP"))
    assert (paying.state, paying.pending_minor) == (State.REFUNDING, 1000)
    assert planned.capture_id == "ch_1"
    assert planned.id == Refund.of_cancelled(captured()).id


def test_a_paid_refund_moves_from_pending_to_refunded_and_settles_the_payment(work):
    paying = captured(State.REFUNDING, pending_minor=1000)
    going = refund(amount=1000, kind=Refund.Kind.CANCEL, return_id=None)
    event = RefundPlanned(refund_id=going.id, order_id=ORDER, amount=going.amount)

    paid = participant.send_refund(event, going, paid=[paying], outcome=done("re_1"), work=work)
    said = participant.settle_refund(paid, paying)

    assert paid == RefundPaid(refund_id=going.id, order_id=ORDER, amount=Money(1000, "GBP"))
    assert said == PaymentRefunded(order_id=ORDER, amount=Money(1000, "GBP"))
    assert (going.state, going.provider_refund_id) == (Refund.State.PAID, "re_1")
    assert (paying.state, paying.pending_minor, paying.refunded_minor) == (State.REFUNDED, 0, 1000)
    assert [(entry.kind, entry.reference) for entry in added(work)] == [("refund", "re_1")]


@pytest.mark.parametrize("step", ["close", "void"])
def test_giving_money_up_is_tried_again_when_the_provider_refuses(step, work):
    paying = authorised(State.VOIDING) if step == "void" else payment(State.CLOSING)
    named = {"outcome": refused("busy")} | ({"work": work} if step == "void" else {})

    with pytest.raises(participant.NotDone, match="busy"):
        getattr(participant, step)(ShipmentStopped(order_id=ORDER), paying, **named)

    assert added(work) == []


def test_a_refused_refund_keeps_the_money_promised(work):
    paying = captured(pending_minor=300)
    event = ReturnInspected(return_id=CASE, order_id=ORDER)

    with pytest.raises(participant.NotDone, match=r"refund 3\.00 GBP: busy"):
        participant.send_return_refund(
            event, refund(), paid=[paying], outcome=refused("busy"), work=work
        )

    assert (paying.pending_minor, paying.refunded_minor) == (300, 0)


# -- the money of returns and losses


def return_requested(minor=300):
    return ReturnRequested(
        return_id=CASE,
        order_id=ORDER,
        number="1001",
        lines=(),
        refund=Money(minor, "GBP"),
        ship_from=ADDRESS,
        reason="too small",
    )


def test_a_return_is_paid_back_in_part_once_it_is_inspected(work):
    paying, event = captured(), return_requested()
    going = participant.refund_of_return(event)
    participant.plan_return_refund(event, going, paid=[paying])
    assert (paying.pending_minor, paying.refundable_minor) == (300, 700)
    going.send()

    said = participant.send_return_refund(
        ReturnInspected(return_id=CASE, order_id=ORDER),
        going,
        paid=[paying],
        outcome=done("re_1"),
        work=work,
    )

    assert said == ReturnRefunded(return_id=CASE, order_id=ORDER, amount=Money(300, "GBP"))
    assert (paying.state, paying.refunded_minor, paying.pending_minor) == (State.CAPTURED, 300, 0)


def test_two_returns_can_not_promise_the_same_money():
    paying = captured(pending_minor=800)
    event = return_requested(minor=300)

    with pytest.raises(PermanentFailure, match=r"has 2\.00 GBP left, so 3\.00 GBP"):
        participant.plan_return_refund(event, participant.refund_of_return(event), paid=[paying])

    assert paying.pending_minor == 800


def test_a_return_that_can_not_be_fetched_frees_its_money():
    paying, going = captured(pending_minor=300), refund(Refund.State.PLANNED)
    event = ReturnUnbookable(return_id=CASE, order_id=ORDER, code="no_service")

    participant.drop_return_refund(event, going, paid=[paying])

    assert (going.state, paying.pending_minor) == (Refund.State.DROPPED, 0)


def test_a_lost_parcel_gives_back_all_that_is_left():
    paying = captured(refunded_minor=100)
    event = LossOpened(loss_id=CASE, order_id=ORDER, refund=Money(1000, "GBP"))
    going = participant.refund_of_loss(event)

    said = participant.plan_loss_refund(event, going, paid=[paying])

    assert said == LossRefundPlanned(loss_id=CASE, order_id=ORDER, refund_id=going.id)
    assert (going.amount_minor, paying.pending_minor, paying.refundable_minor) == (900, 900, 0)


# -- declarations


def test_every_state_has_an_answer_to_every_event():
    reacting = [step for step in participant.payments.steps.values() if step.events]
    for step in reacting:
        undecided = [cell.state for cell in matrix.cells(step).values() if cell.answer is None]
        assert undecided == [], step.full_name


def test_every_state_of_the_money_has_a_way_back():
    undo = participant.payments.steps["undo_authorise"]

    assert set(undo.undo_table) == {ABSENT, *fsm.states(Payment, "state")}


# -- the database refuses what must never be


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        (authorised(captured_minor=600, voided_minor=500), "within_authorised"),
        (captured(refunded_minor=600, pending_minor=500), "within_captured"),
        (captured(pending_minor=-1), "never_negative"),
        (authorised(authorised_minor=1001), "above_amount"),
        (refund(Refund.State.PLANNED, loss_id=CASE), "exactly_one_case"),
        (refund(Refund.State.PLANNED, amount=0), "amount_positive"),
        (refund(Refund.State.PAID), "paid_iff"),
    ],
)
def test_the_database_refuses_impossible_money(broken, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        broken.save(force_insert=True)


@pytest.mark.django_db
def test_the_ledger_takes_a_providers_reference_once():
    def entry():
        return LedgerEntry.of(
            captured(), LedgerEntry.Kind.REFUND, minor=300, reference="re_1", at=NOW
        )

    entry().save()

    with pytest.raises(IntegrityError), transaction.atomic():
        entry().save()


# -- the gateway


@pytest.fixture
def books(settings, tmp_path):
    settings.PROVIDER_BOOKS = tmp_path / "provider.sqlite3"
    return SimulatedProvider(settings.PROVIDER_BOOKS)


def send(call, subject, key=None):
    return call.send(call.request(None, subject), key or uuid4())


def test_the_calls_authorise_capture_and_refund_at_the_provider(books):
    paying = payment(attempts=1, tokens=["tok_visa"])
    paying.authorisation_id = send(gateway.AUTHORISE, paying).reference
    paying.authorised_minor = 1000
    paying.capture_id = send(gateway.CAPTURE, paying).reference
    paying.captured_minor = 1000
    going = refund()
    paying.promise(going)

    answer = send(gateway.REFUND, going)

    assert (answer.ok, answer.reference[:3]) == (True, "re_")
    assert answer.data == {"amount_minor": 300, "currency": "GBP"}
    assert books.balances()["1001"].kept_minor == 700


def test_the_calls_void_and_close_at_the_provider(books):
    paying = payment(attempts=1, tokens=["tok_visa"])
    paying.authorisation_id = send(gateway.AUTHORISE, paying).reference

    assert send(gateway.VOID, paying).ok
    assert send(gateway.CLOSE, paying).ok
    assert send(gateway.AUTHORISE, paying) == Outcome(
        ok=False, code="session_closed", data={"amount_minor": 1000, "currency": "GBP"}
    )


def test_a_declined_card_is_a_definite_answer(books):
    answer = send(gateway.AUTHORISE, payment(attempts=1, tokens=["tok_insufficient"]))

    assert (answer.ok, answer.code) == (False, "insufficient_funds")


def test_a_lost_answer_is_unknown_and_the_inquiry_finds_it(books):
    key, paying = uuid4(), payment(attempts=1, tokens=["tok_visa"])
    request = gateway.authorise_request(None, paying)
    assert gateway.AUTHORISE.inquire(request, key) is None
    books.switch_on("lost_answer", times=1)

    with pytest.raises(Unanswered):
        gateway.AUTHORISE.send(request, key)

    assert gateway.AUTHORISE.inquire(request, key).ok
    assert gateway.AUTHORISE.send(request, key) == gateway.AUTHORISE.inquire(request, key)
    assert books.balances()["1001"].authorised_minor == 1000


def test_an_inquiry_without_an_answer_is_unknown_too(books):
    books.switch_on("lost_answer", operation="inquire")

    with pytest.raises(Unanswered):
        gateway.AUTHORISE.inquire({}, uuid4())


def test_a_request_that_makes_no_sense_is_a_definite_no(books):
    answer = send(gateway.AUTHORISE, payment(attempts=1, amount_minor=0))

    assert (answer.ok, answer.code) == (False, "invalid_request")


def test_a_key_that_was_used_for_another_request_is_no_answer(books):
    key = uuid4()
    send(gateway.AUTHORISE, payment(attempts=1, tokens=["tok_visa"]), key)

    with pytest.raises(IdempotencyConflict):
        send(gateway.AUTHORISE, payment(attempts=1, amount_minor=1), key)


def test_a_provider_that_can_not_be_reached_was_not_asked(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.PROVIDER_BOOKS = tmp_path / "file" / "provider.sqlite3"

    with pytest.raises(NotSent, match="can't be reached"):
        send(gateway.CLOSE, payment())


def test_unknown_becomes_never_only_after_the_shops_horizon(settings):
    horizon = timedelta(seconds=settings.SHOP["PAYMENT_HORIZON_SECONDS"])

    assert gateway.AUTHORISE.horizon == gateway.REFUND.horizon == horizon


# -- messages of the provider


@pytest.fixture
def inquiry(db):
    """An order whose authorisation got no answer and is asked about in an hour."""
    payment(State.AUTHORISING, attempts=1).save()
    now = timezone.now()
    saga = Saga.objects.create(choreography="checkout", key=str(ORDER), started_at=now)
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


def test_a_message_is_kept_once_and_brings_the_inquiry_forward(webhook, inquiry):
    assert [post(webhook).status_code for _ in range(2)] == [200, 200]

    inquiry.refresh_from_db()
    assert inquiry.available_at <= timezone.now()
    kept = WebhookReceived.objects.get()
    assert (kept.reference, json.loads(kept.body)["type"]) == ("1001", "authorise.succeeded")


def test_a_message_is_a_hint_and_changes_no_payment(webhook, inquiry):
    post(webhook)

    assert Payment.objects.get().state == State.AUTHORISING


def test_a_message_with_a_wrong_signature_is_refused_and_not_kept(webhook, inquiry):
    answer = post(webhook, HTTP_WEBHOOK_SIGNATURE="v1,nonsense")

    assert answer.status_code == 400
    assert not WebhookReceived.objects.exists()
    inquiry.refresh_from_db()
    assert inquiry.available_at > timezone.now()


@pytest.mark.django_db
def test_a_message_about_an_unknown_order_brings_nothing_forward():
    assert services.bring_forward("no such order") == 0


# -- the admin


@pytest.mark.parametrize("model", [Payment, Refund, LedgerEntry, WebhookReceived])
def test_the_admin_shows_money_and_changes_none(admin_client, model):
    paying, going = captured(), refund(Refund.State.PLANNED)
    paying.save()
    going.save()
    LedgerEntry.of(
        paying, LedgerEntry.Kind.CAPTURE, minor=1000, reference="ch_1", at=timezone.now()
    ).save()
    WebhookReceived.objects.create(
        id="msg_1", reference="1001", body="{}", received_at=timezone.now()
    )
    pages = reverse(f"admin:payments_{model._meta.model_name}_changelist")
    row = model.objects.get()
    page = reverse(f"admin:payments_{model._meta.model_name}_change", args=[row.pk])

    assert admin_client.get(pages).status_code == 200
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"amount_minor": 1}).status_code == 403
