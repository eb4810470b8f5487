"""Books: what the provider did, what it said, and what a person vouches for.

Ledger entries and messages never change; evidence is marked once it is verified.
"""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payments.models.payment import Payment
from sagas.clock import new_id


class LedgerEntry(models.Model):
    """One line of our books: what the provider did for an order, under its name for it.

    Append-only. Its kinds, references and amounts are those of the provider's statement (S1, S2),
    and a payment's sums are the sums of its lines (M8).
    """

    class Kind(models.TextChoices):
        """What was done to the money."""

        #: Reserved on a card.
        AUTHORISE = "authorise", _("authorisation")
        #: Taken, from what was reserved or by a deposit.
        CAPTURE = "capture", _("capture")
        #: Reserved, and given up.
        VOID = "void", _("void")
        #: Reserved, and ended by time: no statement says so.
        LAPSE = "lapse", _("lapse")
        #: Given back.
        REFUND = "refund", _("refund")
        #: Given back, and returned to us days later.
        REFUND_FAILED = "refund_failed", _("failed refund")
        #: Taken back by the customer's bank.
        CHARGEBACK = "chargeback", _("chargeback")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment_id = models.UUIDField(_("payment"), db_index=True)
    kind = models.CharField(_("kind"), max_length=13, choices=Kind.choices)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    reference = models.CharField(_("provider's reference"), max_length=100)
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering: ClassVar = ["recorded_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "reference"], name="ledger_entry_once"),
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0), name="ledger_entry_amount_positive"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["recorded_at"], name="ledger_entry_by_time")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.reference}"

    @classmethod
    def of(
        cls, payment: Payment, kind: Kind, *, minor: int, reference: str, at: datetime
    ) -> "LedgerEntry":
        """Return the line for something that was done to a payment; not saved."""
        return cls(
            payment_id=payment.id,
            kind=kind,
            amount_minor=minor,
            currency=payment.currency,
            reference=reference,
            recorded_at=at,
        )


class WebhookReceived(models.Model):
    """A message of the provider, as it came, once. It is a hint to look, never a fact (R37).

    Its id is `provider:id`, so that two providers may use the same one.
    """

    id = models.CharField(_("message"), max_length=200, primary_key=True)
    provider = models.CharField(_("provider"), max_length=20)
    reference = models.CharField(_("order number"), max_length=100, db_index=True)
    kind = models.CharField(_("kind"), max_length=100, blank=True, default="")
    body = models.TextField(_("body"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        verbose_name = _("received message")
        verbose_name_plural = _("received messages")
        ordering: ClassVar = ["-received_at"]

    def __str__(self) -> str:
        return self.id


class Evidence(models.Model):
    """A person vouches with the provider's reference for what a call has come to (D-29).

    It counts at once; whether the provider says so, too, is verified by `verify_by`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment_id = models.UUIDField(_("payment"), db_index=True)
    refund_id = models.UUIDField(_("refund"), null=True, blank=True)
    step = models.CharField(_("step"), max_length=200)
    reference = models.CharField(_("provider's reference"), max_length=100)
    actor = models.CharField(_("by"), max_length=200)
    reason = models.TextField(_("reason"))
    recorded_at = models.DateTimeField(_("recorded at"))
    verify_by = models.DateTimeField(_("to be verified by"))
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering: ClassVar = ["-recorded_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(reference=""), name="evidence_has_a_reference"),
            models.CheckConstraint(condition=~Q(actor=""), name="evidence_has_a_person"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["verify_by"],
                condition=Q(verified_at__isnull=True),
                name="evidence_unverified",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.reference}"
