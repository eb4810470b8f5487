"""Tables: the log, the deliveries and the sagas, and what hangs on them.

Three tables carry the guarantees: an event is never changed, a delivery is deleted by the
transaction that does it, a saga is a passive projection whose row is also the lane's lock. The
others are small: worker slots, pauses and relay ticks here, what is kept of calls in `called`, what
waits for a person in `asked`, what reconciliation keeps in `reconciled`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

import sagas.reconciled  # noqa: F401  its tables belong to this app
from sagas.asked import Case, CaseKind
from sagas.called import BrakeLock, Breaker, BreakerState, Intent, IntentState
from sagas.clock import new_id

__all__ = [
    "BrakeLock",
    "Breaker",
    "BreakerState",
    "Case",
    "CaseKind",
    "Delivery",
    "DeliveryState",
    "Direction",
    "IdempotentRequest",
    "Intent",
    "IntentState",
    "Pause",
    "RelayTick",
    "Saga",
    "SagaStatus",
    "Slot",
    "StoredEvent",
]


class Direction(models.TextChoices):
    """Which way a saga goes; it only ever turns once (R33)."""

    #: Steps are being done.
    FORWARD = "forward", _("forward")
    #: What was done is being undone.
    COMPENSATING = "compensating", _("compensating")


class SagaStatus(models.TextChoices):
    """How a saga stands."""

    #: It has a next move: a delivery, or an open case.
    RUNNING = "running", _("running")
    #: Its business key's owner announced the end.
    COMPLETED = "completed", _("completed")
    #: Everything was undone, and its owner said so.
    COMPENSATED = "compensated", _("compensated")
    #: No saga at all: the lane of events that belong to none (design decision 3).
    FREE = "free", _("free")


class Saga(models.Model):
    """One business transaction across contexts; nothing waits on this row, it is folded.

    Locking it is what makes its lanes run one at a time and its direction certain (decision 7).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    choreography = models.CharField(max_length=100)
    #: The business key, such as an order's id.
    key = models.CharField(max_length=200)
    #: What people call it, such as an order number; empty where the key itself is that.
    label = models.CharField(max_length=200, blank=True, default="")
    direction = models.CharField(
        max_length=12, choices=Direction.choices, default=Direction.FORWARD
    )
    status = models.CharField(max_length=12, choices=SagaStatus.choices, default=SagaStatus.RUNNING)
    #: The position of its newest event; counts without gaps under this row's lock.
    position = models.BigIntegerField(default=0)
    #: The version of the choreography under which it began (design decision 29).
    route_version = models.PositiveIntegerField(default=1)
    #: The event of another saga that led to this one.
    origin = models.UUIDField(null=True, blank=True)
    #: The unit of fairness, such as a tenant.
    group = models.CharField(max_length=100, blank=True, default="")
    started_at = models.DateTimeField()
    deadline_at = models.DateTimeField(null=True, blank=True)
    pivoted_at = models.DateTimeField(null=True, blank=True)
    turned_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    #: When old events of it were deleted; its log is not whole any more.
    pruned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("saga")
        verbose_name_plural = _("sagas")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["choreography", "key"], name="saga_once_per_key"),
            models.CheckConstraint(
                condition=~Q(direction=Direction.COMPENSATING, pivoted_at__isnull=False),
                name="saga_never_back_after_pivot",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[SagaStatus.RUNNING, SagaStatus.FREE], ended_at__isnull=True)
                | Q(
                    status__in=[SagaStatus.COMPLETED, SagaStatus.COMPENSATED],
                    ended_at__isnull=False,
                ),
                name="saga_ended_iff_not_running",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "started_at"], name="saga_by_status"),
            models.Index(fields=["key"], name="saga_by_key"),
            models.Index(fields=["label"], name="saga_by_label"),
            models.Index(fields=["origin"], name="saga_by_origin"),
        ]

    def __str__(self) -> str:
        return f"{self.choreography} {self.label or self.key}"

    @property
    def is_compensating(self) -> bool:
        """Whether it goes back."""
        return self.direction == Direction.COMPENSATING


