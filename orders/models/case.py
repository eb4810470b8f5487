"""Cases: one row for every way in which an order, or a part of it, ends otherwise (R38)."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_fsm import FSMField, transition

from orders.cases import CASES, CHOICES, CaseRule
from orders.events import CaseKind
from orders.models.order import Order, SoldLine
from sagas.clock import new_id
from sagas.money import Money

#: How the actor of a customer's own wish begins: "customer:42".
CUSTOMER = "customer:"


class Case(models.Model):
    """Why something is undone, given back or replaced, and what came of it.

    `kind`, `reason`, `actor` and `opened_at` never change. What the customer gets back is
    `refund = goods + postage + given - return_fee - replaced - withheld`; it is an estimate until
    the case is decided.
    """

    class State(models.TextChoices):
        """What was decided."""

        #: Asked for; who ships, who inspects or a person has not answered yet.
        OPEN = "open", _("open")
        #: The customer is to choose between goods and money (D-15).
        ASKED = "asked", _("waits for the customer's choice")
        #: Granted: money and goods are on their way.
        ACCEPTED = "accepted", _("accepted")
        #: Money and goods are where they belong.
        SETTLED = "settled", _("settled")
        #: Nothing is given back for it.
        REJECTED = "rejected", _("rejected")

    class Remedy(models.TextChoices):
        """What the customer gets for goods that are lost, exchanged, disputed or paid too late."""

        #: Their money.
        MONEY = "money", _("money")
        #: Goods.
        GOODS = "goods", _("goods")

    class Operation(models.TextChoices):
        """How the money goes back, in the words of payments, which decides it (R38)."""

        #: Nothing was taken and nothing reserved, or others have given it back.
        NONE = "none", _("nothing to give back")
        #: No money had moved.
        CLOSE_SESSION = "close_session", _("payment session closed")
        #: It was only reserved; the customer sees no charge.
        VOID = "void", _("authorisation voided")
        #: All of it, before it was settled.
        CANCEL_CAPTURE = "cancel_capture", _("payment cancelled before it was settled")
        #: A part of it, before it was settled.
        PARTIAL_CANCEL = "partial_cancel", _("part of the payment cancelled before it was settled")
        #: A new, visible transaction in the other direction.
        REFUND = "refund", _("refunded the way it was paid")
        #: To an account, because the way by which it came is closed.
        REFUND_ELSEWHERE = "refund_elsewhere", _("refunded to an account")
        #: The customer's bank decides first (R35).
        HOLD = "hold", _("held back by a dispute")
        #: A call has no answer yet (R29).
        WAIT = "wait", _("waits for the provider's answer")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="cases")
    kind = models.CharField(_("kind"), max_length=20, choices=CHOICES)
    #: Whether it cancels the whole order, or is about a part of it or its money.
    is_whole = models.BooleanField(_("whole order"), default=False)
    state = FSMField(_("state"), default=State.OPEN, choices=State.choices, protected=True)
    reason = models.TextField(_("reason"), blank=True, default="")
    actor = models.CharField(_("actor"), max_length=200, blank=True, default="")
    approver = models.CharField(_("approver"), max_length=200, blank=True, default="")
    opened_at = models.DateTimeField(_("opened at"))
    received_at = models.DateTimeField(_("goods received at"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)
    #: By when the law wants the money back.
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    remedy = models.CharField(
        _("remedy"), max_length=5, choices=Remedy.choices, blank=True, default=""
    )
    #: Empty until payments has said so; a refund that is on its way may yet be given otherwise.
    operation = models.CharField(
        _("how the money goes"), max_length=20, choices=Operation.choices, blank=True, default=""
    )
    #: The shop's fault (D-18), or a change of mind (D-17); where a customer says so, a claim until
    #: the goods were inspected.
    fault = models.BooleanField(_("the shop's fault"), default=False)
    #: What is to go out in place of what comes back, as `orders.events.OrderLine` in JSON.
    wanted = models.JSONField(_("wanted"), default=list, blank=True)

    #: G: what was paid for the goods that are given up.
    goods_minor = models.BigIntegerField(_("goods (minor units)"), default=0)
    #: What goes back of F, the shipping fee.
    postage_minor = models.BigIntegerField(_("shipping back (minor units)"), default=0)
    #: Money that no goods stand for: an apology, a late payment, what a bank took.
    given_minor = models.BigIntegerField(_("given (minor units)"), default=0)
    #: X: what the customer pays for the way back.
    return_fee_minor = models.BigIntegerField(_("return fee (minor units)"), default=0)
    #: What the goods are worth that the customer gets instead.
    replaced_minor = models.BigIntegerField(_("replaced (minor units)"), default=0)
    #: What was given back before, or taken by a bank, and so is not given again (M2); and all that
    #: was asked for where nothing is granted.
    withheld_minor = models.BigIntegerField(_("given before (minor units)"), default=0)
    refund_minor = models.BigIntegerField(_("refund (minor units)"), default=0)
    currency = models.CharField(_("currency"), max_length=3)
    #: What comes back of the coupon and of the points.
    coupon_minor = models.BigIntegerField(_("coupon back (minor units)"), default=0)
    points_minor = models.BigIntegerField(_("points back (minor units)"), default=0)
    #: What the coupon is worth that the shop gives as an apology (D-9 to D-11).
    apology_minor = models.BigIntegerField(_("apology (minor units)"), default=0)
    #: Its code, once it is given.
    apology_code = models.CharField(
        _("apology coupon"), max_length=64, unique=True, null=True, blank=True
    )

    # Facts that a join has collected (design decision 5).
    is_money_done = models.BooleanField(_("money done"), default=False)
    is_goods_done = models.BooleanField(_("goods done"), default=False)
    #: The money was never taken, so that none had to be given back (D-10).
    is_uncharged = models.BooleanField(_("never charged"), default=False)
    #: The provider would not pay it: a person has to (D-26).
    is_owed = models.BooleanField(_("still owed"), default=False)

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering: ClassVar = ["opened_at", "id"]
        constraints: ClassVar = [
            # An order is cancelled once; whoever asks again gets the first case (R33).
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(is_whole=True) & ~Q(state="rejected"),
                name="case_whole_order_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "asked"], decided_at__isnull=True)
                | (~Q(state__in=["open", "asked"]) & Q(decided_at__isnull=False)),
                name="case_decided_iff_not_open",
            ),
            models.CheckConstraint(
                condition=Q(state="settled", settled_at__isnull=False)
                | (~Q(state="settled") & Q(settled_at__isnull=True)),
                name="case_settled_at_iff_settled",
            ),
            models.CheckConstraint(
                condition=Q(approver="") | ~Q(approver=F("actor")),
                name="case_approver_is_somebody_else",
            ),
            models.CheckConstraint(
                condition=~Q(kind="goodwill") | Q(state__in=["open", "rejected"]) | ~Q(approver=""),
                name="case_goodwill_is_approved",
            ),
            models.CheckConstraint(
                condition=Q(
                    goods_minor__gte=0,
                    postage_minor__gte=0,
                    given_minor__gte=0,
                    return_fee_minor__gte=0,
                    replaced_minor__gte=0,
                    withheld_minor__gte=0,
                    refund_minor__gte=0,
                    coupon_minor__gte=0,
                    points_minor__gte=0,
                    apology_minor__gte=0,
                ),
                name="case_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(state="settled", apology_minor__gt=0, apology_code__isnull=False)
                | (~Q(state="settled", apology_minor__gt=0) & Q(apology_code__isnull=True)),
                name="case_apology_given_once_settled",
            ),
            models.CheckConstraint(
                condition=Q(
                    refund_minor=F("goods_minor")
                    + F("postage_minor")
                    + F("given_minor")
                    - F("return_fee_minor")
                    - F("replaced_minor")
                    - F("withheld_minor")
                ),
                name="case_refund_adds_up",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "kind"], name="case_by_state")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.get_state_display()})"

    @property
    def why(self) -> CaseKind:
        """Its kind as the events have it."""
        return CaseKind(self.kind)

    @property
    def rule(self) -> CaseRule:
        """Return what hangs on its kind, whose fault it is, and how much of the order it takes."""
        return CASES[self.why].applied(fault=self.fault, is_whole=self.is_whole)

    @property
    def is_claim(self) -> bool:
        """Whether it is only the customer who blames the shop, and nobody has looked yet."""
        return self.fault and self.decided_at is None and self.actor.startswith(CUSTOMER)

    @property
    def is_undecided(self) -> bool:
        """Whether a person has not yet decided about its money."""
        return self.state == self.State.OPEN and not self.given_minor

    @property
    def is_granted(self) -> bool:
        """Whether its money goes back, or went."""
        return self.state != self.State.REJECTED and not self.is_undecided

    @property
    def refund(self) -> Money:
        """What the customer gets back; an estimate until it is decided."""
        return Money(self.refund_minor, self.currency)

    @property
    def apology(self) -> Money:
        """What the coupon is worth that the customer gets as an apology."""
        return Money(self.apology_minor, self.currency)

    @property
    def is_taken(self) -> bool:
        """Whether the customer's bank took its money, instead of the shop giving it (D-25)."""
        is_given = self.is_whole or self.remedy == self.Remedy.MONEY
        return self.why is CaseKind.CHARGEBACK and not is_given

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in (self.State.SETTLED, self.State.REJECTED) and not self.is_owed

    @transition(field=state, source=State.OPEN, target=State.ASKED)
    def ask(self) -> None:
        """Wait for the customer's choice."""

    @transition(field=state, source=[State.OPEN, State.ASKED], target=State.ACCEPTED)
    def accept(self, *, now: datetime) -> None:
        """Grant it."""
        self.decided_at = now

    @transition(field=state, source=State.ACCEPTED, target=State.SETTLED)
    def settle(self, *, now: datetime) -> None:
        """Note that money and goods are where they belong; an apology is given with that."""
        self.settled_at = now
        if self.apology_minor:
            self.apology_code = f"SORRY-{self.pk.hex[-12:].upper()}"

    @transition(field=state, source=[State.OPEN, State.ACCEPTED], target=State.REJECTED)
    def reject(self, *, now: datetime) -> None:
        """Give nothing back for it; what it was estimated at is withheld."""
        if self.decided_at is None:
            self.withheld_minor += self.refund_minor
            self.refund_minor = self.coupon_minor = self.points_minor = 0
        self.apology_minor = 0
        self.decided_at = now


class CaseLine(models.Model):
    """So many units of a sold line that a case is about."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="lines")
    line = models.ForeignKey(SoldLine, on_delete=models.PROTECT, related_name="cases")
    quantity = models.BigIntegerField(_("quantity"))
    #: What was paid for those that count: all of them, or the accepted ones.
    amount_minor = models.BigIntegerField(_("amount (minor units)"))
    accepted = models.BigIntegerField(_("accepted"), default=0)
    refused = models.BigIntegerField(_("refused"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded (minor units)"), default=0)

    class Meta:
        verbose_name = _("case line")
        verbose_name_plural = _("case lines")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["case", "line"], name="case_line_once_per_line"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="case_line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(accepted__gte=0, refused__gte=0)
                & Q(quantity__gte=F("accepted") + F("refused")),
                name="case_line_judged_within_quantity",
            ),
            models.CheckConstraint(
                condition=Q(refunded_minor__gte=0, refunded_minor__lte=F("amount_minor")),
                name="case_line_refunded_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.line_id}"
