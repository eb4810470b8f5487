"""Participant: a context's part in choreographies: what it does and undoes when events arrive.

A step is a function that reads its arguments, moves its subject's state machine and returns facts.
What it announces is its return annotation. Declarations are read once, when Django starts.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from sagas import fsm
from sagas.call import Call
from sagas.choreography import EventType
from sagas.event import Event
from sagas.exceptions import ConfigurationError, DuplicateDeclaration
from sagas.retry import DEFAULT_RETRY, Retry
from sagas.step import (
    ABSENT,
    INQUIRE,
    WAIT,
    Answer,
    AnswerKind,
    By,
    Door,
    HoldForPerson,
    Holding,
    Kind,
    NothingToUndo,
    Question,
    StateTimer,
    Step,
    Times,
    Waiting,
    by,
    hold_for_a_person,
    ignore,
    nothing_to_undo,
    park,
    refuse,
)

__all__ = [
    "ABSENT",
    "INQUIRE",
    "PARTICIPANTS",
    "WAIT",
    "Answer",
    "AnswerKind",
    "By",
    "Door",
    "HoldForPerson",
    "Holding",
    "Kind",
    "NothingToUndo",
    "Participant",
    "Question",
    "StateTimer",
    "Step",
    "Waiting",
    "by",
    "hold_for_a_person",
    "ignore",
    "nothing_to_undo",
    "park",
    "refuse",
]

PARTICIPANTS: dict[str, "Participant"] = {}


class Participant:
    """A bounded context's part in choreographies. Its name is its consumer and queue name."""

    def __init__(self, name: str) -> None:
        """Register under `name`. Raises DuplicateDeclaration."""
        if name in PARTICIPANTS:
            message = f"Participant {name!r} is declared twice; names are unique."
            raise DuplicateDeclaration(message)
        self.name = name
        self.steps: dict[str, Step] = {}
        self.timers: list[StateTimer] = []
        self.questions: list[Question] = []
        self.doors: list[Door] = []
        self.holdings: list[Holding] = []
        PARTICIPANTS[name] = self

    def __repr__(self) -> str:
        """Say its name."""
        return f"<Participant {self.name}>"

    def on(self, *events: EventType, **declared: Any) -> Callable[[Callable[..., Any]], Step]:
        """Declare a forward step; see `_step` for what may be declared."""
        return lambda function: self._step(function, events=events, kind=Kind.FORWARD, **declared)

    def on_undo(self, *events: EventType, **declared: Any) -> Callable[[Callable[..., Any]], Step]:
        """Declare a step that runs while its saga is going back, such as collecting the end."""
        return lambda function: self._step(function, events=events, kind=Kind.UNDO, **declared)

    def undo(self, **declared: Any) -> Callable[[Callable[..., Any]], Step]:
        """Declare an entry of an undo table; it is a full step with calls of its own."""
        return lambda function: self._step(function, kind=Kind.UNDO, **declared)

    def late(self, **declared: Any) -> Callable[[Callable[..., Any]], Answer]:
        """Declare the step that answers an event which comes too late; use it in `otherwise`."""

        def declare(function: Callable[..., Any]) -> Answer:
            step = self._step(function, kind=Kind.FORWARD, **declared)
            return Answer(AnswerKind.LATE, step=step)

        return declare

    def undoes(
        self,
        *undone: Step,
        on: EventType | tuple[EventType, ...],
        by: object,
        table: Mapping[Any, Any],
        saga: str | tuple[str, ...] | None = None,
    ) -> Step:
        """Declare how steps are undone: by the business state that their subject is in.

        `on` is the fact that this undo waits for, `by` the FSM field, such as `Payment.state`.
        Each entry of `table` is a step declared with `undo`, `nothing_to_undo(Event)`, WAIT or
        INQUIRE, or `hold_for_a_person`. It names every state and ABSENT; `manage.py check` says
        which is missing.
        """
        first = undone[0]
        step = Step(
            name=f"undo_{first.name}",
            consumer=self.name,
            function=_run_by_table,
            events=on if isinstance(on, tuple) else (on,),
            sagas=_names(saga) or first.sagas,
            kind=Kind.UNDO,
            subject=first.subject,
            state_field=fsm.field_name_of(by),
            undo_table={_state(state): entry for state, entry in table.items()},
            undone=undone,
            locks=_all_rows(table.values(), "locks"),
            reads=_all_rows(table.values(), "reads"),
        )
        return self._add(step)

    def while_in(
        self,
        state_field: object,
        state: Any,
        *,
        until: timedelta | Callable[[Any], datetime | timedelta],
        then: EventType | Callable[[Any], Event],
    ) -> None:
        """Declare a deadline on a state: the fact it announces lets others decide (decision 25).

        The timer row is written by the transaction that enters the state and deleted by the one
        that leaves it. `until` is a timedelta, or a function of the subject that returns one or an
        aware time, and is asked when the state is entered. It never acts by itself.
        """
        field = fsm.field_name_of(state_field)
        model = state_field.field.model  # type: ignore[attr-defined]
        name = f"{model._meta.model_name}.{field}.{_state(state)}"
        self.timers.append(
            StateTimer(
                name=name,
                consumer=self.name,
                model=model,
                field=field,
                state=_state(state),
                until=until,
                then=then,
            )
        )

    def asks(
        self,
        state_field: object,
        state: Any,
        *,
        saga: str,
        owner: str,
        says: Callable[[Any], str],
    ) -> None:
        """Declare a state in which only a person decides: a case is open as long as it lasts.

        The transaction that enters the state opens the case, the one that leaves it closes it; both
        speak in the choreography `saga`, whose key is the subject's primary key. `owner` is who is
        asked: a group of people, or a queue. `says(subject)` is what they read.
        """
        self.questions.append(
            Question(
                model=state_field.field.model,  # type: ignore[attr-defined]
                field=fsm.field_name_of(state_field),
                state=_state(state),
                saga=saga,
                owner=owner,
                says=says,
            )
        )

    def announces(self, *events: EventType, after: EventType | tuple[EventType, ...] = ()) -> None:
        """Declare events that this context announces from outside of any step.

        `after` names what must have happened before, so that the graph knows the way.
        """
        self.doors.append(
            Door(events=events, after=after if isinstance(after, tuple) else (after,))
        )

    def holds(
        self,
        state_field: object,
        held: Mapping[Any, str],
        *,
        way_back: Mapping[Any, str] | None = None,
    ) -> None:
        """Declare what states hold: "money", "stock", "parcel" or "nothing" (G7).

        Every state that holds something needs a row in an undo table, or a choreography that is
        its `way_back`.
        """
        self.holdings.append(
            Holding(
                model=state_field.field.model,  # type: ignore[attr-defined]
                field=fsm.field_name_of(state_field),
                holds={_state(state): what for state, what in held.items()},
                way_back={_state(state): name for state, name in (way_back or {}).items()},
            )
        )

    def _step(
        self,
        function: Callable[..., Any],
        *,
        kind: Kind,
        events: tuple[EventType, ...] = (),
        saga: str | tuple[str, ...] | None = None,
        subject: By | None = None,
        state: object = None,
        creates: Callable[..., Model] | None = None,
        locks: Mapping[str, By] | None = None,
        reads: Mapping[str, By] | None = None,
        moves: Iterable[Callable[..., Any]] = (),
        applies_in: Iterable[Any] = (),
        begins: Callable[..., Any] | None = None,
        calls: Call | None = None,
        deadline: timedelta | None = None,
        retry: Retry = DEFAULT_RETRY,
        otherwise: Mapping[Any, Answer] | None = None,
        at_most: Times | None = None,
        exhausted: EventType | None = None,
        request: bool = False,
        since: int = 1,
    ) -> Step:
        """Build a step from what a shop declares.

        - `saga`: its choreography's name, or several where it does the same in each; may be left
          out while its events occur in just one.
        - `subject`: the FSM row that it moves, `state` its field if the model has several;
          `creates(event)` (or the model itself) makes the row where none is.
        - `locks`, `reads`: further rows by parameter name, locked in the order of labels and keys.
        - `moves`: the transitions that may happen; `applies_in`: the states in which it runs, when
          those are not just the sources of its moves; `begins`: the one into the in-flight state of
          `calls`; `deadline`: how long the call may take, a timedelta.
        - `otherwise`: the answers of states where it can't run: `ignore`, `refuse`, `park`, `late`.
        - `at_most`, `exhausted`: how often it runs in one saga, a number or a function that says it
          when it is needed, and what is announced instead of the next time.
        - `request=True`: a wish from outside, which overtakes steps that wait for a retry.
        - `since`: the choreography's version that first had this step (design decision 29).
        """
        step = Step(
            name=function.__name__,
            consumer=self.name,
            function=function,
            events=events,
            sagas=_names(saga),
            kind=kind,
            subject=subject,
            state_field=_state_field(subject, state, begins, function.__name__),
            creates=creates,
            locks=locks or {},
            reads=reads or {},
            moves=frozenset(method.__name__ for method in moves),
            applies_in=frozenset(_state(found) for found in applies_in),
            begins=begins.__name__ if begins else "",
            calls=calls,
            deadline=deadline,
            retry=retry,
            otherwise=_spread(otherwise or {}),
            at_most=at_most,
            exhausted=exhausted,
            is_request=request,
            since=since,
        )
        return self._add(step)

    def _add(self, step: Step) -> Step:
        if step.name in self.steps:
            message = f"{step.full_name} is declared twice; a participant's step names are unique."
            raise DuplicateDeclaration(message)
        self.steps[step.name] = step
        return step


