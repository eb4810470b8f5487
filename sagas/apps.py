"""The Django app: finds every installed app's declarations, like admin modules."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class SagasConfig(AppConfig):
    """`sagas` in INSTALLED_APPS."""

    name = "sagas"
    verbose_name = _("Sagas")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Find the declarations, and have them checked."""
        import_module("sagas.checks")
        autodiscover_modules("choreography", "participant", "reconciliation")
