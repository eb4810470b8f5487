"""Endpoints of shipping: the parcels of an order, for the warehouse to hand over and take in."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from sagas.api.door import Door, actor_of, body_of, needs, query_of
from sagas.api.problem import FieldError, invalid
from sagas.api.serializers import problems
from shipping import services
from shipping.models import ReturnParcel, Shipment, ShipmentLine

#: An order has no more lines than this, and a line no more units.
MAX_LINES, MAX_UNITS = 10_000, 1_000_000


class ShipmentFilter(serializers.Serializer[Any]):
    """Whose parcels; all of them, when no order is named."""

    order_id = serializers.UUIDField(required=False)
    number = serializers.CharField(required=False, max_length=50)


class ShipmentLineSerializer(serializers.ModelSerializer[ShipmentLine]):
    """So many units of an order's line in a parcel, and what became of them."""

    class Meta:
        model = ShipmentLine
        fields = ("line_no", "sku", "quantity", "withdrawn", "sent")


class ShipmentSerializer(serializers.ModelSerializer[Shipment]):
    """A parcel; one that is disputed does not leave."""

    lines = ShipmentLineSerializer(many=True)
    is_disputed = serializers.BooleanField()

    class Meta:
        model = Shipment
        fields = (
            "id",
            "order_id",
            "case_id",
            "number",
            "part",
            "state",
            "carrier",
            "tracking",
            "refusal_code",
            "is_disputed",
            "lines",
        )


class LeavingLineSerializer(serializers.Serializer[Any]):
    """So many units of a line that leave now."""

    line_no = serializers.IntegerField(min_value=1, max_value=MAX_LINES)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)


class HandOverSerializer(serializers.Serializer[Any]):
    """What leaves; all that is in the parcel, when no lines are named."""

    lines = serializers.ListField(
        child=LeavingLineSerializer(), required=False, allow_empty=False, max_length=MAX_LINES
    )


class HandedOverSerializer(serializers.Serializer[Any]):
    """Whether the parcel may leave, and has."""

    left = serializers.BooleanField()


class ReceivedSerializer(serializers.Serializer[Any]):
    """Whether the goods are in the house."""

    received = serializers.BooleanField()


class Page(PageNumberPagination):
    """A hundred parcels at a time."""

    page_size = 100


@extend_schema(
    parameters=[ShipmentFilter],
    responses={200: ShipmentSerializer(many=True), **problems(400, 404)},
)
class Shipments(Door, ListAPIView[Shipment]):
    """Parcels, newest first. Needs the permission shipping.view_shipment."""

    queryset = Shipment.objects.order_by("-id").prefetch_related("lines")
    serializer_class = ShipmentSerializer
    pagination_class = Page
    permission_classes = (needs("shipping.view_shipment"),)

    def get_queryset(self) -> QuerySet[Shipment]:
        return super().get_queryset().filter(**query_of(self.request, ShipmentFilter))


class HandOver(Door):
    """Hands a parcel over. Needs the permission shipping.change_shipment."""

    permission_classes = (needs("shipping.change_shipment"),)

    @extend_schema(
        request=HandOverSerializer,
        responses={200: HandedOverSerializer, **problems(400, 404, 422)},
    )
    def post(self, request: Request, shipment_id: UUID) -> Response:
        """Let a parcel leave, or a part of it; asking again changes nothing."""
        chosen = body_of(request, HandOverSerializer).get("lines")
        units = {line["line_no"]: line["quantity"] for line in chosen} if chosen else None
        shipment = get_object_or_404(Shipment, pk=shipment_id)
        try:
            left = services.hand_over(shipment, lines=units, actor=actor_of(request))
        except services.InvalidHandOver as refusal:
            problem = FieldError(pointer="#/lines", detail=refusal.message, code=refusal.code)
            raise invalid([problem]) from refusal
        return Response({"left": left})


class TakeIn(Door):
    """Takes returned goods in. Needs the permission shipping.change_returnparcel."""

    permission_classes = (needs("shipping.change_returnparcel"),)

    @extend_schema(request=None, responses={200: ReceivedSerializer, **problems(404)})
    def post(self, request: Request, case_id: UUID) -> Response:
        """Record that the goods of a case are back; asking again changes nothing."""
        parcel = get_object_or_404(ReturnParcel, case_id=case_id)
        return Response({"received": services.receive_return(parcel, actor=actor_of(request))})
