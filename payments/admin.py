"""Admin: payments, refunds, the ledger and the provider's messages, all of them to look at.

Money and states change through transitions that announce, never in a form (decision 27).
"""

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from payments.models import LedgerEntry, Payment, Refund, WebhookReceived
from sagas.admin.readonly import ReadOnlyAdmin
from sagas.money import Money


class MoneyAdmin(ReadOnlyAdmin):
    """Says amounts as people read them, and links to the order."""

    @admin.display(description=_("amount"), ordering="amount_minor")
    def amount(self, row: Payment | Refund | LedgerEntry) -> str:
        return str(Money(row.amount_minor, row.currency))

    @admin.display(description=_("order"))
    def order(self, row: Payment | Refund) -> str:
        """Link to the order, wherever the shop keeps it."""
        try:
            address = reverse("admin:orders_order_change", args=[row.order_id])
        except NoReverseMatch:
            return str(row.order_id)
        return format_html('<a href="{}">{}</a>', address, getattr(row, "number", row.order_id))


@admin.register(Payment)
class PaymentAdmin(MoneyAdmin):
    """The money of orders."""

    list_display = ("number", "state", "amount", "attempts", "captured", "refunded", "order")
    list_filter = ("state", "currency")
    search_ids = ("id", "order_id")
    search_texts = ("number", "authorisation_id", "capture_id")

    @admin.display(description=_("captured"), ordering="captured_minor")
    def captured(self, payment: Payment) -> str:
        return str(payment.money(payment.captured_minor))

    @admin.display(description=_("refunded"), ordering="refunded_minor")
    def refunded(self, payment: Payment) -> str:
        return str(payment.money(payment.refunded_minor))


@admin.register(Refund)
class RefundAdmin(MoneyAdmin):
    """The money on its way back."""

    list_display = ("id", "kind", "state", "amount", "provider_refund_id", "order")
    list_filter = ("kind", "state", "currency")
    search_ids = ("id", "order_id", "return_id", "loss_id")
    search_texts = ("provider_refund_id",)


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

    list_display = ("received_at", "id", "reference")
    search_texts = ("id", "reference")
    ordering = ("-received_at",)
    date_hierarchy = "received_at"
