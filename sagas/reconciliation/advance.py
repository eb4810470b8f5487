"""Advance: what a run does with its predicates: look, look again, repair, ask, slice by slice.

First every predicate looks at what has changed; those with the same watermark share its pages.
Then, one predicate after the other: what was found by earlier runs and not seen in this one is
looked at again, what may be repaired is, and people are asked about the rest.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction

from sagas.commit import is_contention
from sagas.conf import settings
from sagas.reconciled import Phase, ReconciliationFinding, ReconciliationPass, ReconciliationRun
from sagas.reconciliation import asking, book
from sagas.reconciliation.pages import Page, first_look, next_page
from sagas.reconciliation.predicate import PREDICATES
from sagas.reconciliation.query import look_at
from sagas.reconciliation.run import COUNTS, Slice, hold, place

logger = logging.getLogger("sagas.reconciliation")

Passes = Sequence[ReconciliationPass]
Findings = Sequence[ReconciliationFinding]

#: How many rows of a watermark a page has; it grows and shrinks with the time that it takes.
_FIRST, _LEAST, _MOST = 1_000, 250, 20_000
#: How many findings one transaction looks at again, and how many it repairs.
_AGAIN, _REPAIRS = 500, 50
#: How often a slice is tried again because others were in its way.
_CONTENTION_TRIES = 3


def advance(
    run: ReconciliationRun,
    *,
    stop: Callable[[], bool] = bool,
    pace: timedelta = timedelta(seconds=1),
) -> bool:
    """Do slices, each of about `pace`, until `stop()` says so; say whether nothing is left.

    Raises ReconciliationLost when the run was ended, or is being advanced, by somebody else.
    """
    size = _FIRST
    while passes := _next(run):
        began = time.monotonic()
        _patiently(run, passes, size)
        size = _resized(size, time.monotonic() - began, pace.total_seconds())
        if stop():
            return False
    return True


def _resized(size: int, took: float, pace: float) -> int:
    if took > pace:
        return max(size // 2, _LEAST)
    return min(size * 2, _MOST) if took < pace / 2 else size


def _next(run: ReconciliationRun) -> Passes:
    """Return the passes that come next together: the first that looks, or else the first."""
    open_ones = list(run.passes.exclude(phase=Phase.DONE).order_by("id"))
    looking = [passed for passed in open_ones if passed.phase == Phase.LOOKING] or open_ones[:1]
    return [passed for passed in looking if place(passed) == place(looking[0])]


def _patiently(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """Do one slice; again while others are in its way."""
    work = _WORK[Phase(passes[0].phase)] if passes[0].predicate in PREDICATES else _forget
    for attempt in range(_CONTENTION_TRIES):
        try:
            work(run, passes, size)
        except DatabaseError as error:
            if not is_contention(error) or attempt + 1 == _CONTENTION_TRIES:
                raise
        else:
            return


def _forget(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """End a pass whose predicate this code does not know any more."""
    with hold(run, passes, snapshot=False) as held:
        for passed in held.passes:
            _give_up(passed, "This code declares no such predicate.")


# -- looking ---------------------------------------------------------------------------------------


def _look(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """Look at one page, with every predicate that has come to the same place."""
    with hold(run, passes, snapshot=True) as held:
        began, page = time.monotonic(), None
        with _excused(*held.passes):
            page = _page(held, size)
        shared: dict[Any, Any] = {}
        for passed in held.passes:
            with _excused(passed):
                found = dict(shared)
                _look_at(held, passed, page, found)
                shared = found  # of one that failed, the tables are gone again
        _end_without_findings([x for x in held.passes if x.phase == Phase.AGAIN], held.using)
        held.run.looked += len(page.keys.values) if page else 0
        held.run.busy += time.monotonic() - began


def _page(held: Slice, size: int) -> Page | None:
    """Return the next page of the watermark; None for a predicate that has none."""
    first = held.passes[0]
    predicate = PREDICATES[first.predicate]
    mark = predicate.watermark
    if mark is None or first.until is None:
        return None
    if first.since is None or first.reached is None:
        return first_look(mark, cursor=first.cursor, until=first.until, size=size, using=held.using)
    return next_page(
        mark,
        after=first.reached,
        until=first.until,
        size=size,
        waits=bool(predicate.patience),
        using=held.using,
    )


def _look_at(
    held: Slice, passed: ReconciliationPass, page: Page | None, shared: dict[Any, Any]
) -> None:
    if passed.phase == Phase.DONE:
        return
    predicate = PREDICATES[passed.predicate]
    keys = page.keys if page else None
    if keys is None or keys.values:
        seen = look_at(
            predicate,
            keys,
            now=held.now,
            since=passed.reached,
            shared=shared,
            using=held.using,
        )
        book.look(passed, seen)
    passed.looked += len(keys.values) if keys else 0
    if page is not None and passed.since is None:
        passed.cursor = page.cursor
    elif page is not None:
        passed.reached = page.end
    if page is None or page.is_last:
        passed.phase = Phase.AGAIN
        passed.reached = _mark(held, page) if page else None


def _end_without_findings(passes: Passes, using: str) -> None:
    """Be done with the predicates of which nothing is known: there is nothing to do about them."""
    known = book.with_findings(using) | asking.with_settled(using) if passes else set()
    for passed in passes:
        if passed.predicate not in known:
            passed.phase = Phase.DONE


def _mark(held: Slice, page: Page) -> datetime:
    """Return from where the next run goes on: late commits may still come before the end."""
    return min(page.end, held.run.started_at - settings().RECONCILE_LAG)


@contextmanager
def _excused(*passes: ReconciliationPass) -> Iterator[None]:
    """Let predicates that can't be asked not hide the others; they say why."""
    began = time.monotonic()
    try:
        with transaction.atomic(using=passes[0]._state.db):
            yield
    except Exception as error:
        if is_contention(error):
            raise
        for passed in passes:
            passed.refresh_from_db(fields=COUNTS)
            _give_up(passed, f"{type(error).__name__}: {error}")
    passes[0].busy += time.monotonic() - began


