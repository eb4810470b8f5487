"""Back: from every abort everything is undone, in the right order, and never after the pivot."""

from collections.abc import Iterator
from itertools import pairwise

from django.core.checks import CheckMessage

from sagas import fsm
from sagas.checks.message import error
from sagas.checks.states import NOTHING, shown
from sagas.choreography import EventType
from sagas.graph import Action, ActionKind, Graph, all_graphs, derivable, entered_states
from sagas.graph.proof import after_abort, open_aborts
from sagas.matrix import applying_states
from sagas.participant import PARTICIPANTS
from sagas.routing import all_steps, routes
from sagas.step import Kind, Step

#: In this order things are undone: first nothing can leave, then money goes back, then stock (R39).
ORDER = ("parcel", "money", "stock")


def _steps_of(graph: Graph) -> list[Step]:
    name = graph.choreography.name
    return [s for s in all_steps() if name in routes().choreographies_of.get(s.full_name, ())]


def _that_turn() -> Iterator[Graph]:
    return (graph for graph in all_graphs() if graph.choreography.aborts)


def without_compensation() -> Iterator[CheckMessage]:
    """E008: a step before the pivot leaves a state that nothing undoes (G7)."""
    for graph in _that_turn():
        before, steps = _before_pivot(graph), _steps_of(graph)
        known = {e for abort in graph.choreography.aborts for e in after_abort(graph, abort)}
        undoing = [step for step in steps if _comes_to_undo(step, known)]
        for step in steps:
            if step.kind is Kind.FORWARD and step.subject and before.intersection(step.events):
                for state in sorted(entered_states(step)):
                    if not any(_undoes(undo, step, state) for undo in undoing):
                        yield error(
                            8,
                            step,
                            f"It brings its subject to state {shown(state)}, and nothing undoes"
                            " that.",
                            hint="Add the state to an undo table of this participant.",
                        )


def _comes_to_undo(step: Step, known: set[EventType]) -> bool:
    """Whether a step of the way back runs after an abort: what waits in vain undoes nothing."""
    return step.kind is Kind.UNDO and bool(known.intersection(step.events))


def _before_pivot(graph: Graph) -> frozenset[EventType]:
    pivot = [graph.choreography.pivot] if graph.choreography.pivot else []
    return derivable(graph.forward, [graph.choreography.starts], without=pivot)


def _undoes(undo: Step, step: Step, state: str) -> bool:
    """Whether the state is a row of the undo's table, or leads to where the undo moves on."""
    if undo.model is not step.model or undo.state_field != step.state_field:
        return False
    if undo.undo_table is not None:
        return state in undo.undo_table
    goals = applying_states(undo) if undo.moves else frozenset[str]()
    assert step.model is not None  # noqa: S101  for types; the caller asked
    return state in goals or fsm.is_ahead(step.model, step.state_field, state, goals)


def unreachable_undo() -> Iterator[CheckMessage]:
    """E014: after an abort an undo never runs, or the way back ends halfway (decision 24)."""
    for graph in _that_turn():
        for abort in graph.choreography.aborts:
            known = after_abort(graph, abort)
            for action in graph.back:
                if not action.is_ready(known):
                    yield _never_undone(action, abort)
                yield from _dead_ends(graph, action, abort)


def _never_undone(action: Action, abort: EventType) -> CheckMessage:
    waits = " or ".join(event.__name__ for event in action.needs)
    return error(
        14,
        action.name,
        f"It waits for {waits}, which never comes after {abort.__name__}.",
        hint="Let it wait for a fact that the undo before it announces, or for the abort.",
    )


def _dead_ends(graph: Graph, action: Action, abort: EventType) -> Iterator[CheckMessage]:
    for outcome in action.outcomes:
        if outcome and not _leads_to_the_end(graph, action, outcome, abort):
            said = " and ".join(event.__name__ for event in outcome)
            yield error(
                14,
                action.name,
                f"After {said} the way back ends before everything is undone.",
                hint=f"Let the next undo wait for {said}, too: on=(...).",
            )


def _leads_to_the_end(
    graph: Graph, action: Action, outcome: tuple[EventType, ...], abort: EventType
) -> bool:
    """Whether the saga is compensated at last, whichever event the action has reacted to."""
    return _comes_back(graph, outcome, abort) or all(
        _compensates(graph, outcome, trigger, abort) for trigger in action.needs
    )


def _compensates(
    graph: Graph, outcome: tuple[EventType, ...], trigger: EventType, abort: EventType
) -> bool:
    before = _without_which_not(graph, trigger, abort)
    ends = set(graph.choreography.compensated)
    return bool(ends & _led_to(graph, set(outcome), before=before))


