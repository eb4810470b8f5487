"""Reconciled: what reconciliation keeps: its runs, what they found, and other parties' statements.

Rows are written by `sagas.reconciliation` alone. A run is a history entry; a finding lives from the
run that first saw it to the run that no longer did; a statement line is never changed.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sagas.clock import new_id


class RunState(models.TextChoices):
    """How a run stands."""

    #: It is being advanced, slice by slice.
    RUNNING = "running", _("running")
    #: Every predicate of it has had its turn.
    DONE = "done", _("done")
    #: Its process fell silent; what it had committed stays.
    CRASHED = "crashed", _("crashed")
    #: It was told to stop before its end; what it had committed stays.
    STOPPED = "stopped", _("stopped")
    #: A person's run took its place; what it had committed stays.
    REPLACED = "replaced", _("replaced")


class Phase(models.TextChoices):
    """What a run does with a predicate next; in this order."""

    #: It looks for rows that break the predicate.
    LOOKING = "looking", _("looking")
    #: It looks once more at what was found before and not seen this time.
    AGAIN = "again", _("looking again")
    #: It repairs what may be repaired.
    REPAIRING = "repairing", _("repairing")
    #: It asks people about the rest, and takes back what they need not be asked any more.
    ASKING = "asking", _("asking")
    #: Nothing is left to do.
    DONE = "done", _("done")


class ReconciliationRun(models.Model):
    """One look at the books. At most one runs at a time: the constraint says so, not the code."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    state = models.CharField(max_length=8, choices=RunState.choices, default=RunState.RUNNING)
    #: Advanced by the ticks of relays and workers; otherwise one process runs it to its end.
    is_periodic = models.BooleanField(default=False)
    #: It looks at everything, not only at what has changed.
    is_full = models.BooleanField(default=False)
    #: It repairs what may be repaired.
    repairs = models.BooleanField(default=False)
    #: Who asked for it, as an actor of the log.
    actor = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    #: When it was last advanced.
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    #: Business things looked at, each once however many predicates speak of it.
    looked = models.BigIntegerField(default=0)
    #: Seconds spent on looking.
    busy = models.FloatField(default=0.0)
    #: Findings seen, new or not.
    found = models.BigIntegerField(default=0)
    #: Findings that were no longer there.
    resolved = models.BigIntegerField(default=0)
    repaired = models.BigIntegerField(default=0)
    #: Cases opened.
    asked = models.BigIntegerField(default=0)
    #: What could not be done.
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="run_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True)
                | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="run_ended_iff_not_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S}"

    @property
    def rate(self) -> float | None:
        """Business things looked at per second; None where nothing was."""
        return self.looked / self.busy if self.busy else None


class ReconciliationPass(models.Model):
    """What one run does about one predicate, and from where to where it has looked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="passes")
    predicate = models.CharField(max_length=20)
    phase = models.CharField(max_length=9, choices=Phase.choices, default=Phase.LOOKING)
    #: Changes after this are looked at; null means from the beginning.
    since = models.DateTimeField(null=True, blank=True)
    #: Changes up to this; null for a predicate that is always looked at as a whole.
    until = models.DateTimeField(null=True, blank=True)
    #: How far it has come; the next run goes on from here.
    reached = models.DateTimeField(null=True, blank=True)
    #: The key that a look from the beginning has come to.
    cursor = models.CharField(max_length=200, blank=True, default="")
    looked = models.BigIntegerField(default=0)
    found = models.BigIntegerField(default=0)
    resolved = models.BigIntegerField(default=0)
    repaired = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(default=0)
    #: Seconds that it took, with the page that it shared where it came first.
    busy = models.FloatField(default=0.0)
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("reconciliation of a predicate")
        verbose_name_plural = _("reconciliations of predicates")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "predicate"], name="pass_once_per_run")
        ]
        indexes: ClassVar = [models.Index(fields=["predicate", "id"], name="pass_by_predicate")]

    def __str__(self) -> str:
        return self.predicate


class ReconciliationFinding(models.Model):
    """Something that breaks a predicate: since when, until when, and who was asked."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    predicate = models.CharField(max_length=20)
    #: The key under which it is looked at again, such as an order's id; empty if there is none.
    subject = models.CharField(max_length=200, blank=True, default="")
    #: What people call it; one open finding per predicate and business key.
    business_key = models.CharField(max_length=400)
    #: What was seen, by the names of the query's columns.
    detail = models.JSONField(default=dict)
    #: By how much it is wrong, in minor units of `currency`; null where it is not about money.
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    saga_id = models.UUIDField(null=True, blank=True)
    first_run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="+")
    last_run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="+")
    resolved_run = models.ForeignKey(
        ReconciliationRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    #: The run that tried to repair it; it is tried once.
    repair_run = models.ForeignKey(
        ReconciliationRun, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    #: On whose behalf it was repaired; empty where nobody did.
    repaired_by = models.CharField(max_length=200, blank=True, default="")
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    #: The case that was opened about it.
    case = models.OneToOneField(
        "sagas.Case", null=True, blank=True, on_delete=models.SET_NULL, related_name="finding"
    )

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["predicate", "business_key"],
                condition=Q(resolved_at__isnull=True),
                name="finding_open_once",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at__isnull=True, resolved_run__isnull=True)
                | Q(resolved_at__isnull=False, resolved_run__isnull=False),
                name="finding_resolved_by_a_run",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["predicate", "id"],
                condition=Q(resolved_at__isnull=True),
                name="finding_open",
            ),
            models.Index(fields=["saga_id"], name="finding_by_saga"),
        ]

    def __str__(self) -> str:
        return f"{self.predicate} {self.business_key}"


class StatementSource(models.Model):
    """How far another party's statement has been read."""

    name = models.CharField(max_length=50, primary_key=True)
    #: The position of the last line read; the next reading goes on after it.
    cursor = models.CharField(max_length=200, blank=True, default="")
    #: How many lines there were when it was last read.
    lines = models.BigIntegerField(default=0)
    #: Everything stated before this time has been read; null until the end was once reached.
    complete_until = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    #: Why the last reading broke off; empty when it did not.
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")

    def __str__(self) -> str:
        return self.name


class StatementLine(models.Model):
    """One line of another party's books: a payment provider's, a bank's, a carrier's.

    The same thing may be stated at several positions; that it is, is for a predicate to judge.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    source = models.CharField(max_length=50)
    #: Its place in their statement, in their words.
    position = models.CharField(max_length=200)
    #: What it states, such as "capture", "refund", "payout", or a parcel's state.
    kind = models.CharField(max_length=50)
    their_id = models.CharField(max_length=200)
    #: Our name for what it is about, such as an order number; empty where they know none.
    reference = models.CharField(max_length=200, blank=True, default="")
    #: Their id of what it belongs to, such as the capture that is refunded.
    parent = models.CharField(max_length=200, blank=True, default="")
    amount_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True, default="")
    #: When it happened, by their clock.
    at = models.DateTimeField()
    #: Their id of the payout that it was settled with; empty where it was not, or not yet.
    payout = models.CharField(max_length=200, blank=True, default="")
    loaded_at = models.DateTimeField()

    class Meta:
        verbose_name = _("statement line")
        verbose_name_plural = _("statement lines")
        constraints: ClassVar = [
            # In this order it is also how a look from the beginning walks over a statement.
            models.UniqueConstraint(
                fields=["source", "their_id", "kind", "position"], name="statement_line_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["source", "reference"], name="statement_by_reference"),
            models.Index(fields=["source", "payout"], name="statement_by_payout"),
            models.Index(fields=["loaded_at"], name="statement_by_loading"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.their_id}"