class StoredEvent(models.Model):
    """A fact. Append-only: outbox, audit trail and event store at once.

    It says when, which context, which subject, which transition, why (cause, reason, actor) and
    in which trace. `position` orders the events of a saga, `subject_seq` those of a subject.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=200)
    version = models.PositiveIntegerField(default=1)
    payload = models.JSONField()
    context = models.CharField(max_length=100)
    saga_id = models.UUIDField()
    position = models.BigIntegerField()
    route_version = models.PositiveIntegerField(default=1)
    subject_model = models.CharField(max_length=100)
    subject_key = models.CharField(max_length=200)
    subject_seq = models.BigIntegerField()
    state_field = models.CharField(max_length=100, blank=True, default="")
    transition = models.CharField(max_length=200, blank=True, default="")
    from_state = models.CharField(max_length=100, blank=True, default="")
    to_state = models.CharField(max_length=100, blank=True, default="")
    cause = models.UUIDField(null=True, blank=True)
    cause_consumer = models.CharField(max_length=100, blank=True, default="")
    cause_purpose = models.CharField(max_length=200, blank=True, default="")
    #: The place among the events of its cause; null for facts about a delivery, not of it.
    ordinal = models.PositiveIntegerField(null=True, blank=True)
    replaces = models.UUIDField(null=True, blank=True)
    reason = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=200, blank=True, default="")
    traceparent = models.CharField(max_length=55, blank=True, default="")
    recorded_at = models.DateTimeField()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["saga_id", "position"], name="event_order_in_saga"),
            models.UniqueConstraint(
                fields=["subject_model", "subject_key", "subject_seq"],
                name="event_order_of_subject",
            ),
            models.UniqueConstraint(
                fields=["cause", "cause_consumer", "cause_purpose", "ordinal"],
                name="event_once_per_cause",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["type", "recorded_at"], name="event_by_type"),
            models.Index(fields=["recorded_at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.type}#{self.position} saga={self.saga_id}"


class DeliveryState(models.TextChoices):
    """Where a delivery stands. It has no state "done": a done delivery is no row (R2)."""

    #: It can be taken once `available_at` has come.
    READY = "ready", _("ready")
    #: A worker has a call out for it, until `lease_until`.
    LEASED = "leased", _("leased")
    #: Its subject is not yet in a state that can take it.
    PARKED = "parked", _("parked")
    #: Its call would go over a cap; it waits for a second person.
    BRAKED = "braked", _("braked")
    #: It gave up and waits for a person.
    DEAD = "dead", _("dead")


class Delivery(models.Model):
    """One event on its way to one consumer for one purpose.

    Written with the event, deleted by the transaction that holds its effects. `available_at` makes
    it a retry or a timer, `fence` makes a stale worker harmless.
    """

    class KindChoices(models.TextChoices):
        """Why it exists; the same words as `sagas.participant.Kind`."""

        FORWARD = "forward", _("forward")
        UNDO = "undo", _("undo")
        TIMER = "timer", _("timer")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(StoredEvent, on_delete=models.PROTECT, related_name="deliveries")
    consumer = models.CharField(max_length=100)
    purpose = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=KindChoices.choices)
    saga_id = models.UUIDField()
    position = models.BigIntegerField()
    #: Timers and wishes from outside (0) overtake steps (1) that wait for a retry.
    rank = models.PositiveSmallIntegerField(default=1)
    group = models.CharField(max_length=100, blank=True, default="")
    state = models.CharField(
        max_length=8, choices=DeliveryState.choices, default=DeliveryState.READY
    )
    available_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    #: The worker that holds the lease, as it calls itself.
    leased_by = models.CharField(max_length=200, blank=True, default="")
    #: Until when it may be parked.
    deadline_at = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    #: Run it without company: a worker died while it held this (design decision 11).
    alone = models.BooleanField(default=False)
    #: The subject that a timer watches, or that a parked delivery waits for.
    waits_model = models.CharField(max_length=100, blank=True, default="")
    waits_key = models.CharField(max_length=200, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        permissions: ClassVar = [
            ("retry_delivery", "Can send a dead delivery back to work"),
            ("skip_delivery", "Can skip a dead delivery"),
            ("edit_delivery", "Can correct the event of a dead delivery"),
            ("approve_call", "Can let a braked call go out"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["event", "consumer", "purpose"], name="delivery_once_per_purpose"
            ),
            models.CheckConstraint(
                condition=Q(state=DeliveryState.LEASED, lease_until__isnull=False)
                | (~Q(state=DeliveryState.LEASED) & Q(lease_until__isnull=True)),
                name="delivery_leased_iff_lease",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["consumer", "available_at", "id"],
                condition=Q(state=DeliveryState.READY),
                name="delivery_due",
            ),
            models.Index(fields=["saga_id", "consumer"], name="delivery_lane"),
            models.Index(fields=["waits_model", "waits_key"], name="delivery_waits"),
            models.Index(fields=["state", "available_at"], name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.consumer}.{self.purpose} ({self.state})"


class Slot(models.Model):
    """What one worker has in its hands, committed before it starts (design decision 11)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    worker = models.CharField(max_length=200)
    claimed = models.JSONField(default=list)
    handled = models.BigIntegerField(default=0)
    refused_fences = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.worker


class Pause(models.Model):
    """A consumer (`payments`), a step (`payments.capture`), a choreography or a gateway, paused."""

    name = models.CharField(max_length=200, primary_key=True)
    reason = models.TextField()
    actor = models.CharField(max_length=200)
    paused_at = models.DateTimeField()

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        permissions: ClassVar = [("pause", "Can pause and resume")]

    def __str__(self) -> str:
        return self.name


class RelayTick(models.Model):
    """When the relay last looked; workers look themselves when it is long ago (decision 12)."""

    name = models.CharField(max_length=50, primary_key=True)
    ticked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("relay tick")
        verbose_name_plural = _("relay ticks")

    def __str__(self) -> str:
        return self.name


class IdempotentRequest(models.Model):
    """The answer that was given to an API request with this `Idempotency-Key`."""

    scope = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotent_request_once")
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"
