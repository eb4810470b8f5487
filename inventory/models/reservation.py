"""Reservation: units of articles that are kept for an order: tried, confirmed, cancelled (TCC)."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from inventory.models.stock import StockItem
from sagas.clock import new_id

#: Tried, and neither confirmed nor cancelled (TCC): these expire.
_OPEN = Q(state__in=["reserved", "extended"])


class Reservation(models.Model):
    """What is kept for an order, or as the replacement of a case: all of it or nothing.

    In the words of TCC: to reserve is to try, to commit is to confirm, to release is to cancel.
    Who it is held for is unique, so each of them is decided once, on this row (E1, E2).
    """

    class State(models.TextChoices):
        """How far the kept stock is."""

        #: Not decided yet; holds nothing.
        NEW = "new", _("new")
        #: Every line is kept until `expires_at`.
        RESERVED = "reserved", _("reserved")
        #: Kept once more, because the payment may yet come; until `expires_at`, not longer (E5).
        EXTENDED = "extended", _("extended")
        #: There was too little, or the customer keeps too much already; holds nothing.
        REFUSED = "refused", _("refused")
        #: Paid for: kept until it leaves or is released.
        COMMITTED = "committed", _("committed")
        #: Some of it has left the house, the rest is kept.
        PARTLY_OUT = "partly_out", _("partly out")
        #: All of it that was to leave has left the house.
        OUT = "out", _("out")
        #: Given back; holds nothing.
        RELEASED = "released", _("released")
        #: All of it got lost on the way; holds nothing.
        WRITTEN_OFF = "written_off", _("written off")

    OPEN: ClassVar = (State.RESERVED, State.EXTENDED)
    #: Where the units are that a reservation still keeps in the house; it keeps none elsewhere.
    BUCKETS: ClassVar = {
        State.RESERVED: "reserved",
        State.EXTENDED: "reserved",
        State.COMMITTED: "committed",
        State.PARTLY_OUT: "committed",
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: The order that it is kept for, or the case whose replacement it is.
    holder_id = models.UUIDField(_("kept for"))
    order_id = models.UUIDField(_("order"), db_index=True)
    state = FSMField(_("state"), default=State.NEW, choices=State.choices, protected=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    #: The customer, while it is open and they may have only so many open ones (E8).
    open_for = models.CharField(_("open for"), max_length=200, null=True, blank=True)
    #: Which of the customer's open ones it is, from 0.
    slot = models.PositiveIntegerField(_("slot"), null=True, blank=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["holder_id"], name="reservation_once_per_holder"),
            models.UniqueConstraint(
                fields=["open_for", "slot"], name="reservation_slot_of_a_customer_once"
            ),
            models.CheckConstraint(
                condition=~_OPEN | Q(expires_at__isnull=False), name="reservation_open_one_expires"
            ),
            models.CheckConstraint(
                condition=Q(open_for__isnull=True, slot__isnull=True)
                | Q(
                    open_for__isnull=False,
                    slot__isnull=False,
                    state__in=["reserved", "extended"],
                ),
                name="reservation_only_an_open_one_has_a_slot",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["reserved", "extended", "committed", "partly_out"]),
                name="reservation_live",
            ),
            models.Index(fields=["expires_at"], condition=_OPEN, name="reservation_open"),
        ]

    def __str__(self) -> str:
        return f"{self.holder_id} ({self.get_state_display()})"

    @property
    def bucket(self) -> str:
        """The bucket in which its kept units are. Raises KeyError in a state that keeps none."""
        return self.BUCKETS[self.State(self.state)]

    @transition(field=state, source=State.NEW, target=State.RESERVED)
    def reserve(self, *, until: datetime) -> None:
        """Try: keep every line until then."""
        self.expires_at = until

    def is_overdue(self, now: datetime) -> bool:
        """Whether its time is up: what it keeps counts as available then (E1)."""
        return self.state in self.OPEN and self.expires_at is not None and self.expires_at <= now

    def take_slot(self, customer: str, slot: int) -> None:
        """Count as one of the customer's open reservations."""
        self.open_for, self.slot = customer, slot

    def _free_slot(self) -> None:
        self.open_for = self.slot = None

    @transition(field=state, source=State.NEW, target=State.REFUSED)
    def refuse(self) -> None:
        """Keep nothing."""

    @transition(field=state, source=State.RESERVED, target=State.EXTENDED)
    def extend(self, *, until: datetime) -> None:
        """Keep it once more, until then (E5)."""
        self.expires_at = until

    @transition(field=state, source=[State.RESERVED, State.EXTENDED], target=State.COMMITTED)
    def commit(self) -> None:
        """Confirm: keep it until it leaves."""
        self._free_slot()

    @transition(field=state, source=State.NEW, target=State.COMMITTED)
    def commit_at_once(self) -> None:
        """Keep a replacement: it is paid for already, and does not expire."""

    @transition(field=state, source=State.RELEASED, target=State.COMMITTED)
    def commit_again(self) -> None:
        """Confirm what had ended, with units that are available again (E6)."""

    @transition(field=state, source=State.COMMITTED, target=State.PARTLY_OUT)
    def leave_in_part(self) -> None:
        """Let some of it leave the house."""

    @transition(field=state, source=[State.COMMITTED, State.PARTLY_OUT], target=State.OUT)
    def leave(self) -> None:
        """Let what was left of it leave the house."""

    @transition(
        field=state,
        source=[State.RESERVED, State.EXTENDED, State.COMMITTED],
        target=State.RELEASED,
    )
    def release(self) -> None:
        """Cancel: make it available again."""
        self._free_slot()

    @transition(field=state, source=State.OUT, target=State.WRITTEN_OFF)
    def write_off(self) -> None:
        """Give all of it up as lost."""


