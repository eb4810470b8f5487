"""Addresses of payments."""

from django.urls import path

from payments import api

app_name = "payments_api"
urlpatterns = [
    path("payments/webhook/", api.webhook, name="webhook"),
    path("payments/webhooks/<str:provider>/", api.webhook, name="provider_webhook"),
    path("payments/<str:number>/", api.PaymentDetail.as_view(), name="payment"),
    path("payments/<str:number>/account/", api.GiveAccount.as_view(), name="payment_account"),
    path("refunds/", api.RefundList.as_view(), name="refunds"),
    path("refunds/<uuid:pk>/", api.RefundDetail.as_view(), name="refund"),
    path("refunds/<uuid:pk>/again/", api.Again.as_view(), name="refund_again"),
    path("refunds/<uuid:pk>/elsewhere/", api.Elsewhere.as_view(), name="refund_elsewhere"),
    path("refunds/<uuid:pk>/approve/", api.Approve.as_view(), name="refund_approve"),
    path("refunds/<uuid:pk>/evidence/", api.Attest.as_view(), name="refund_evidence"),
]
