"""Dispute: a customer's bank asks about a payment, or takes its money back (D-24, D-25)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from sagas.clock import new_id
from sagas.money import Money


class Dispute(models.Model):
    """One dispute, under the provider's name for it; while it is open, refunds are frozen (R35)."""

    class State(models.TextChoices):
        """What the bank has done; it decides, and nobody here can."""

        #: The bank only asks; it has not fetched any money.
        INQUIRY = "inquiry", _("inquiry")
        #: The bank has fetched the money until it decides.
        OPEN = "open", _("open")
        #: The money stays with the shop.
        WON = "won", _("won")
        #: The bank keeps the money: it counts as given back (B).
        LOST = "lost", _("lost")

    LIVE: ClassVar = (State.INQUIRY, State.OPEN)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), db_index=True)
    case_id = models.UUIDField(_("case"), unique=True)
    provider_dispute_id = models.CharField(_("provider's dispute"), max_length=100, unique=True)
    state = FSMField(_("state"), default=State.OPEN, choices=State.choices, protected=True)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="dispute_amount_positive"),
            models.CheckConstraint(
                condition=Q(state__in=("won", "lost"), closed_at__isnull=False)
                | Q(state__in=("inquiry", "open"), closed_at__isnull=True),
                name="dispute_closed_iff_decided",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider_dispute_id}: {self.amount} ({self.get_state_display()})"

    @property
    def amount(self) -> Money:
        """How much is disputed."""
        return Money(self.amount_minor, self.currency)

    @transition(state, source=State.INQUIRY, target=State.OPEN)
    def escalate(self) -> None:
        """Note that the bank does not only ask any more."""

    @transition(state, source=LIVE, target=State.WON)
    def win(self) -> None:
        """Note that the money stays here."""

    @transition(state, source=LIVE, target=State.LOST)
    def lose(self) -> None:
        """Note that the bank keeps the money."""
