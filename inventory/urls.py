"""Addresses of inventory's endpoints."""

from django.urls import path

from inventory.api import Inspection, Shortage, StockList

app_name = "inventory_api"
urlpatterns = [
    path("stock/", StockList.as_view(), name="stock"),
    path("stock/reservations/<uuid:order_id>/shortage/", Shortage.as_view(), name="shortage"),
    path("stock/returns/<uuid:case_id>/inspection/", Inspection.as_view(), name="inspection"),
]
