"""Names: every annotation, event, choreography and row that a declaration names exists."""

from collections.abc import Iterator

import msgspec
from django.core.checks import CheckMessage

from sagas import fsm
from sagas.checks.message import error
from sagas.choreography import CHOREOGRAPHIES, EventType
from sagas.event import EVENT_TYPES
from sagas.graph import all_graphs
from sagas.participant import PARTICIPANTS
from sagas.routing import all_steps, routes
from sagas.step import ABSENT, By, Step


def unresolved(what: str) -> CheckMessage:
    """Return the error for an annotation that stops everything else from being worked out."""
    return error(1, "sagas", what, hint="Name the event classes that the step returns.")


def annotations() -> Iterator[CheckMessage]:
    """E001: the return annotation of a step says nothing, or nothing definite (decision 30)."""
    for kind, which, cure in routes().problems:
        if kind == "annotation":
            yield error(1, which, cure, hint="Return annotations are what a step announces.")


def choreographies() -> Iterator[CheckMessage]:
    """E002: it is unclear which choreography a step belongs to (decision 1)."""
    for kind, which, cure in routes().problems:
        if kind == "choreography":
            yield error(2, which, f"Its choreography is unclear: {cure}", hint='Add saga="...".')
    for step in all_steps():
        for name in (found for found in step.sagas if found not in CHOREOGRAPHIES):
            known = ", ".join(sorted(CHOREOGRAPHIES))
            yield error(
                2, step, f"No choreography is called {name!r}.", hint=f"There are: {known}."
            )
    for asked in routes().questions.values():
        if asked.saga not in CHOREOGRAPHIES:
            where = f"{asked.model.__name__}.{asked.field}, {asked.state!r}"
            yield error(
                2,
                where,
                f"It asks in no choreography: none is called {asked.saga!r}.",
                hint="Name the one whose key is the subject's primary key.",
            )


def events() -> Iterator[CheckMessage]:
    """E003: an event class is not the registered one, or can't be decoded."""
    named = {event for graph in all_graphs() for event in graph.events}
    named |= {event for step in all_steps() for event in step.events}
    for event in sorted(named, key=lambda found: found.wire_name):
        if EVENT_TYPES.get(event.wire_name) is not event:
            yield error(
                3,
                event.wire_name,
                f"{event.__module__}.{event.__name__} is not the class that is registered.",
                hint="Declare an event once, at the top of its context's events.py.",
            )
        else:
            yield from _undecodable(event)


def _undecodable(event: EventType) -> Iterator[CheckMessage]:
    try:
        msgspec.json.Decoder(event)
    except (NameError, TypeError) as problem:
        yield error(
            3,
            event.wire_name,
            f"{event.__name__} could never be read back: {problem}",
            hint="Use types that msgspec knows: plain values, UUID, datetime, Struct, tuple.",
        )


def rows() -> Iterator[CheckMessage]:
    """E022: named rows come from nowhere, or would be locked out of order (decision 8)."""
    for step in all_steps():
        if step.events:
            for name, where in _sources(step):
                yield from _source_problem(step, name, where)


def _sources(step: Step) -> Iterator[tuple[str, By]]:
    if step.subject is not None:
        yield "subject", step.subject
    yield from step.rows()


def _source_problem(step: Step, name: str, where: By) -> Iterator[CheckMessage]:
    first = where.source.split(".")[0]
    others = {other: by for other, by in _sources(step) if other != name}
    if first in others:
        before, after = others[first].model._meta.label, where.model._meta.label
        in_order = before < after or where.only is not None or name in step.reads
        if not in_order:
            yield error(
                22,
                step,
                f"Its rows {name!r} ({after}) are found through {first!r} ({before}), which is"
                " locked later or at the same time: models are locked in the order of labels.",
                hint=f"Take {name!r} from the event, or from rows of a model before {after}.",
            )
        return
    for event in step.events:
        if not hasattr(event, first):
            yield error(
                22,
                step,
                f"Its rows {name!r} come from {where.source!r}, and {event.__name__} has no"
                f" {first!r}.",
                hint="Name a field of the event, or other rows of the step.",
            )


def known_states() -> Iterator[CheckMessage]:
    """E012: a declaration names a state that its model does not have."""
    for step in all_steps():
        if step.model is not None and step.state_field:
            named = {*step.otherwise, *step.applies_in, *(step.undo_table or {})}
            known = {ABSENT, *fsm.states(step.model, step.state_field)}
            yield from _unknown(step, named - known, known)
    for participant in PARTICIPANTS.values():
        for timer in participant.timers:
            known = set(fsm.states(timer.model, timer.field))
            yield from _unknown(f"{participant.name}:{timer.name}", {timer.state} - known, known)
        for holding in participant.holdings:
            known = set(fsm.states(holding.model, holding.field))
            named = {*holding.holds, *holding.way_back}
            yield from _unknown(f"{participant.name}.holds", named - known, known)


def _unknown(about: object, states: set[str], known: set[str]) -> Iterator[CheckMessage]:
    for state in sorted(states):
        yield error(
            12,
            about,
            f"It has a row for {state!r}, which is no state of its subject.",
            hint=f"The states are: {', '.join(sorted(known - {ABSENT}))}, and ABSENT.",
        )


CHECKS = (annotations, choreographies, events, rows, known_states)
