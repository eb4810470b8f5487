"""What the log says: facts about steps, and events published by hand as if they came late."""

from typing import Any

import msgspec
from django.db import transaction

from orders.models import Order
from sagas.event import Event
from sagas.models import Delivery, Saga, StoredEvent
from sagas.outbox import publish


def say(event: Event, *, of: Any) -> StoredEvent:
    """Publish an event in a transaction of its own, whatever its row has been through."""
    with transaction.atomic():
        return publish(event, of=of, actor="test")


def facts(order: Order, name: str) -> list[dict[str, Any]]:
    """Return the payloads of the checkout's facts of that name, in order."""
    saga = Saga.objects.get(choreography="checkout", key=str(order.pk))
    rows = StoredEvent.objects.filter(saga_id=saga.id, type=f"sagas.{name}").order_by("position")
    return list(rows.values_list("payload", flat=True))


def arrive(saga: Saga, event: Event, *, consumer: str, step: str, **changed: Any) -> Delivery:
    """Write an event and its delivery by hand, as other code than this would have."""
    saga.position += 1
    saga.save()
    values = {
        "type": event.wire_name,
        "version": event.version,
        "payload": msgspec.to_builtins(event),
        "context": event.context,
        **changed,
    }
    stored = StoredEvent.objects.create(
        saga_id=saga.id,
        position=saga.position,
        subject_model="sagas.Saga",
        subject_key=str(saga.id),
        subject_seq=saga.position,
        recorded_at=saga.started_at,
        **values,
    )
    return Delivery.objects.create(
        event=stored,
        consumer=consumer,
        purpose=step,
        kind="forward",
        saga_id=saga.id,
        position=stored.position,
        available_at=saga.started_at,
        created_at=saga.started_at,
    )
