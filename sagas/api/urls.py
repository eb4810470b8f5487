"""Addresses of the operators' endpoints; include them where the project wants them."""

from django.urls import path

from sagas.api import reconciliation, views

app_name = "sagas_api"
urlpatterns = [
    path("sagas/", views.SagaList.as_view(), name="sagas"),
    path("sagas/<uuid:pk>/", views.SagaDetail.as_view(), name="saga"),
    path("deliveries/<uuid:pk>/retry/", views.RetryDelivery.as_view(), name="retry"),
    path("deliveries/<uuid:pk>/approve/", views.ApproveDelivery.as_view(), name="approve"),
    path("deliveries/<uuid:pk>/skip/", views.SkipDelivery.as_view(), name="skip"),
    path("reconciliations/", reconciliation.RunList.as_view(), name="reconciliations"),
    path("reconciliations/<uuid:pk>/", reconciliation.RunDetail.as_view(), name="reconciliation"),
    path("findings/", reconciliation.FindingList.as_view(), name="findings"),
    path("findings/<uuid:pk>/", reconciliation.FindingDetail.as_view(), name="finding"),
]
