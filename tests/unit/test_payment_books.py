"""What the books of payments refuse, and what exactly is asked of the provider."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from payments import gateway, services
from payments.models import Dispute, LedgerEntry, Payment, Refund
from payments.simulated_provider import SimulatedProvider
from sagas.call import Outcome
from sagas.clock import lasting
from sagas.exceptions import NotSent, Unanswered
from tests.unit.payment_rows import (
    ACCOUNT,
    NOW,
    ORDER,
    State,
    authorised,
    awaiting,
    captured,
    dispute,
    open_saga,
    payment,
    refund,
    said,
    stored,
)

# -- the database refuses what must never be ------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        (authorised(captured_minor=600, voided_minor=500), "within_authorised"),
        (awaiting(captured_minor=1), "within_authorised"),
        (captured(refunded_minor=600, pending_minor=500), "given_back_within_captured"),
        (captured(refunded_minor=600, charged_back_minor=500), "given_back_within_captured"),
        (captured(pending_minor=600, charged_back_minor=500), "given_back_within_captured"),
        (captured(pending_minor=-1), "never_negative"),
        (captured(held_minor=-1), "never_negative"),
        (payment(due_minor=1001), "due_above_amount"),
        (refund(Refund.State.PLANNED, amount=0), "amount_positive"),
        (refund(Refund.State.PAID), "paid_iff"),
        (refund(Refund.State.FAILED, provider_refund_id="re_1"), "paid_iff"),
        (dispute(amount=0), "amount_positive"),
        (dispute(Dispute.State.WON), "closed_iff_decided"),
        (dispute(closed_at=NOW), "closed_iff_decided"),
    ],
)
def test_the_database_refuses_impossible_money(broken, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        broken.save(force_insert=True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (refund(), refund(id=uuid4())),
        (
            refund(Refund.State.PAID, provider_refund_id="re_1"),
            refund(Refund.State.PAID, id=uuid4(), case_id=uuid4(), provider_refund_id="re_1"),
        ),
        (captured(), captured(order_id=uuid4(), number="1002", authorisation_id="au_2")),
        (dispute(), dispute(case_id=uuid4())),
    ],
)
def test_the_database_takes_a_name_once(first, second):
    first.save()

    with pytest.raises(IntegrityError), transaction.atomic():
        second.save(force_insert=True)


@pytest.mark.django_db
def test_the_ledger_takes_a_providers_reference_once_per_kind():
    def entry(kind):
        return LedgerEntry.of(captured(), kind, minor=300, reference="re_1", at=NOW)

    entry(LedgerEntry.Kind.REFUND).save()
    entry(LedgerEntry.Kind.REFUND_FAILED).save()

    with pytest.raises(IntegrityError), transaction.atomic():
        entry(LedgerEntry.Kind.REFUND).save()


# -- what is asked of the provider ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "row", "request_"),
    [
        (
            gateway.AUTHORISE,
            payment(attempts=1, due_minor=700),
            {
                "reference": "1001",
                "amount_minor": 700,
                "currency": "GBP",
                "card_token": "tok_a",
                "method": "card",
            },
        ),
        (
            gateway.CAPTURE,
            authorised(due_minor=700),
            {
                "reference": "1001",
                "authorisation_id": "au_1",
                "amount_minor": 700,
                "currency": "GBP",
            },
        ),
        (gateway.VOID, authorised(), {"reference": "1001", "authorisation_id": "au_1"}),
        (gateway.CLOSE, awaiting(), {"reference": "1001", "authorisation_id": "va_1"}),
        (gateway.LOOK_UP, captured(), {"reference": "1001"}),
        (
            gateway.REFUND,
            refund(account=ACCOUNT),
            {
                "reference": "",
                "capture_id": "ch_1",
                "amount_minor": 300,
                "currency": "GBP",
                "operation": "refund",
                "account": ACCOUNT,
                "reason": "return",
            },
        ),
    ],
)
def test_a_request_says_exactly_what_is_meant(build, row, request_):
    assert build.request(None, row) == request_


@pytest.fixture
def books(settings, tmp_path):
    settings.PROVIDER_BOOKS = tmp_path / "provider.sqlite3"
    return SimulatedProvider(settings.PROVIDER_BOOKS)


def send(call, subject, key=None):
    return call.send(call.request(None, subject), key or uuid4())


def authorise(paying):
    paying.attempts = 1
    paying.authorisation_id = send(gateway.AUTHORISE, paying).reference
    return paying


def test_a_refusal_to_void_says_how_the_order_stands(books):
    paying = authorise(payment(tokens=["tok_visa"]))
    taken = send(gateway.CAPTURE, paying).reference

    answer = send(gateway.VOID, paying)

    assert not answer.ok
    assert [found["id"] for found in answer.data["standing"]["captures"]] == [taken]


def test_a_look_shows_what_the_provider_knows(books):
    paying = payment(tokens=["tok_visa"])
    assert send(gateway.LOOK_UP, paying) == Outcome(ok=True, data={"standing": None})

    authorise(paying)

    standing = send(gateway.LOOK_UP, paying).data["standing"]
    assert standing["authorisations"][0]["id"] == paying.authorisation_id
    assert gateway.LOOK_UP.inquire({"reference": "1001"}, uuid4()).data["standing"] == standing


def test_a_lost_answer_is_unknown_and_the_inquiry_finds_it(books):
    key, paying = uuid4(), payment(attempts=1, tokens=["tok_visa"])
    request = gateway.AUTHORISE.request(None, paying)
    assert gateway.AUTHORISE.inquire(request, key) is None
    books.switch_on("lost_answer", times=1)

    with pytest.raises(Unanswered):
        gateway.AUTHORISE.send(request, key)

    assert gateway.AUTHORISE.inquire(request, key).ok
    assert books.balances()["1001"].authorised_minor == 1000


def test_a_provider_that_can_not_be_reached_was_not_asked(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.PROVIDER_BOOKS = tmp_path / "file" / "provider.sqlite3"

    with pytest.raises(NotSent, match="can't be reached"):
        send(gateway.CLOSE, payment())


def test_unknown_becomes_never_only_after_the_shops_horizon(settings):
    horizon = timedelta(seconds=settings.SHOP["PAYMENT_HORIZON_SECONDS"])

    assert lasting(gateway.AUTHORISE.horizon) == lasting(gateway.REFUND.horizon) == horizon


@pytest.mark.django_db
def test_what_the_provider_knows_is_learned_on_request(books):
    open_saga("checkout", ORDER)
    paying = authorise(payment(tokens=["tok_visa"]))
    paying.authorised_minor = 1000
    taken = send(gateway.CAPTURE, paying).reference
    stored(paying, state=State.AUTHORISED)

    assert services.learn("1001")

    assert (Payment.objects.get().state, Payment.objects.get().capture_id) == ("captured", taken)
    assert said() == ["PaymentCaptured"]
    assert not services.learn("no such order")
