"""Addresses of the orders' endpoints."""

from django.urls import path

from orders import api

app_name = "orders_api"
_ORDER = "orders/<slug:number>/"
_CASE = f"{_ORDER}cases/<uuid:case>/"

urlpatterns = [
    path("orders/", api.Orders.as_view(), name="orders"),
    path(_ORDER, api.OrderDetail.as_view(), name="order"),
    path(f"{_ORDER}cancel/", api.Cancel.as_view(), name="cancel"),
    path(f"{_ORDER}partial-cancels/", api.PartialCancels.as_view(), name="partial_cancels"),
    path(f"{_ORDER}returns/", api.Returns.as_view(), name="returns"),
    path(f"{_ORDER}exchanges/", api.Exchanges.as_view(), name="exchanges"),
    path(f"{_ORDER}goodwill/", api.Goodwill.as_view(), name="goodwill"),
    path(f"{_ORDER}suspicion/", api.Suspicion.as_view(), name="suspicion"),
    path(f"{_CASE}remedy/", api.Remedy.as_view(), name="remedy"),
    path(f"{_CASE}goodwill/", api.GoodwillDecision.as_view(), name="goodwill_decision"),
    path(f"{_CASE}fraud/", api.FraudDecision.as_view(), name="fraud_decision"),
    path(f"{_CASE}inquiry/", api.Inquiry.as_view(), name="inquiry"),
]
