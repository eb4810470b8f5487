"""Timeline: what happened in a saga, event by event: when, where, what changed and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from sagas import event_log
from sagas.models import Saga, StoredEvent
from sagas.projection.words import sentence_of, state_label, subject_label, title_of

_FRAMEWORK = "sagas"


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One event of a saga as a person reads it."""

    id: UUID
    position: int
    when: datetime
    #: The context that announced it; for the framework's facts, the one they speak of.
    service: str
    #: The wire name, such as `payments.PaymentCaptured`.
    type: str
    #: What happened, in words.
    what: str
    #: Whom it is about, such as "payment 7".
    subject: str
    #: The state before and after; both empty where nothing moved.
    from_state: str
    to_state: str
    #: The reason that was given.
    reason: str
    #: Which step announced it, and which event that step was an answer to.
    cause: str
    actor: str
    #: Whether the framework itself says so, and not a context.
    is_framework: bool

    @property
    def change(self) -> str:
        """What changed, as "before → after"; empty where nothing moved."""
        return f"{self.from_state} → {self.to_state}" if self.to_state else ""

    @property
    def why(self) -> str:
        """Reason and cause in one line."""
        return " — ".join(part for part in (self.reason, self.cause) if part)


def timeline(saga: Saga, *, using: str = "default") -> tuple[Entry, ...]:
    """Return what happened in a saga, in order. Two statements, whatever its length."""
    return entries_of(event_log.timeline(saga.id, using), using=using)


def entries_of(events: Sequence[StoredEvent], *, using: str) -> tuple[Entry, ...]:
    """Return the entries for events of one saga, given in order."""
    names = _names_of_causes(events, using)
    return tuple(_entry(event, names) for event in events)


def _names_of_causes(events: Sequence[StoredEvent], using: str) -> dict[UUID, str]:
    """Return how the causes of events are called; those of other sagas cost one statement."""
    names = {event.id: f"#{event.position} {title_of(event.type)}" for event in events}
    foreign = {event.cause for event in events if event.cause and event.cause not in names}
    if foreign:
        rows = StoredEvent.objects.using(using).filter(id__in=foreign)
        names.update({i: title_of(t) for i, t in rows.values_list("id", "type")})
    return names


def _entry(event: StoredEvent, names: dict[UUID, str]) -> Entry:
    is_framework = event.context == _FRAMEWORK
    moved = bool(event.transition)
    return Entry(
        id=event.id,
        position=event.position,
        when=event.recorded_at,
        service=event.cause_consumer or event.context if is_framework else event.context,
        type=event.type,
        what=sentence_of(event.type, event.payload),
        subject=_subject(event),
        from_state=_state(event, event.from_state) if moved else "",
        to_state=_state(event, event.to_state) if moved else "",
        reason=event.reason,
        cause=_cause(event, names),
        actor=event.actor,
        is_framework=is_framework,
    )


def _subject(event: StoredEvent) -> str:
    if event.subject_model == event_log.SAGA_LABEL:
        return ""
    return subject_label(event.subject_model, event.subject_key)


def _state(event: StoredEvent, state: str) -> str:
    return state_label(event.subject_model, event.state_field, state)


def _cause(event: StoredEvent, names: dict[UUID, str]) -> str:
    if event.cause is None:
        return ""
    step = f"{event.cause_consumer}.{event.cause_purpose}".strip(".")
    known = names.get(event.cause, _("an event that is no longer kept"))
    return _("%(step)s, after %(event)s") % {"step": step, "event": known}
