"""Dead letter: failures are counted, and what gives up waits for a person.

A dead delivery blocks its own lane only. Retrying, editing and skipping are facts in the log, with
who and why, and repeating them does no harm (G10, decision 26).
"""

import logging
import traceback
from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from sagas import clock, codec, delivery
from sagas.case import close_cases, open_case
from sagas.claim import lock_sagas
from sagas.event import Event
from sagas.event_log import Cause
from sagas.exceptions import CallAgain, NotSent, PermanentFailure, StaleDelivery, WorkerDied
from sagas.facts import DeliveryDied, DeliveryRetried, DeliverySkipped, DeliverySuperseded
from sagas.intent import record_outcome
from sagas.models import CaseKind, Delivery, DeliveryState, Intent, IntentState, Saga, Slot
from sagas.outbox import locked_saga
from sagas.retry import DEFAULT_RETRY, Retry
from sagas.routing import step_named
from sagas.signals import delivery_died
from sagas.slot import clear, lock_orphans
from sagas.step import Step
from sagas.unit import Unit

if TYPE_CHECKING:
    from sagas.desk import Answered, MemberFailed

logger = logging.getLogger("sagas.dead_letter")


def record_failure(
    failed: "MemberFailed | Delivery", error: Exception | None = None, *, using: str
) -> None:
    """Commit a failed attempt in a transaction of its own: try again later, or die (R9, R22)."""
    row, cause, answer = _parts(failed, error)
    with transaction.atomic(using=using):
        sagas = lock_sagas(using, [row.saga_id], skip_locked=False)
        unit = Unit(using, now=clock.now(using), careful=True)
        unit.hold(list(sagas.values()))
        if answer is not None and answer.outcome is not None:
            _keep_outcome(unit, answer, cause)
        _retry_or_die(unit, sagas[row.saga_id], row, cause)
        unit.flush()


def _parts(
    failed: "MemberFailed | Delivery", error: Exception | None
) -> "tuple[Delivery, Exception, Answered | None]":
    if isinstance(failed, Delivery):
        return failed, error or RuntimeError("unknown"), None
    return failed.member.delivery, failed.error, failed.member.answer


def _keep_outcome(unit: Unit, answer: "Answered", error: Exception) -> None:
    """The outside has answered, whatever the step made of it: never ask or send that again.

    Only a step that says so makes a refused call again, under the next key (R34).
    """
    assert answer.outcome is not None  # noqa: S101  checked by the caller
    intent = Intent.objects.using(unit.using).get(id=answer.lease.intent.id)
    is_over = isinstance(error, CallAgain) and not answer.outcome.ok
    intent.state = IntentState.FAILED if is_over else IntentState.ANSWERED
    record_outcome(intent, answer.outcome, unit.now)
    intent.save(using=unit.using)


def _retry_or_die(unit: Unit, saga: Saga, row: Delivery, error: Exception) -> None:
    policy = _policy(row, error)
    was_leased = row.state == DeliveryState.LEASED
    attempts = row.attempts + (not was_leased)
    text = "".join(traceback.format_exception(error))[-10_000:]
    if isinstance(error, PermanentFailure) or policy.is_exhausted(attempts):
        if delivery.die(unit.using, row, error=text):
            _tell_of_death(unit, saga, row, error)
        return
    at, suspected = unit.now + policy.wait(attempts), isinstance(error, WorkerDied)
    if not delivery.retry(unit.using, row, at=at, error=text, alone=suspected):
        logger.info("Failure not counted: another worker was first.", extra={"action": "stale"})


def _policy(row: Delivery, error: Exception) -> Retry:
    step = _step_of(row)
    policy = step.retry.policy_for(error) if step else DEFAULT_RETRY
    is_undo_call = isinstance(error, NotSent) and row.kind == "undo"
    return Retry(attempts=1_000_000, base=policy.base, cap=policy.cap) if is_undo_call else policy


def _step_of(row: Delivery) -> Step | None:
    return step_named(row.consumer, row.purpose.split(":")[-1])


def _tell_of_death(unit: Unit, saga: Saga, row: Delivery, error: Exception) -> None:
    said = f"{type(error).__name__}: {error}"[:2000]
    fact = DeliveryDied(delivery_id=row.id, consumer=row.consumer, step=row.purpose, error=said)
    unit.announce(fact, saga=saga, cause=about(row), actor="sagas")
    open_case(unit, saga, CaseKind.DEAD_LETTER, detail=said, delivery_id=row.id)
    logger.error(
        "A delivery gave up and waits for a person.",
        extra={"action": "delivery_died", "saga_id": str(saga.id), "delivery_id": str(row.id)},
    )
    transaction.on_commit(
        lambda: delivery_died.send(
            Delivery, delivery_id=row.id, consumer=row.consumer, step=row.purpose, error=said
        ),
        using=unit.using,
        robust=True,
    )


def about(row: Delivery, ordinal: int | None = None) -> Cause:
    """Return a delivery as what a fact speaks of; `ordinal` only where the fact ends it."""
    return Cause(event=row.event_id, consumer=row.consumer, purpose=row.purpose, ordinal=ordinal)


def blame_dead_workers(using: str, *, silent_since: datetime) -> int:
    """Give one committed attempt to everything a dead worker had in its hands (R9).

    It runs alone from then on, so a payload that kills processes is found and gives up. What was
    done after all is no row any more. A worker whose sagas are still locked is slow, not dead.
    Returns how many workers had died.
    """
    with transaction.atomic(using=using):
        orphans = lock_orphans(using, silent_since=silent_since)
        return sum(_blame(orphan, using) for orphan in orphans)


