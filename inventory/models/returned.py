"""Returned: goods that come back, and what was found of their units."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from inventory.models.stock import StockItem
from sagas.clock import new_id


class ReturnedGoods(models.Model):
    """What is announced to come back in one case."""

    class State(models.TextChoices):
        """Where the returned goods are."""

        #: Announced; still with the customer or on the way.
        EXPECTED = "expected", _("expected")
        #: Here, and nobody has looked at them yet.
        QUARANTINED = "quarantined", _("in quarantine")
        #: Here, looked at and booked; refused units wait to be sent back.
        INSPECTED = "inspected", _("inspected")
        #: Looked at and booked; refused units have left again.
        SENT_BACK = "sent_back", _("sent back")
        #: Will not come.
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case_id = models.UUIDField(_("case"))
    order_id = models.UUIDField(_("order"), db_index=True)
    #: The shop is to blame: what is accepted stays in quarantine and is not sold again (D-18).
    is_fault = models.BooleanField(_("the shop's fault"), default=False)
    #: It is the customer who blames the shop: who looks at the goods decides.
    is_claimed = models.BooleanField(_("claimed by the customer"), default=False)
    state = FSMField(_("state"), default=State.EXPECTED, choices=State.choices, protected=True)

    class Meta:
        verbose_name = _("returned goods")
        verbose_name_plural = _("returned goods")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case_id"], name="returned_goods_once_per_case")
        ]

    def __str__(self) -> str:
        return f"{self.case_id} ({self.get_state_display()})"

    @transition(field=state, source=State.EXPECTED, target=State.QUARANTINED)
    def quarantine(self) -> None:
        """Take the goods in."""

    @transition(field=state, source=State.QUARANTINED, target=State.INSPECTED)
    def inspect(self) -> None:
        """Look at them."""

    @transition(field=state, source=State.INSPECTED, target=State.SENT_BACK)
    def send_back(self) -> None:
        """Let refused units leave again."""

    @transition(field=state, source=State.EXPECTED, target=State.DROPPED)
    def drop(self) -> None:
        """Stop waiting for the goods."""


class ReturnedLine(models.Model):
    """So many units of an order's line that come back, and what was found of them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    goods = models.ForeignKey(ReturnedGoods, on_delete=models.CASCADE, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField(_("quantity"))
    #: Accepted, and as good as new.
    sellable = models.BigIntegerField(_("sellable"), default=0)
    #: Accepted, and not to be sold again.
    damaged = models.BigIntegerField(_("damaged"), default=0)
    #: Not accepted: they go back to the customer (D-19).
    refused = models.BigIntegerField(_("refused"), default=0)

    class Meta:
        verbose_name = _("returned line")
        verbose_name_plural = _("returned lines")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["goods", "line_no"], name="returned_line_once_per_order_line"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="returned_line_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(sellable__gte=0, damaged__gte=0, refused__gte=0),
                name="returned_line_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("sellable") + F("damaged") + F("refused")),
                name="returned_line_never_more_than_came",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"

    def book(self, item: StockItem, *, is_fault: bool) -> None:
        """Move what was accepted; refused units, and sellable ones of the shop's fault, stay."""
        if not is_fault:
            item.move(self.sellable, source="quarantine", target="available")
        item.move(self.damaged, source="quarantine", target="damaged")
