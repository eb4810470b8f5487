"""Cases by order: why, what hangs on it, who pays what, and what a person decides."""

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from orders import services
from orders.admin.parts import CaseColumns, CaseLineInline
from orders.models import Case
from sagas.admin.verbs import Verb, VerbAdmin

# -- what a person decides ------------------------------------------------------------------------


def _choose(case: Case, remedy: Case.Remedy, actor: str) -> bool:
    chosen = case.remedy
    services.choose_remedy(case, remedy.value, actor=actor)
    return chosen != remedy


def send_again(case: Case, *, actor: str, reason: str) -> bool:
    """Choose the goods for the customer of a lost parcel (D-15)."""
    return _choose(case, Case.Remedy.GOODS, actor)


def pay_back(case: Case, *, actor: str, reason: str) -> bool:
    """Choose the money for the customer of a lost parcel (D-15)."""
    return _choose(case, Case.Remedy.MONEY, actor)


def approve(case: Case, *, actor: str, reason: str) -> bool:
    """Approve a goodwill that somebody else proposed (D-28)."""
    services.approve_goodwill(case, actor=actor)
    return True


def decline(case: Case, *, actor: str, reason: str) -> bool:
    """Decline a goodwill."""
    services.decline_goodwill(case, actor=actor, reason=reason)
    return True


def refund_fraud(case: Case, *, actor: str, reason: str) -> bool:
    """Give the money of a suspected order back (D-23)."""
    services.decide_fraud(case, refund=True, actor=actor, reason=reason)
    return True


def keep_money(case: Case, *, actor: str, reason: str) -> bool:
    """Give nothing back for a suspected order (D-23)."""
    services.decide_fraud(case, refund=False, actor=actor, reason=reason)
    return True


def close_inquiry(case: Case, *, actor: str, reason: str) -> bool:
    """Give the money back that a bank asks about (D-24)."""
    services.close_inquiry(case, actor=actor, reason=reason)
    return True


_CHANGE = "orders.change_case"
_VERBS = (
    Verb(
        name="send_again",
        label=_("Lost: send once more"),
        meaning=_("The same goods are reserved and sent; no money moves."),
        permission=_CHANGE,
        act=send_again,
    ),
    Verb(
        name="pay_back",
        label=_("Lost: pay back"),
        meaning=_("What was paid for the lost goods goes back."),
        permission=_CHANGE,
        act=pay_back,
    ),
    Verb(
        name="approve_goodwill",
        label=_("Goodwill: approve"),
        meaning=_("The money that somebody else proposed is paid."),
        permission=_CHANGE,
        act=approve,
    ),
    Verb(
        name="decline_goodwill",
        label=_("Goodwill: decline"),
        meaning=_("Nothing is paid."),
        permission=_CHANGE,
        act=decline,
    ),
    Verb(
        name="refund_fraud",
        label=_("Fraud: refund"),
        meaning=_("All that is left of the payment goes back."),
        permission=_CHANGE,
        act=refund_fraud,
    ),
    Verb(
        name="keep_money",
        label=_("Fraud: refund nothing"),
        meaning=_("The case is closed and nothing goes back."),
        permission=_CHANGE,
        act=keep_money,
    ),
    Verb(
        name="close_inquiry",
        label=_("Inquiry: close by a refund"),
        meaning=_("All that is left of the payment goes back, before the bank takes it."),
        permission=_CHANGE,
        act=close_inquiry,
    ),
)


@admin.register(Case)
class CaseAdmin(CaseColumns, VerbAdmin):
    """Cases by order."""

    list_display = (
        "id", "order_link", "kind", "state", "amount", "operation", "actor", "opened_at", "due_at",
        "is_owed",
    )  # fmt: skip
    list_filter = ("kind", "state", "operation", "is_owed")
    list_select_related = ("order",)
    search_ids = ("id", "order_id")
    search_texts = ("order__number",)
    readonly_fields = ("order_link", "who_pays", "why", "clock", "table_row", "customer_is_told")
    inlines: ClassVar = [CaseLineInline]
    verbs = _VERBS

    @admin.display(description=_("order"), ordering="order")
    def order_link(self, case: Case) -> str:
        """Link to the order that the case is about."""
        address = reverse("admin:orders_order_change", args=[case.order_id])
        return format_html('<a href="{}">{}</a>', address, case.order.number)

    @admin.display(description=_("refund"), ordering="refund_minor")
    def amount(self, case: Case) -> str:
        """Show what goes back, as people read it."""
        return str(case.refund)

    @admin.display(description=_("what hangs on it"))
    def table_row(self, case: Case) -> str:
        """Say the row of the table for this very case, in words."""
        row = case.rule
        columns = (
            (_("legal clock"), row.clock),
            (_("way of the goods"), row.bearer),
            (_("what comes first"), row.first),
            (_("coupon and points"), row.benefits),
            (_("stock"), row.stock),
            (_("shipping fee"), row.fee),
            (_("tax document"), row.tax),
        )
        return format_html_join("", "{}: {}<br>", [(name, word.label) for name, word in columns])
