"""Parts of the pages: rows that can't be changed, and amounts as people read them."""

from collections.abc import Iterable

from django.contrib import admin
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from orders import wording
from orders.models import Benefit, Case, CaseLine, SoldLine
from sagas.admin.readonly import ReadOnlyInline, money_column
from sagas.money import Money


class SoldLineInline(ReadOnlyInline):
    """What was sold, and what became of it."""

    model = SoldLine
    joins = ("order",)
    readonly_fields = (
        money_column("unit_price_minor", _("unit price"), of="order"),
        money_column("paid_minor", _("price paid"), of="order"),
        money_column("refunded_minor", _("refunded"), of="order"),
    )
    fields = (
        "line_no", "sku", "quantity", *readonly_fields,
        "cancelled", "shipped", "return_pending", "returned", "exchanged", "lost",
    )  # fmt: skip


class BenefitInline(ReadOnlyInline):
    """What else than money paid."""

    model = Benefit
    joins = ("order",)
    readonly_fields = (
        money_column("used_minor", _("used"), of="order"),
        money_column("restored_minor", _("restored"), of="order"),
    )
    fields = ("kind", "reference", *readonly_fields)


class CaseLineInline(ReadOnlyInline):
    """Which units a case is about."""

    model = CaseLine
    joins = ("line", "case")
    readonly_fields = (
        money_column("amount_minor", _("amount"), of="case"),
        money_column("refunded_minor", _("refunded"), of="case"),
    )
    fields = ("line", "quantity", "accepted", "refused", *readonly_fields)


# -- what a case comes to -------------------------------------------------------------------------


def _amounts(case: Case) -> Iterable[tuple[object, int]]:
    """Yield what is added up to the refund, with its sign; what is nothing is left out."""
    yield _("goods (G)"), case.goods_minor
    yield _("shipping (F)"), case.postage_minor
    yield _("given"), case.given_minor
    yield _("return fee (X)"), -case.return_fee_minor
    yield _("replaced by goods"), -case.replaced_minor
    yield _("given before, or not granted"), -case.withheld_minor


def _what_became_of_it(case: Case) -> Promise:
    """Name what became of the money: a bank's taking and a sum never taken are no refunds."""
    if case.is_taken:
        return _("taken by the bank")
    return _("not charged") if case.is_uncharged else _("refund")


def _benefits(case: Case) -> Iterable[tuple[object, int]]:
    yield _("coupon back"), case.coupon_minor
    yield _("points back"), case.points_minor
    yield _("coupon as an apology"), case.apology_minor


def _sums(case: Case, amounts: Iterable[tuple[object, int]]) -> Iterable[tuple[object, object]]:
    """Yield amounts as people read them; what is nothing is left out."""
    return ((label, Money(minor, case.currency)) for label, minor in amounts if minor)


class CaseColumns:
    """What the pages say of a case beside its fields."""

    @admin.display(description=_("case"))
    def case_link(self, case: Case) -> str:
        """Name the case by why, and link to its page."""
        address = reverse("admin:orders_case_change", args=[case.pk])
        return format_html('<a href="{}">{}</a>', address, case.get_kind_display())

    @admin.display(description=_("who pays what"))
    def who_pays(self, case: Case) -> str:
        """Say what goes back and how, what coupon and points get back, who pays the way."""
        said = [
            *_sums(case, _amounts(case)),
            *_sums(case, [(_what_became_of_it(case), case.refund_minor)]),
            (_("how the money goes"), case.get_operation_display()),
            *_sums(case, _benefits(case)),
            (_("way of the goods"), case.rule.bearer.label),
        ]
        return format_html_join("", "{}: {}<br>", [pair for pair in said if pair[1]])

    @admin.display(description=_("why"))
    def why(self, case: Case) -> str:
        """Say who wanted it, why, and who approved it."""
        said = [
            (_("reason"), case.reason),
            (_("by"), case.actor),
            (_("approved by"), case.approver),
            (_("fault"), _fault_of(case)),
        ]
        return format_html_join("", "{}: {}<br>", [pair for pair in said if pair[1]])

    @admin.display(description=_("legal clock"))
    def clock(self, case: Case) -> str:
        """Say which clock runs, and until when."""
        label = case.rule.clock.label
        if case.due_at is None:
            return str(label)
        return format_html("{}<br>{} {}", label, _("by"), wording.last_day(case.due_at))

    @admin.display(description=_("the customer is told"))
    def customer_is_told(self, case: Case) -> str:
        """Say what the customer reads of a case."""
        said = wording.told_of(wording.case_facts(case))
        return format_html("<b>{}</b><br>{}", said.headline, said.detail)


def _fault_of(case: Case) -> str:
    """Say whether the shop is to blame, or only the customer says so."""
    if case.is_claim:
        return str(_("the shop's, says the customer"))
    return str(_("the shop's")) if case.fault else ""


class CaseInline(CaseColumns, ReadOnlyInline):
    """Why an order, or a part of it, ended otherwise, and who pays what."""

    model = Case
    joins = ("order",)
    readonly_fields = ("case_link", "who_pays", "why", "clock", "customer_is_told")
    fields = (
        "case_link", "state", "who_pays", "why", "clock", "remedy", "customer_is_told",
        "opened_at",
    )  # fmt: skip
