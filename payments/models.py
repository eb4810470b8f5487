"""Models: an order's payment, its refunds, and the ledger of what the provider did.

Amounts are in minor units of `currency`. A payment's amounts are what the provider has confirmed,
except `pending_minor`, which is reserved for refunds that are on their way (R31).
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid5

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from sagas.clock import new_id
from sagas.exceptions import PermanentFailure
from sagas.money import Money

#: Namespace of the ids of cancellation refunds: an order has one, and its name is always the same.
_CANCEL_REFUNDS = UUID("0f2c8a52-5a5a-5a8e-9d0b-52b8a6b5c1de")


class Payment(models.Model):
    """The money of one order: reserved, taken, and given back."""

    class State(models.TextChoices):
        """How the money stands; the words are about the business, not about a call's success."""

        #: The amount is known; nothing was asked of a card.
        PENDING = "pending", _("pending")
        #: The provider is asked to reserve the amount.
        AUTHORISING = "authorising", _("authorising")
        #: A card was refused; another one may be tried.
        DECLINED = "declined", _("declined")
        #: The amount is reserved on the card.
        AUTHORISED = "authorised", _("authorised")
        #: The provider is asked to take the amount.
        CAPTURING = "capturing", _("capturing")
        #: The money is ours.
        CAPTURED = "captured", _("captured")
        #: The provider is asked to forget that it was ever to pay.
        CLOSING = "closing", _("closing")
        #: No money moved, and none will.
        CLOSED = "closed", _("closed")
        #: The provider is asked to give the reservation up.
        VOIDING = "voiding", _("voiding")
        #: The reservation was given up.
        VOIDED = "voided", _("voided")
        #: All of the money is on its way back.
        REFUNDING = "refunding", _("refunding")
        #: All of the money was given back.
        REFUNDED = "refunded", _("refunded")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), unique=True)
    number = models.CharField(_("order number"), max_length=50, unique=True)
    state = FSMField(_("state"), default=State.PENDING, choices=State.choices, protected=True)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    #: The customer's cards, as tokens of the provider, in the order in which they are tried.
    tokens: "models.JSONField[list[str], list[str]]" = models.JSONField(_("cards"), default=list)
    attempts = models.PositiveIntegerField(_("cards tried"), default=0)
    decline_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")
    authorisation_id = models.CharField(_("authorisation"), max_length=100, blank=True, default="")
    capture_id = models.CharField(_("capture"), max_length=100, blank=True, default="")
    authorised_minor = models.BigIntegerField(_("authorised"), default=0)
    captured_minor = models.BigIntegerField(_("captured"), default=0)
    voided_minor = models.BigIntegerField(_("voided"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    pending_minor = models.BigIntegerField(_("to be refunded"), default=0)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    amount_minor__gte=0,
                    authorised_minor__gte=0,
                    captured_minor__gte=0,
                    voided_minor__gte=0,
                    refunded_minor__gte=0,
                    pending_minor__gte=0,
                ),
                name="payment_amounts_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(authorised_minor__lte=F("amount_minor")),
                name="payment_never_authorised_above_amount",
            ),
            models.CheckConstraint(
                condition=Q(authorised_minor__gte=F("captured_minor") + F("voided_minor")),
                name="payment_captured_and_voided_within_authorised",  # M1
            ),
            models.CheckConstraint(
                condition=Q(captured_minor__gte=F("refunded_minor") + F("pending_minor")),
                name="payment_refunded_and_pending_within_captured",  # M2
            ),
            models.UniqueConstraint(
                fields=["authorisation_id"],
                condition=~Q(authorisation_id=""),
                name="payment_authorisation_once",
            ),
            models.UniqueConstraint(
                fields=["capture_id"], condition=~Q(capture_id=""), name="payment_capture_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.get_state_display()})"

    @property
    def card_token(self) -> str:
        """The card that is tried now: the next one each time, and the last one from then on."""
        last = len(self.tokens) - 1
        return self.tokens[min(max(self.attempts - 1, 0), last)] if self.tokens else ""

    @property
    def open_minor(self) -> int:
        """What is reserved on the card, neither taken nor given up."""
        return self.authorised_minor - self.captured_minor - self.voided_minor

    @property
    def refundable_minor(self) -> int:
        """What was taken, and neither given back nor promised back."""
        return self.captured_minor - self.refunded_minor - self.pending_minor

    def money(self, minor: int) -> Money:
        """Return `minor` units of the payment's currency."""
        return Money(minor, self.currency)

    @transition(state, source=(State.PENDING, State.DECLINED), target=State.AUTHORISING)
    def start_authorise(self) -> None:
        """Try the next card."""
        self.attempts += 1

    @transition(state, source=State.AUTHORISING, target=State.AUTHORISED)
    def authorise(self, reference: str) -> None:
        """Note that the amount is reserved."""
        self.authorisation_id = reference
        self.authorised_minor = self.amount_minor
        self.decline_code = ""

    @transition(state, source=State.AUTHORISING, target=State.DECLINED)
    def decline(self, code: str) -> None:
        """Note why the card was refused."""
        self.decline_code = code

    @transition(state, source=State.AUTHORISED, target=State.CAPTURING)
    def start_capture(self) -> None:
        """Ask for the reserved amount."""

    @transition(state, source=State.CAPTURING, target=State.CAPTURED)
    def capture(self, reference: str) -> None:
        """Note that the reserved amount was taken."""
        self.capture_id = reference
        self.captured_minor = self.open_minor

    @transition(state, source=State.CAPTURING, target=State.AUTHORISED)
    def refuse_capture(self, code: str) -> None:
        """Note why nothing was taken; the reservation stands."""
        self.decline_code = code

    @transition(state, source=(State.PENDING, State.DECLINED), target=State.CLOSING)
    def start_close(self) -> None:
        """Ask the provider to close the payment session."""

    @transition(state, source=State.CLOSING, target=State.CLOSED)
    def close(self) -> None:
        """Note that no money can move any more (R39)."""

    @transition(state, source=State.AUTHORISED, target=State.VOIDING)
    def start_void(self) -> None:
        """Ask the provider to give the reservation up."""

    @transition(state, source=State.VOIDING, target=State.VOIDED)
    def void(self) -> None:
        """Note that the reservation was given up."""
        self.voided_minor += self.open_minor

    @transition(state, source=State.CAPTURED, target=State.REFUNDING)
    def start_refund(self) -> None:
        """Begin to give all of the money back."""

    @transition(state, source=State.REFUNDING, target=State.REFUNDED)
    def refund(self) -> None:
        """Note that nothing is kept any more."""

    def promise(self, refund: "Refund") -> None:
        """Reserve a refund's amount. Raises PermanentFailure when there is less left (M2)."""
        left = self.money(self.refundable_minor)
        if left < refund.amount:
            message = (
                f"Payment {self.number} has {left} left, so {refund.amount} can't be refunded."
            )
            raise PermanentFailure(message)
        self.pending_minor += refund.amount_minor
        refund.capture_id = self.capture_id

    def take_back(self, refund: "Refund") -> None:
        """Free a refund's amount: it will not be given back after all."""
        self.pending_minor -= refund.amount_minor

    def give_back(self, refund: "Refund") -> None:
        """Note that a refund's amount was given back."""
        self.pending_minor -= refund.amount_minor
        self.refunded_minor += refund.amount_minor


class Refund(models.Model):
    """Money that goes back to the customer, for exactly one business case (M3, R38)."""

    class Kind(models.TextChoices):
        """Why the money goes back: the same to the provider, not to the business (R38)."""

        #: The order was cancelled before it left: all of the money, at once.
        CANCEL = "cancel", _("cancellation")
        #: Goods came back: their money, after they were inspected.
        RETURN = "return", _("return")
        #: The carrier lost the parcel: all that is left, nothing comes back.
        LOSS = "loss", _("loss")

    class State(models.TextChoices):
        """How far the money is on its way; only PAID is proof (R34)."""

        #: It is reserved; the provider was not asked yet.
        PLANNED = "planned", _("planned")
        #: The provider is asked to give it back.
        SENT = "sent", _("sent")
        #: The provider has given it back.
        PAID = "paid", _("paid")
        #: Its case ended without it, before the provider was asked.
        DROPPED = "dropped", _("dropped")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), db_index=True)
    kind = models.CharField(_("case"), max_length=6, choices=Kind.choices)
    return_id = models.UUIDField(_("return"), null=True, blank=True, unique=True)
    loss_id = models.UUIDField(_("loss"), null=True, blank=True, unique=True)
    state = FSMField(_("state"), default=State.PLANNED, choices=State.choices, protected=True)
    amount_minor = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    #: The provider's name for what it is taken from.
    capture_id = models.CharField(_("capture"), max_length=100, blank=True, default="")
    provider_refund_id = models.CharField(
        _("provider's refund"), max_length=100, null=True, blank=True, unique=True
    )

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(kind="cancel", return_id__isnull=True, loss_id__isnull=True)
                | Q(kind="return", return_id__isnull=False, loss_id__isnull=True)
                | Q(kind="loss", return_id__isnull=True, loss_id__isnull=False),
                name="refund_has_exactly_one_case",  # M3
            ),
            models.CheckConstraint(
                condition=Q(state="paid", provider_refund_id__isnull=False)
                | (~Q(state="paid") & Q(provider_refund_id__isnull=True)),
                name="refund_paid_iff_provider_names_it",
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="cancel"), name="refund_one_cancel_per_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount} ({self.get_state_display()})"

    @classmethod
    def of_cancelled(cls, payment: Payment) -> "Refund":
        """Return the refund of all that a cancelled order's payment has left; not saved."""
        return cls(
            id=uuid5(_CANCEL_REFUNDS, str(payment.order_id)),
            order_id=payment.order_id,
            kind=cls.Kind.CANCEL,
            amount_minor=payment.refundable_minor,
            currency=payment.currency,
        )

    @property
    def amount(self) -> Money:
        """How much goes back."""
        return Money(self.amount_minor, self.currency)

    @transition(state, source=State.PLANNED, target=State.SENT)
    def send(self) -> None:
        """Ask the provider to give it back."""

    @transition(state, source=State.SENT, target=State.PAID)
    def pay(self, reference: str) -> None:
        """Note that the provider gave it back, and what it calls that."""
        self.provider_refund_id = reference

    @transition(state, source=State.PLANNED, target=State.DROPPED)
    def drop(self) -> None:
        """Note that its case ended without it."""


class LedgerEntry(models.Model):
    """One line of our books: what the provider did for an order, under its name for it.

    Append-only. Its kinds, references and amounts are those of the provider's statement (S1, S2).
    """

    class Kind(models.TextChoices):
        """What was done to the money."""

        AUTHORISE = "authorise", _("authorisation")
        CAPTURE = "capture", _("capture")
        VOID = "void", _("void")
        REFUND = "refund", _("refund")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment_id = models.UUIDField(_("payment"), db_index=True)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
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
    """A message of the provider, as it came, once. It is a hint to look, never a fact (R37)."""

    id = models.CharField(_("message"), max_length=100, primary_key=True)
    reference = models.CharField(_("order number"), max_length=50, db_index=True)
    body = models.TextField(_("body"))
    received_at = models.DateTimeField(_("received at"))

    class Meta:
        verbose_name = _("received message")
        verbose_name_plural = _("received messages")
        ordering: ClassVar = ["-received_at"]

    def __str__(self) -> str:
        return self.id