def _names(saga: str | tuple[str, ...] | None) -> tuple[str, ...]:
    if saga is None:
        return ()
    return saga if isinstance(saga, tuple) else (saga,)


def _state(state: Any) -> str:
    return str(getattr(state, "value", state))


def _spread(otherwise: Mapping[Any, Answer]) -> dict[str, Answer]:
    """Spell out tuple keys: `{(A, B): refuse("...")}`."""
    spread = {}
    for key, answer in otherwise.items():
        for state in key if isinstance(key, tuple) else (key,):
            spread[_state(state)] = answer
    return spread


def _state_field(
    subject: By | None, state: object, begins: Callable[..., Any] | None, name: str
) -> str:
    if subject is None:
        return ""
    if state is not None:
        return fsm.field_name_of(state)
    if begins is not None:
        return fsm.transition_field(begins)
    found = fsm.fsm_fields(subject.model)
    if len(found) > 1:
        message = (
            f"Step {name}: {subject.model._meta.label} has the FSM fields {', '.join(found)};"
            f" say which one with state={subject.model.__name__}.{found[0]}."
        )
        raise ConfigurationError(message)
    return found[0] if found else ""


def _all_rows(entries: Iterable[Any], kind: str) -> dict[str, By]:
    rows: dict[str, By] = {}
    for entry in entries:
        if isinstance(entry, Step):
            rows.update(getattr(entry, kind))
    return rows


def _run_by_table(*_: Any, **__: Any) -> None:
    message = "An undo step runs the entry of its table for the subject's state, never itself."
    raise AssertionError(message)
