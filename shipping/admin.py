"""Admin: shipments and returning parcels to look at, and how far the carrier's scans are read.

States change through transitions that announce, never in a form (decision 27).
"""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from shipping.models import CarrierCursor, ReturnParcel, Shipment


class ToLookAt(admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers only
    """A page on which nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=_("order"))
    def order(self, row: Shipment | ReturnParcel) -> str:
        """Link to the order, wherever the shop keeps it."""
        try:
            address = reverse("admin:orders_order_change", args=[row.order_id])
        except NoReverseMatch:
            return str(row.order_id)
        return format_html('<a href="{}">{}</a>', address, row.number or row.order_id)


@admin.register(Shipment)
class ShipmentAdmin(ToLookAt):
    """The parcels of orders."""

    list_display = ("__str__", "state", "tracking", "refusal_code", "order")
    list_filter = ("state",)
    search_fields = ("number", "order_id", "tracking")


@admin.register(ReturnParcel)
class ReturnParcelAdmin(ToLookAt):
    """The parcels of returns."""

    list_display = ("__str__", "state", "tracking", "refusal_code", "order")
    list_filter = ("state",)
    search_fields = ("number", "order_id", "return_id", "tracking")


@admin.register(CarrierCursor)
class CarrierCursorAdmin(ToLookAt):
    """How far the carrier's scans are read."""

    list_display = ("name", "position")
