"""Tables of inventory: stock items with their buckets, reservations and returned goods.

Every unit is in exactly one bucket (I5): available, reserved, committed, out, quarantine or
damaged. No bucket is ever below zero (I2), whoever writes it.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

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
    #: In the house, belonging to paid orders.
    committed = models.BigIntegerField(_("committed"), default=0)
    #: Not in the house: on the way, or with customers.
    out = models.BigIntegerField(_("out"), default=0)
    #: Came back, and nobody has looked at them yet (D-17).
    quarantine = models.BigIntegerField(_("quarantine"), default=0)
    #: Came back unsellable, or got lost on the way.
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


class Reservation(models.Model):
    """What is kept for one order, all of it or nothing."""

    class State(models.TextChoices):
        """How far the order's stock is."""

        #: Not decided yet; holds nothing.
        NEW = "new", _("new")
        #: Every line is kept until `expires_at`.
        RESERVED = "reserved", _("reserved")
        #: There was too little; holds nothing.
        REFUSED = "refused", _("refused")
        #: Paid for: kept until it is shipped or released.
        COMMITTED = "committed", _("committed")
        #: Handed over to the carrier.
        OUT = "out", _("out")
        #: Given back; holds nothing.
        RELEASED = "released", _("released")
        #: The parcel got lost; holds nothing.
        WRITTEN_OFF = "written_off", _("written off")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"))
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order_id"], name="reservation_once_per_order"),
            models.CheckConstraint(
                condition=~Q(state="reserved") | Q(expires_at__isnull=False),
                name="reservation_reserved_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} ({self.state})"

    @transition(field=state, source=State.NEW, target=State.RESERVED)
    def reserve(self) -> None:
        """Keep every line."""

    @transition(field=state, source=State.NEW, target=State.REFUSED)
    def refuse(self) -> None:
        """Keep nothing."""

    @transition(field=state, source=State.RESERVED, target=State.COMMITTED)
    def commit(self) -> None:
        """Keep it until it is shipped."""

    @transition(field=state, source=State.COMMITTED, target=State.OUT)
    def ship(self) -> None:
        """Let it leave the house."""

    @transition(field=state, source=[State.RESERVED, State.COMMITTED], target=State.RELEASED)
    def release(self) -> None:
        """Make it available again."""

    @transition(field=state, source=State.OUT, target=State.WRITTEN_OFF)
    def write_off(self) -> None:
        """Give it up as lost."""


class ReservationLine(models.Model):
    """So many units of one item, kept for one order."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField(_("quantity"))

    class Meta:
        verbose_name = _("reservation line")
        verbose_name_plural = _("reservation lines")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["reservation", "item"], name="reservation_line_once_per_item"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="reservation_line_quantity_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"


class ReturnedGoods(models.Model):
    """What is announced to come back in one return."""

    class State(models.TextChoices):
        """Where the returned goods are."""

        #: Announced; still with the customer or on the way.
        EXPECTED = "expected", _("expected")
        #: Here, and nobody has looked at them yet.
        QUARANTINED = "quarantined", _("in quarantine")
        #: Here, looked at and booked.
        INSPECTED = "inspected", _("inspected")
        #: Will not come.
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    return_id = models.UUIDField(_("return"))
    order_id = models.UUIDField(_("order"))
    state = FSMField(_("state"), default=State.EXPECTED, choices=State.choices, protected=True)

    class Meta:
        verbose_name = _("returned goods")
        verbose_name_plural = _("returned goods")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["return_id"], name="returned_goods_once_per_return")
        ]
        indexes: ClassVar = [models.Index(fields=["order_id"], name="returned_goods_by_order")]

    def __str__(self) -> str:
        return f"{self.return_id} ({self.state})"

    @transition(field=state, source=State.EXPECTED, target=State.QUARANTINED)
    def quarantine(self) -> None:
        """Take the goods in."""

    @transition(field=state, source=State.QUARANTINED, target=State.INSPECTED)
    def inspect(self) -> None:
        """Look at them."""

    @transition(field=state, source=State.EXPECTED, target=State.DROPPED)
    def drop(self) -> None:
        """Stop waiting for the goods."""


class ReturnedLine(models.Model):
    """So many units of one item that come back; `damaged` of them can't be sold again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    goods = models.ForeignKey(ReturnedGoods, on_delete=models.CASCADE, related_name="lines")
    item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField(_("quantity"))
    damaged = models.BigIntegerField(_("damaged"), default=0)

    class Meta:
        verbose_name = _("returned line")
        verbose_name_plural = _("returned lines")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["goods", "item"], name="returned_line_once_per_item"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="returned_line_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(damaged__gte=0, damaged__lte=models.F("quantity")),
                name="returned_line_damaged_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"
