"""URLs: below /api/."""

from django.urls import path

from payments.api import webhook

app_name = "payments_api"
urlpatterns = [path("payments/webhook/", webhook, name="webhook")]
