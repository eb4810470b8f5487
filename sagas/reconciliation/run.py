"""Run: begins a reconciliation, advances it slice by slice, and ends it.

A slice is one transaction: what it has found is committed with how far it has come, so a run may
stop or die anywhere. On PostgreSQL the comparisons of a slice see one repeatable-read snapshot; one
for the whole run would hold up vacuum for as long as it lasts (R8). The run's row is the lock: who
holds it advances the run, and a run that was ended by somebody else can't commit any more.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from sagas import clock
from sagas.conf import settings
from sagas.exceptions import ReconciliationGoingOn, ReconciliationLost
from sagas.locks import for_update
from sagas.reconciled import Phase, ReconciliationPass, ReconciliationRun, RunState
from sagas.reconciliation.predicate import PREDICATES, Predicate
from sagas.reconciliation.snapshot import prepare
from sagas.rows import update_rows

#: After this silence a run counts as crashed; its row must be free, too.
SILENCE = timedelta(minutes=5)
#: What is counted of a pass, and summed up of a run.
COUNTS = ("found", "resolved", "repaired", "asked")
_PROGRESS = ("phase", "reached", "cursor", "looked", "busy", "error", *COUNTS)


def begin(
    *,
    only: Iterable[str] = (),
    full: bool = False,
    repairs: bool = False,
    is_periodic: bool = False,
    actor: str = "sagas",
    using: str = "default",
) -> ReconciliationRun:
    """Begin a run over all predicates, or over those that `only` names. Opens its transaction.

    A run goes on where the newest one of each predicate has come to; with `full` it begins anew.
    Raises ReconciliationGoingOn while another is under way, unless that one is periodic or dead;
    ValueError for a predicate that is not declared.
    """
    chosen = _chosen(frozenset(only))
    with transaction.atomic(using=using):
        now = clock.now(using)
        _make_way(now, is_periodic=is_periodic, using=using)
        run = ReconciliationRun(
            is_periodic=is_periodic,
            is_full=full,
            repairs=repairs,
            actor=actor,
            started_at=now,
            seen_at=now,
        )
        _insert(run, using)
        passes = [_pass(run, predicate, now, using) for predicate in chosen]
        ReconciliationPass.objects.using(using).bulk_create(passes)
    return run


def _chosen(only: frozenset[str]) -> list[Predicate]:
    """Return the named predicates, each with its parts: "D2" is also "D2.chain"."""
    named = {name: {name, name.partition(".")[0]} for name in PREDICATES}
    unknown = only - set().union(*named.values())
    if unknown:
        message = f"No predicate is called {', '.join(sorted(unknown))}."
        raise ValueError(message)
    return [PREDICATES[name] for name, names in named.items() if not only or names & only]


def _make_way(now: datetime, *, is_periodic: bool, using: str) -> None:
    """End a run that is dead, or that a person's run may replace."""
    runs = ReconciliationRun.objects.using(using).filter(state=RunState.RUNNING)
    going = runs.first()
    if going is None:
        return
    if going.is_periodic and not is_periodic:
        for held in for_update(runs):
            _end(held, RunState.REPLACED, now)
        return
    is_silent = now - going.seen_at > SILENCE
    dead = for_update(runs, skip_locked=True).first() if is_silent else None
    if dead is None:
        message = f"The reconciliation of {going} is under way, for {going.actor}."
        raise ReconciliationGoingOn(message)
    _end(dead, RunState.CRASHED, now)


def _insert(run: ReconciliationRun, using: str) -> None:
    try:
        with transaction.atomic(using=using):
            run.save(using=using, force_insert=True)
    except IntegrityError as error:
        message = "Another reconciliation has just begun."
        raise ReconciliationGoingOn(message) from error


