"""Overview: everything about one saga in a constant number of statements, and how to find it."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

from sagas import clock, event_log
from sagas.models import Case, Delivery, Intent, Pause, Saga
from sagas.projection.related import RelatedSaga, related
from sagas.projection.scene import Wait
from sagas.projection.timeline import Entry, entries_of
from sagas.projection.waiting import open_breakers, waits_of

_SAGA_FIELDS = (
    "id",
    "choreography",
    "key",
    "label",
    "direction",
    "status",
    "position",
    "route_version",
    "started_at",
    "deadline_at",
    "pivoted_at",
    "turned_at",
    "ended_at",
)
_DELIVERY_FIELDS = (
    "id",
    "consumer",
    "purpose",
    "kind",
    "state",
    "available_at",
    "lease_until",
    "deadline_at",
    "attempts",
    "reason",
    "error",
    "created_at",
)
_CASE_FIELDS = (
    "id",
    "kind",
    "delivery_id",
    "owner",
    "detail",
    "amount_minor",
    "currency",
    "approved",
    "opened_at",
    "closed_at",
    "closed_by",
    "note",
)
_INTENT_FIELDS = (
    "id",
    "step",
    "n",
    "idempotency_key",
    "state",
    "amount_minor",
    "currency",
    "brake",
    "outcome",
    "inquiries",
    "started_at",
    "answered_at",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """A saga with its timeline and all that hangs on it."""

    saga: Saga
    entries: tuple[Entry, ...]
    waits: tuple[Wait, ...]
    deliveries: tuple[Delivery, ...]
    cases: tuple[Case, ...]
    intents: tuple[Intent, ...]
    related: tuple[RelatedSaga, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether it goes on only when somebody acts."""
        return any(wait.needs_a_person for wait in self.waits)


def overview(saga: Saga, *, using: str = "default") -> Overview:
    """Return everything about a saga. The number of statements does not depend on its size."""
    events = event_log.timeline(saga.id, using)
    deliveries = tuple(
        Delivery.objects.using(using)
        .filter(saga_id=saga.id)
        .select_related("event")
        .order_by("rank", "position", "id")
    )
    cases = tuple(Case.objects.using(using).filter(saga_id=saga.id).order_by("opened_at", "id"))
    return Overview(
        saga=saga,
        entries=entries_of(events, using=using),
        waits=waits_of(
            saga,
            deliveries,
            [case for case in cases if case.closed_at is None],
            pauses=list(Pause.objects.using(using).all()),
            breakers=open_breakers(using),
            now=clock.now(using),
        ),
        deliveries=deliveries,
        cases=cases,
        intents=tuple(
            Intent.objects.using(using).filter(saga_id=saga.id).order_by("started_at", "n")
        ),
        related=related(saga, events, using=using),
    )


def find(text: str, *, using: str = "default") -> list[Saga]:
    """Return the sagas that a person means by an id, a business key, or a label (order number)."""
    text = text.strip()
    if not text:
        return []
    wanted = Q(key=text) | Q(label=text)
    with contextlib.suppress(ValueError):
        wanted |= Q(id=UUID(text))
    sagas = Saga.objects.using(using).filter(wanted)
    return list(sagas.order_by("started_at", "id")[:100])


def as_dict(seen: Overview) -> dict[str, Any]:
    """Return an overview as plain values: strings, numbers, ids, aware times, lists and dicts."""
    return {
        "saga": _fields(seen.saga, _SAGA_FIELDS),
        "waiting": [asdict(wait) for wait in seen.waits],
        "timeline": [asdict(entry) for entry in seen.entries],
        "deliveries": [_fields(row, _DELIVERY_FIELDS) for row in seen.deliveries],
        "cases": [_fields(row, _CASE_FIELDS) for row in seen.cases],
        "intents": [_fields(row, _INTENT_FIELDS) for row in seen.intents],
        "related": [asdict(other) for other in seen.related],
    }


def _fields(row: Model, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
