"""Orders, their lines as they were sold, and what else than money paid for them."""

from typing import ClassVar, Final

import msgspec
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from orders.events import Address, PayBy
from sagas.clock import new_id
from sagas.money import Money

#: How customers pay, in words.
PAY_BY: Final = [
    (PayBy.CARD.value, _("card")),
    (PayBy.VIRTUAL_ACCOUNT.value, _("virtual account")),
]


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
        #: The carrier has the first parcel.
        SHIPPED = "shipped", _("shipped")
        #: The customer has all that was sent.
        DELIVERED = "delivered", _("delivered")
        #: Delivered and booked out; returns are possible.
        COMPLETED = "completed", _("completed")
        #: Nothing of it will arrive; its case says whether the goods or the money follow.
        LOST = "lost", _("lost")
        #: The parcel was stopped on its way and came back; its return goes on.
        INTERCEPTED = "intercepted", _("intercepted")
        #: Nothing of it is left with the customer.
        RETURNED = "returned", _("returned")
        #: Will not be fulfilled; parcel, money and stock are on their way back.
        CANCELLING = "cancelling", _("cancelling")
        #: Will not be fulfilled, and nothing of it is left.
        CANCELLED = "cancelled", _("cancelled")
        #: Was cancelled, then its money came after all and the goods are sent (D-5).
        REINSTATED = "reinstated", _("reinstated")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(_("number"), max_length=40)
    customer = models.CharField(_("customer"), max_length=200)
    #: Where and in which language the customer is told; without an address there are no mails.
    email = models.EmailField(_("e-mail"), blank=True, default="")
    language = models.CharField(_("language"), max_length=20, blank=True, default="")
    #: All lines at their prices (minor units, as all amounts here).
    goods_minor = models.BigIntegerField(_("goods (minor units)"))
    #: The shipping fee (F).
    shipping_minor = models.BigIntegerField(_("shipping (minor units)"), default=0)
    #: What a coupon paid of the goods.
    discount_minor = models.BigIntegerField(_("coupon (minor units)"), default=0)
    #: What points paid of the goods.
    points_minor = models.BigIntegerField(_("points (minor units)"), default=0)
    #: What the customer pays in money.
    total_minor = models.BigIntegerField(_("total (minor units)"))
    currency = models.CharField(_("currency"), max_length=3)
    #: What of the total was given back, given up, or taken by the customer's bank.
    given_back_minor = models.BigIntegerField(_("given back (minor units)"), default=0)
    #: What of the shipping fee is in that.
    postage_back_minor = models.BigIntegerField(_("shipping back (minor units)"), default=0)
    #: An `orders.events.Address` as JSON values.
    ship_to = models.JSONField(_("ship to"))
    pay_by = models.CharField(_("pay by"), max_length=20, choices=PAY_BY)
    state = FSMField(_("state"), default=State.PLACED, choices=State.choices, protected=True)
    #: How often the customer was asked to pay.
    payment_attempts = models.PositiveSmallIntegerField(_("payment attempts"), default=1)
    #: How many parcels have left the house.
    parcels = models.PositiveSmallIntegerField(_("parcels"), default=0)
    # Facts that a join has collected (design decision 5).
    is_captured = models.BooleanField(_("captured"), default=False)
    is_committed = models.BooleanField(_("stock committed"), default=False)
    is_booked_out = models.BooleanField(_("stock booked out"), default=False)
    #: Money came after the order was given up (D-5).
    is_paid_late = models.BooleanField(_("paid too late"), default=False)
    placed_at = models.DateTimeField(_("placed at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering: ClassVar = ["-placed_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number"], name="order_number_once"),
            models.CheckConstraint(condition=Q(total_minor__gt=0), name="order_total_positive"),
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("goods_minor")
                    + F("shipping_minor")
                    - F("discount_minor")
                    - F("points_minor")
                ),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(shipping_minor__gte=0, discount_minor__gte=0, points_minor__gte=0)
                & Q(goods_minor__gte=F("discount_minor") + F("points_minor")),
                name="order_benefits_within_goods",
            ),
            models.CheckConstraint(
                condition=Q(given_back_minor__gte=0, given_back_minor__lte=F("total_minor")),
                name="order_given_back_within_total",
            ),
            models.CheckConstraint(
                condition=Q(postage_back_minor__gte=0, postage_back_minor__lte=F("shipping_minor")),
                name="order_postage_back_within_shipping",
            ),
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

    @property
    def left_minor(self) -> int:
        """What of the total is still the shop's, if it was paid."""
        return self.total_minor - self.given_back_minor

    def money(self, minor: int) -> Money:
        """Return so many minor units of the order's currency."""
        return Money(minor, self.currency)

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

    @transition(field=state, source=State.SHIPPED, target=State.INTERCEPTED)
    def intercept(self) -> None:
        """End the checkout with a parcel that was stopped on its way."""

    @transition(
        field=state,
        source=[State.COMPLETED, State.INTERCEPTED, State.LOST, State.REINSTATED],
        target=State.RETURNED,
    )
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

    @transition(field=state, source=State.CANCELLED, target=State.REINSTATED)
    def reinstate(self) -> None:
        """Fulfil it after all."""