def _blame(orphan: Slot, using: str) -> bool:
    ids = [UUID(text) for text in orphan.claimed]
    held = list(Delivery.objects.using(using).filter(id__in=ids, state=DeliveryState.READY))
    wanted = {row.saga_id for row in held}
    if lock_sagas(using, wanted, skip_locked=True).keys() != wanted:
        return False
    for row in held:
        message = f"Worker {orphan.worker} fell silent while it held this delivery."
        record_failure(row, WorkerDied(message), using=using)
    clear(using, orphan)
    return True


# -- what a person may do -------------------------------------------------------------------------


def retry_dead(delivery_id: UUID, *, actor: str, reason: str, using: str = "default") -> bool:
    """Send a dead delivery back to work. Says whether it was dead; raises Delivery.DoesNotExist."""
    return act_on(
        delivery_id, _retry, (DeliveryState.DEAD,), actor=actor, reason=reason, using=using
    )


def skip_dead(delivery_id: UUID, *, actor: str, reason: str, using: str = "default") -> bool:
    """Decide that a dead or braked delivery will not be done, and why. Says whether it was so."""
    states = (DeliveryState.DEAD, DeliveryState.BRAKED)
    return act_on(delivery_id, _skip, states, actor=actor, reason=reason, using=using)


def act_on(
    delivery_id: UUID,
    act: Any,
    states: Collection[str],
    *,
    actor: str,
    reason: str,
    using: str,
) -> bool:
    """Do one thing to a delivery under its saga's lock; a person's reason is required."""
    _require_reason(reason)
    saga_id = Delivery.objects.using(using).values_list("saga_id", flat=True).get(id=delivery_id)
    with locked_saga(saga_id, using) as (unit, saga):
        row = Delivery.objects.using(using).filter(id=delivery_id, state__in=states).first()
        if row is None:
            return False
        act(unit, saga, row, actor, reason)
        close_cases(unit, saga, delivery_id=row.id, by=actor, note=reason)
    return True


def _require_reason(reason: str) -> None:
    """Raise ValueError for a verb without a reason."""
    if not reason.strip():
        message = "Say why: a reason is part of the fact that is kept."
        raise ValueError(message)


def _retry(unit: Unit, saga: Saga, row: Delivery, actor: str, reason: str) -> None:
    if not delivery.revive(unit.using, row, at=unit.now):
        raise StaleDelivery
    fact = DeliveryRetried(delivery_id=row.id, consumer=row.consumer, step=row.purpose)
    unit.announce(fact, saga=saga, cause=about(row), actor=actor, reason=reason)
    unit.woken.append((row.consumer, row.id))


def _skip(unit: Unit, saga: Saga, row: Delivery, actor: str, reason: str) -> None:
    fact = DeliverySkipped(delivery_id=row.id, consumer=row.consumer, step=row.purpose)
    unit.announce(fact, saga=saga, cause=about(row, ordinal=0), actor=actor, reason=reason)
    delivery.finish(unit.using, [row.id])


def edit_dead(
    delivery_id: UUID, changes: dict[str, Any], *, actor: str, reason: str, using: str = "default"
) -> UUID:
    """Replace a dead delivery's event by a corrected one, for that consumer only (decision 26).

    Returns the replacement's id. Raises UndecodableEvent when the result does not fit the schema,
    ValueError for money, for unknown fields and for a delivery that is not dead.
    """
    _require_reason(reason)
    row = Delivery.objects.using(using).select_related("event").get(id=delivery_id)
    with locked_saga(row.saga_id, using) as (unit, saga):
        row = Delivery.objects.using(using).select_related("event").get(id=delivery_id)
        if row.state != DeliveryState.DEAD:
            message = f"{row} is not dead, so its event is not editable."
            raise ValueError(message)
        corrected = _corrected(row, changes)
        replacement = _replace(unit, saga, row, corrected, actor=actor, reason=reason)
        close_cases(unit, saga, delivery_id=row.id, by=actor, note=reason)
    return replacement


def _corrected(row: Delivery, changes: dict[str, Any]) -> Event:
    event = codec.decode(row.event.type, row.event.version, row.event.payload)
    payload = codec.encode(event)
    for name in changes:
        if name not in payload:
            message = f"{event.wire_name} has no field {name!r}."
            raise ValueError(message)
        if isinstance(payload[name], dict) and "currency" in payload[name]:
            message = f"{name!r} is money: amounts are not editable, correct them where they arise."
            raise ValueError(message)
    return codec.decode(event.wire_name, event.version, {**payload, **changes})


def _replace(
    unit: Unit, saga: Saga, row: Delivery, corrected: Event, *, actor: str, reason: str
) -> UUID:
    """Write the replacement with one delivery of its own, and end the old one as superseded."""
    stored = unit.record(
        corrected,
        saga=saga,
        cause=about(row),
        actor=actor,
        reason=reason,
        replaces=row.event_id,
    )
    unit.deliveries.append(_successor(row, stored, unit))
    fact = DeliverySuperseded(
        delivery_id=row.id, consumer=row.consumer, step=row.purpose, replacement=stored.id
    )
    unit.announce(fact, saga=saga, cause=about(row, ordinal=0), actor=actor, reason=reason)
    delivery.finish(unit.using, [row.id])
    return stored.id


def _successor(row: Delivery, stored: Any, unit: Unit) -> Delivery:
    return Delivery(
        event=stored,
        consumer=row.consumer,
        purpose=row.purpose,
        kind=row.kind,
        saga_id=row.saga_id,
        position=row.position,
        rank=row.rank,
        group=row.group,
        available_at=unit.now,
        created_at=unit.now,
    )
