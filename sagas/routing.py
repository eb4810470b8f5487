"""Routing: who reacts to what, worked out once from all declarations.

Reads the participants and choreographies when Django starts; after that nothing changes. Routes
are by (choreography, event type), so an event used in two choreographies never reaches a step of
the other (design decision 1).
"""

import types
import typing
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from sagas.choreography import CHOREOGRAPHIES, Choreography, EventType
from sagas.event import Event
from sagas.exceptions import ConfigurationError
from sagas.participant import PARTICIPANTS, Participant
from sagas.step import Kind, NothingToUndo, Question, StateTimer, Step

#: The choreography name of events that belong to none.
FREE = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """What a step's annotation says: it returns one of `outcomes`, each a tuple of event types."""

    outcomes: tuple[tuple[EventType, ...], ...]

    @property
    def may_be_nothing(self) -> bool:
        """Whether the step may announce nothing."""
        return () in self.outcomes

    @property
    def events(self) -> tuple[EventType, ...]:
        """Every event type that may be announced, in order, once each."""
        return tuple(dict.fromkeys(event for outcome in self.outcomes for event in outcome))


@dataclass(kw_only=True, slots=True)
class Routes:
    """All declarations, indexed."""

    #: (choreography, wire name) -> steps that react.
    steps: dict[tuple[str, str], tuple[Step, ...]] = field(default_factory=dict)
    #: full step name -> what it announces.
    announcements: dict[str, Announcement] = field(default_factory=dict)
    #: full step name -> the names of its choreographies; FREE for steps of free events.
    choreographies_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: wire name -> choreographies in which the event occurs.
    occurs_in: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: wire name -> the choreography that the event starts.
    starts: dict[str, Choreography] = field(default_factory=dict)
    #: (model label, field, state) -> timers to set when the state is entered.
    timers: dict[tuple[str, str, str], tuple[StateTimer, ...]] = field(default_factory=dict)
    #: (model label, field, state) -> who is asked while a subject is in it.
    questions: dict[tuple[str, str, str], Question] = field(default_factory=dict)
    #: model label -> the fields by which steps find their subjects.
    lookups: dict[str, frozenset[str]] = field(default_factory=dict)
    #: gateway -> (consumer, step) of every delivery that may call it.
    gateways: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    #: choreography -> the participant that owns its key and answers for its deadline.
    owners: dict[str, str] = field(default_factory=dict)
    #: What could not be worked out: (what, which, what to do).
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def reacting(self, choreography: str, wire_name: str) -> tuple[Step, ...]:
        """Return the steps that react to an event of a saga of this choreography."""
        return self.steps.get((choreography, wire_name), ())


def all_steps() -> Iterator[Step]:
    """Yield every declared step, undo entries and late answers included."""
    for participant in PARTICIPANTS.values():
        yield from participant.steps.values()


def step_named(consumer: str, name: str) -> Step | None:
    """Return a declared step, or None if the running code has none of that name (R20)."""
    participant = PARTICIPANTS.get(consumer)
    return participant.steps.get(name) if participant else None


def announcement_of(step: Step) -> Announcement:
    """Return what the step's return annotation announces (design decision 30).

    Names are resolved in the function's own globals, after every app is loaded. Raises
    ConfigurationError with the cure when that fails.
    """
    try:
        hints = typing.get_type_hints(step.function)
    except NameError as error:
        message = (
            f"{step.full_name}: {error}. Import the event where the step is defined, outside of"
            " `if TYPE_CHECKING`."
        )
        raise ConfigurationError(message) from error
    if "return" not in hints:
        message = f"{step.full_name} has no return annotation: say which events it announces."
        raise ConfigurationError(message)
    return Announcement(outcomes=tuple(_outcomes(hints["return"], step)))


def _outcomes(hint: object, step: Step) -> Iterator[tuple[EventType, ...]]:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        for part in typing.get_args(hint):
            yield from _outcomes(part, step)
    elif origin is tuple:
        yield tuple(event for part in typing.get_args(hint) for event in _single(part, step))
    else:
        yield tuple(_single(hint, step))


