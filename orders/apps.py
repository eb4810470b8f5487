"""The orders app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """Orders, and the cases in which they end otherwise."""

    name = "orders"
    verbose_name = _("orders")
    default_auto_field = "django.db.models.BigAutoField"
