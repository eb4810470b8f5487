"""Admin: stock, reservations and returned goods to look at, to miss and to inspect.

Stock changes through steps and commands that announce, never in a form (decision 27).
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from inventory.services import Verdict, inspect, report_all_missing
from sagas.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, page_link
from sagas.admin.verbs import ReasonForm, Verb, VerbAdmin


class ReservationLineInline(ReadOnlyInline):
    """What is kept."""

    model = ReservationLine
    joins = ("item",)
    fields = ("item", "quantity", "out", "released", "short", "lapsed", "lost")


class ReturnedLineInline(ReadOnlyInline):
    """What comes back."""

    model = ReturnedLine
    joins = ("item",)
    fields = ("line_no", "item", "quantity", "sellable", "damaged", "refused")


@admin.display(description=_("order"), ordering="order_id")
def order_link(row: Reservation | ReturnedGoods) -> str:
    """Link to the order, wherever the shop keeps it."""
    return page_link("admin:orders_order_change", row.order_id, row.order_id)


@admin.register(StockItem)
class StockItemAdmin(ReadOnlyAdmin):
    """Articles and where their units are."""

    list_display = (
        "sku",
        "available",
        "reserved",
        "committed",
        "out",
        "quarantine",
        "damaged",
        "total",
    )
    ordering = ("sku",)
    search_ids = ("id",)
    search_texts = ("sku",)


def miss_everything(reservation: Reservation, *, actor: str, reason: str) -> bool:
    """Report that nothing of what an order keeps is there."""
    report_all_missing(reservation, reason=reason, actor=actor)
    return True


class InspectionForm(ReasonForm):
    """What was found, and who is to blame where the customer says that the shop is."""

    fault = forms.NullBooleanField(
        label=_("The shop's fault"),
        required=False,
        help_text=_("To be said where the customer claims it; it decides who pays the way."),
    )
    field_order = ("fault", "reason")


def accept_all(goods: ReturnedGoods, **told: Any) -> bool:
    """Find every unit as good as new."""
    return _inspect_whole(goods, "sellable", **told)


def accept_damaged(goods: ReturnedGoods, **told: Any) -> bool:
    """Find every unit damaged, and accept it."""
    return _inspect_whole(goods, "damaged", **told)


def refuse_all(goods: ReturnedGoods, **told: Any) -> bool:
    """Accept nothing."""
    return _inspect_whole(goods, "refused", **told)


def _inspect_whole(goods: ReturnedGoods, found: str, **told: Any) -> bool:
    counted = goods.lines.values_list("line_no", "quantity")
    verdicts = {line_no: Verdict(**{found: quantity}) for line_no, quantity in counted}
    inspect(goods, verdicts, **told)
    return True


@admin.register(Reservation)
class ReservationAdmin(VerbAdmin):
    """What is kept for orders and as replacements."""

    list_display = ("id", order_link, "state", "expires_at", "holder_id", "open_for")
    list_filter = ("state",)
    search_ids = ("id", "order_id", "holder_id")
    search_texts = ("open_for",)
    inlines: ClassVar = [ReservationLineInline]
    verbs = (
        Verb(
            name="miss_everything",
            label=_("Report all of it missing"),
            meaning=_("What is still kept is not there: the order is cancelled as far as it goes."),
            permission="inventory.change_reservation",
            act=miss_everything,
        ),
    )


@admin.register(ReturnedGoods)
class ReturnedGoodsAdmin(VerbAdmin):
    """What comes back."""

    list_display = ("id", order_link, "state", "is_fault", "is_claimed", "case_id")
    list_filter = ("state", "is_fault", "is_claimed")
    search_ids = ("id", "order_id", "case_id")
    inlines: ClassVar = [ReturnedLineInline]
    verbs = (
        Verb(
            name="accept_all",
            label=_("Accept as good as new"),
            meaning=_("All units are accepted; they are sold again unless the shop is to blame."),
            permission="inventory.change_returnedgoods",
            act=accept_all,
            form=InspectionForm,
        ),
        Verb(
            name="accept_damaged",
            label=_("Accept as damaged"),
            meaning=_("All units are accepted and their money is paid; none is sold again."),
            permission="inventory.change_returnedgoods",
            act=accept_damaged,
            form=InspectionForm,
        ),
        Verb(
            name="refuse_all",
            label=_("Refuse"),
            meaning=_("No unit is accepted: the goods go back to the customer, unpaid."),
            permission="inventory.change_returnedgoods",
            act=refuse_all,
        ),
    )
