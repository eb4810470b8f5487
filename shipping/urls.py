"""Addresses of shipping's endpoints."""

from django.urls import path

from shipping.api import HandOver, Shipments, TakeIn

app_name = "shipping_api"
urlpatterns = [
    path("shipments/", Shipments.as_view(), name="shipments"),
    path("shipments/<uuid:shipment_id>/hand-over/", HandOver.as_view(), name="hand-over"),
    path("shipments/returns/<uuid:case_id>/receive/", TakeIn.as_view(), name="take-in"),
]
