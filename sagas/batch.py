"""Batch: runs the steps of many lanes in memory and writes them with one statement per kind.

The order of one batch, all in one transaction: lock the sagas, read the lane heads, lock the
subjects, run the steps, write rows, events and deliveries, clear the worker's slot, delete what was
done (last and counted), commit. A step that calls the outside only has its intent and lease written
here; its outcome comes back through `settle` (R5, R6, R21-R24).
"""

import time
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from sagas import claim, codec, deadline, delivery
from sagas.braking import Brakes
from sagas.breaker import Breakers, urgency
from sagas.commit import is_contention
from sagas.conf import settings
from sagas.desk import (
    Answered,
    Desk,
    Member,
    MemberFailed,
    Plan,
    may_call,
    needs,
    rows_named,
    step_of,
)
from sagas.event_log import runs_of
from sagas.exceptions import BrokenTransaction, PermanentFailure, UnknownEvent
from sagas.facts import FenceRefused
from sagas.intent import IntentLedger
from sagas.models import Case, Delivery, DeliveryState, Saga, StoredEvent
from sagas.reaction import react
from sagas.routing import gateways_of, step_named
from sagas.running import postpone
from sagas.slot import worker_name
from sagas.step import INQUIRE_PREFIX, Kind
from sagas.unit import Unit
from sagas.work import Work, load


class Batch:
    """One transaction's worth of steps."""

    def __init__(self, using: str, *, now: datetime, alone: bool) -> None:
        """Begin inside an open transaction. `alone`: a batch of one, which may be a plain step."""
        self.using = using
        self.now = now
        self.alone = alone
        self.members: list[Member] = []
        self.plan = Plan()
        self.unit = Unit(using, now=now, careful=alone)
        self.desk = Desk(
            using=using,
            now=now,
            unit=self.unit,
            work=Work(using, now),
            ledger=IntentLedger(using, ()),
            breakers=Breakers(using, (), now=now),
            brakes=Brakes(using, (), (), now=now),
            plan=self.plan,
        )

    # -- taking --------------------------------------------------------------------------------

    def claim(self, slotted: Sequence[Delivery], consumers: Collection[str]) -> None:
        """Lock the lanes and take their heads, if they are still the ones in the slot (R9)."""
        sagas = claim.lock_sagas(self.using, (d.saga_id for d in slotted), skip_locked=True)
        self.unit.hold(list(sagas.values()))
        found = claim.heads(
            self.using,
            sagas,
            consumers=consumers,
            paused=claim.paused_now(self.using),
            now=self.now,
            sagas=sagas,
        )
        mine = {d.id for d in slotted}
        self._join([d for d in found if d.id in mine])

    def settle(self, answers: Sequence[Answered]) -> None:
        """Take back leased deliveries with what came of their calls; refuse lost fences (R6)."""
        by_delivery = {answer.lease.delivery.id: answer for answer in answers}
        saga_ids = (answer.lease.delivery.saga_id for answer in answers)
        sagas = claim.lock_sagas(self.using, saga_ids, skip_locked=False)
        self.unit.hold(list(sagas.values()))
        rows = Delivery.objects.using(self.using).in_bulk(by_delivery)
        held = [row for row in rows.values() if _is_held(row, by_delivery[row.id])]
        for lost in by_delivery.keys() - {row.id for row in held}:
            self._refuse_fence(by_delivery[lost], sagas)
        self._join(held)
        for member in self.members:
            member.answer = by_delivery[member.delivery.id]

    def _refuse_fence(self, answer: Answered, sagas: dict[UUID, Saga]) -> None:
        self.plan.refused_fences += 1
        lease = answer.lease
        self.unit.announce(
            FenceRefused(step=lease.step.full_name, fence=lease.delivery.fence),
            saga=sagas[lease.delivery.saga_id],
            actor="sagas",
        )

    def _join(self, taken: Sequence[Delivery]) -> None:
        """Read the events of what was taken; leave aside what has to run alone."""
        stored = StoredEvent.objects.using(self.using).in_bulk({row.event_id for row in taken})
        for row in taken:
            saga = self.unit.sagas[row.saga_id]
            member = Member(delivery=row, saga=saga, stored=stored[row.event_id])
            if self._understand(member):
                self.members.append(member)
        self._bound()

    def _understand(self, member: Member) -> bool:
        """Resolve event and step; say whether the member runs in this batch (R20, decision 14)."""
        row, stored = member.delivery, member.stored
        try:
            member.event = codec.decode(stored.type, stored.version, stored.payload)
        except UnknownEvent as error:
            postpone(self.desk, member, str(error))
            return False
        except Exception as error:
            raise MemberFailed(member, PermanentFailure(str(error))) from error
        member.scope["event"] = member.event
        if row.purpose == deadline.SAGA_DEADLINE or deadline.is_state_timer(row):
            return True
        member.step = step_named(row.consumer, row.purpose.removeprefix(INQUIRE_PREFIX))
        return self._may_run(member)

    def _may_run(self, member: Member) -> bool:
        row = member.delivery
        if member.step is None:
            message = f"This code has no step {row.consumer}.{row.purpose}."
            postpone(self.desk, member, message)
            return False
        if not self.alone and (row.alone or member.step.is_plain):
            self.plan.singles.append(row.id)
            return False
        return True

    def _bound(self) -> None:
        """Leave for the next batch what would lock too many rows in this one (R21)."""
        room = settings().BATCH_ROWS
        for index, member in enumerate(self.members):
            room -= rows_named(member)
            if room < 0 and index:
                del self.members[index:]
                return

    def load(self) -> None:
        """Lock and read the rows that the members declare: one statement per model (R23)."""
        desk = self.desk
        load(desk.work, [need for member in self.members for need in needs(member)])
        calling = [member for member in self.members if may_call(member)]
        desk.ledger = IntentLedger(self.using, {member.saga.id for member in calling})
        beginning = [member for member in calling if member.answer is None]
        self._ask_breakers(beginning)
        self._ready_brakes(beginning)
        limited = {m.step.full_name: m.step for m in self.members if m.step and m.step.at_most}
        for name, step in limited.items():
            sagas = [member.saga.id for member in self.members if member.step is step]
            desk.runs[name] = runs_of(step, sagas, self.using)

    def _ask_breakers(self, calling: Sequence[Member]) -> None:
        """Read how the gateways stand; where not every call may go out, undo ones come first."""
        gateways = {name for member in calling for name in gateways_of(step_of(member))}
        self.desk.breakers = Breakers(self.using, gateways, now=self.now)
        if self.desk.breakers.hold_back:
            self.members.sort(key=lambda member: urgency(member.delivery))

    def _ready_brakes(self, calling: Sequence[Member]) -> None:
        names = {call.brake for member in calling for call in step_of(member).all_calls}
        ids = [member.delivery.id for member in calling]
        self.desk.brakes = Brakes(self.using, names, ids, now=self.now)

    # -- reacting --------------------------------------------------------------------------------

    def react(self) -> None:
        """Give every member its answer, in memory. Raises MemberFailed naming the culprit.

        Somebody else's lock in the way of a plain step names nobody (R22).
        When the time is up, those that are left stay for the next batch (R21).
        """
        budget = time.monotonic() + settings().BATCH_TIME.total_seconds()
        for index, member in enumerate(self.members):
            if index and time.monotonic() > budget and member.answer is None:
                del self.members[index:]
                return
            try:
                react(self.desk, member)
                _refuse_broken(self.using, member)
            except Exception as error:
                if is_contention(error):
                    raise
                raise MemberFailed(member, error) from error

    # -- writing -----------------------------------------------------------------------------------

    def write(self) -> None:
        """Write everything but the deletion: rows, intents, lease changes, events, deliveries."""
        self.desk.work.write()
        self.desk.ledger.write()
        self._move_deliveries()
        self.unit.flush(in_hand=frozenset(member.delivery.id for member in self.members))
        if self.plan.asked:
            _ask_now(self.using, self.plan.asked, self.now)

    def _move_deliveries(self) -> None:
        plan = self.plan
        leases = [(lease.delivery, self.now + lease.duration) for lease in plan.leases]
        delivery.lease(self.using, leases, holder=worker_name())
        delivery.park(self.using, plan.parked)
        delivery.brake(self.using, [row for row, _ in plan.braked])
        Case.objects.using(self.using).bulk_create([case for _, case in plan.braked])
        delivery.reschedule(self.using, plan.rescheduled)
        delivery.postpone(self.using, plan.postponed)

    def finish(self) -> None:
        """Delete what was done: the last statement before the commit (R5)."""
        leased = [row for row in self.plan.done if row.state == DeliveryState.LEASED]
        ready = [row.id for row in self.plan.done if row.state != DeliveryState.LEASED]
        delivery.finish_leased(self.using, leased)
        delivery.finish(self.using, ready)