class SoldLine(models.Model):
    """A line of an order as it was sold, and what became of its units since.

    Units are cancelled before they left, or shipped; shipped ones stay with the customer, come
    back, are exchanged, or get lost. `..._pending` is asked for and not decided.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    sku = models.CharField(_("article"), max_length=64)
    quantity = models.BigIntegerField(_("quantity"))
    unit_price_minor = models.BigIntegerField(_("unit price (minor units)"))
    #: Its share of what was paid in money for all goods, after coupon and points.
    paid_minor = models.BigIntegerField(_("paid (minor units)"))
    refunded_minor = models.BigIntegerField(_("refunded (minor units)"), default=0)
    cancel_pending = models.BigIntegerField(_("being cancelled"), default=0)
    cancelled = models.BigIntegerField(_("cancelled"), default=0)
    shipped = models.BigIntegerField(_("shipped"), default=0)
    return_pending = models.BigIntegerField(_("being returned"), default=0)
    returned = models.BigIntegerField(_("returned"), default=0)
    exchanged = models.BigIntegerField(_("exchanged"), default=0)
    #: Lost and not paid back: undecided, or on their way once more.
    lost_pending = models.BigIntegerField(_("missing"), default=0)
    lost = models.BigIntegerField(_("lost"), default=0)

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
                condition=Q(
                    cancel_pending__gte=0,
                    cancelled__gte=0,
                    shipped__gte=0,
                    return_pending__gte=0,
                    returned__gte=0,
                    exchanged__gte=0,
                    lost_pending__gte=0,
                    lost__gte=0,
                ),
                name="sold_line_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("cancelled") + F("shipped")),
                name="sold_line_cancelled_and_shipped_within_quantity",
            ),
            models.CheckConstraint(
                condition=Q(
                    shipped__gte=F("return_pending")
                    + F("returned")
                    + F("exchanged")
                    + F("lost_pending")
                    + F("lost")
                ),
                name="sold_line_back_within_shipped",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("paid_minor")),
                name="sold_line_refunded_within_paid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.sku}"

    @property
    def returnable(self) -> int:
        """How many units may still be sent back."""
        gone = self.returned + self.exchanged + self.lost
        return self.shipped - gone - self.return_pending - self.lost_pending

    @property
    def cancellable(self) -> int:
        """How many units have neither left nor been cancelled, as far as is known here."""
        return max(self.quantity - self.shipped - self.cancelled - self.cancel_pending, 0)

    @property
    def given_up(self) -> int:
        """How many units the customer has given up: the worth of these is settled."""
        return self.cancelled + self.returned + self.exchanged + self.lost

    @property
    def is_kept(self) -> bool:
        """Whether any of it is still to be the customer's, exchanged goods included."""
        return self.quantity > self.cancelled + self.returned + self.lost


class Benefit(models.Model):
    """A coupon or points that paid for goods: a ledger beside the money (M7)."""

    class Kind(models.TextChoices):
        """What it is."""

        #: A discount that may be used once.
        COUPON = "coupon", _("coupon")
        #: 적립금: points worth a minor unit each.
        POINTS = "points", _("points")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="benefits")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    #: The coupon's code; empty for points.
    reference = models.CharField(_("reference"), max_length=64, blank=True, default="")
    used_minor = models.BigIntegerField(_("used (minor units)"))
    restored_minor = models.BigIntegerField(_("restored (minor units)"), default=0)

    class Meta:
        verbose_name = _("benefit")
        verbose_name_plural = _("benefits")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "kind"], name="benefit_once_per_kind"),
            models.CheckConstraint(condition=Q(used_minor__gt=0), name="benefit_used_positive"),
            models.CheckConstraint(
                condition=Q(restored_minor__gte=0, restored_minor__lte=F("used_minor")),
                name="benefit_restored_within_used",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["reference"], name="benefit_by_reference")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}".strip()
