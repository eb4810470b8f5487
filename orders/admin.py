"""Admin: orders with their lines, cases, returns and losses, all of them to look at.

States and money change through transitions that announce, never in a form (decision 27).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from orders.models import Case, Loss, Order, Return, ReturnLine, SoldLine
from orders.services import request_cancel
from sagas.admin.readonly import ReadOnlyAdmin
from sagas.admin.verbs import Verb, VerbAdmin
from sagas.money import Money

if TYPE_CHECKING:
    _Inline = admin.TabularInline[Any, Any]
else:
    _Inline = admin.TabularInline


class ReadOnlyInline(_Inline):
    """Rows that belong to the page's own; nothing can be changed."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SoldLineInline(ReadOnlyInline):
    """What was sold."""

    model = SoldLine
    fields = ("line_no", "sku", "quantity", "unit_price_minor", "return_pending", "returned")


class CaseInline(ReadOnlyInline):
    """Why it was to be cancelled."""

    model = Case
    fields = ("kind", "outcome", "reason", "actor", "opened_at", "decided_at")


class ReturnLineInline(ReadOnlyInline):
    """What comes back."""

    model = ReturnLine
    fields = ("line", "quantity", "amount_minor")


@admin.display(description=_("order"), ordering="order")
def order_link(row: Case | Return | Loss) -> str:
    """Link to the order that a row is about."""
    address = reverse("admin:orders_order_change", args=[row.order_id])
    return format_html('<a href="{}">{}</a>', address, row.order.number)


@admin.display(description=_("refund"), ordering="refund_minor")
def refund(row: Return | Loss) -> str:
    """Show what goes back, as people read it."""
    return str(Money(row.refund_minor, row.currency))


def ask_for_cancellation(order: Order, *, actor: str, reason: str) -> bool:
    """Ask for an order's cancellation; says whether nobody had asked before."""
    has_case = order.cases.exclude(outcome=Case.Outcome.REJECTED).exists()
    request_cancel(order, actor=actor, reason=reason)
    return not has_case


@admin.register(Order)
class OrderAdmin(VerbAdmin):
    """Orders by number, customer or id."""

    list_display = (
        "number", "state", "customer", "amount", "placed_at", "delivered_at", "timeline",
    )  # fmt: skip
    list_display_links = ("number",)
    readonly_fields = ("timeline",)
    list_filter = ("state", "currency")
    date_hierarchy = "placed_at"
    search_ids = ("id",)
    search_texts = ("number", "customer")
    inlines: ClassVar = [SoldLineInline, CaseInline]
    verbs = (
        Verb(
            name="cancel_orders",
            label=_("Ask for cancellation"),
            meaning=_("Shipping decides: what has not left the house is cancelled and undone."),
            permission="orders.change_order",
            act=ask_for_cancellation,
        ),
    )

    @admin.display(description=_("timeline"))
    def timeline(self, order: Order) -> str:
        address = reverse("admin:sagas_saga_changelist", query={"q": str(order.pk)})
        return format_html('<a href="{}">{}</a>', address, _("what has happened"))

    @admin.display(description=_("total"), ordering="total_minor")
    def amount(self, order: Order) -> str:
        return str(order.total)


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    """Cancellations by order."""

    list_display = ("id", order_link, "kind", "outcome", "actor", "opened_at", "decided_at")
    list_filter = ("kind", "outcome")
    list_select_related = ("order",)
    search_ids = ("id", "order_id")
    search_texts = ("order__number",)


@admin.register(Return)
class ReturnAdmin(ReadOnlyAdmin):
    """Returns by order."""

    list_display = ("id", order_link, "state", refund, "actor", "requested_at")
    list_filter = ("state",)
    list_select_related = ("order",)
    search_ids = ("id", "order_id")
    search_texts = ("order__number",)
    inlines: ClassVar = [ReturnLineInline]


@admin.register(Loss)
class LossAdmin(ReadOnlyAdmin):
    """Losses by order."""

    list_display = ("id", order_link, "state", refund, "opened_at")
    list_filter = ("state",)
    list_select_related = ("order",)
    search_ids = ("id", "order_id")
    search_texts = ("order__number",)
