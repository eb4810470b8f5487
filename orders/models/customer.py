"""Blocked customers: whose orders are not taken on (D-21 to D-23)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sagas.clock import new_id


class BlockedCustomer(models.Model):
    """A customer who may not place orders, until somebody lifts that."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.CharField(_("customer"), max_length=200)
    reason = models.TextField(_("reason"), blank=True, default="")
    actor = models.CharField(_("actor"), max_length=200, blank=True, default="")
    blocked_at = models.DateTimeField(_("blocked at"))
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)
    lifted_by = models.CharField(_("lifted by"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("blocked customer")
        verbose_name_plural = _("blocked customers")
        ordering: ClassVar = ["-blocked_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer"],
                condition=Q(lifted_at__isnull=True),
                name="blocked_customer_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.customer
