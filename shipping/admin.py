"""Admin: parcels out and back to look at and to move, and how far the carrier's scans are read.

States change through transitions that announce, never in a form (decision 27).
"""

from typing import ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from sagas.admin.readonly import ReadOnlyAdmin, ReadOnlyInline, page_link
from sagas.admin.verbs import Verb, VerbAdmin
from shipping import services
from shipping.models import CarrierCursor, ReturnParcel, Shipment, ShipmentLine


class ShipmentLineInline(ReadOnlyInline):
    """What is in the parcel."""

    model = ShipmentLine
    fields = ("line_no", "sku", "quantity", "withdrawn", "sent")


class ParcelAdmin(VerbAdmin):
    """Links a parcel to its order."""

    @admin.display(description=_("order"))
    def order(self, row: Shipment | ReturnParcel) -> str:
        """Link to the order, wherever the shop keeps it."""
        return page_link("admin:orders_order_change", row.order_id, row.number or row.order_id)


def hand_over(shipment: Shipment, *, actor: str, reason: str) -> bool:
    """Let the whole parcel leave."""
    return services.hand_over(shipment, actor=actor)


def deliver(shipment: Shipment, *, actor: str, reason: str) -> bool:
    """Record that the customer has it."""
    return services.deliver(shipment, actor=actor)


def lose(shipment: Shipment, *, actor: str, reason: str) -> bool:
    """Record that the carrier lost it."""
    return services.lose(shipment, actor=actor)


def take_in(parcel: ReturnParcel, *, actor: str, reason: str) -> bool:
    """Record that the goods are back."""
    return services.receive_return(parcel, actor=actor)


@admin.register(Shipment)
class ShipmentAdmin(ParcelAdmin):
    """The parcels of orders and of replacements."""

    list_display = (
        "__str__", "state", "part", "carrier", "tracking", "disputes", "refusal_code", "order",
    )  # fmt: skip
    list_filter = ("state", "carrier")
    search_ids = ("id", "order_id", "case_id")
    search_texts = ("number", "tracking")
    inlines: ClassVar = [ShipmentLineInline]
    verbs = (
        Verb(
            name="hand_over",
            label=_("Hand over to the driver"),
            meaning=_("What is in the parcel leaves: from then on the way back is a return."),
            permission="shipping.change_shipment",
            act=hand_over,
        ),
        Verb(
            name="book_rest_again",
            label=_("Ask the carriers again"),
            meaning=_("The rest of an order that no carrier took is booked once more."),
            permission="shipping.change_shipment",
            act=services.book_rest_again,
        ),
        Verb(
            name="deliver",
            label=_("Record as delivered"),
            meaning=_("The customer has the parcel, although no scan says so."),
            permission="shipping.change_shipment",
            act=deliver,
        ),
        Verb(
            name="lose",
            label=_("Record as lost"),
            meaning=_("The carrier has lost the parcel: the customer gets goods or money."),
            permission="shipping.change_shipment",
            act=lose,
        ),
    )


@admin.register(ReturnParcel)
class ReturnParcelAdmin(ParcelAdmin):
    """The parcels of returns."""

    list_display = (
        "__str__", "state", "is_intercept", "carrier", "tracking", "refusal_code", "order",
    )  # fmt: skip
    list_filter = ("state", "is_intercept")
    search_ids = ("id", "order_id", "case_id")
    search_texts = ("number", "tracking", "sent_back_tracking")
    verbs = (
        Verb(
            name="take_in",
            label=_("Take in"),
            meaning=_("The goods are back in the house, and are looked at next."),
            permission="shipping.change_returnparcel",
            act=take_in,
        ),
    )


@admin.register(CarrierCursor)
class CarrierCursorAdmin(ReadOnlyAdmin):
    """How far the carrier's scans are read."""

    list_display = ("name", "position")
