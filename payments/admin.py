"""Admin: payments, refunds, disputes and the books, to look at; and what a person decides (D-26).

Money and states change through transitions that announce, never in a form (decision 27).
"""

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from payments import services
from payments.models import Dispute, Evidence, LedgerEntry, Payment, Refund, WebhookReceived
from sagas.admin.readonly import ReadOnlyAdmin, page_link
from sagas.admin.verbs import ReasonForm, Verb, VerbAdmin
from sagas.money import Money

# -- what a person decides ------------------------------------------------------------------------


class AccountForm(ReasonForm):
    """Where the money is to go, and why there."""

    bank = forms.CharField(label=_("Bank"), max_length=100)
    number = forms.CharField(label=_("Account number"), max_length=100)
    holder = forms.CharField(label=_("Account holder"), max_length=100)
    field_order = ("bank", "number", "holder", "reason")


class ApprovalForm(ReasonForm):
    """Which account is approved, typed once more, and why."""

    number = forms.CharField(label=_("Account number"), max_length=100)
    field_order = ("number", "reason")


class EvidenceForm(ReasonForm):
    """What the provider calls it, and how that is known."""

    reference = forms.CharField(label=_("Provider's reference"), max_length=100)
    field_order = ("reference", "reason")


def propose(refund: Refund, *, actor: str, reason: str, **account: str) -> bool:
    """Propose to pay an owed refund to an account."""
    return services.propose_elsewhere(refund, account, actor=actor, reason=reason)


def give_account(payment: Payment, *, actor: str, reason: str, **account: str) -> bool:
    """Note the account that the customer has named."""
    return services.give_account(payment, account, actor=actor, reason=reason)


def attest(row: Payment | Refund, *, actor: str, reason: str, reference: str) -> bool:
    """Settle what is owed or unknown by the provider's reference."""
    services.settle_by_evidence(row, reference=reference, actor=actor, reason=reason)
    return True


def look(payment: Payment, *, actor: str, reason: str) -> bool:
    """Have the provider asked about a payment."""
    return services.ask(payment)


ATTEST = Verb(
    name="attest_outcome",
    label=_("Settle by the provider's reference"),
    meaning=_("What is owed or unknown counts as done; whether it is so is verified within a day."),
    permission="payments.attest_outcome",
    act=attest,
    form=EvidenceForm,
)
AGAIN = Verb(
    name="order_refund_again",
    label=_("Try again"),
    meaning=_("The provider is asked once more to pay what is owed, under a new key."),
    permission="payments.order_refund",
    act=services.order_refund_again,
)
PROPOSE = Verb(
    name="propose_elsewhere",
    label=_("Propose to pay elsewhere"),
    meaning=_("Nothing is paid until a second person has approved the account."),
    permission="payments.order_refund",
    act=propose,
    form=AccountForm,
)
APPROVE = Verb(
    name="approve_elsewhere",
    label=_("Approve to pay elsewhere"),
    meaning=_("The refund is paid to the account that somebody else has proposed."),
    permission="payments.order_refund",
    act=services.approve_elsewhere,
    form=ApprovalForm,
)
GIVE_ACCOUNT = Verb(
    name="give_account",
    label=_("Note the customer's account"),
    meaning=_(
        "Money that can't go back the way it came goes to this account; for what is owed it is"
        " proposed, and a second person has to approve it."
    ),
    permission="payments.order_refund",
    act=give_account,
    form=AccountForm,
)
LOOK = Verb(
    name="look_at_provider",
    label=_("Ask the provider"),
    meaning=_("Everything that the provider knows of the order is looked up and learned."),
    permission="payments.view_payment",
    act=look,
)


# -- pages ----------------------------------------------------------------------------------------


class MoneyAdmin(ReadOnlyAdmin):
    """Says amounts as people read them, and links to the order."""

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: Payment | Refund | Dispute | LedgerEntry) -> str:
        return str(Money(row.amount_minor, row.currency))

    @admin.display(description=_("order"))
    def order(self, row: Payment | Refund | Dispute) -> str:
        """Link to the order, wherever the shop keeps it."""
        said = getattr(row, "number", row.order_id)
        return page_link("admin:orders_order_change", row.order_id, said)


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin, VerbAdmin):
    """The money of orders."""

    list_display = (
        "number", "state", "amount", "method", "captured", "refunded", "is_frozen", "order",
    )  # fmt: skip
    list_filter = ("state", "method", "is_frozen", "currency")
    search_ids = ("id", "order_id")
    search_texts = ("number", "authorisation_id", "capture_id")
    verbs = (LOOK, GIVE_ACCOUNT, ATTEST)

    @admin.display(description=_("captured"), ordering="captured_minor")
    def captured(self, payment: Payment) -> str:
        return str(payment.money(payment.captured_minor))

    @admin.display(description=_("refunded"), ordering="refunded_minor")
    def refunded(self, payment: Payment) -> str:
        return str(payment.money(payment.refunded_minor))


@admin.register(Refund)
class RefundAdmin(MoneyAdmin, VerbAdmin):
    """The money on its way back."""

    list_display = (
        "id", "case", "operation", "state", "amount", "failure_code", "planned_at", "order",
    )  # fmt: skip
    list_filter = ("state", "case", "operation", "currency")
    date_hierarchy = "planned_at"
    search_ids = ("id", "order_id", "case_id")
    search_texts = ("provider_refund_id",)
    verbs = (AGAIN, PROPOSE, APPROVE, ATTEST)


@admin.register(Dispute)
class DisputeAdmin(MoneyAdmin):
    """What customers' banks ask about or take."""

    list_display = ("provider_dispute_id", "state", "amount", "opened_at", "closed_at", "order")
    list_filter = ("state", "currency")
    date_hierarchy = "opened_at"
    search_ids = ("id", "order_id", "case_id")
    search_texts = ("provider_dispute_id",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(MoneyAdmin):
    """What the provider did."""

    list_display = ("recorded_at", "kind", "amount", "reference", "payment_id")
    list_filter = ("kind", "currency")
    search_ids = ("payment_id",)
    search_texts = ("reference",)
    date_hierarchy = "recorded_at"


@admin.register(WebhookReceived)
class WebhookReceivedAdmin(ReadOnlyAdmin):
    """What the provider said."""

    list_display = ("received_at", "id", "kind", "reference")
    list_filter = ("provider", "kind")
    search_texts = ("id", "reference")
    ordering = ("-received_at",)
    date_hierarchy = "received_at"


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    """What people vouch for."""

    list_display = ("recorded_at", "step", "reference", "actor", "verify_by", "verified_at")
    search_ids = ("payment_id", "refund_id")
    search_texts = ("reference", "actor")
    ordering = ("-recorded_at",)
    date_hierarchy = "recorded_at"
