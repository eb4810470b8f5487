"""Roles: what an event means to its choreography, for drawings."""

from sagas.choreography import EventType
from sagas.graph import Graph


def role_of(graph: Graph, event: EventType) -> str:
    """Return "start", "pivot", "abort" or "ending", or nothing for an event on the way."""
    shape = graph.choreography
    if event is shape.pivot:
        return "pivot"
    if event in shape.aborts:
        return "abort"
    if event in shape.ends:
        return "ending"
    return "start" if event is shape.starts else ""
