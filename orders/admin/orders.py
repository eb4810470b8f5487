"""Orders by number, customer or id, and the ways in which a person may end them."""

from typing import ClassVar

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import case_book, services, wording
from orders.admin.forms import AmountForm, LinesForm, ReturnForm
from orders.admin.parts import BenefitInline, CaseInline, SoldLineInline
from orders.events import CaseKind
from orders.models import Order
from sagas.admin.readonly import money_column
from sagas.admin.verbs import Verb, VerbAdmin
from sagas.money import Money

#: Lines as an operator names them.
Lines = list[tuple[int, int]]


def ask_for_cancellation(order: Order, *, actor: str, reason: str) -> bool:
    """Ask for an order's cancellation; says whether nobody had asked before."""
    return _cancel(order, actor=actor, reason=reason, kind=None)


def cancel_by_force(order: Order, *, actor: str, reason: str) -> bool:
    """Cancel on the operator's own responsibility: no policy holds, every guard does (D-27)."""
    return _cancel(order, actor=actor, reason=reason, kind=CaseKind.FORCE)


def _cancel(order: Order, *, actor: str, reason: str, kind: CaseKind | None) -> bool:
    known = case_book.whole_case(order.cases.all())
    services.request_cancel(order, actor=actor, reason=reason, kind=kind)
    return known is None


def cancel_part(order: Order, *, actor: str, reason: str, lines: Lines) -> bool:
    """Ask for some units not to be sent (D-16)."""
    services.request_partial_cancel(order, lines=lines, actor=actor, reason=reason)
    return True


def send_back(order: Order, *, actor: str, reason: str, lines: Lines, fault: bool) -> bool:
    """Ask for goods to be sent back (D-17, D-18), or stopped on their way (D-13)."""
    services.request_return(order, lines=lines, actor=actor, reason=reason, fault=fault)
    return True


def exchange(order: Order, *, actor: str, reason: str, lines: Lines, fault: bool) -> bool:
    """Ask for goods to be exchanged for the same ones (D-20)."""
    services.request_exchange(order, lines=lines, actor=actor, reason=reason, fault=fault)
    return True


def propose_goodwill(order: Order, *, actor: str, reason: str, amount: str) -> bool:
    """Propose to give money back; somebody else approves it on the page of the case (D-28)."""
    minor = Money.parse(amount.strip(), order.currency).minor
    services.propose_goodwill(order, amount_minor=minor, actor=actor, reason=reason)
    return True


def suspect_fraud(order: Order, *, actor: str, reason: str) -> bool:
    """Stop an order and block its customer (D-21 to D-23)."""
    services.flag_fraud(order, actor=actor, reason=reason)
    return True


_CHANGE = "orders.change_order"
_VERBS = (
    Verb(
        name="cancel_orders",
        label=gettext_lazy("Ask for cancellation"),
        meaning=gettext_lazy("Shipping decides: what has not left is cancelled and undone."),
        permission=_CHANGE,
        act=ask_for_cancellation,
    ),
    Verb(
        name="force_cancel",
        label=gettext_lazy("Cancel by force"),
        meaning=gettext_lazy("The customer's policy is skipped; what has left still can't be."),
        permission=_CHANGE,
        act=cancel_by_force,
    ),
    Verb(
        name="cancel_part",
        label=gettext_lazy("Cancel a part"),
        meaning=gettext_lazy("Shipping decides: units that are still in the house are not sent."),
        permission=_CHANGE,
        act=cancel_part,
        form=LinesForm,
    ),
    Verb(
        name="send_back",
        label=gettext_lazy("Take goods back"),
        meaning=gettext_lazy("The goods come first; their money follows once they are inspected."),
        permission=_CHANGE,
        act=send_back,
        form=ReturnForm,
    ),
    Verb(
        name="exchange",
        label=gettext_lazy("Exchange goods"),
        meaning=gettext_lazy("The same goods are reserved; they leave once these are inspected."),
        permission=_CHANGE,
        act=exchange,
        form=ReturnForm,
    ),
    Verb(
        name="propose_goodwill",
        label=gettext_lazy("Propose goodwill"),
        meaning=gettext_lazy("Money goes back and the goods stay, once somebody else approves."),
        permission="orders.add_case",
        act=propose_goodwill,
        form=AmountForm,
    ),
    Verb(
        name="suspect_fraud",
        label=gettext_lazy("Suspect fraud"),
        meaning=gettext_lazy("The order is stopped, and its customer places no more orders."),
        permission="orders.add_case",
        act=suspect_fraud,
    ),
)


_MONEY = (
    money_column("goods_minor", gettext_lazy("goods")),
    money_column("shipping_minor", gettext_lazy("shipping fee")),
    money_column("discount_minor", gettext_lazy("coupon")),
    money_column("points_minor", gettext_lazy("points")),
    money_column("total_minor", gettext_lazy("total")),
    money_column("given_back_minor", gettext_lazy("given back, or taken back")),
    money_column("postage_back_minor", gettext_lazy("of that the shipping fee")),
)


@admin.register(Order)
class OrderAdmin(VerbAdmin):
    """Orders by number, customer or id."""

    list_display = (
        "number", "state", "customer", "amount", "placed_at", "delivered_at", "timeline",
    )  # fmt: skip
    list_display_links = ("number",)
    readonly_fields = ("timeline", "told", "goes_to", *_MONEY)
    fieldsets = (
        (None, {"fields": ("number", "state", "told", "timeline")}),
        (gettext_lazy("customer"), {"fields": ("customer", "email", "language", "goes_to")}),
        (gettext_lazy("money"), {"fields": (*_MONEY, "pay_by", "payment_attempts", "is_captured")}),
        (gettext_lazy("goods"), {"fields": ("is_committed", "parcels", "is_booked_out")}),
        (gettext_lazy("when"), {"fields": ("placed_at", "paid_at", "delivered_at")}),
    )
    list_filter = ("state", "currency")
    date_hierarchy = "placed_at"
    search_ids = ("id",)
    search_texts = ("number", "customer")
    inlines: ClassVar = [CaseInline, SoldLineInline, BenefitInline]
    verbs = _VERBS

    @admin.display(description=gettext_lazy("timeline"))
    def timeline(self, order: Order) -> str:
        address = reverse("admin:sagas_saga_changelist", query={"q": str(order.pk)})
        return format_html('<a href="{}">{}</a>', address, _("what has happened"))

    @admin.display(description=gettext_lazy("the customer is told"))
    def told(self, order: Order) -> str:
        said = wording.told(wording.facts_of(order))
        return format_html("<b>{}</b><br>{}", said.headline, said.detail)

    @admin.display(description=gettext_lazy("ship to"))
    def goes_to(self, order: Order) -> str:
        return ", ".join(filter(None, order.ship_to.values()))

    @admin.display(description=gettext_lazy("total"), ordering="total_minor")
    def amount(self, order: Order) -> str:
        return str(order.total)
