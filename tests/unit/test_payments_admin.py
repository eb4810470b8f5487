"""The admin shows money, changes none, and offers what a person decides (D-26, D-29)."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from payments.models import Dispute, Evidence, LedgerEntry, Payment, Refund, WebhookReceived
from tests.unit.payment_rows import ACCOUNT, NOW, captured, dispute, open_saga, refund, said

MODELS = [Payment, Refund, Dispute, LedgerEntry, WebhookReceived, Evidence]


@pytest.fixture
def rows(db):
    """One row of each model; the refund is owed."""
    paying, going = captured(pending_minor=300), refund(Refund.State.OWED)
    for row in (paying, going, dispute()):
        row.save()
    LedgerEntry.of(
        paying, LedgerEntry.Kind.CAPTURE, minor=1000, reference="ch_1", at=timezone.now()
    ).save()
    WebhookReceived.objects.create(id="msg_1", reference="1001", body="{}", received_at=NOW)
    Evidence.objects.create(
        payment_id=paying.pk,
        step="payments.authorise",
        reference="au_1",
        actor="kim",
        reason="",
        recorded_at=NOW,
        verify_by=NOW,
    )
    open_saga("owed_refund", going.pk)


@pytest.mark.parametrize("model", MODELS)
def test_the_admin_shows_money_and_changes_none(admin_client, rows, model):
    name = f"admin:payments_{model._meta.model_name}"
    page = reverse(f"{name}_change", args=[model.objects.get().pk])

    assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"amount_minor": 1}).status_code == 403


def act(client, verb, model=Refund, **given):
    address = reverse(
        f"admin:payments_{model._meta.model_name}_{verb}", args=[model.objects.get().pk]
    )
    return client.post(address, {"confirmed": "1", "reason": "why not", **given}, follow=True)


def test_an_owed_refund_is_ordered_again_from_its_page(admin_client, rows):
    act(admin_client, "order_refund_again")

    assert said() == ["OwedRefundOrdered"]


def test_an_account_is_asked_for_when_paying_elsewhere_is_proposed(admin_client, rows):
    act(admin_client, "propose_elsewhere")
    assert said() == []

    act(admin_client, "propose_elsewhere", **ACCOUNT)

    assert Refund.objects.get().account == ACCOUNT
    assert Refund.objects.get().proposed_by == "admin:admin"


def test_who_proposed_it_can_not_approve_it(admin_client, rows, client):
    act(admin_client, "propose_elsewhere", **ACCOUNT)

    answer = act(admin_client, "approve_elsewhere", number=ACCOUNT["number"])
    assert "ask a colleague" in answer.content.decode()
    client.force_login(User.objects.create_superuser("lee"))
    act(client, "approve_elsewhere", number=ACCOUNT["number"])

    assert Refund.objects.get().approved_by == "admin:lee"
    assert said() == ["RefundElsewhereProposed", "OwedRefundOrdered"]


def test_the_customers_account_is_noted_on_the_payments_page_and_proposed_for_what_is_owed(
    admin_client, rows
):
    act(admin_client, "give_account", Payment, **ACCOUNT)

    assert Payment.objects.get().refund_account == ACCOUNT
    assert Refund.objects.get().proposed_by == "admin:admin"
    assert said() == ["RefundAccountGiven", "RefundElsewhereProposed"]


def test_an_owed_refund_is_settled_by_a_reference(admin_client, rows):
    act(admin_client, "attest_outcome", reference="re_9")

    assert Refund.objects.get().provider_refund_id == "re_9"


def test_a_payment_of_which_everything_is_known_needs_no_evidence(admin_client, rows):
    answer = act(admin_client, "attest_outcome", Payment, reference="au_9")

    assert "without an answer" in answer.content.decode()


def test_the_provider_is_asked_from_a_payments_page(admin_client, rows):
    act(admin_client, "look_at_provider", Payment)

    assert said() == ["PaymentHinted"]


@pytest.mark.parametrize("verb", ["order_refund_again", "propose_elsewhere", "approve_elsewhere"])
def test_who_may_only_look_decides_nothing(client, rows, verb):
    client.force_login(User.objects.create_user("viewer", is_staff=True))

    assert act(client, verb).status_code == 403
