"""Refund: money on its way back to the customer, for exactly one business case (M3, R38).

The row comes first and its amount is reserved on the payment under its lock, in the same step; only
then is the provider asked (R31).
"""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from payments.events import MoneyOp
from payments.models.payment import Payment
from sagas.clock import new_id
from sagas.money import Money


class Refund(models.Model):
    """Money that goes back, why (`case`) and how (`operation`): two things, never one."""

    class State(models.TextChoices):
        """How far the money is on its way; only PAID is proof (R34)."""

        #: It is reserved; the provider was not asked yet.
        PLANNED = "planned", _("planned")
        #: A dispute is open: the provider is not asked until it is decided (R35).
        HELD = "held", _("held back")
        #: The provider is asked to give it back.
        SENT = "sent", _("sent")
        #: The provider has given it back.
        PAID = "paid", _("paid")
        #: The provider did not give it back, or has it again: it is still owed.
        FAILED = "failed", _("failed")
        #: It is owed, and a person decides how it is paid (D-26).
        OWED = "owed", _("owed")
        #: The bank took the money before the provider was asked: nothing is left to give.
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), db_index=True)
    #: What the provider knows the order by.
    number = models.CharField(_("order number"), max_length=50, db_index=True)
    case_id = models.UUIDField(_("case"), unique=True)
    case = models.CharField(_("why"), max_length=20)
    operation = models.CharField(_("how"), max_length=20)
    #: All that was left of a cancelled order, so that its checkout waits for it.
    is_whole = models.BooleanField(_("of a cancelled order"), default=False)
    state = FSMField(_("state"), default=State.PLANNED, choices=State.choices, protected=True)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    #: The provider's name for what it is taken from.
    capture_id = models.CharField(_("capture"), max_length=100, blank=True, default="")
    provider_refund_id = models.CharField(
        _("provider's refund"), max_length=100, null=True, blank=True, unique=True
    )
    failure_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")
    #: Where it is paid to, if not back the way it came: `bank`, `number` and `holder`.
    account: "models.JSONField[Any, Any]" = models.JSONField(_("account"), null=True, blank=True)
    planned_at = models.DateTimeField(_("planned at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    proposed_by = models.CharField(_("proposed by"), max_length=200, blank=True, default="")
    approved_by = models.CharField(_("approved by"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions: ClassVar = [
            ("order_refund", "Can have an owed refund tried again or paid elsewhere"),
            ("attest_outcome", "Can settle by the provider's reference"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(state="paid", provider_refund_id__isnull=False)
                | (~Q(state="paid") & Q(provider_refund_id__isnull=True)),
                name="refund_paid_iff_provider_names_it",
            ),
            models.CheckConstraint(
                condition=Q(approved_by="")
                | (~Q(proposed_by="") & ~Q(approved_by=F("proposed_by"))),
                name="refund_approved_by_a_second_person",
            ),
            models.CheckConstraint(
                condition=~Q(operation="refund_elsewhere", state__in=("sent", "paid"))
                | ~Q(approved_by=""),
                name="refund_paid_elsewhere_only_with_approval",  # R34
            ),
        ]

        indexes: ClassVar = [
            models.Index(fields=["planned_at"], condition=Q(state="owed"), name="refund_owed"),
        ]

    def __str__(self) -> str:
        return f"{self.case}: {self.amount} ({self.get_state_display()})"

    @property
    def amount(self) -> Money:
        """How much goes back."""
        return Money(self.amount_minor, self.currency)

    @property
    def how(self) -> MoneyOp:
        """The money operation."""
        return MoneyOp(self.operation)

    # -- on its way -----------------------------------------------------------------------------

    @transition(state, source=(State.PLANNED, State.FAILED, State.OWED), target=State.SENT)
    def send(self) -> None:
        """Ask the provider to give it back."""

    @transition(state, source=(State.SENT, State.FAILED, State.OWED), target=State.PAID)
    def pay(self, payment: Payment, reference: str, *, at: datetime) -> None:
        """Note that it was given back, and what the provider calls that."""
        self.provider_refund_id = reference
        self.paid_at = at
        self.failure_code = ""
        payment.pending_minor -= self.amount_minor
        payment.refunded_minor += self.amount_minor

    @transition(state, source=(State.PLANNED, State.SENT), target=State.FAILED)
    def fail(self, code: str) -> None:
        """Note why it was not given back; what can't be cancelled any more is refunded."""
        self.failure_code = code
        if self.how in (MoneyOp.CANCEL_CAPTURE, MoneyOp.PARTIAL_CANCEL):
            self.operation = MoneyOp.REFUND

    @transition(state, source=State.PAID, target=State.FAILED)
    def bounce(self, payment: Payment, code: str) -> None:
        """Note that the provider has the money again, days after it gave it back (R34)."""
        self.provider_refund_id = None
        self.paid_at = None
        self.failure_code = code
        payment.refunded_minor -= self.amount_minor
        payment.pending_minor += self.amount_minor

    @transition(state, source=(State.SENT, State.FAILED), target=State.OWED)
    def owe(self, code: str = "") -> None:
        """Leave it to a person."""
        self.failure_code = code or self.failure_code

    # -- held back by a dispute -------------------------------------------------------------------

    @transition(state, source=(State.SENT, State.OWED), target=State.HELD)
    def hold(self, payment: Payment) -> None:
        """Wait for the bank: the payment is disputed."""
        self.operation = MoneyOp.HOLD
        payment.pending_minor -= self.amount_minor
        payment.held_minor += self.amount_minor

    @transition(state, source=State.HELD, target=State.PLANNED)
    def release(self, payment: Payment, operation: MoneyOp) -> None:
        """Go on with as much of it as the bank has left."""
        payment.held_minor -= self.amount_minor
        self.amount_minor = min(self.amount_minor, payment.left_minor)
        self.operation = operation
        payment.pending_minor += self.amount_minor

    @transition(state, source=State.HELD, target=State.DROPPED)
    def drop(self, payment: Payment) -> None:
        """Note that the bank has left nothing to give."""
        payment.held_minor -= self.amount_minor