def _give_up(passed: ReconciliationPass, error: str) -> None:
    passed.phase, passed.error = Phase.DONE, error
    told = {"predicate": passed.predicate, "error": error}
    logger.error("A predicate could not be asked.", extra=told)


# -- looking again, repairing, asking --------------------------------------------------------------


def _again(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """Look again at what was found before and was not seen in this run."""
    with hold(run, passes, snapshot=True) as held:
        (passed,) = held.passes
        unseen = list(book.open_findings(passed).exclude(last_run=held.run)[:_AGAIN])
        if not unseen:
            passed.phase = Phase.REPAIRING
            return
        with _excused(passed):
            if PREDICATES[passed.predicate].watermark is None:
                book.resolve(passed, unseen, now=held.now)
            else:
                book.look_again(passed, unseen, now=held.now)


def _repair(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """Repair some of what may be repaired, each in its service's own transaction; look again.

    What is looked at as a whole is looked at once more when all is repaired. Crash after the first
    transaction: they count as tried, and a person is asked about them.
    """
    claimed = _claim(run, passes)
    repaired = [finding for finding in claimed if _repaired(finding)]
    is_whole = _is_repaired_as_a_whole(run, passes[0])
    if not claimed and not is_whole:
        return
    with hold(run, passes, snapshot=True) as held:
        (passed,) = held.passes
        _note_repaired(held, passed, repaired)
        passed.phase = Phase.REPAIRING if claimed else Phase.ASKING
        with _excused(passed):
            if not is_whole:
                book.look_again(passed, _rows(held, claimed), now=held.now)
            elif not claimed:
                book.look_at_whole_again(passed, now=held.now)


def _is_repaired_as_a_whole(run: ReconciliationRun, passed: ReconciliationPass) -> bool:
    """Whether all is repaired first, and then looked at once: its query takes no keys."""
    predicate = PREDICATES[passed.predicate]
    return run.repairs and predicate.repair is not None and predicate.watermark is None


def _claim(run: ReconciliationRun, passes: Passes) -> Findings:
    """Write down what is going to be repaired, so that nobody else tries it."""
    with hold(run, passes, snapshot=False) as held:
        (passed,) = held.passes
        may = held.run.repairs and PREDICATES[passed.predicate].repair is not None
        rows = book.open_findings(passed).filter(repair_run=None)
        claimed = list(rows[:_REPAIRS]) if may else []
        if not claimed and not _is_repaired_as_a_whole(held.run, passed):
            passed.phase = Phase.ASKING
        done = ReconciliationFinding.objects.using(held.using)
        done.filter(pk__in=[finding.pk for finding in claimed]).update(repair_run=held.run)
    return claimed


def _note_repaired(held: Slice, passed: ReconciliationPass, repaired: Findings) -> None:
    rows = ReconciliationFinding.objects.using(held.using)
    done = rows.filter(pk__in=[finding.pk for finding in repaired])
    passed.repaired += done.update(repaired_by=held.run.actor) if repaired else 0


def _rows(held: Slice, findings: Findings) -> Findings:
    """Return findings as they are now."""
    rows = ReconciliationFinding.objects.using(held.using)
    return list(rows.filter(pk__in=[finding.pk for finding in findings]))


def _repaired(finding: ReconciliationFinding) -> bool:
    """Call the service that repairs; what it raises becomes a person's."""
    repair = PREDICATES[finding.predicate].repair
    try:
        return repair is not None and repair(finding)
    except Exception:
        logger.exception("A finding could not be repaired.", extra={"finding": str(finding)})
        return False


def _ask(run: ReconciliationRun, passes: Passes, size: int) -> None:
    """Ask people about what is left, and take back what they need not be asked any more."""
    with hold(run, passes, snapshot=False) as held:
        (passed,) = held.passes
        if not asking.ask(passed, now=held.now):
            passed.phase = Phase.DONE


_WORK: dict[Phase, Callable[[ReconciliationRun, Passes, int], None]] = {
    Phase.LOOKING: _look,
    Phase.AGAIN: _again,
    Phase.REPAIRING: _repair,
    Phase.ASKING: _ask,
}
