"""Called: what is kept of calls to the outside: intents, and the breakers and brakes of gateways.

An intent is written before its call and never forgotten while nobody knows what came of it; a
breaker remembers how a gateway has answered, a brake's row is the lock under which is counted.
"""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sagas.clock import new_id


class IntentState(models.TextChoices):
    """What is known of a call."""

    #: Sent or about to be; no answer yet.
    OUT = "out", _("out")
    #: It ended without an answer; it is being inquired about.
    UNKNOWN = "unknown", _("unknown")
    #: The answer is stored, its step has not committed yet.
    ANSWERED = "answered", _("answered")
    #: It happened.
    DONE = "done", _("done")
    #: It certainly did not happen.
    FAILED = "failed", _("failed")
    #: It must not happen any more: its undo came first (R28).
    TOMBSTONE = "tombstone", _("tombstone")


class Intent(models.Model):
    """A call to the outside: what was to be done, under which key, and what came of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    saga_id = models.UUIDField()
    event_id = models.UUIDField()
    choreography = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    step = models.CharField(max_length=200)
    subject_key = models.CharField(max_length=200)
    n = models.PositiveIntegerField()
    idempotency_key = models.UUIDField()
    state = models.CharField(max_length=9, choices=IntentState.choices, default=IntentState.OUT)
    request = models.JSONField(default=dict)
    #: What the call moves, in minor units; null where it does not say.
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    #: The brake whose caps count it; empty without one, or once a second person has approved it.
    brake = models.CharField(max_length=100, blank=True, default="")
    outcome = models.JSONField(null=True, blank=True)
    inquiries = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    #: When it was last let out once more; null while it was let out once.
    resent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("intent")
        verbose_name_plural = _("intents")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["choreography", "key", "step", "subject_key", "n"],
                name="intent_once_per_attempt",
            ),
            models.UniqueConstraint(fields=["idempotency_key"], name="intent_once_per_key"),
            models.CheckConstraint(
                condition=Q(brake="") | Q(amount_minor__isnull=False),
                name="intent_braked_by_amount",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["saga_id"], name="intent_by_saga"),
            models.Index(
                fields=["brake", "started_at"], condition=~Q(brake=""), name="intent_by_brake"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.key}/{self.n} ({self.state})"

    @property
    def last_sent_at(self) -> datetime:
        """When it was last let out; the request may still be carried out for a while (R29)."""
        return self.resent_at or self.started_at


class BreakerState(models.TextChoices):
    """Whether calls go out to a gateway."""

    #: All of them do.
    CLOSED = "closed", _("closed")
    #: None does before `retry_at`.
    OPEN = "open", _("open")
    #: A few do, to find out whether it answers again.
    HALF_OPEN = "half_open", _("half open")


class Breaker(models.Model):
    """How a gateway has answered lately; no row means that nothing was ever amiss (decision 20)."""

    #: The gateway, as calls name it: `payments.provider`.
    name = models.CharField(max_length=100, primary_key=True)
    state = models.CharField(
        max_length=9, choices=BreakerState.choices, default=BreakerState.CLOSED
    )
    #: Calls without an answer in a row; they are forgotten when it closes.
    failures = models.PositiveIntegerField(default=0)
    #: Since when not every call goes out.
    opened_at = models.DateTimeField(null=True, blank=True)
    #: When the next probe may go out. Null while half open, once a probe has been answered.
    retry_at = models.DateTimeField(null=True, blank=True)
    #: How many calls of one batch go out while it is half open.
    ramp = models.PositiveIntegerField(default=1)
    #: When its state changed last: calls begun before that say nothing about it.
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("breaker")
        verbose_name_plural = _("breakers")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(
                    state=BreakerState.CLOSED, opened_at__isnull=True, retry_at__isnull=True
                )
                | Q(state=BreakerState.OPEN, opened_at__isnull=False, retry_at__isnull=False)
                | Q(state=BreakerState.HALF_OPEN, opened_at__isnull=False),
                name="breaker_times_fit_its_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class BrakeLock(models.Model):
    """One row per brake, locked while it is counted what has gone out under it."""

    name = models.CharField(max_length=100, primary_key=True)

    class Meta:
        verbose_name = _("brake")
        verbose_name_plural = _("brakes")

    def __str__(self) -> str:
        return self.name