def _without_which_not(graph: Graph, event: EventType, abort: EventType) -> set[EventType]:
    """Return what must have happened since `abort` once `event` has; nothing if that was before."""
    known = after_abort(graph, abort)
    events = {event} if event in known else known & _waited_for_at_doors(graph, event)
    return {e for e in known if events and not events & derivable(graph.back, [abort], without=[e])}


def _waited_for_at_doors(graph: Graph, event: EventType) -> set[EventType]:
    doors = (action for action in graph.announcing(event) if action.kind is ActionKind.DOOR)
    return {need for door in doors for need in door.needs}


def _led_to(graph: Graph, outcome: set[EventType], *, before: set[EventType]) -> set[EventType]:
    """Return what follows from `outcome`, and from what has come `before` it beside it."""
    known = fresh = outcome | before
    actions = [a for a in graph.back if outcome & set(a.needs) or not known & set(a.announces)]
    while fresh:
        known = known | fresh
        fresh = {e for a in actions if _is_led_on(a, known) for e in a.announces} - known
    return known


def _is_led_on(action: Action, known: set[EventType]) -> bool:
    """Whether an action may run; a join takes at least two of the events it waits for."""
    return len(known.intersection(action.needs)) > int(action.joins)


def _comes_back(graph: Graph, outcome: tuple[EventType, ...], abort: EventType) -> bool:
    """Whether another choreography takes over, and this one learns through a door how it ended."""
    if not any(_starts_another(graph, event) for event in outcome):
        return False
    return any(
        _compensates(graph, door.announces, trigger, abort)
        for door in graph.actions
        if door.kind is ActionKind.DOOR and not set(door.announces) & set(graph.choreography.aborts)
        for trigger in door.needs
    )


def _starts_another(graph: Graph, event: EventType) -> bool:
    return routes().starts.get(event.wire_name) not in (None, graph.choreography)


def order_of_undos() -> Iterator[CheckMessage]:
    """E015: money is undone before the parcel is stopped, or stock before the money (R39)."""
    for graph in _that_turn():
        held = [what for what in ORDER if _undos_of(graph, what)]
        for first, then in pairwise(held):
            for abort in graph.choreography.aborts:
                yield from _too_early(graph, abort, first=first, then=then)


def _too_early(graph: Graph, abort: EventType, *, first: str, then: str) -> Iterator[CheckMessage]:
    earlier = {step.full_name for step in _undos_of(graph, first)}
    others = [action for action in graph.back if action.name not in earlier]
    possible = derivable(others, [abort])
    for step in _undos_of(graph, then):
        for event in step.events:
            if event in possible and step.full_name not in earlier:
                yield error(
                    15,
                    step,
                    f"After {abort.__name__} it may undo {then} on {event.__name__} before"
                    f" {' and '.join(sorted(earlier))} has undone the {first}.",
                    hint=f"Let it wait for what {' or '.join(sorted(earlier))} announces.",
                )


def _undos_of(graph: Graph, what: str) -> list[Step]:
    return [s for s in _steps_of(graph) if s.undo_table is not None and what in _held(s)]


def _held(step: Step) -> set[str]:
    return {
        what
        for holding in PARTICIPANTS[step.consumer].holdings
        if holding.model is step.model and holding.field == step.state_field
        for what in holding.holds.values()
    } - {NOTHING}


def aborts_too_late() -> Iterator[CheckMessage]:
    """E020: a saga may be turned around while its pivot can still happen (decision 21, G8)."""
    for graph in _that_turn():
        pivot = graph.choreography.pivot
        if pivot is not None:
            for action, event in open_aborts(graph):
                yield error(
                    20,
                    action.name,
                    f"It turns {graph.choreography.name!r} back after {event.__name__}, when"
                    f" {pivot.__name__} may still happen.",
                    hint="Announce a request instead, and turn back on the answer of who owns the"
                    " pivot; or on a fact that is said instead of one that must precede it.",
                )


def owners_of_pivots() -> Iterator[CheckMessage]:
    """E021: it is unclear whose the point of no return is (decision 21)."""
    for graph in all_graphs():
        pivot = graph.choreography.pivot
        owners = sorted({a.consumer for a in graph.actions if pivot in a.announces})
        if pivot is not None and len(owners) != 1:
            yield error(
                21,
                graph.choreography.name,
                f"Its pivot {pivot.__name__} is announced by {' and '.join(owners) or 'nobody'}.",
                hint="One participant announces the pivot, from a step or through announces(...).",
            )


CHECKS = (
    without_compensation,
    unreachable_undo,
    order_of_undos,
    aborts_too_late,
    owners_of_pivots,
)
