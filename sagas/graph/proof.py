"""Proof: what is shown on a choreography's graph before anything runs (decisions 6, 21, 24).

An abort is safe when every road to the pivot is closed by the time it is announced: then a saga
never goes back after its point of no return.
"""

from collections.abc import Iterable, Iterator

from sagas.choreography import EventType
from sagas.graph import Action, Graph, derivable

Events = frozenset[EventType]


def dominators(graph: Graph) -> Events:
    """Return the events without which the pivot can't happen; empty without a pivot."""
    pivot, starts = graph.choreography.pivot, graph.choreography.starts
    if pivot is None or pivot not in derivable(graph.forward, [starts]):
        return frozenset()
    return frozenset(
        event
        for event in graph.events
        if pivot not in derivable(graph.forward, [starts], without=[event])
    )


def unreachable(graph: Graph) -> Events:
    """Return the events of the graph that can never happen, going forward or back."""
    forward = derivable(graph.forward, [graph.choreography.starts])
    everything = derivable(graph.actions, forward)
    return frozenset(graph.events) - everything


def after_abort(graph: Graph, abort: EventType) -> Events:
    """Return what can happen once a saga has turned around by `abort`."""
    return derivable(graph.back, [abort])


def cycles(graph: Graph) -> tuple[tuple[str, ...], ...]:
    """Return the cycles that no `at_most` breaks, each as the names of its actions in order."""
    found = []
    for action in graph.actions:
        way = _way_back_to(graph, action)
        if way and min(way) == action.name:
            found.append(way)
    return tuple(found)


def _way_back_to(graph: Graph, action: Action) -> tuple[str, ...]:
    """Return the shortest way from an action to itself without a bounded action, or nothing."""
    if action.at_most is not None:
        return ()
    ways: list[tuple[Action, ...]] = [(action,)]
    seen = set[str]()
    for way in ways:
        for follower in _followers(graph, way[-1]):
            if follower is action:
                return tuple(step.name for step in way)
            if follower.at_most is None and follower.name not in seen:
                seen.add(follower.name)
                ways.append((*way, follower))
    return ()


def _followers(graph: Graph, action: Action) -> Iterator[Action]:
    """Yield what an action leads to on its own way: nothing that goes back leads forward again."""
    for event in action.announces:
        yield from (a for a in graph.reacting(event) if a.goes_back == action.goes_back)


def open_aborts(graph: Graph) -> tuple[tuple[Action, EventType], ...]:
    """Return what may announce an abort while the pivot can still happen, and after which event.

    A door that announces an abort is returned with the abort itself (design decision 21).
    """
    road = Road(graph)
    return tuple(
        (action, culprit)
        for action in graph.actions
        for abort in graph.choreography.aborts
        if abort in action.announces
        for culprit in _open_triggers(road, action, abort)
    )


def _open_triggers(road: "Road", action: Action, abort: EventType) -> Iterable[EventType]:
    if not action.needs:
        return [abort]
    still_open = [e for e in action.needs if not road.is_closed_by(e)]
    is_enough = action.joins and len(still_open) < len(action.needs)
    return () if is_enough else still_open


def closes_the_road(graph: Graph, event: EventType) -> bool:
    """Whether the pivot can't happen any more once `event` has (design decision 21)."""
    return Road(graph).is_closed_by(event)


class Road:
    """The road to a choreography's pivot, and what closes it."""

    def __init__(self, graph: Graph) -> None:
        """Look at the forward part of `graph`."""
        self.graph = graph
        self.pivot = graph.choreography.pivot
        self.dominators = dominators(graph)
        self.owners = {a.consumer for a in graph.forward if self.pivot in a.announces}

    def is_closed_by(self, event: EventType) -> bool:
        """Whether nothing leads from `event` to the pivot, and nothing else can by now."""
        return not self._leads_on([event]) and self._is_held_up_by(event, frozenset())

    def _is_held_up_by(self, event: EventType, asked: Events) -> bool:
        """Whether the pivot, once `event` has happened, can only be a consequence of `event`."""
        announcing = [a for a in self.graph.forward if event in a.announces]
        if event in asked or not announcing:
            return False
        return all(self._is_held_up(a, event, asked | {event}) for a in announcing)

    def _is_held_up(self, action: Action, event: EventType, asked: Events) -> bool:
        if self._leads_on(_said_with(action, event)):
            return False
        if action.consumer in self.owners and not self._leads_on([event]):
            return True
        return self._is_instead(action, event) or self._follows_closely(action, asked)

    def _is_instead(self, action: Action, event: EventType) -> bool:
        """Whether the action says `event` instead of something that must precede the pivot."""
        others = [outcome for outcome in action.outcomes if event not in outcome]
        return any(self.dominators.intersection(outcome) for outcome in others)

    def _follows_closely(self, action: Action, asked: Events) -> bool:
        """Whether the road was held up before, and led on through this action alone."""
        return bool(action.needs) and all(
            self._is_held_up_by(trigger, asked) and not self._leads_on([trigger], beside=action)
            for trigger in action.needs
        )

    def _leads_on(self, given: Iterable[EventType], *, beside: Action | None = None) -> bool:
        """Whether the pivot may follow from `given`, counting a join as led on by any one."""
        known, fresh = set[EventType](), set(given)
        while fresh:
            known |= fresh
            fresh = {
                event
                for action in self.graph.forward
                if action is not beside and known.intersection(action.needs)
                for event in action.announces
                if event not in self.graph.choreography.aborts
            } - known
        return self.pivot in known


def _said_with(action: Action, event: EventType) -> list[EventType]:
    return [e for o in action.outcomes if event in o for e in o if e is not event]