class ReservationLine(models.Model):
    """So many units of one article that were kept, and what became of them.

    It keeps what is `kept` of them, as long as its reservation keeps anything.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="lines")
    item = models.ForeignKey(StockItem, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField(_("quantity"))
    #: Left the house.
    out = models.BigIntegerField(_("out"), default=0)
    #: Cancelled one by one, and available again.
    released = models.BigIntegerField(_("released"), default=0)
    #: Not where they should be.
    short = models.BigIntegerField(_("short"), default=0)
    #: Made available when their time was up, and still due should they be paid for (E1, E6).
    lapsed = models.BigIntegerField(_("lapsed"), default=0)
    #: Of those that left: lost by the carrier.
    lost = models.BigIntegerField(_("lost"), default=0)

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
            models.CheckConstraint(
                condition=Q(out__gte=0, released__gte=0, short__gte=0, lapsed__gte=0, lost__gte=0),
                name="reservation_line_counts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("out") + F("released") + F("short") + F("lapsed")),
                name="reservation_line_never_more_than_kept",
            ),
            models.CheckConstraint(
                condition=Q(lost__lte=F("out")), name="reservation_line_lost_had_left"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"

    @property
    def kept(self) -> int:
        """How many units it keeps in the house: what became nothing else."""
        return self.quantity - self.out - self.released - self.short - self.lapsed

    @staticmethod
    def overdue(now: datetime) -> Q:
        """Say which lines belong to reservations whose time is up (E1)."""
        return Q(reservation__state__in=Reservation.OPEN, reservation__expires_at__lte=now)

    def lapse(self, item: StockItem) -> None:
        """Make available what is kept although its time is up (E1)."""
        units = self.kept
        item.move(units, source="reserved", target="available")
        self.lapsed += units

    def keep_again(self, item: StockItem) -> None:
        """Keep what had lapsed; the caller has seen that it is available (E6)."""
        item.move(self.lapsed, source="available", target="reserved")
        self.lapsed = 0

    def leave(self, item: StockItem, quantity: int) -> None:
        """Book out what left. What was missed and left all the same is not short any more."""
        found = max(quantity - self.kept, 0)
        item.move(quantity - found, source="committed", target="out")
        item.move(found, source="damaged", target="out")
        self.short -= found
        self.out += quantity

    def give_back(self, item: StockItem, quantity: int, *, bucket: str) -> None:
        """Make cancelled units available again; those that are short are not there to be."""
        there = min(quantity, self.kept)
        item.move(there, source=bucket, target="available")
        lapsed = min(quantity - there, self.lapsed)
        self.lapsed -= lapsed
        self.released += there + lapsed

    def miss(self, item: StockItem, quantity: int, *, bucket: str) -> None:
        """Note that kept units are not where they should be."""
        item.move(quantity, source=bucket, target="damaged")
        self.short += quantity

    def lose(self, item: StockItem, quantity: int) -> None:
        """Note that the carrier lost units that had left."""
        item.move(quantity, source="out", target="damaged")
        self.lost += quantity
