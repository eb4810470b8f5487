"""Django app: the shop itself: its demonstration, and what holds between its contexts."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopConfig(AppConfig):
    """Name and label of the app."""

    name = "shop"
    verbose_name = _("Shop")

    def ready(self) -> None:
        """Let what the settings must be to each other be checked."""
        import_module("shop.checks")
