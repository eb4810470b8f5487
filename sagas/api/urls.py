"""Addresses of the operators' endpoints; include them where the project wants them."""

from django.urls import path

from sagas.api import views

app_name = "sagas_api"
urlpatterns = [
    path("sagas/", views.SagaList.as_view(), name="sagas"),
    path("sagas/<uuid:pk>/", views.SagaDetail.as_view(), name="saga"),
    path("deliveries/<uuid:pk>/retry/", views.RetryDelivery.as_view(), name="retry"),
    path("deliveries/<uuid:pk>/skip/", views.SkipDelivery.as_view(), name="skip"),
]
