"""What the endpoints of payments take and give. Amounts are in minor units of the currency."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from payments.models import Dispute, LedgerEntry, Payment, Refund
from sagas.api.serializers import ReasonSerializer


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """Money on its way back: for which case, how, and how far it is."""

    state_label = serializers.CharField(source="get_state_display")

    class Meta:
        model = Refund
        fields = (
            "id",
            "order_id",
            "number",
            "case_id",
            "case",
            "operation",
            "state",
            "state_label",
            "amount_minor",
            "currency",
            "provider_refund_id",
            "failure_code",
            "proposed_by",
            "approved_by",
            "planned_at",
            "paid_at",
        )


class LedgerEntrySerializer(serializers.ModelSerializer[LedgerEntry]):
    """One line of our books, under the provider's reference."""

    class Meta:
        model = LedgerEntry
        fields = ("kind", "amount_minor", "currency", "reference", "recorded_at")


class DisputeSerializer(serializers.ModelSerializer[Dispute]):
    """What the customer's bank asks about or has decided."""

    state_label = serializers.CharField(source="get_state_display")

    class Meta:
        model = Dispute
        fields = ("id", "case_id", "state", "state_label", "amount_minor", "currency")


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """An order's money: what was taken and given back, and every line that says so."""

    state_label = serializers.CharField(source="get_state_display")
    ledger = LedgerEntrySerializer(many=True)
    refunds = RefundSerializer(many=True)
    disputes = DisputeSerializer(many=True)

    class Meta:
        model = Payment
        fields = (
            "number",
            "state",
            "state_label",
            "method",
            "currency",
            "amount_minor",
            "due_minor",
            "authorised_minor",
            "captured_minor",
            "voided_minor",
            "refunded_minor",
            "pending_minor",
            "charged_back_minor",
            "is_frozen",
            "ledger",
            "refunds",
            "disputes",
        )


class RefundFilter(serializers.Serializer[Any]):
    """Which refunds."""

    number = serializers.CharField(required=False, max_length=50, help_text=_("Of which order."))
    state = serializers.ChoiceField(choices=Refund.State.choices, required=False)


class AccountSerializer(serializers.Serializer[Any]):
    """A bank account to pay to."""

    bank = serializers.CharField(max_length=100)
    number = serializers.CharField(max_length=100)
    holder = serializers.CharField(max_length=200)


class ElsewhereSerializer(ReasonSerializer):
    """To which account a refund is to be paid, and why there."""

    account = AccountSerializer()


class ApprovalSerializer(ReasonSerializer):
    """The number of the account that is approved, and why."""

    number = serializers.CharField(max_length=100)


class EvidenceSerializer(ReasonSerializer):
    """The provider's reference that proves what has happened."""

    reference = serializers.CharField(max_length=100)
