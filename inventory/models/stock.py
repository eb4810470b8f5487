"""Stock: an article, and in which bucket each of its units is."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sagas.clock import new_id

BUCKETS = ("available", "reserved", "committed", "out", "quarantine", "damaged")


class StockItem(models.Model):
    """An article and where its units are."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sku = models.CharField(_("article"), max_length=64)
    #: In the house, and free to be promised.
    available = models.BigIntegerField(_("available"), default=0)
    #: In the house, kept for orders that are not paid yet.
    reserved = models.BigIntegerField(_("reserved"), default=0)
    #: In the house, for paid orders and replacements.
    committed = models.BigIntegerField(_("committed"), default=0)
    #: Not in the house: on the way, or with customers.
    out = models.BigIntegerField(_("out"), default=0)
    #: Came back: not looked at yet (D-17), refused, or the shop's own fault (D-18).
    quarantine = models.BigIntegerField(_("quarantine"), default=0)
    #: Came back unsellable, got lost on the way, or was not where it should be.
    damaged = models.BigIntegerField(_("damaged"), default=0)

    class Meta:
        verbose_name = _("stock item")
        verbose_name_plural = _("stock items")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sku"], name="stock_item_once_per_sku"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{bucket}__gte": 0}), name=f"stock_{bucket}_not_negative"
                )
                for bucket in BUCKETS
            ),
        ]

    def __str__(self) -> str:
        return self.sku

    @property
    def total(self) -> int:
        """How many units there are, wherever they are; only an adjustment changes it (I1)."""
        return sum(getattr(self, bucket) for bucket in BUCKETS)

    def move(self, quantity: int, *, source: str, target: str) -> None:
        """Move units from one bucket to another; the database refuses to overdraw one."""
        setattr(self, source, getattr(self, source) - quantity)
        setattr(self, target, getattr(self, target) + quantity)
