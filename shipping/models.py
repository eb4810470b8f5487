"""Models: an order's shipment, the parcels of returns, and how far the carrier's scans are read."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from sagas.clock import new_id


class Shipment(models.Model):
    """The parcel of one order. Its row decides whether an order may still be cancelled (R32)."""

    class State(models.TextChoices):
        """Where the parcel is, and whether it may leave."""

        #: Nothing was asked of the carrier.
        NEW = "new", _("new")
        #: The carrier is asked for a label.
        BOOKING = "booking", _("booking")
        #: It has a label and waits for the driver.
        LABELLED = "labelled", _("labelled")
        #: The carrier will not take it.
        REFUSED = "refused", _("refused by the carrier")
        #: It has a label and must not leave: its order is being cancelled.
        HELD = "held", _("held back")
        #: The carrier has it; there is no way back but a return.
        HANDED_OVER = "handed_over", _("handed over")
        #: The customer has it.
        DELIVERED = "delivered", _("delivered")
        #: The carrier lost it.
        LOST = "lost", _("lost")
        #: The carrier is asked to cancel its label.
        VOIDING = "voiding", _("label being voided")
        #: It will never leave.
        STOPPED = "stopped", _("stopped")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), unique=True)
    #: Empty where the cancellation came before the order was ready: it was refused in advance.
    number = models.CharField(
        _("order number"), max_length=50, blank=True, default="", db_index=True
    )
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    address: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        _("address"), default=dict
    )
    tracking = models.CharField(
        _("tracking number"), max_length=100, null=True, blank=True, unique=True
    )
    refusal_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["new", "booking", "refused", "stopped"])
                | Q(tracking__isnull=False),
                name="shipment_with_label_has_tracking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.order_id} ({self.get_state_display()})"

    @transition(state, source=State.NEW, target=State.BOOKING)
    def start_booking(self) -> None:
        """Ask the carrier for a label."""

    @transition(state, source=State.BOOKING, target=State.LABELLED)
    def label(self, tracking: str) -> None:
        """Note the carrier's number for the parcel."""
        self.tracking = tracking

    @transition(state, source=State.BOOKING, target=State.REFUSED)
    def refuse(self, code: str) -> None:
        """Note why the carrier will not take it."""
        self.refusal_code = code

    @transition(state, source=State.LABELLED, target=State.HELD)
    def hold(self) -> None:
        """Keep it in the house."""

    @transition(state, source=(State.NEW, State.REFUSED), target=State.STOPPED)
    def stop(self) -> None:
        """Refuse every booking to come."""

    @transition(state, source=State.LABELLED, target=State.HANDED_OVER)
    def hand_over(self) -> None:
        """Let it go; from here on its order can't be cancelled."""

    @transition(state, source=State.HANDED_OVER, target=State.DELIVERED)
    def deliver(self) -> None:
        """Note that the customer has it."""

    @transition(state, source=State.HANDED_OVER, target=State.LOST)
    def lose(self) -> None:
        """Note that the carrier lost it."""

    @transition(state, source=(State.LABELLED, State.HELD), target=State.VOIDING)
    def start_void(self) -> None:
        """Ask the carrier to cancel the label."""

    @transition(state, source=State.VOIDING, target=State.STOPPED)
    def finish_void(self) -> None:
        """Note that the label is gone, or stays a cost."""


class ReturnParcel(models.Model):
    """The way back of one return's goods."""

    class State(models.TextChoices):
        """How far the goods are on their way back."""

        #: Nothing was asked of the carrier.
        NEW = "new", _("new")
        #: The carrier is asked for a label.
        BOOKING = "booking", _("booking")
        #: The customer has a label.
        LABELLED = "labelled", _("labelled")
        #: The carrier will not fetch it.
        REFUSED = "refused", _("refused by the carrier")
        #: It is back in the house.
        RECEIVED = "received", _("received")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    return_id = models.UUIDField(_("return"), unique=True)
    order_id = models.UUIDField(_("order"), db_index=True)
    number = models.CharField(_("number"), max_length=50, db_index=True)
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    address: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        _("address"), default=dict
    )
    tracking = models.CharField(
        _("tracking number"), max_length=100, null=True, blank=True, unique=True
    )
    refusal_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")

    class Meta:
        verbose_name = _("return parcel")
        verbose_name_plural = _("return parcels")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["new", "booking", "refused"]) | Q(tracking__isnull=False),
                name="return_parcel_with_label_has_tracking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.get_state_display()})"

    @transition(state, source=State.NEW, target=State.BOOKING)
    def start_booking(self) -> None:
        """Ask the carrier for a label."""

    @transition(state, source=State.BOOKING, target=State.LABELLED)
    def label(self, tracking: str) -> None:
        """Note the carrier's number for the parcel."""
        self.tracking = tracking

    @transition(state, source=State.BOOKING, target=State.REFUSED)
    def refuse(self, code: str) -> None:
        """Note why the carrier will not fetch it."""
        self.refusal_code = code

    @transition(state, source=State.LABELLED, target=State.RECEIVED)
    def receive(self) -> None:
        """Note that the goods are back."""


class CarrierCursor(models.Model):
    """The number of the carrier's last scan that was read; there is one row per carrier."""

    name = models.CharField(_("carrier"), max_length=50, primary_key=True)
    position = models.BigIntegerField(_("last scan read"), default=0)

    class Meta:
        verbose_name = _("carrier cursor")
        verbose_name_plural = _("carrier cursors")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(position__gte=0), name="carrier_cursor_never_negative"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.position}"