def _is_held(row: Delivery, answer: Answered) -> bool:
    """Whether the lease under which the call was made is still ours."""
    return row.state == DeliveryState.LEASED and row.fence == answer.lease.delivery.fence


def _refuse_broken(using: str, member: Member) -> None:
    """Swallowing a database error or closing the connection undoes everything (R5)."""
    connection = connections[using]
    step = member.step.full_name if member.step else member.delivery.purpose
    if connection.closed_in_transaction:
        message = f"{step} closed the database connection inside its transaction: never do that."
        raise BrokenTransaction(message)
    if connection.needs_rollback or _is_aborted(connection):
        message = (
            f"{step} swallowed a database error: the transaction can't commit any more. Let the"
            " error out, or catch it around a savepoint of your own."
        )
        raise BrokenTransaction(message)


def _is_aborted(connection: Any) -> bool:
    if connection.vendor != "postgresql" or connection.connection is None:
        return False
    status: str = connection.connection.info.transaction_status.name
    return status == "INERROR"


def _ask_now(using: str, saga_ids: Sequence[UUID], now: datetime) -> None:
    """Bring the inquiries of these sagas forward: somebody waits for the answer."""
    Delivery.objects.using(using).filter(
        saga_id__in=saga_ids,
        kind=Kind.TIMER,
        state=DeliveryState.READY,
        purpose__startswith=INQUIRE_PREFIX,
        available_at__gt=now,
    ).update(available_at=now)
