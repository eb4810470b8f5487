"""Compensation: turning a saga around, and choosing how a step is undone by business state.

When direction turns, forward deliveries that wait are removed in that transaction, each leaving
a StepRefused fact; one that is leased stays, and the undo waits for its outcome (decision 22).
A call that may have been made goes on being inquired about. A dead forward step never blocks its
own compensation.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import UUID

from sagas.event_log import Cause
from sagas.facts import StepRefused
from sagas.intent import OPEN_INTENTS, inquiry
from sagas.models import Case, Delivery, DeliveryState, Intent
from sagas.step import HoldForPerson, Kind, NothingToUndo, Step, Waiting

if TYPE_CHECKING:
    from sagas.unit import Unit

Entry = Step | Waiting | NothingToUndo | HoldForPerson

#: Why a forward step is refused in a saga that goes back.
GOING_BACK = "the saga is going back"


def entry_for(step: Step, state: str) -> Entry | None:
    """Return how a subject in `state` is undone, or None when nobody decided it."""
    table = step.undo_table or {}
    return table.get(state)


def remove_forward(unit: "Unit", in_hand: frozenset[UUID]) -> None:
    """Remove what would still go forward in the sagas that have just turned."""
    if not unit.turned:
        return
    _remove_unwritten(unit)
    waiting = (
        Delivery.objects.using(unit.using)
        .filter(saga_id__in=unit.turned, kind=Kind.FORWARD)
        .exclude(state=DeliveryState.LEASED)
        .exclude(id__in=in_hand)
    )
    removed = list(waiting)
    for delivery in removed:
        _refuse(unit, delivery)
    if removed:
        unit.deliveries += _inquiries(unit, removed)
        ids = [delivery.id for delivery in removed]
        Delivery.objects.using(unit.using).filter(id__in=ids).delete()
        Case.objects.using(unit.using).filter(delivery_id__in=ids, closed_at=None).update(
            closed_at=unit.now, closed_by="sagas", note=GOING_BACK
        )


def _inquiries(unit: "Unit", removed: list[Delivery]) -> Iterator[Delivery]:
    """Yield inquiries for removed deliveries whose call may have been made (R29)."""
    open_calls = Intent.objects.using(unit.using).filter(
        saga_id__in=unit.turned, state__in=OPEN_INTENTS
    )
    steps = {(intent.event_id, intent.step) for intent in open_calls}
    for delivery in removed:
        if (delivery.event_id, f"{delivery.consumer}.{delivery.purpose}") in steps:
            yield inquiry(delivery, delivery.purpose, at=unit.now, now=unit.now)


def _remove_unwritten(unit: "Unit") -> None:
    forward = [d for d in unit.deliveries if d.saga_id in unit.turned and d.kind == Kind.FORWARD]
    for delivery in forward:
        unit.deliveries.remove(delivery)
        _refuse(unit, delivery)


def _refuse(unit: "Unit", delivery: Delivery) -> None:
    unit.announce(
        StepRefused(step=f"{delivery.consumer}.{delivery.purpose}", reason=GOING_BACK),
        saga=unit.sagas[delivery.saga_id],
        cause=Cause(
            event=delivery.event_id,
            consumer=delivery.consumer,
            purpose=delivery.purpose,
            ordinal=0,
        ),
        actor="sagas",
    )
