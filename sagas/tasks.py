"""Tasks: what Celery workers run. A hint is acknowledged early and decides nothing (R12)."""

import logging
import time
from collections.abc import Sequence
from uuid import UUID

from celery import shared_task

from sagas.conf import settings
from sagas.exceptions import ReconciliationGoingOn, ReconciliationLost
from sagas.participant import PARTICIPANTS
from sagas.reconciliation import reconcile
from sagas.relay import relay_if_silent
from sagas.transport import DRAIN_TASK, queues_of_this_worker, wake_all
from sagas.worker import drain_queue

logger = logging.getLogger("sagas.tasks")


@shared_task(name=DRAIN_TASK, ignore_result=True, acks_late=False, max_retries=0)
def drain(queue: str, ids: Sequence[str], using: str = "default") -> int:
    """Drain a queue, and whatever else this worker serves that follows from it (decision 9)."""
    served = queues_of_this_worker() & PARTICIPANTS.keys()
    until = time.monotonic() + settings().DRAIN_TIME.total_seconds()
    handled = drain_queue(
        queue,
        [UUID(text) for text in ids],
        consumers=served,
        using=using,
        stop=lambda: time.monotonic() > until,
    )
    if time.monotonic() > until:
        wake_all({queue: []})
    _relay_now_and_then(using)
    return handled


@shared_task(name="sagas.reconcile", ignore_result=True, acks_late=False, max_retries=0)
def reconcile_books(
    only: Sequence[str] = (), *, full: bool = False, repairs: bool = False, using: str = "default"
) -> int:
    """Reconcile once, for shops that schedule it themselves; return how many findings were seen.

    Nothing is done while another run is under way.
    """
    try:
        run = reconcile(only=only, full=full, repairs=repairs, actor="celery", using=using)
    except (ReconciliationGoingOn, ReconciliationLost) as error:
        logger.info("Not reconciled: %s", error, extra={"action": "reconciliation_refused"})
        return 0
    return run.found


_next_look: dict[str, float] = {}


def _relay_now_and_then(using: str) -> None:
    """Every worker looks after the relay, at most once in two intervals (decision 12)."""
    interval = settings().RELAY_INTERVAL.total_seconds()
    if time.monotonic() >= _next_look.get(using, 0.0):
        _next_look[using] = time.monotonic() + 2 * interval
        relay_if_silent(using=using)