def _pass(
    run: ReconciliationRun, predicate: Predicate, now: datetime, using: str
) -> ReconciliationPass:
    passed = ReconciliationPass(run=run, predicate=predicate.id)
    if predicate.watermark is not None:
        lag = timedelta(0) if run.is_full else settings().RECONCILE_LAG
        passed.until = now - max(predicate.patience, lag)
        passed.since = None if run.is_full else _reached(predicate.id, using)
        passed.reached = passed.since
    return passed


def _reached(predicate_id: str, using: str) -> datetime | None:
    """Return how far the newest run has come with a predicate."""
    passes = ReconciliationPass.objects.using(using).filter(predicate=predicate_id)
    newest = passes.order_by("-id").first()
    return newest.reached if newest else None


# -- holding a run ---------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class Slice:
    """A run whose row is held, and the passes that the slice is about."""

    run: ReconciliationRun
    passes: Sequence[ReconciliationPass]
    now: datetime
    using: str


def place(passed: ReconciliationPass) -> tuple[object, ...]:
    """Return where a pass stands; passes at the same place look at the same pages."""
    known = PREDICATES.get(passed.predicate)
    mark = known.watermark if known else None
    alone = passed.id if mark is None or passed.phase != Phase.LOOKING else None
    return passed.phase, mark, passed.since, passed.cursor, passed.reached, passed.until, alone


@contextmanager
def hold(
    run: ReconciliationRun, passes: Sequence[ReconciliationPass], *, snapshot: bool
) -> Iterator[Slice]:
    """Open the transaction of a slice; what is counted in it is written at its end.

    Raises ReconciliationLost when the run was ended, or when somebody else advances it.
    """
    using = run._state.db or "default"
    with transaction.atomic(using=using):
        if snapshot:
            prepare(using, probes=_has_watermark(passes[0]))
        held = _locked(run)
        fresh = list(held.passes.filter(pk__in=[p.pk for p in passes]).order_by("id"))
        if list(map(place, fresh)) != list(map(place, passes)):
            message = f"The reconciliation of {run} is being advanced by another process."
            raise ReconciliationLost(message)
        found = Slice(run=held, passes=fresh, now=clock.now(using), using=using)
        yield found
        _write(found)


def _has_watermark(passed: ReconciliationPass) -> bool:
    known = PREDICATES.get(passed.predicate)
    return known is not None and known.watermark is not None


def _locked(run: ReconciliationRun) -> ReconciliationRun:
    held = for_update(_running(run), skip_locked=True).first()
    if held is None:
        message = f"The reconciliation of {run} was ended, or is held, by somebody else."
        raise ReconciliationLost(message)
    return held


def _write(held: Slice) -> None:
    update_rows(held.using, held.passes, _PROGRESS)
    totals = held.run.passes.aggregate(**{name: Sum(name) for name in COUNTS})
    for name, total in totals.items():
        setattr(held.run, name, total or 0)
    held.run.seen_at = clock.now(held.using)
    held.run.save(using=held.using)


# -- ending ----------------------------------------------------------------------------------------


def finish(run: ReconciliationRun, state: RunState = RunState.DONE) -> None:
    """End a run that is still ours. Opens its transaction."""
    using = run._state.db or "default"
    with transaction.atomic(using=using):
        _end(_locked(run), state, clock.now(using))


def _end(run: ReconciliationRun, state: RunState, now: datetime) -> None:
    run.state, run.ended_at = state, now
    run.save(update_fields=["state", "ended_at"])


def is_alive(run: ReconciliationRun) -> bool:
    """Say that a run is alive; return whether it is still ours."""
    using = run._state.db or "default"
    return bool(_running(run).update(seen_at=clock.now(using)))


def note(run: ReconciliationRun, error: str) -> None:
    """Write down what could not be done."""
    _running(run).update(error=error)


def _running(run: ReconciliationRun) -> QuerySet[ReconciliationRun]:
    rows = ReconciliationRun.objects.using(run._state.db)
    return rows.filter(pk=run.pk, state=RunState.RUNNING)
