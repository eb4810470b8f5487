"""Tables of orders: orders with their lines, cancellation cases, returns and losses.

Money is in minor units of the order's currency. State changes only through transitions.
"""

from datetime import datetime
from typing import ClassVar, Self
from uuid import uuid5

import msgspec
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from orders.events import Address
from sagas.clock import new_id
from sagas.money import Money


class Order(models.Model):
    """What a customer ordered, and how far it is."""

    class State(models.TextChoices):
        """How far the order is."""

        #: Ordered; waits for its stock and its money.
        PLACED = "placed", _("placed")
        #: Its money is certain.
        CONFIRMED = "confirmed", _("confirmed")
        #: Captured and committed: a parcel is being made.
        FULFILLING = "fulfilling", _("fulfilling")
        #: The carrier has the parcel.
        SHIPPED = "shipped", _("shipped")
        #: The customer has the parcel.
        DELIVERED = "delivered", _("delivered")
        #: Delivered and booked out; returns are possible.
        COMPLETED = "completed", _("completed")
        #: The carrier lost the parcel; a loss gives the money back.
        LOST = "lost", _("lost")
        #: Everything came back.
        RETURNED = "returned", _("returned")
        #: Will not be fulfilled; parcel, money and stock are on their way back.
        CANCELLING = "cancelling", _("cancelling")
        #: Will not be fulfilled, and nothing of it is left.
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(_("number"), max_length=40)
    customer = models.CharField(_("customer"), max_length=200)
    total_minor = models.BigIntegerField(_("total (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    #: An `orders.events.Address` as JSON values.
    ship_to = models.JSONField(_("ship to"))
    state = FSMField(_("state"), default=State.PLACED, choices=State.choices, protected=True)
    #: How often the customer was asked to pay.
    payment_attempts = models.PositiveSmallIntegerField(_("payment attempts"), default=1)
    # Facts that a join has collected (design decision 5).
    is_captured = models.BooleanField(_("captured"), default=False)
    is_committed = models.BooleanField(_("stock committed"), default=False)
    is_booked_out = models.BooleanField(_("stock booked out"), default=False)
    placed_at = models.DateTimeField(_("placed at"))
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering: ClassVar = ["-placed_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number"], name="order_number_once"),
            models.CheckConstraint(condition=Q(total_minor__gt=0), name="order_total_positive"),
            models.CheckConstraint(
                condition=~Q(state="fulfilling") | Q(is_captured=True, is_committed=True),
                name="order_fulfilled_only_when_captured_and_committed",
            ),
            models.CheckConstraint(
                condition=~Q(state="completed") | Q(is_booked_out=True, delivered_at__isnull=False),
                name="order_completed_only_when_delivered_and_booked_out",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer", "placed_at"], name="order_by_customer"),
            models.Index(fields=["state", "placed_at"], name="order_by_state"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def address(self) -> Address:
        """Where the parcel goes."""
        return msgspec.convert(self.ship_to, Address)

    @property
    def total(self) -> Money:
        """What the customer pays."""
        return Money(self.total_minor, self.currency)

    @transition(field=state, source=State.PLACED, target=State.CONFIRMED)
    def confirm(self) -> None:
        """Count on the money."""

    @transition(field=state, source=State.CONFIRMED, target=State.FULFILLING)
    def fulfil(self) -> None:
        """Let a parcel be made."""

    @transition(field=state, source=State.FULFILLING, target=State.SHIPPED)
    def ship(self) -> None:
        """Let the carrier have it."""

    @transition(field=state, source=State.SHIPPED, target=State.DELIVERED)
    def deliver(self) -> None:
        """Let the customer have it."""

    @transition(field=state, source=State.DELIVERED, target=State.COMPLETED)
    def complete(self) -> None:
        """End the checkout well."""

    @transition(field=state, source=State.SHIPPED, target=State.LOST)
    def lose(self) -> None:
        """End the checkout with a lost parcel."""

    @transition(field=state, source=State.COMPLETED, target=State.RETURNED)
    def take_back(self) -> None:
        """Note that everything came back."""

    @transition(
        field=state,
        source=[State.PLACED, State.CONFIRMED, State.FULFILLING],
        target=State.CANCELLING,
    )
    def start_cancel(self) -> None:
        """Begin to go back."""

    @transition(field=state, source=State.CANCELLING, target=State.CANCELLED)
    def finish_cancel(self) -> None:
        """Note that parcel, money and stock are back."""


class Case(models.Model):
    """Why an order is to be cancelled, and what came of it (R38). Money decides how, not why."""

    class Kind(models.TextChoices):
        """Whose wish it is, and so which clock and which words apply."""

        #: The customer gave up before anything was paid.
        ABANDON = "abandon", _("abandoned")
        #: The customer wants a paid order cancelled.
        CANCEL = "cancel", _("cancelled by the customer")
        #: No card was good for it, or not in time.
        PAYMENT_FAILED = "payment_failed", _("payment failed")
        #: There is too little stock.
        OOS_CANCEL = "oos_cancel", _("out of stock")
        #: The shop can't fulfil it, such as when no carrier goes there.
        SELLER_CANCEL = "seller_cancel", _("cancelled by the shop")

    class Outcome(models.TextChoices):
        """What was decided."""

        #: Who ships has not answered yet.
        OPEN = "open", _("open")
        #: The order is cancelled.
        ACCEPTED = "accepted", _("accepted")
        #: The parcel had left; a return is the way back.
        REJECTED = "rejected", _("rejected")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="cases")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    outcome = models.CharField(
        _("outcome"), max_length=8, choices=Outcome.choices, default=Outcome.OPEN
    )
    reason = models.TextField(_("reason"), blank=True, default="")
    actor = models.CharField(_("actor"), max_length=200, blank=True, default="")
    opened_at = models.DateTimeField(_("opened at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(outcome="open"), name="order_case_open_once"
            ),
            models.CheckConstraint(
                condition=Q(outcome="open", decided_at__isnull=True)
                | (~Q(outcome="open") & Q(decided_at__isnull=False)),
                name="order_case_decided_iff_not_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_id} ({self.outcome})"


class Return(models.Model):
    """Goods of a delivered order that are to come back, and their money."""

    class State(models.TextChoices):
        """What became of the return."""

        #: Asked for; the goods come first, the money after them.
        REQUESTED = "requested", _("requested")
        #: The goods are here and the money is paid.
        COMPLETED = "completed", _("completed")
        #: Nothing comes back.
        REJECTED = "rejected", _("rejected")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    state = FSMField(_("state"), default=State.REQUESTED, choices=State.choices, protected=True)
    refund_minor = models.BigIntegerField(_("refund (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    reason = models.TextField(_("reason"), blank=True, default="")
    actor = models.CharField(_("actor"), max_length=200, blank=True, default="")
    requested_at = models.DateTimeField(_("requested at"))

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        ordering: ClassVar = ["-requested_at", "-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(refund_minor__gte=0), name="return_refund_not_negative"
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} ({self.state})"

    @property
    def refund(self) -> Money:
        """What the customer gets back once the goods were inspected."""
        return Money(self.refund_minor, self.currency)

    @transition(field=state, source=State.REQUESTED, target=State.COMPLETED)
    def complete(self) -> None:
        """Note that goods and money have changed hands."""

    @transition(field=state, source=State.REQUESTED, target=State.REJECTED)
    def reject(self) -> None:
        """Note that nothing comes back."""


class SoldLine(models.Model):
    """A line of an order as it was sold, and how much of it is back or on its way back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    sku = models.CharField(_("article"), max_length=64)
    quantity = models.BigIntegerField(_("quantity"))
    unit_price_minor = models.BigIntegerField(_("unit price (minor units)"))
    returned = models.BigIntegerField(_("returned"), default=0)
    return_pending = models.BigIntegerField(_("being returned"), default=0)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering: ClassVar = ["line_no"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "line_no"], name="sold_line_once_per_number"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="sold_line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(unit_price_minor__gte=0), name="sold_line_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, return_pending__gte=0)
                & Q(quantity__gte=F("returned") + F("return_pending")),
                name="sold_line_returned_within_quantity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.sku}"

    @property
    def returnable(self) -> int:
        """How many units may still be sent back."""
        return self.quantity - self.returned - self.return_pending


class ReturnLine(models.Model):
    """So many units of a sold line that one return is about."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: The return that it is part of; `return` is a word of the language.
    parent = models.ForeignKey(Return, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(SoldLine, on_delete=models.PROTECT, related_name="returns")
    quantity = models.BigIntegerField(_("quantity"))
    amount_minor = models.BigIntegerField(_("amount (minor units)"))

    class Meta:
        verbose_name = _("return line")
        verbose_name_plural = _("return lines")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["parent", "line"], name="return_line_once_per_line"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="return_line_quantity_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.line_id}"


class Loss(models.Model):
    """A parcel that the carrier lost; the customer gets the whole amount back."""

    class State(models.TextChoices):
        """What became of the loss."""

        #: The money is on its way back.
        OPEN = "open", _("open")
        #: The customer has the money.
        SETTLED = "settled", _("settled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="loss")
    state = FSMField(_("state"), default=State.OPEN, choices=State.choices, protected=True)
    refund_minor = models.BigIntegerField(_("refund (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        verbose_name = _("loss")
        verbose_name_plural = _("losses")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(refund_minor__gt=0), name="loss_refund_positive")
        ]

    def __str__(self) -> str:
        return f"{self.order_id} ({self.state})"

    @classmethod
    def of(cls, order: Order, *, now: datetime) -> Self:
        """Return the one loss of an order, not saved; its id follows from the order's."""
        return cls(
            id=uuid5(order.pk, "loss"),
            order=order,
            refund_minor=order.total_minor,
            currency=order.currency,
            opened_at=now,
        )

    @transition(field=state, source=State.OPEN, target=State.SETTLED)
    def settle(self) -> None:
        """Note that the customer has the money."""
