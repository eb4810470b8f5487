"""Periodic: keeps the books reconciled without anybody's asking, a slice per tick (R41).

Relays, and workers that stand in for one, tick. Whoever ticks advances the run a little; nobody
waits for it: deliveries come first.
"""

import logging
import threading
import time
from datetime import timedelta

from django.db import DatabaseError, connections

from sagas import clock
from sagas.conf import settings
from sagas.exceptions import ReconciliationGoingOn, ReconciliationLost
from sagas.reconciled import ReconciliationRun, RunState
from sagas.reconciliation.advance import advance
from sagas.reconciliation.run import begin, finish
from sagas.reconciliation.statement import SOURCES, read_statement

logger = logging.getLogger("sagas.reconciliation")

#: How long one tick may take, and each of its slices.
_TICK, _SLICE = timedelta(milliseconds=250), timedelta(milliseconds=100)
#: How often, in seconds, this process looks whether a run is due.
_LOOK_EVERY = 10.0

_next_look: dict[str, float] = {}


def tick_now_and_then(using: str = "default") -> None:
    """Tick, but look for something to do only once in ten seconds."""
    if settings().RECONCILE_INTERVAL is None or time.monotonic() < _next_look.get(using, 0.0):
        return
    if not tick(using):
        _next_look[using] = time.monotonic() + _LOOK_EVERY


def tick(using: str = "default") -> bool:
    """Advance the periodic run for a moment, or begin one if that is due. Says if more is to do."""
    run = _going(using) or _begin(using)
    if run is None:
        return False
    until = time.monotonic() + _TICK.total_seconds()
    try:
        if not advance(run, stop=lambda: time.monotonic() > until, pace=_SLICE):
            return True
        finish(run)
    except ReconciliationLost:
        logger.info("Somebody else advances the reconciliation.", extra={"action": "stale"})
    return False


def _going(using: str) -> ReconciliationRun | None:
    runs = ReconciliationRun.objects.using(using)
    return runs.filter(state=RunState.RUNNING, is_periodic=True).first()


def _begin(using: str) -> ReconciliationRun | None:
    if not _is_due(using):
        return None
    try:
        run = begin(is_periodic=True, repairs=settings().RECONCILE_REPAIRS, using=using)
    except ReconciliationGoingOn:
        return None
    _read_statements_aside(using)
    return run


def _is_due(using: str) -> bool:
    interval = settings().RECONCILE_INTERVAL
    if interval is None:
        return False
    earlier = ReconciliationRun.objects.using(using).filter(is_periodic=True).order_by("-id")
    last = earlier.first()
    return last is None or clock.now(using) - last.started_at >= interval


def _read_statements_aside(using: str) -> None:
    """Read the statements in a thread: what the outside takes its time for must not hold us up."""
    if SOURCES:
        name = "sagas-statements"
        threading.Thread(target=_read_statements, args=(using,), name=name, daemon=True).start()


def _read_statements(using: str) -> None:
    try:
        for source in SOURCES.values():
            read_statement(source, using=using)
    except DatabaseError:
        logger.exception("The statements could not be read; the next run tries again.")
    finally:
        connections[using].close()
