"""Flow: every event is heard, every step is reached, nothing runs in circles, and sagas end."""

from collections.abc import Iterator

from django.core.checks import CheckMessage

from sagas.checks.message import error
from sagas.checks.states import leaves, runs_in
from sagas.choreography import CHOREOGRAPHIES, Choreography, EventType
from sagas.graph import Graph, all_graphs, timer_event, wish_of
from sagas.graph.proof import cycles, unreachable
from sagas.participant import PARTICIPANTS
from sagas.routing import FREE, all_steps, routes
from sagas.step import StateTimer, Step


def unheard() -> Iterator[CheckMessage]:
    """E004: nobody reacts to an event, and it is not said to be meant for nobody."""
    for graph in all_graphs():
        for event in graph.events:
            if not graph.reacting(event) and not _may_go_unheard(graph.choreography, event):
                yield error(
                    4,
                    event.wire_name,
                    f"Nobody reacts to {event.__name__} in {graph.choreography.name!r}.",
                    hint=f"React to it, or name it in terminal= of {graph.choreography.name!r}.",
                )


def _may_go_unheard(choreography: Choreography, event: EventType) -> bool:
    quiet = (*choreography.terminal, *choreography.ends, choreography.pivot)
    starts_another = routes().starts.get(event.wire_name) not in (None, choreography)
    return event in quiet or starts_another or event.free


def unreached() -> Iterator[CheckMessage]:
    """E005: a step waits for an event that nobody announces."""
    for graph in all_graphs():
        never = unreachable(graph)
        for action in graph.actions:
            for event in action.needs:
                if event in never:
                    yield _dead(action.name, event)
    announced = {e for found in routes().announcements.values() for e in found.events}
    announced |= {e for p in PARTICIPANTS.values() for door in p.doors for e in door.events}
    for step in all_steps():
        if FREE in routes().choreographies_of.get(step.full_name, ()):
            yield from (_dead(step, event) for event in step.events if event not in announced)


def _dead(about: object, event: EventType) -> CheckMessage:
    return error(
        5,
        about,
        f"It waits for {event.__name__}, which can't happen: nobody announces it.",
        hint="Let a step return it, or say that it comes from outside with announces(...).",
    )


def circles() -> Iterator[CheckMessage]:
    """E006: steps lead back to themselves without an end (decision 6)."""
    for graph in all_graphs():
        for way in cycles(graph):
            yield error(
                6,
                way[0],
                f"It leads back to itself for ever: {' -> '.join((*way, way[0]))}.",
                hint="Give one of these steps at_most=n and exhausted=Event.",
            )


def bounds() -> Iterator[CheckMessage]:
    """E007: a step may run only so often, and does not say what happens after that."""
    for step in all_steps():
        if step.at_most is not None and step.exhausted is None:
            yield error(
                7,
                step,
                f"It runs at_most={step.most} times and announces nothing the next time.",
                hint="Add exhausted=Event: the fact that it was tried often enough.",
            )


def timers() -> Iterator[CheckMessage]:
    """E019: a time comes and nobody learns of it (decision 25)."""
    graphs = tuple(all_graphs())
    for participant in PARTICIPANTS.values():
        for timer in participant.timers:
            yield from _timer_problem(f"{participant.name}:{timer.name}", timer, graphs)
    for graph in graphs:
        if graph.choreography.requests is not None and wish_of(graph.choreography) is None:
            yield _silent(f"{graph.choreography.name}.requests")


def _timer_problem(
    about: str, timer: StateTimer, graphs: tuple[Graph, ...]
) -> Iterator[CheckMessage]:
    event = timer_event(timer)
    if event is None:
        yield _silent(about)
        return
    heard = [g for g in graphs if event in g.events and _lands(g, event)]
    if not heard and not event.free:
        yield error(
            19,
            about,
            f"After its time {event.__name__} is announced, which lands nowhere.",
            hint=f"React to {event.__name__}, or name it in terminal= of its choreography.",
        )


def _lands(graph: Graph, event: EventType) -> bool:
    return bool(graph.reacting(event)) or event in graph.choreography.terminal


def _silent(about: str) -> CheckMessage:
    return error(
        19,
        about,
        "It does not say which event it announces.",
        hint="Write a function with a return annotation, or name the event class.",
    )


def ends() -> Iterator[CheckMessage]:
    """E023: a choreography names an end or a turn that nobody announces (decision 4)."""
    for graph in all_graphs():
        never = unreachable(graph)
        shape = graph.choreography
        for event in (*shape.ends, *shape.aborts):
            if event in never or not graph.announcing(event):
                yield error(
                    23,
                    shape.name,
                    f"It is to end or turn by {event.__name__}, which nobody announces.",
                    hint=f"Let a step return {event.__name__}, or name another event.",
                )


def unlimited_waits() -> Iterator[CheckMessage]:
    """E018: a step may say nothing and wait, in a state that has no deadline (decision 5)."""
    for step in all_steps():
        if waits(step):
            yield from _without_timer(step)


def waits(step: Step) -> bool:
    """Whether a step may say nothing, and so waits for the next event about its subject."""
    announced = routes().announcements[step.full_name]
    waits = announced.may_be_nothing and bool(announced.events)
    return waits and step.undo_table is None and step.subject is not None and not _is_over(step)


def _is_over(step: Step) -> bool:
    """Whether the saga has ended when the step runs, so that nothing waits for it."""
    names = routes().choreographies_of.get(step.full_name, ())
    ends = {event for n in names if n in CHOREOGRAPHIES for event in CHOREOGRAPHIES[n].ends}
    return set(step.events) <= ends


def _without_timer(step: Step) -> Iterator[CheckMessage]:
    assert step.model is not None  # noqa: S101  for types; the caller asked
    label = step.model._meta.label
    for state in sorted(runs_in(step)):
        has_timer = (label, step.state_field, state) in routes().timers
        if leaves(step, state) and not has_timer:
            yield error(
                18,
                step,
                f"It may return None in state {state!r}, where nothing says until when.",
                hint=f"Add while_in(..., {state!r}, until=..., then=...).",
            )


CHECKS = (unheard, unreached, circles, bounds, timers, ends, unlimited_waits)
