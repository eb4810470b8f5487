"""Step: the words with which a participant declares what it does, undoes and answers.

Values only; `participant` builds and keeps them, the engine reads them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.db.models import Model, Q

from sagas.call import Call
from sagas.choreography import EventType
from sagas.clock import Duration
from sagas.event import Event
from sagas.retry import DEFAULT_RETRY, Retry

#: How often something may happen, or a function that says it when it is needed.
Times = int | Callable[[], int]
#: The state of a subject that does not exist.
ABSENT = ""
#: The purpose of a timer that asks about a call is this and the step's name.
INQUIRE_PREFIX = "inquire:"


class Kind(StrEnum):
    """Why a delivery exists (design decision 31)."""

    #: Something is to be done.
    FORWARD = "forward"
    #: Something is to be undone, or its undoing is to be collected.
    UNDO = "undo"
    #: A time has come.
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class By:
    """Where rows come from: those of `model` whose `field` equals what `source` says.

    With `only`, a function of the transaction's time, just those that it lets through. Such rows
    are extra: those that somebody else has locked are left out, so they may be locked out of order.
    """

    model: type[Model]
    field: str
    source: str
    only: Callable[[datetime], Q] | None = None

    def values(self, scope: Mapping[str, Any]) -> list[Any]:
        """Return what the source path yields; lists along the path are walked through."""
        first, *rest = self.source.split(".")
        found = [scope[first]] if first in scope else [getattr(scope["event"], first)]
        for name in ("", *rest):
            found = [value for item in found for value in _walk(item, name)]
        return [value for value in found if value is not None]

    @property
    def depends_on_rows(self) -> bool:
        """Whether the source is a row loaded before, not the event."""
        return "." in self.source


def _walk(item: Any, name: str) -> Iterable[Any]:
    value = getattr(item, name) if name else item
    return value if isinstance(value, list | tuple) else (value,)


def by(
    model: type[Model],
    field: str,
    source: str | None = None,
    *,
    only: Callable[[datetime], Q] | None = None,
) -> By:
    """Say which rows a step gets: `by(Payment, "order_id")`, `by(Item, "sku", "lines.sku")`.

    `source` is a path from the event, or from rows of the same step by their name; it defaults to
    the attribute of the event that is called like the field. `only` narrows them at the time of the
    transaction, to those that nobody else has locked.
    """
    return By(model, field, source or field, only)


class AnswerKind(StrEnum):
    """What happens to an event that meets a state (R25)."""

    #: The step runs.
    APPLY = "apply"
    #: Nothing changes, for a declared or proven reason.
    IGNORE = "ignore"
    #: Not yet: it waits for the subject to move on.
    PARK = "park"
    #: Too late: a declared answer is given instead.
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Answer:
    """The decided answer to one (state x event) pair."""

    kind: AnswerKind
    reason: str = ""
    #: For LATE: the step that answers; without one, a StepRefused fact says the reason.
    step: "Step | None" = None
    #: For PARK: how long it may wait; None means SAGAS["PARK_DEADLINE"].
    patience: Duration | None = None


def ignore(reason: str) -> Answer:
    """Declare that an event changes nothing in a state. Not allowed where value moves (D-5)."""
    return Answer(AnswerKind.IGNORE, reason)


def refuse(reason: str) -> Answer:
    """Declare that an event comes too late for a state; the refusal is a fact in the log."""
    return Answer(AnswerKind.LATE, reason)


def park(reason: str, *, patience: Duration | None = None) -> Answer:
    """Declare that an event waits until its subject has moved on; `patience` may be a function."""
    return Answer(AnswerKind.PARK, reason, patience=patience)


class Waiting(StrEnum):
    """Entries of an undo table for states that will be left without our doing."""

    #: The call that is out will be answered; wait for it.
    WAIT = "wait"
    #: The call's outcome is unknown; ask now, then decide.
    INQUIRE = "inquire"


WAIT = Waiting.WAIT
INQUIRE = Waiting.INQUIRE


@dataclass(frozen=True, slots=True)
class NothingToUndo:
    """An entry of an undo table that only says so: `announces` is filled from the event."""

    announces: EventType


def nothing_to_undo(announces: EventType) -> NothingToUndo:
    """Declare that a state holds nothing; the fact is announced and a late try is refused (R28)."""
    return NothingToUndo(announces)


@dataclass(frozen=True, slots=True)
class HoldForPerson:
    """An entry of an undo table that opens a case: only a person can decide here."""

    reason: str


def hold_for_a_person(reason: str) -> HoldForPerson:
    """Declare that a state can only be undone by a person, and why."""
    return HoldForPerson(reason)


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """One participant's function for one event (or several), with everything it declares."""

    name: str
    consumer: str
    function: Callable[..., Any]
    events: tuple[EventType, ...] = ()
    #: The choreographies that it is part of; empty where its events occur in just one.
    sagas: tuple[str, ...] = ()
    kind: Kind = Kind.FORWARD
    subject: By | None = None
    state_field: str = ""
    creates: Callable[..., Model] | None = None
    locks: Mapping[str, By] = field(default_factory=dict)
    reads: Mapping[str, By] = field(default_factory=dict)
    moves: frozenset[str] = frozenset()
    applies_in: frozenset[str] = frozenset()
    begins: str = ""
    calls: Call | None = None
    deadline: timedelta | None = None
    retry: Retry = DEFAULT_RETRY
    otherwise: Mapping[str, Answer] = field(default_factory=dict)
    at_most: Times | None = None
    exhausted: EventType | None = None
    is_request: bool = False
    since: int = 1
    undo_table: Mapping[str, Any] | None = None
    undone: tuple["Step", ...] = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function itself, as a unit test does."""
        return self.function(*args, **kwargs)

    def __str__(self) -> str:
        """Say the full name, such as `payments.capture`."""
        return self.full_name

    @property
    def full_name(self) -> str:
        """`<participant>.<function>`: its name in the log, in intents and in pauses."""
        return f"{self.consumer}.{self.name}"

    @property
    def most(self) -> int | None:
        """How often it runs in one saga, as it is now; None where nothing limits it."""
        return self.at_most() if callable(self.at_most) else self.at_most

    @property
    def is_plain(self) -> bool:
        """Whether it declares nothing it touches, and so runs alone with the ORM (decision 14)."""
        return not (self.subject or self.locks or self.reads or self.undo_table)

    @property
    def model(self) -> type[Model] | None:
        """The subject's model."""
        return self.subject.model if self.subject else None

    @cached_property
    def callers(self) -> tuple["Step", ...]:
        """The steps whose calls a delivery of this one may have out: it, late answers, entries."""
        late = [answer.step for answer in self.otherwise.values() if answer.step is not None]
        found = [self, *late] if self.undo_table is None else list(self.undo_table.values())
        return tuple(
            entry for entry in found if isinstance(entry, Step) and entry.calls is not None
        )

    @property
    def all_calls(self) -> tuple[Call, ...]:
        """The calls that a delivery of this step may have out."""
        return tuple(caller.calls for caller in self.callers if caller.calls is not None)

    def rows(self) -> Iterable[tuple[str, By]]:
        """Every named set of rows beyond the subject, locked ones first."""
        yield from self.locks.items()
        yield from self.reads.items()


@dataclass(frozen=True, kw_only=True, slots=True)
class StateTimer:
    """While a subject is in `state`: at `until`, announce what `then` says (decision 25)."""

    name: str
    consumer: str
    model: type[Model]
    field: str
    state: str
    until: timedelta | Callable[[Any], datetime | timedelta]
    then: EventType | Callable[[Any], Event]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """While a subject is in `state`, a case is open in its saga, which is keyed by it (G5)."""

    model: type[Model]
    field: str
    state: str
    #: The choreography whose key is the subject's primary key.
    saga: str
    owner: str
    says: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Events that come from outside of any step: a view, a webhook, a person, a timer."""

    events: tuple[EventType, ...]
    after: tuple[EventType, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What the states of one field hold, and the way back of those that no undo table has."""

    model: type[Model]
    field: str
    holds: Mapping[str, str]
    way_back: Mapping[str, str]
