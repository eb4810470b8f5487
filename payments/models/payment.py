"""Payment: the money of one order, as the provider has confirmed it.

Two of its sums are promises: `pending_minor` is reserved for refunds that are on their way (R31),
`held_minor` for refunds that wait until a dispute is decided (R35).
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from sagas.clock import new_id
from sagas.money import Money


class Payment(models.Model):
    """The money of one order: reserved, taken, and given back."""

    class State(models.TextChoices):
        """How the money stands; the words are about the business, not about a call's success."""

        #: The amount is known; nothing was asked of a card.
        PENDING = "pending", _("pending")
        #: The provider is asked to reserve the amount, or to open an account for it.
        AUTHORISING = "authorising", _("authorising")
        #: A card was refused; another one may be tried.
        DECLINED = "declined", _("declined")
        #: An account waits for the customer's transfer (가상계좌).
        AWAITING_DEPOSIT = "awaiting_deposit", _("awaiting deposit")
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
        #: The reservation was given up, or has lapsed.
        VOIDED = "voided", _("voided")
        #: All of the money is on its way back.
        REFUNDING = "refunding", _("refunding")
        #: All of the money was given back.
        REFUNDED = "refunded", _("refunded")
        #: Money came after the order was given up; a case of its own gives it back (D-5).
        LATE = "captured_late", _("captured too late")
        #: The customer's bank took all that was left (D-25).
        CHARGED_BACK = "charged_back", _("charged back")

    #: A call is out whose outcome decides where the payment goes: what is learned meanwhile waits.
    IN_FLIGHT: ClassVar = (State.AUTHORISING, State.CAPTURING, State.CLOSING, State.VOIDING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order_id = models.UUIDField(_("order"), unique=True)
    number = models.CharField(_("order number"), max_length=50, unique=True)
    #: Whose money it is, and so who may say where it goes back to.
    customer = models.CharField(_("customer"), max_length=200, blank=True, default="")
    state = FSMField(_("state"), default=State.PENDING, choices=State.choices, protected=True)
    #: "card" or "virtual_account".
    method = models.CharField(_("method"), max_length=20, default="card")
    amount_minor = models.BigIntegerField(_("amount"))
    #: What is to be taken: the amount, less what was cancelled before it was taken (D-10).
    due_minor = models.BigIntegerField(_("to be taken"))
    currency = models.CharField(_("currency"), max_length=3)
    #: The customer's cards, as tokens of the provider, in the order in which they are tried.
    tokens: "models.JSONField[list[str], list[str]]" = models.JSONField(_("cards"), default=list)
    attempts = models.PositiveIntegerField(_("cards tried"), default=0)
    decline_code = models.CharField(_("reason of refusal"), max_length=100, blank=True, default="")
    authorisation_id = models.CharField(_("authorisation"), max_length=100, blank=True, default="")
    capture_id = models.CharField(_("capture"), max_length=100, blank=True, default="")
    #: Captures that came too late, by the case that gives each back.
    late_captures: "models.JSONField[dict[str, str], dict[str, str]]" = models.JSONField(
        _("late captures"), default=dict, blank=True
    )
    auth_expires_at = models.DateTimeField(_("reserved until"), null=True, blank=True)
    deposit_until = models.DateTimeField(_("deposit until"), null=True, blank=True)
    #: Where the customer is to pay, as the provider says it.
    deposit_account: "models.JSONField[Any, Any]" = models.JSONField(
        _("account to pay into"), null=True, blank=True
    )
    #: Where the customer's money goes back to, if it can't go back the way it came.
    refund_account: "models.JSONField[Any, Any]" = models.JSONField(
        _("account for refunds"), null=True, blank=True
    )
    captured_at = models.DateTimeField(_("captured at"), null=True, blank=True)
    #: Until then the capture can be cancelled without a trace for the customer (매입 전).
    reversible_until = models.DateTimeField(_("reversible until"), null=True, blank=True)
    #: A dispute or an inquiry is open: nothing is given back until it is decided (R35).
    is_frozen = models.BooleanField(_("frozen by a dispute"), default=False)
    authorised_minor = models.BigIntegerField(_("authorised"), default=0)
    #: Taken without having been reserved first: a deposit, or what came too late.
    direct_minor = models.BigIntegerField(_("taken directly"), default=0)
    captured_minor = models.BigIntegerField(_("captured"), default=0)
    #: Reserved, and given up or lapsed.
    voided_minor = models.BigIntegerField(_("voided"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    pending_minor = models.BigIntegerField(_("to be refunded"), default=0)
    held_minor = models.BigIntegerField(_("held back"), default=0)
    charged_back_minor = models.BigIntegerField(_("charged back"), default=0)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    due_minor__gte=0,
                    authorised_minor__gte=0,
                    direct_minor__gte=0,
                    captured_minor__gte=0,
                    voided_minor__gte=0,
                    refunded_minor__gte=0,
                    pending_minor__gte=0,
                    held_minor__gte=0,
                    charged_back_minor__gte=0,
                ),
                name="payment_amounts_never_negative",
            ),
            models.CheckConstraint(
                condition=Q(due_minor__lte=F("amount_minor")),
                name="payment_never_due_above_amount",
            ),
            models.CheckConstraint(
                condition=Q(
                    captured_minor__lte=F("authorised_minor")
                    + F("direct_minor")
                    - F("voided_minor")
                ),
                name="payment_captured_and_voided_within_authorised",  # M1
            ),
            models.CheckConstraint(
                condition=Q(
                    captured_minor__gte=F("refunded_minor")
                    + F("pending_minor")
                    + F("charged_back_minor")
                ),
                name="payment_given_back_within_captured",  # M2
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

    # -- sums ---------------------------------------------------------------------------------

    @property
    def card_token(self) -> str:
        """The card that is tried now: the next one each time, and the last one from then on."""
        last = len(self.tokens) - 1
        return self.tokens[min(max(self.attempts - 1, 0), last)] if self.tokens else ""

    @property
    def is_deposit(self) -> bool:
        """Whether the customer pays into an account: such money only goes back to an account."""
        return self.method == "virtual_account"

    @property
    def open_minor(self) -> int:
        """What is reserved on the card, neither taken nor given up."""
        return self.authorised_minor + self.direct_minor - self.captured_minor - self.voided_minor

    @property
    def kept_minor(self) -> int:
        """What was taken, and neither given back nor taken back by the bank (N = C - R - B)."""
        return self.captured_minor - self.refunded_minor - self.charged_back_minor

    @property
    def left_minor(self) -> int:
        """What is kept and not on its way back."""
        return self.kept_minor - self.pending_minor

    @property
    def refundable_minor(self) -> int:
        """What is left and not promised to anybody."""
        return self.left_minor - self.held_minor

    def money(self, minor: int) -> Money:
        """Return `minor` units of the payment's currency."""
        return Money(minor, self.currency)

    def knows_capture(self, reference: str) -> bool:
        """Whether a capture of the provider's is in the books already."""
        return reference == self.capture_id or reference in self.late_captures.values()

    def capture_for(self, case_id: UUID) -> str:
        """Return the provider's name for the capture that a case's refund is taken from."""
        return self.late_captures.get(str(case_id), self.capture_id)

    # -- forward --------------------------------------------------------------------------------

    @transition(state, source=(State.PENDING, State.DECLINED), target=State.AUTHORISING)
    def start_authorise(self) -> None:
        """Try the next card, or ask for an account."""
        self.attempts += 1

    @transition(state, source=State.AUTHORISING, target=State.AUTHORISED)
    def authorise(self, reference: str, *, until: datetime) -> None:
        """Note that the amount is reserved (TCC: the try has succeeded)."""
        self.authorisation_id = reference
        self.authorised_minor += self.due_minor
        self.auth_expires_at = until
        self.decline_code = ""

    @transition(state, source=State.AUTHORISING, target=State.AWAITING_DEPOSIT)
    def await_deposit(self, reference: str, *, until: datetime, account: Any) -> None:
        """Note where the customer is to pay, and until when."""
        self.authorisation_id = reference
        self.deposit_until = until
        self.deposit_account = account
        self.decline_code = ""

    @transition(state, source=State.AUTHORISING, target=State.DECLINED)
    def decline(self, code: str) -> None:
        """Note why the card was refused."""
        self.decline_code = code

    @transition(state, source=State.AUTHORISED, target=State.CAPTURING)
    def start_capture(self) -> None:
        """Ask for what is due."""

    @transition(state, source=State.CAPTURING, target=State.CAPTURED)
    def capture(self) -> None:
        """Note that what is due was taken (TCC: confirmed)."""

    @transition(state, source=State.CAPTURING, target=State.AUTHORISED)
    def refuse_capture(self, code: str) -> None:
        """Note why nothing was taken; the reservation stands."""
        self.decline_code = code

    @transition(
        state,
        source=(State.PENDING, State.DECLINED, State.AWAITING_DEPOSIT, State.AUTHORISED),
        target=State.CAPTURED,
    )
    def receive(self) -> None:
        """Note that the money came without our taking it, such as by a deposit."""

    @transition(state, source=State.AUTHORISED, target=State.VOIDED)
    def lapse(self) -> None:
        """Note that the reservation has ended by time (R36)."""
        self.voided_minor += self.open_minor

    # -- back -----------------------------------------------------------------------------------

    @transition(
        state,
        source=(State.PENDING, State.DECLINED, State.AWAITING_DEPOSIT),
        target=State.CLOSING,
    )
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
        """Note that the reservation was given up (TCC: cancelled)."""
        self.voided_minor += self.open_minor

    @transition(
        state,
        source=(State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED),
        target=State.LATE,
    )
    def receive_late(self) -> None:
        """Note that money came for an order that was given up (D-5)."""

    @transition(state, source=State.CAPTURED, target=State.REFUNDING)
    def start_refund(self) -> None:
        """Begin to give all of the money back."""

    @transition(state, source=State.REFUNDING, target=State.REFUNDED)
    def refund(self) -> None:
        """Note that nothing is kept any more."""

    @transition(state, source=State.REFUNDED, target=State.REFUNDING)
    def owe_again(self) -> None:
        """Note that something that was given back is owed again (R34)."""

    @transition(
        state,
        source=(State.CAPTURED, State.REFUNDING, State.REFUNDED, State.LATE),
        target=State.CHARGED_BACK,
    )
    def charge_back(self) -> None:
        """Note that the bank took what was left."""
