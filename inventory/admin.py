"""Admin: stock, reservations and returned goods, all of them to look at.

Stock changes through steps and adjustments that announce, never in a form (decision 27).
"""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from sagas.admin.readonly import ReadOnlyAdmin

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


class ReservationLineInline(ReadOnlyInline):
    """What is kept."""

    model = ReservationLine
    fields = ("item", "quantity")


class ReturnedLineInline(ReadOnlyInline):
    """What comes back."""

    model = ReturnedLine
    fields = ("item", "quantity", "damaged")


@admin.display(description=_("order"), ordering="order_id")
def order_link(row: Reservation | ReturnedGoods) -> str:
    """Link to the order, wherever the shop keeps it."""
    try:
        address = reverse("admin:orders_order_change", args=[row.order_id])
    except NoReverseMatch:
        return str(row.order_id)
    return format_html('<a href="{}">{}</a>', address, row.order_id)


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


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """What is kept for orders."""

    list_display = ("id", order_link, "state", "expires_at")
    list_filter = ("state",)
    search_ids = ("id", "order_id")
    inlines: ClassVar = [ReservationLineInline]


@admin.register(ReturnedGoods)
class ReturnedGoodsAdmin(ReadOnlyAdmin):
    """What comes back."""

    list_display = ("id", order_link, "state", "return_id")
    list_filter = ("state",)
    search_ids = ("id", "order_id", "return_id")
    inlines: ClassVar = [ReturnedLineInline]
