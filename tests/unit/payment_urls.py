"""URLs of the payments context alone, as a shop mounts them."""

from django.urls import include, path

urlpatterns = [path("api/", include("payments.urls"))]
