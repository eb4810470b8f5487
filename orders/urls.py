"""Addresses of the orders' endpoints."""

from django.urls import path

from orders import api

app_name = "orders_api"
urlpatterns = [
    path("orders/", api.Orders.as_view(), name="orders"),
    path("orders/<slug:number>/", api.OrderDetail.as_view(), name="order"),
    path("orders/<slug:number>/cancel/", api.Cancel.as_view(), name="cancel"),
    path("orders/<slug:number>/returns/", api.Returns.as_view(), name="returns"),
]