def _single(hint: object, step: Step) -> Iterator[EventType]:
    if hint is type(None):
        return
    if isinstance(hint, type) and issubclass(hint, Event) and hint is not Event:
        yield hint
        return
    message = (
        f"{step.full_name} is annotated to return {hint!r}: name the event classes,"
        " as `A | B` (one of), `tuple[A, B]` (both) or `None` (nothing)."
    )
    raise ConfigurationError(message)


@lru_cache(maxsize=1)
def routes() -> Routes:
    """Return the routes of everything declared. Built on first use, after all apps are loaded."""
    built = Routes()
    _index_announcements(built)
    _index_choreographies(built)
    _index_steps(built)
    _index_timers(built)
    _index_questions(built)
    _index_lookups(built)
    _index_gateways(built)
    return built


def forget_routes() -> None:
    """Work the routes out anew on next use. For tests that declare participants of their own."""
    routes.cache_clear()


def _index_announcements(built: Routes) -> None:
    for step in all_steps():
        if step.undo_table is not None:
            outcomes = tuple(_table_outcomes(built, step))
            built.announcements[step.full_name] = Announcement(outcomes=outcomes)
            continue
        try:
            built.announcements[step.full_name] = announcement_of(step)
        except ConfigurationError as error:
            built.problems.append(("annotation", step.full_name, str(error)))
            built.announcements[step.full_name] = Announcement(outcomes=())


def _table_outcomes(built: Routes, step: Step) -> Iterator[tuple[EventType, ...]]:
    for entry in (step.undo_table or {}).values():
        if isinstance(entry, Step):
            yield from announcement_of(entry).outcomes
        elif isinstance(entry, NothingToUndo):
            yield (entry.announces,)


def _index_choreographies(built: Routes) -> None:
    for choreography in CHOREOGRAPHIES.values():
        built.starts[choreography.starts.wire_name] = choreography


def _named_events(choreography: Choreography) -> Iterable[EventType]:
    yield choreography.starts
    yield from choreography.ends
    yield from choreography.aborts
    yield from choreography.terminal
    if choreography.pivot:
        yield choreography.pivot


def _index_steps(built: Routes) -> None:
    """Steps that name their choreography come first; the others follow from where events occur."""
    occurs: dict[str, set[str]] = defaultdict(set)
    for choreography in CHOREOGRAPHIES.values():
        for event in _named_events(choreography):
            occurs[event.wire_name].add(choreography.name)
    steps = [step for step in all_steps() if step.events]
    _spread_occurrences(built, steps, occurs)
    reacting: dict[tuple[str, str], list[Step]] = defaultdict(list)
    for step in steps:
        names = _choreographies_of(built, step, occurs)
        built.choreographies_of[step.full_name] = names
        for name, event in product(names, step.events):
            reacting[name, event.wire_name].append(step)
    built.steps = {route: tuple(found) for route, found in reacting.items()}
    built.occurs_in = {wire: tuple(sorted(names)) for wire, names in occurs.items()}
    _index_owners(built)


def _spread_occurrences(built: Routes, steps: list[Step], occurs: dict[str, set[str]]) -> None:
    """An event occurs where its step reacts, and where a step of that choreography announces it."""
    changed = True
    while changed:
        found = [*_from_steps(built, steps, occurs), *_from_doors(occurs)]
        changed = any(name not in occurs[wire] for wire, name in found)
        for wire, name in found:
            occurs[wire].add(name)


def _from_steps(
    built: Routes, steps: list[Step], occurs: dict[str, set[str]]
) -> Iterator[tuple[str, str]]:
    for step in steps:
        for name in _choreographies(step, occurs):
            for event in (*_own_events(step), *_announced_with_answers(built, step)):
                stays = event.wire_name not in built.starts or event in step.events
                if stays and not event.free:
                    yield event.wire_name, name


