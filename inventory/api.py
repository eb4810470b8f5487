"""Endpoints of inventory: where units are, what is missing, and what was found of returns."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from inventory import services
from inventory.models import Reservation, ReturnedGoods, StockItem
from sagas.api.door import Door, actor_of, body_of, needs, query_of
from sagas.api.problem import FieldError, invalid
from sagas.api.serializers import problems

#: An order has no more lines than this, and an article no more units.
MAX_LINES, MAX_UNITS = 10_000, 1_000_000


class StockFilter(serializers.Serializer[Any]):
    """Which articles; all of them, when none is named."""

    sku = serializers.ListField(
        child=serializers.CharField(max_length=64), required=False, max_length=100
    )


class StockItemSerializer(serializers.ModelSerializer[StockItem]):
    """An article with its buckets; every unit is in exactly one of them."""

    total = serializers.IntegerField()

    class Meta:
        model = StockItem
        fields = (
            "sku",
            "total",
            "available",
            "reserved",
            "committed",
            "out",
            "quarantine",
            "damaged",
        )


class Page(PageNumberPagination):
    """A hundred articles at a time."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000


@extend_schema(
    parameters=[StockFilter], responses={200: StockItemSerializer(many=True), **problems(400, 404)}
)
class StockList(Door, ListAPIView[StockItem]):
    """Stock, by article. Needs the permission inventory.view_stockitem."""

    queryset = StockItem.objects.order_by("sku")
    serializer_class = StockItemSerializer
    pagination_class = Page
    permission_classes = (needs("inventory.view_stockitem"),)

    def get_queryset(self) -> QuerySet[StockItem]:
        skus = query_of(self.request, StockFilter).get("sku")
        items = super().get_queryset()
        return items.filter(sku__in=skus) if skus else items


class ShortLineSerializer(serializers.Serializer[Any]):
    """So many units of an article that are not there."""

    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)


class ShortageSerializer(serializers.Serializer[Any]):
    """What is missing of an order's units, and why."""

    lines = serializers.ListField(
        child=ShortLineSerializer(), allow_empty=False, max_length=MAX_LINES
    )
    reason = serializers.CharField(max_length=2000)


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
    """What is kept for an order."""

    class Meta:
        model = Reservation
        fields = ("order_id", "state", "expires_at")


class VerdictSerializer(serializers.Serializer[Any]):
    """What was found of one line's units."""

    line_no = serializers.IntegerField(min_value=1, max_value=MAX_LINES)
    sellable = serializers.IntegerField(min_value=0, max_value=MAX_UNITS, default=0)
    damaged = serializers.IntegerField(min_value=0, max_value=MAX_UNITS, default=0)
    refused = serializers.IntegerField(min_value=0, max_value=MAX_UNITS, default=0)


class InspectionSerializer(serializers.Serializer[Any]):
    """What was found of every line that came back."""

    lines = serializers.ListField(
        child=VerdictSerializer(), allow_empty=False, max_length=MAX_LINES
    )
    fault = serializers.BooleanField(
        allow_null=True,
        default=None,
        help_text=_("Whether the shop is to blame; to be said where the customer claims it."),
    )


class GoodsSerializer(serializers.ModelSerializer[ReturnedGoods]):
    """Goods of a case, and how far they are."""

    class Meta:
        model = ReturnedGoods
        fields = ("case_id", "order_id", "state", "is_fault", "is_claimed")


class Shortage(Door):
    """Misses what is kept for an order. Needs the permission inventory.change_reservation."""

    permission_classes = (needs("inventory.change_reservation"),)

    @extend_schema(
        request=ShortageSerializer,
        responses={200: ReservationSerializer, **problems(400, 404, 422)},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """Say that kept units are not there; less is sent, and less is paid."""
        body = body_of(request, ShortageSerializer)
        of_order = Reservation.objects.filter(holder_id=order_id, order_id=order_id)
        get_object_or_404(of_order)
        missed = Counter[str]()
        for line in body["lines"]:
            missed[line["sku"]] += line["quantity"]
        try:
            services.report_shortage(
                order_id, missed, reason=body["reason"], actor=actor_of(request)
            )
        except services.InvalidInput as refusal:
            raise _invalid(refusal) from refusal
        return Response(ReservationSerializer(of_order.get()).data)


class Inspection(Door):
    """Inspects what came back. Needs the permission inventory.change_returnedgoods."""

    permission_classes = (needs("inventory.change_returnedgoods"),)

    @extend_schema(
        request=InspectionSerializer, responses={200: GoodsSerializer, **problems(400, 404, 422)}
    )
    def post(self, request: Request, case_id: UUID) -> Response:
        """Say what was found of every unit; the money of what is accepted follows."""
        body = body_of(request, InspectionSerializer)
        goods = get_object_or_404(ReturnedGoods, case_id=case_id)
        verdicts = {line.pop("line_no"): services.Verdict(**line) for line in body["lines"]}
        try:
            goods = services.inspect(goods, verdicts, actor=actor_of(request), fault=body["fault"])
        except services.InvalidInput as refusal:
            raise _invalid(refusal) from refusal
        return Response(GoodsSerializer(goods).data)


def _invalid(refusal: services.InvalidInput) -> Exception:
    place = "#/fault" if refusal.code == "fault_unsaid" else "#/lines"
    return invalid([FieldError(pointer=place, detail=refusal.message, code=refusal.code)])
