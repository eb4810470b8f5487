"""Asked: what waits for a person, from the fact that opens it to the person or fact that closes it.

Rows are opened and closed by `sagas.case`, `sagas.question` and `sagas.reconciliation`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from sagas.clock import new_id
from sagas.money import Money


class CaseKind(models.TextChoices):
    """Why a person is needed."""

    #: A delivery gave up.
    DEAD_LETTER = "dead_letter", _("dead letter")
    #: A saga has no delivery left and no end.
    NO_NEXT_MOVE = "no_next_move", _("no next move")
    #: A saga is past its pivot and past its deadline.
    OVERDUE = "overdue", _("overdue")
    #: A subject is in a state in which only a person decides.
    HELD = "held", _("held for a person")
    #: Contexts, or the books of others, disagree (R41).
    RECONCILIATION = "reconciliation", _("reconciliation")
    #: A call would go over a cap of its brake.
    BRAKED = "braked", _("waits for a second person")


class Case(models.Model):
    """Something that waits for a person. It counts as a saga's next move (G5).

    One of reconciliation does not: it says that books disagree, not who moves the saga. It may
    belong to no saga, and there may be several about one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=CaseKind.choices)
    saga_id = models.UUIDField(null=True, blank=True)
    #: The group of people, or the queue, that it is for; empty where any operator may take it.
    owner = models.CharField(max_length=100, blank=True, default="")
    #: The delivery it is about, if any; it may be gone by now.
    delivery_id = models.UUIDField(null=True, blank=True)
    detail = models.TextField(blank=True, default="")
    #: What a braked call would move, in minor units.
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    #: Whether it was closed by letting the braked call go out.
    approved = models.BooleanField(default=False)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=200, blank=True, default="")
    note = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        permissions: ClassVar = [("close_case", "Can close a case")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["saga_id", "kind"],
                condition=Q(closed_at__isnull=True, delivery_id__isnull=True)
                & ~Q(kind=CaseKind.RECONCILIATION),
                name="case_open_once_per_saga",
            ),
            models.UniqueConstraint(
                fields=["delivery_id", "kind"],
                condition=Q(closed_at__isnull=True, delivery_id__isnull=False),
                name="case_open_once_per_delivery",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
                name="case_closed_after_opened",
            ),
            models.CheckConstraint(
                condition=Q(saga_id__isnull=False) | Q(kind=CaseKind.RECONCILIATION),
                name="case_of_a_saga_or_of_reconciliation",
            ),
            models.CheckConstraint(
                condition=~Q(kind=CaseKind.BRAKED) | Q(amount_minor__isnull=False),
                name="case_braked_says_how_much",
            ),
            models.CheckConstraint(
                condition=Q(approved=False) | Q(kind=CaseKind.BRAKED, closed_at__isnull=False),
                name="case_approved_is_closed",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["saga_id"], name="case_by_saga"),
            models.Index(fields=["delivery_id"], name="case_by_delivery"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.saga_id or self.owner}"

    @property
    def amount(self) -> Money | None:
        """What a braked call would move; None for other kinds of cases."""
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)