def _own_events(step: Step) -> tuple[EventType, ...]:
    """A step of several choreographies may hear an event that only some of them have."""
    return step.events if len(step.sagas) < 2 else ()  # noqa: PLR2004  several


def _from_doors(occurs: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """What comes in through a door occurs where what must come before it does."""
    for participant in PARTICIPANTS.values():
        for door in participant.doors:
            for before in door.after:
                for name in occurs[before.wire_name]:
                    yield from ((event.wire_name, name) for event in door.events)


def _announced_with_answers(built: Routes, step: Step) -> Iterator[EventType]:
    yield from built.announcements[step.full_name].events
    for answer in step.otherwise.values():
        if answer.step is not None:
            yield from built.announcements[answer.step.full_name].events
    if step.exhausted is not None:
        yield step.exhausted


def _choreographies(step: Step, occurs: dict[str, set[str]]) -> set[str]:
    if step.sagas:
        return set(step.sagas)
    found: set[str] = set()
    for event in step.events:
        found |= occurs[event.wire_name]
    return found if len(found) == 1 else set()


def _choreographies_of(built: Routes, step: Step, occurs: dict[str, set[str]]) -> tuple[str, ...]:
    if step.sagas:
        return step.sagas
    if all(event.free for event in step.events):
        return (FREE,)
    found = sorted({name for event in step.events for name in occurs[event.wire_name]})
    if len(found) == 1:
        return (found[0],)
    where = " and ".join(found) or "no choreography"
    cure = f"its events occur in {where}: name one with saga=..."
    built.problems.append(("choreography", step.full_name, cure))
    return (found[0] if found else FREE,)


def _index_owners(built: Routes) -> None:
    """The owner of the business key is the participant that announces the end (decision 4)."""
    for choreography in CHOREOGRAPHIES.values():
        for participant in PARTICIPANTS.values():
            if _announces_any(built, participant, choreography):
                built.owners.setdefault(choreography.name, participant.name)


def _announces_any(built: Routes, participant: Participant, choreography: Choreography) -> bool:
    return any(
        event in choreography.ends
        for step in participant.steps.values()
        for event in built.announcements[step.full_name].events
    )


def _index_timers(built: Routes) -> None:
    timers: dict[tuple[str, str, str], list[StateTimer]] = defaultdict(list)
    for participant in PARTICIPANTS.values():
        for timer in participant.timers:
            timers[timer.model._meta.label, timer.field, timer.state].append(timer)
    built.timers = {place: tuple(found) for place, found in timers.items()}


def _index_questions(built: Routes) -> None:
    for participant in PARTICIPANTS.values():
        for asked in participant.questions:
            built.questions[asked.model._meta.label, asked.field, asked.state] = asked


def lookup_fields(label: str) -> frozenset[str]:
    """Return the fields by which steps look for rows of a model; parked deliveries wait by them."""
    return routes().lookups.get(label, frozenset())


def _index_lookups(built: Routes) -> None:
    lookups: dict[str, set[str]] = defaultdict(set)
    for step in all_steps():
        if step.subject is not None:
            lookups[step.subject.model._meta.label].add(step.subject.field)
    built.lookups = {label: frozenset(found) for label, found in lookups.items()}


def gateways_of(step: Step) -> frozenset[str]:
    """Return the gateways that a delivery for this step may call."""
    return frozenset(call.gateway for call in step.all_calls if call.gateway)


def _index_gateways(built: Routes) -> None:
    places: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for step in all_steps():
        for gateway in gateways_of(step):
            places[gateway].add((step.consumer, step.name))
    built.gateways = {gateway: frozenset(found) for gateway, found in places.items()}


def timer_named(consumer: str, name: str) -> StateTimer | None:
    """Return a declared state timer, or None if the running code has none of that name."""
    participant = PARTICIPANTS.get(consumer)
    found = [t for t in participant.timers if t.name == name] if participant else []
    return found[0] if found else None


def is_undo(step: Step) -> bool:
    """Whether a step belongs to the way back."""
    return step.kind is Kind.UNDO
