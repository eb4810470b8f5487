"""Models: parcels out, parcels back, and how far the carrier's scans are read."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from sagas.clock import new_id


class Shipment(models.Model):
    """A parcel of an order, or of a replacement.

    Of an order's parcels one answers for what is still in the house; its row decides whether that
    can be cancelled (R32).
    """

    class State(models.TextChoices):
        """Where the parcel is, and whether it may leave."""

        #: Nothing was asked of a carrier.
        NEW = "new", _("new")
        #: A carrier is asked for a label.
        BOOKING = "booking", _("booking")
        #: It has a label and waits for the driver.
        LABELLED = "labelled", _("labelled")
        #: The carrier that was asked will not take it.
        REFUSED = "refused", _("refused by the carrier")
        #: It has a label and must not leave: all that is in it is being cancelled.
        HELD = "held", _("held back")
        #: The carrier has it; there is no way back but a return.
        HANDED_OVER = "handed_over", _("handed over")
        #: The customer has it.
        DELIVERED = "delivered", _("delivered")
        #: The carrier lost it.
        LOST = "lost", _("lost")
        #: The carrier stopped it on its way, and it is back in the house (D-13).
        INTERCEPTED = "intercepted", _("intercepted")
        #: The carrier is asked to cancel its label.
        VOIDING = "voiding", _("label being voided")
        #: It will never leave.
        STOPPED = "stopped", _("stopped")

    #: The driver has had it.
    LEFT: ClassVar = (State.HANDED_OVER, State.DELIVERED, State.LOST, State.INTERCEPTED)
    #: Nothing more will become of it.
    OVER: ClassVar = (State.DELIVERED, State.LOST, State.INTERCEPTED, State.STOPPED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"))
    #: The order, while this parcel answers for what is in the house; then the rest does (R32).
    answers_for = models.UUIDField(_("answers for"), null=True, blank=True, unique=True)
    #: The case whose replacement it is.
    case_id = models.UUIDField(_("case"), null=True, blank=True, unique=True)
    #: Of an order: 1, or 2 for what did not leave with the first parcel. Of a replacement: none.
    part = models.PositiveSmallIntegerField(_("part"), null=True, blank=True)
    #: Empty where the cancellation came before the order: it was refused in advance.
    number = models.CharField(
        _("order number"), max_length=50, blank=True, default="", db_index=True
    )
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    address: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        _("address"), default=dict
    )
    #: The carrier that was asked last.
    carrier = models.CharField(_("carrier"), max_length=50, blank=True, default="")
    #: How often a carrier was asked.
    bookings = models.PositiveIntegerField(_("bookings"), default=0)
    tracking = models.CharField(
        _("tracking number"), max_length=100, null=True, blank=True, unique=True
    )
    refusal_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")
    #: How many open disputes of the order's payment keep it in the house (D-24). Not a state: it
    #: may be booked, or cancelled, meanwhile, and still must not leave.
    disputes = models.PositiveIntegerField(_("disputes that hold it"), default=0)

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=["new", "booking", "refused", "stopped"])
                | Q(tracking__isnull=False),
                name="shipment_with_label_has_tracking",
            ),
            models.CheckConstraint(
                condition=Q(disputes=0)
                | ~Q(state__in=["handed_over", "delivered", "lost", "intercepted"]),
                name="shipment_of_a_dispute_stays_in_the_house",
            ),
            models.CheckConstraint(
                condition=Q(answers_for__isnull=True)
                | Q(answers_for=F("order_id"), case_id__isnull=True),
                name="shipment_answers_for_its_own_order",
            ),
            models.UniqueConstraint(
                fields=["order_id", "part"], name="shipment_part_of_an_order_once"
            ),
            models.CheckConstraint(
                condition=Q(part__isnull=False, part__in=[1, 2], case_id__isnull=True)
                | Q(part__isnull=True, case_id__isnull=False),
                name="shipment_of_an_order_or_of_a_case",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.order_id} ({self.get_state_display()})"

    @property
    def is_in_the_house(self) -> bool:
        """Whether it has not left, and still may."""
        return self.state not in (*self.LEFT, self.State.STOPPED)

    @property
    def has_left(self) -> bool:
        """Whether the driver has had it, which never changes again."""
        return self.state in self.LEFT

    @property
    def is_disputed(self) -> bool:
        """Whether a dispute keeps it in the house."""
        return self.disputes > 0

    @transition(state, source=(State.NEW, State.REFUSED), target=State.BOOKING)
    def start_booking(self) -> None:
        """Ask for a label from the carrier whose turn it is."""
        carriers, tries = settings.SHOP["CARRIERS"], settings.SHOP["CARRIER_TRIES"]
        self.carrier = carriers[self.bookings // tries % len(carriers)]
        self.bookings += 1

    @transition(state, source=State.BOOKING, target=State.LABELLED)
    def label(self, tracking: str, *, carrier: str = "") -> None:
        """Note the carrier's number for the parcel, and which carrier it was."""
        self.tracking = tracking
        self.carrier = carrier or self.carrier

    @transition(state, source=State.BOOKING, target=State.REFUSED)
    def refuse(self, code: str) -> None:
        """Note why the carrier will not take it."""
        self.refusal_code = code

    @transition(state, source=State.LABELLED, target=State.HELD)
    def hold(self) -> None:
        """Keep it in the house for good."""

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

    @transition(state, source=State.HANDED_OVER, target=State.INTERCEPTED)
    def come_back(self) -> None:
        """Note that it was stopped on its way, and is back."""

    @transition(state, source=(State.LABELLED, State.HELD), target=State.VOIDING)
    def start_void(self) -> None:
        """Ask the carrier to cancel the label."""

    @transition(state, source=State.VOIDING, target=State.STOPPED)
    def finish_void(self) -> None:
        """Note that the label is gone, or stays a cost."""


