"""Admin: shipments and returning parcels to look at, and how far the carrier's scans are read.

States change through transitions that announce, never in a form (decision 27).
"""

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from sagas.admin.readonly import ReadOnlyAdmin
from shipping.models import CarrierCursor, ReturnParcel, Shipment


class ParcelAdmin(ReadOnlyAdmin):
    """Links a parcel to its order."""

    @admin.display(description=_("order"))
    def order(self, row: Shipment | ReturnParcel) -> str:
        """Link to the order, wherever the shop keeps it."""
        try:
            address = reverse("admin:orders_order_change", args=[row.order_id])
        except NoReverseMatch:
            return str(row.order_id)
        return format_html('<a href="{}">{}</a>', address, row.number or row.order_id)


@admin.register(Shipment)
class ShipmentAdmin(ParcelAdmin):
    """The parcels of orders."""

    list_display = ("__str__", "state", "tracking", "refusal_code", "order")
    list_filter = ("state",)
    search_ids = ("id", "order_id")
    search_texts = ("number", "tracking")


@admin.register(ReturnParcel)
class ReturnParcelAdmin(ParcelAdmin):
    """The parcels of returns."""

    list_display = ("__str__", "state", "tracking", "refusal_code", "order")
    list_filter = ("state",)
    search_ids = ("id", "order_id", "return_id")
    search_texts = ("number", "tracking")


@admin.register(CarrierCursor)
class CarrierCursorAdmin(ReadOnlyAdmin):
    """How far the carrier's scans are read."""

    list_display = ("name", "position")
