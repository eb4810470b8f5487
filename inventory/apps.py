"""The inventory app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    """Stock items, reservations and returned goods."""

    name = "inventory"
    verbose_name = _("inventory")
    default_auto_field = "django.db.models.BigAutoField"
