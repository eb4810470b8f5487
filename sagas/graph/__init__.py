"""Graph: a choreography as what follows from what, read off the declarations (design decision 30).

Its nodes are events and actions. An action is whatever announces events: a step, an undo table, a
late answer, a timer, the saga's own deadline, or a door to the outside. Nothing is run and
no database is read.
"""

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sagas import fsm
from sagas.choreography import CHOREOGRAPHIES, Choreography, EventType
from sagas.event import Event
from sagas.participant import PARTICIPANTS, Participant
from sagas.routing import routes
from sagas.step import Door, HoldForPerson, Kind, NothingToUndo, StateTimer, Step

__all__ = [
    "Action",
    "ActionKind",
    "Graph",
    "all_graphs",
    "derivable",
    "entered_states",
    "graph_of",
    "timer_event",
    "wish_of",
]

Outcomes = tuple[tuple[EventType, ...], ...]


class ActionKind(StrEnum):
    """What it is that announces."""

    STEP = "step"
    #: An entry of an undo table, or a step that collects the way back.
    UNDO = "undo"
    #: The answer to an event that comes too late.
    LATE = "late"
    TIMER = "timer"
    #: A view, a webhook or a person.
    DOOR = "door"


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """Something that announces one of its `outcomes` after one (or all) of `needs`."""

    #: Unique within the graph, such as "payments.capture".
    name: str
    label: str
    consumer: str
    kind: ActionKind
    needs: tuple[EventType, ...] = ()
    outcomes: Outcomes = ()
    #: An AND-join: what it announces takes all of its needs.
    joins: bool = False
    at_most: int | None = None
    #: The rows of an undo table, in words.
    notes: tuple[str, ...] = ()

    @property
    def announces(self) -> tuple[EventType, ...]:
        """Every event it may announce, once each."""
        return tuple(dict.fromkeys(event for outcome in self.outcomes for event in outcome))

    @property
    def goes_back(self) -> bool:
        """Whether it belongs to the way back."""
        return self.kind is ActionKind.UNDO

    def is_ready(self, known: Iterable[EventType]) -> bool:
        """Whether it can run once the `known` events have happened."""
        if not self.needs:
            return True
        enough = all if self.joins else any
        return enough(event in known for event in self.needs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """One choreography, whole."""

    choreography: Choreography
    actions: tuple[Action, ...]

    @property
    def forward(self) -> tuple[Action, ...]:
        """What may happen while a saga goes forward."""
        return tuple(action for action in self.actions if not action.goes_back)

    @property
    def back(self) -> tuple[Action, ...]:
        """What may happen while a saga goes back."""
        return tuple(action for action in self.actions if action.goes_back)

    @property
    def events(self) -> tuple[EventType, ...]:
        """Every event in it, the starting one first."""
        named = [self.choreography.starts]
        for action in self.actions:
            named += [*action.needs, *action.announces]
        return tuple(dict.fromkeys(named))

    def announcing(self, event: EventType) -> tuple[Action, ...]:
        """Return the actions that may announce an event."""
        return tuple(action for action in self.actions if event in action.announces)

    def reacting(self, event: EventType) -> tuple[Action, ...]:
        """Return the actions that an event may lead to."""
        return tuple(action for action in self.actions if event in action.needs)


def derivable(
    actions: Iterable[Action],
    given: Iterable[EventType],
    *,
    without: Iterable[EventType] = (),
) -> frozenset[EventType]:
    """Return what can happen once `given` has, if none of `without` ever does; joins need all."""
    never = frozenset(without)
    known = frozenset(given) - never
    while True:
        fresh = {e for a in actions if a.is_ready(known) for e in a.announces} - never - known
        if not fresh:
            return known
        known |= fresh


def graph_of(choreography: Choreography) -> Graph:
    """Return the graph of a declared choreography."""
    return Graph(choreography=choreography, actions=tuple(_actions(choreography)))


def all_graphs() -> Iterator[Graph]:
    """Yield the graph of every declared choreography."""
    for choreography in CHOREOGRAPHIES.values():
        yield graph_of(choreography)


def _actions(choreography: Choreography) -> Iterator[Action]:
    for participant in PARTICIPANTS.values():
        yield from _doors(choreography, participant)
        for step in participant.steps.values():
            if choreography.name in routes().choreographies_of.get(step.full_name, ()):
                yield from _of_step(step, choreography)
    yield from _timers(choreography)
    yield from _deadline(choreography)


# -- steps ----------------------------------------------------------------------------------------


def _of_step(step: Step, choreography: Choreography) -> Iterator[Action]:
    needs = _heard(step, choreography)
    if step.undo_table is not None:
        yield _of_table(step, needs)
        return
    announced = routes().announcements[step.full_name]
    outcomes = announced.outcomes + (((step.exhausted,),) if step.exhausted else ())
    yield Action(
        name=step.full_name,
        label=step.name,
        consumer=step.consumer,
        kind=ActionKind.UNDO if step.kind is Kind.UNDO else ActionKind.STEP,
        needs=needs,
        outcomes=outcomes,
        joins=len(needs) > 1 and announced.may_be_nothing,
        at_most=step.most,
    )
    late = {answer.step for answer in step.otherwise.values() if answer.step is not None}
    for found in sorted(late, key=str):
        yield _late(found, step, needs)


def _heard(step: Step, choreography: Choreography) -> tuple[EventType, ...]:
    """Return the step's events that this choreography has; a shared step may name others, too."""
    heard = tuple(event for event in step.events if _occurs(event, choreography))
    return heard or step.events


def _of_table(step: Step, needs: tuple[EventType, ...]) -> Action:
    return Action(
        name=step.full_name,
        label=step.name,
        consumer=step.consumer,
        kind=ActionKind.UNDO,
        needs=needs,
        outcomes=tuple(dict.fromkeys(routes().announcements[step.full_name].outcomes)),
        notes=tuple(_rows(step.undo_table or {})),
    )


def _rows(table: Mapping[str, object]) -> Iterator[str]:
    """Say how states are undone; those that are undone alike in one line."""
    states: dict[str, list[str]] = {}
    for state, entry in table.items():
        states.setdefault(_said(entry), []).append(state or "absent")
    for entry, found in states.items():
        yield f"{', '.join(found)}: {entry}"


def _said(entry: object) -> str:
    if isinstance(entry, NothingToUndo):
        return "nothing to undo"
    if isinstance(entry, HoldForPerson):
        return "a person decides"
    return entry.name if isinstance(entry, Step) else str(entry)


def _late(answer: Step, parent: Step, needs: tuple[EventType, ...]) -> Action:
    return Action(
        name=f"{parent.full_name}:{answer.name}",
        label=answer.name,
        consumer=answer.consumer,
        kind=ActionKind.LATE,
        needs=needs,
        outcomes=routes().announcements[answer.full_name].outcomes,
    )


# -- doors, timers, the deadline ------------------------------------------------------------------


def _occurs(event: EventType, choreography: Choreography) -> bool:
    return choreography.name in routes().occurs_in.get(event.wire_name, ())


def _doors(choreography: Choreography, participant: Participant) -> Iterator[Action]:
    for door in participant.doors:
        for event in door.events:
            if _occurs(event, choreography):
                yield _door(participant, door, event)


def _door(participant: Participant, door: Door, event: EventType) -> Action:
    return Action(
        name=f"{participant.name}:{event.__name__}",
        label=f"from outside of {participant.name}",
        consumer=participant.name,
        kind=ActionKind.DOOR,
        needs=door.after,
        outcomes=((event,),),
    )


def _timers(choreography: Choreography) -> Iterator[Action]:
    for participant in PARTICIPANTS.values():
        for timer in participant.timers:
            event = timer_event(timer)
            entered = _entering(timer, choreography)
            if event is not None and (entered or _occurs(event, choreography)):
                yield Action(
                    name=f"{participant.name}:{timer.name}",
                    label=f"too long {timer.state}",
                    consumer=participant.name,
                    kind=ActionKind.TIMER,
                    needs=entered,
                    outcomes=((event,),),
                )


def _entering(timer: StateTimer, choreography: Choreography) -> tuple[EventType, ...]:
    """Return the events whose steps may bring the timer's subject into its state."""
    found = (
        event
        for step in PARTICIPANTS[timer.consumer].steps.values()
        if choreography.name in routes().choreographies_of.get(step.full_name, ())
        if step.model is timer.model and timer.state in entered_states(step)
        for event in step.events
    )
    return tuple(dict.fromkeys(found))


def entered_states(step: Step) -> frozenset[str]:
    """Return the states into which a step may bring its subject; the first one if it creates it."""
    if step.model is None or not step.state_field:
        return frozenset()
    names = step.moves | {step.begins}
    entered = {e.target for e in fsm.edges(step.model, step.state_field) if e.name in names}
    if step.creates:
        entered.add(fsm.state_of(step.model(), step.state_field))
    return frozenset(entered)


def _deadline(choreography: Choreography) -> Iterator[Action]:
    wish = wish_of(choreography)
    if wish is not None:
        owner = routes().owners.get(choreography.name, choreography.starts.context)
        yield Action(
            name=f"{owner}:deadline",
            label=f"too long: {choreography.deadline}",
            consumer=owner,
            kind=ActionKind.TIMER,
            needs=(choreography.starts,),
            outcomes=((wish,),),
        )


def timer_event(timer: StateTimer) -> EventType | None:
    """Return what a state timer announces, or None when it does not say.

    A function says it by its return annotation, or by what it returns for an unsaved row.
    """
    if isinstance(timer.then, type):
        return timer.then
    return _returned(timer.then, timer.model)


def wish_of(choreography: Choreography) -> EventType | None:
    """Return the event that the choreography's deadline asks for the abort with, if it does."""
    if choreography.requests is None:
        return None
    return _returned(choreography.requests, lambda: str(UUID(int=0)))


def _returned(function: Callable[..., Event], sample: Callable[[], object]) -> EventType | None:
    try:
        hint = typing.get_type_hints(function).get("return")
        found = hint or type(function(sample()))
    except Exception:  # noqa: BLE001  whatever the shop's function does, the check names it
        return None
    return found if isinstance(found, type) and issubclass(found, Event) else None
