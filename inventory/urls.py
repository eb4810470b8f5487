"""Addresses of inventory's endpoints."""

from django.urls import path

from inventory.api import StockList

app_name = "inventory_api"
urlpatterns = [path("stock/", StockList.as_view(), name="stock")]
