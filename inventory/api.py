"""Endpoints of inventory: where the units of each article are."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination

from inventory.models import StockItem
from sagas.api.door import Door, needs, query_of
from sagas.api.serializers import problems


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