class ShipmentLine(models.Model):
    """So many units of an order's line in one parcel, and what became of them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    line_no = models.PositiveIntegerField(_("line"))
    sku = models.CharField(_("article"), max_length=64)
    quantity = models.BigIntegerField(_("quantity"))
    #: Cancelled before it left.
    withdrawn = models.BigIntegerField(_("withdrawn"), default=0)
    #: Left the house.
    sent = models.BigIntegerField(_("sent"), default=0)

    class Meta:
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["shipment", "line_no"], name="shipment_line_once_per_order_line"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="shipment_line_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn__gte=0, sent__gte=0),
                name="shipment_line_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("withdrawn") + F("sent")),
                name="shipment_line_never_more_than_there_is",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.sku}"

    @property
    def left(self) -> int:
        """How many units are in the parcel and in the house."""
        return self.quantity - self.withdrawn - self.sent


class ReturnParcel(models.Model):
    """How the goods of one case come back: fetched from the customer, or stopped on their way.

    What is refused at inspection goes back to the customer from here, too (D-19).
    """

    class State(models.TextChoices):
        """How far the goods are on their way back."""

        #: Nothing was asked of the carrier.
        NEW = "new", _("new")
        #: The carrier is asked for a label, or to stop the parcel.
        BOOKING = "booking", _("booking")
        #: The customer has a label.
        LABELLED = "labelled", _("labelled")
        #: The carrier has stopped the parcel and brings it back (D-13).
        INTERCEPTED = "intercepted", _("intercepted")
        #: The carrier will not fetch it, could not stop it, or lost it on its way back.
        REFUSED = "refused", _("refused by the carrier")
        #: It is back in the house.
        RECEIVED = "received", _("received")
        #: The carrier is asked to take refused goods back to the customer.
        SENDING_BACK = "sending_back", _("being sent back")
        #: Refused goods are on their way to the customer again.
        SENT_BACK = "sent_back", _("sent back")
        #: No carrier takes the refused goods: a person decides.
        KEPT = "kept", _("kept")

    #: The goods are in the house, or were.
    CAME: ClassVar = (State.RECEIVED, State.SENDING_BACK, State.SENT_BACK, State.KEPT)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case_id = models.UUIDField(_("case"), unique=True)
    order_id = models.UUIDField(_("order"), db_index=True)
    number = models.CharField(_("number"), max_length=50, db_index=True)
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    #: Where it is fetched.
    address: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        _("address"), default=dict
    )
    #: The parcel is still on its way to the customer and is to be stopped.
    is_intercept = models.BooleanField(_("stopped on its way"), default=False)
    carrier = models.CharField(_("carrier"), max_length=50, blank=True, default="")
    #: Of its way back; a parcel that is stopped keeps its number.
    tracking = models.CharField(
        _("tracking number"), max_length=100, null=True, blank=True, unique=True
    )
    #: Of the refused goods' way to the customer.
    sent_back_tracking = models.CharField(
        _("tracking number of refused goods"), max_length=100, null=True, blank=True, unique=True
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
        """Ask the carrier for a label, or to stop the parcel."""

    @transition(state, source=State.BOOKING, target=State.LABELLED)
    def label(self, tracking: str, *, carrier: str) -> None:
        """Note the carrier's number for the parcel, and which carrier it is."""
        self.tracking, self.carrier = tracking, carrier

    @transition(state, source=State.BOOKING, target=State.INTERCEPTED)
    def intercept(self) -> None:
        """Note that the carrier has stopped it."""

    @transition(state, source=(State.NEW, State.BOOKING, State.INTERCEPTED), target=State.REFUSED)
    def refuse(self, code: str) -> None:
        """Note why the carrier will not fetch it, or why it was not stopped after all."""
        self.refusal_code = code
        self.tracking = None

    @transition(state, source=(State.LABELLED, State.INTERCEPTED), target=State.RECEIVED)
    def receive(self) -> None:
        """Note that the goods are back."""

    @transition(state, source=State.RECEIVED, target=State.SENDING_BACK)
    def start_sending_back(self) -> None:
        """Ask the carrier to take refused goods back to the customer."""

    @transition(state, source=State.SENDING_BACK, target=State.SENT_BACK)
    def send_back(self, tracking: str) -> None:
        """Note that they are on their way."""
        self.sent_back_tracking = tracking

    @transition(state, source=State.SENDING_BACK, target=State.KEPT)
    def keep(self, code: str) -> None:
        """Note why they stay."""
        self.refusal_code = code


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
