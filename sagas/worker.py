"""Worker: takes what is due for its consumers, batch after batch, until nothing is.

It reads and deletes deliveries and runs the steps. A failing member is named, fails alone, and the
rest run again; a second failure makes every member run alone (R22). Calls to the outside run
concurrently in threads that never touch the database, and their outcomes are committed in waves
as they arrive.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, close_old_connections

from sagas import claim, clock
from sagas.batch import Batch
from sagas.breaker import Reply, record
from sagas.call import Outcome
from sagas.commit import CommitUnknown, is_contention, one_commit
from sagas.conf import settings
from sagas.dead_letter import record_failure
from sagas.desk import Answered, Lease, MemberFailed
from sagas.exceptions import NotSent, StaleDelivery
from sagas.models import Delivery, DeliveryState
from sagas.participant import PARTICIPANTS
from sagas.slot import WorkerSlot
from sagas.transport import wake_all

logger = logging.getLogger("sagas.worker")

#: A call is given up by its worker at this part of its lease (R6).
_STOP_AT = 0.8
#: How long, in seconds, the first answer of a wave waits for others to share its commit.
_GATHER = 0.01
#: How often a batch is tried again because others were in its way.
_CONTENTION_TRIES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Handled:
    """What one pass has done."""

    #: Deliveries that got their answer.
    count: int = 0
    #: What can be taken next by consumers of this worker.
    following: tuple[UUID, ...] = ()


class Worker:
    """Serves some consumers on one database. One thread uses it at a time."""

    def __init__(self, consumers: Collection[str] | None = None, *, using: str = "default") -> None:
        """Serve `consumers`, or all that are declared."""
        self.consumers = frozenset(PARTICIPANTS if consumers is None else consumers)
        self.using = using
        self.slot = WorkerSlot(using)
        #: Attempts that failed since this worker began.
        self.failed = 0
        self._calls = ThreadPoolExecutor(settings().CALL_THREADS, thread_name_prefix="sagas-call")

    def drain(self, ids: Sequence[UUID] = (), *, stop: Callable[[], bool] = bool) -> int:
        """Work until nothing is due or `stop()` says so (R13). Returns how many were handled."""
        handled = 0
        while not stop():
            done = self.run_once(ids)
            if not done.count:
                return handled
            handled += done.count
            ids = done.following
        return handled

    def close(self) -> None:
        """Let go of the threads for calls."""
        self._calls.shutdown(wait=False)

    def run_once(self, ids: Sequence[UUID] = ()) -> Handled:
        """Run one batch, its calls, and those of its lane heads that have to run alone."""
        heads = self._look(ids)
        if not heads:
            return Handled()
        failed_before = self.failed
        finished = self._batch(heads)
        count = sum(batch.plan.moved for batch in finished)
        following = self._wake(finished)
        for batch in finished:
            for settled in self._make_calls(batch):
                following += self._wake([settled])
        return Handled(count=count + self.failed - failed_before, following=tuple(following))

    def _look(self, ids: Sequence[UUID]) -> list[Delivery]:
        """Return the lane heads among what is due; not locked yet."""
        now, paused = clock.now(self.using), claim.paused_now(self.using)
        limit = settings().BATCH_SIZE
        beyond = None
        while True:
            found = claim.due(
                self.using,
                consumers=self.consumers,
                ids=ids,
                paused=paused,
                limit=limit,
                now=now,
                beyond=beyond,
            )
            heads = self._heads(found, paused, now) if found else []
            if heads or len(found) < limit:
                return heads[:limit]
            # All of it is held up in its lanes: look behind it, or it would hide what is younger.
            beyond, ids = (None if ids else found[-1]), ()

    def _heads(
        self, found: Sequence[Delivery], paused: claim.Paused, now: datetime
    ) -> list[Delivery]:
        sagas = {delivery.saga_id for delivery in found}
        return claim.heads(self.using, sagas, consumers=self.consumers, paused=paused, now=now)

    def _wake(self, batches: Sequence[Batch]) -> list[UUID]:
        """Hint at what is ready now in the sagas that were held, for others to take (decision 7).

        Returns what this worker serves itself and goes straight on with (decision 9).
        """
        held = {saga_id for batch in batches for saga_id in batch.unit.sagas}
        ready = Delivery.objects.using(self.using).filter(
            saga_id__in=held, state=DeliveryState.READY, available_at__lte=clock.now(self.using)
        )
        hints: dict[str, list[UUID]] = defaultdict(list)
        for consumer, delivery_id in ready.values_list("consumer", "id"):
            hints[consumer].append(delivery_id)
        mine = [i for queue in hints if queue in self.consumers for i in hints[queue]]
        wake_all({queue: ids for queue, ids in hints.items() if queue not in self.consumers})
        return mine

    # -- batches -----------------------------------------------------------------------------------

    def _batch(self, heads: Sequence[Delivery]) -> list[Batch]:
        """Run the heads together; whoever fails fails alone. Returns the batches that committed."""
        try:
            batch = self._take(heads, alone=False)
        except MemberFailed as failure:
            self._fail(failure)
            return self._without(heads, failure)
        except (DatabaseError, StaleDelivery):
            return self._one_by_one(heads)
        singles = [d for d in heads if d.id in set(batch.plan.singles)]
        return [batch, *self._one_by_one(singles)]

    def _without(self, heads: Sequence[Delivery], failure: MemberFailed) -> list[Batch]:
        rest = [d for d in heads if d.id != failure.member.delivery.id]
        try:
            batch = self._take(rest, alone=False)
        except (MemberFailed, DatabaseError, StaleDelivery):
            return self._one_by_one(rest)
        singles = [d for d in rest if d.id in set(batch.plan.singles)]
        return [batch, *self._one_by_one(singles)]

    def _one_by_one(self, heads: Sequence[Delivery]) -> list[Batch]:
        return [batch for head in heads for batch in self._single(head)]

    def _single(self, head: Delivery) -> list[Batch]:
        try:
            return [self._take([head], alone=True)]
        except MemberFailed as failure:
            self._fail(failure)
        except StaleDelivery:
            logger.info("Left alone: another worker was first.", extra={"action": "stale"})
        except DatabaseError as error:
            if not is_contention(error):
                self._fail(head, error)
        return []

    def _take(self, heads: Sequence[Delivery], *, alone: bool) -> Batch:
        """Run one transaction; again, with a growing pause, while others are in its way."""
        for attempt in range(_CONTENTION_TRIES):
            try:
                return self._transaction(heads, alone=alone)
            except DatabaseError as error:
                if not is_contention(error) or attempt + 1 == _CONTENTION_TRIES:
                    raise
                threading.Event().wait(0.01 * 3**attempt)
        raise StaleDelivery

    def _transaction(self, heads: Sequence[Delivery], *, alone: bool) -> Batch:
        now = clock.now(self.using)
        self.slot.take([d.id for d in heads], now)
        batch = Batch(self.using, now=now, alone=alone)
        try:
            with one_commit(self.using):
                batch.claim(heads, self.consumers)
                self._finish(batch)
        except CommitUnknown:
            if not _has_happened(batch):
                self.slot.give_back(0)
                raise StaleDelivery from None
        except Exception:
            # An error is no death: a slot that stays full would be taken for one.
            self.slot.give_back(0)
            raise
        return batch

    def _finish(self, batch: Batch) -> None:
        batch.load()
        batch.react()
        batch.write()
        self.slot.give_back(batch.plan.handled, refused_fences=batch.plan.refused_fences)
        batch.finish()

    # -- calls -------------------------------------------------------------------------------------

    def _make_calls(self, batch: Batch) -> Iterator[Batch]:
        """Call the outside concurrently; yield one committed batch per wave of outcomes."""
        started = time.monotonic()
        leases = batch.plan.leases
        out: dict[Future[Answered], Lease] = {self._calls.submit(_call, x): x for x in leases}
        while out:
            remaining = min(_stop_after(lease) for lease in out.values()) - (
                time.monotonic() - started
            )
            wait(out, timeout=max(remaining, 0), return_when=FIRST_COMPLETED)
            wait(out, timeout=_GATHER)
            spent = time.monotonic() - started
            over = [f for f, lease in out.items() if f.done() or spent >= _stop_after(lease)]
            wave = [f.result() if f.done() else Answered(lease=out[f]) for f in over]
            for future in over:
                future.cancel()  # what still waits for a thread must not be sent after its lease
                del out[future]
            yield from self._settle(wave)
            self._tell_breakers(wave, batch.desk.breakers.watched)

    def _tell_breakers(self, answers: Sequence[Answered], watched: Collection[str]) -> None:
        """Say whether the gateways have answered. Losing that loses nothing but time."""
        replies = [
            Reply(gateway=a.lease.call.gateway, is_reply=a.is_reply, began_at=a.lease.began_at)
            for a in answers
        ]
        try:
            record(replies, watched=watched, using=self.using)
        except DatabaseError:
            logger.exception("A breaker was not told about its gateway; the next call tells it.")

    def _settle(self, answers: Sequence[Answered]) -> list[Batch]:
        """Commit what came of calls; a failing one fails alone."""
        if not answers:
            return []
        try:
            return [self._settle_together(answers)]
        except MemberFailed as failure:
            self._fail(failure)
            rest = [a for a in answers if a.lease.delivery.id != failure.member.delivery.id]
            return [batch for answer in rest for batch in self._settle([answer])]
        except (DatabaseError, StaleDelivery):
            if len(answers) == 1:
                logger.exception(
                    "Outcome not committed; its lease will expire and it is asked again."
                )
                return []
            return [batch for answer in answers for batch in self._settle([answer])]

    def _settle_together(self, answers: Sequence[Answered]) -> Batch:
        for attempt in range(_CONTENTION_TRIES):
            batch = Batch(self.using, now=clock.now(self.using), alone=len(answers) == 1)
            try:
                with one_commit(self.using):
                    batch.settle(answers)
                    self._finish(batch)
            except CommitUnknown:
                if not _has_happened(batch):
                    raise StaleDelivery from None
            except DatabaseError as error:
                if not is_contention(error) or attempt + 1 == _CONTENTION_TRIES:
                    raise
                threading.Event().wait(0.01 * 3**attempt)
                continue
            return batch
        raise StaleDelivery

    def _fail(self, failed: MemberFailed | Delivery, error: Exception | None = None) -> None:
        self.failed += 1
        record_failure(failed, error, using=self.using)


def _stop_after(lease: Lease) -> float:
    return lease.duration.total_seconds() * _STOP_AT


def _call(lease: Lease) -> Answered:
    """Make one call, in a thread of its own; never touches the database."""
    try:
        outcome = _ask_or_send(lease)
    except NotSent as error:
        return Answered(lease=lease, not_sent=error)
    except Exception as error:  # noqa: BLE001  whatever it was, the outcome is unknown (R29)
        logger.warning(
            "No answer from outside; it will be inquired about.",
            extra={"action": "call_unanswered", "step": lease.step.full_name, "error": repr(error)},
        )
        return Answered(lease=lease)
    return Answered(lease=lease, outcome=outcome, is_reply=True)


def _ask_or_send(lease: Lease) -> Outcome | None:
    """Ask first if the call may have been made; send only where that is still right."""
    call = lease.call
    request, key = lease.intent.request, lease.intent.idempotency_key
    if lease.ask_first:
        known = call.inquire(request, key)
        if known is not None:
            return known
        if not lease.may_send:
            return _never_executed() if _is_never(lease) else None
    return call.send(request, key)


def _is_never(lease: Lease) -> bool:
    """Whether a request that is not known cannot be carried out any more (R29)."""
    return lease.unsent_for > lease.duration + clock.lasting(lease.call.horizon)


def _never_executed() -> Outcome:
    return Outcome(ok=False, code="never_executed")


def _has_happened(batch: Batch) -> bool:
    """Whether a transaction whose COMMIT reported an error was committed: read the rows (R4)."""
    done = [row.id for row in batch.plan.done]
    rows = Delivery.objects.using(batch.using)
    if done:
        return not rows.filter(id__in=done).exists()
    leased = [x.delivery for x in batch.plan.leases]
    if leased:
        first = leased[0]
        return rows.filter(id=first.id, state=DeliveryState.LEASED, fence=first.fence).exists()
    return True


def drain_queue(
    queue: str,
    ids: Sequence[UUID],
    *,
    consumers: Collection[str],
    using: str,
    stop: Callable[[], bool] = bool,
) -> int:
    """Drain on behalf of a hint: the queue's consumer and whatever else this process serves."""
    close_old_connections()
    worker = worker_of_this_thread(frozenset({queue, *consumers}), using)
    return worker.drain(ids, stop=stop)


_local = threading.local()


def worker_of_this_thread(consumers: frozenset[str], using: str) -> Worker:
    """Keep one worker per thread, so that it keeps its slot and its threads."""
    workers: dict[tuple[frozenset[str], str], Worker] = _local.__dict__.setdefault("workers", {})
    key = (consumers, using)
    if key not in workers:
        workers[key] = Worker(consumers, using=using)
    return workers[key]
