"""Text: a choreography as Mermaid for documents, or as DOT for Graphviz."""

from collections.abc import Iterator
from itertools import groupby

from sagas.choreography import EventType
from sagas.graph import Action, Graph
from sagas.graph.roles import role_of

_MERMAID_CLASSES = (
    "classDef pivot stroke-width:4px",
    "classDef abort stroke-dasharray:6 3,stroke-width:3px",
    "classDef ending stroke-width:3px",
    "classDef back stroke-dasharray:3 3",
    "classDef start stroke-width:3px",
)


def mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart: a box per action, in its participant; a pill per event."""
    numbers = {action.name: f"a{place}" for place, action in enumerate(graph.actions)}
    lines = ["flowchart TD"]
    for consumer, actions in _by_participant(graph):
        lines.append(f"  subgraph {consumer}")
        lines += [f"    {_mermaid_box(action, numbers[action.name])}" for action in actions]
        lines.append("  end")
    for event in graph.events:
        role = role_of(graph, event)
        lines.append(f"  {event.__name__}([{event.__name__}]){f':::{role}' if role else ''}")
    lines += [f"  {source} --> {target}" for source, target in _arrows(graph, numbers)]
    lines += [f"  {style}" for style in _MERMAID_CLASSES]
    return "\n".join(lines) + "\n"


def _mermaid_box(action: Action, number: str) -> str:
    label = "<br/>".join([action.label, *action.notes]).replace('"', "'")
    box = f'{number}["{label}"]' if action.needs else f'{number}[/"{label}"/]'
    return f"{box}{':::back' if action.goes_back else ''}"


def dot(graph: Graph) -> str:
    """Return a DOT digraph: a cluster per participant, a box per action, an ellipse per event."""
    numbers = {action.name: f"a{place}" for place, action in enumerate(graph.actions)}
    lines = [f"digraph {_quoted(graph.choreography.name)} {{", "  rankdir=TB;"]
    for consumer, actions in _by_participant(graph):
        lines.append(f"  subgraph {_quoted(f'cluster_{consumer}')} {{")
        lines.append(f"    label={_quoted(consumer)};")
        lines += [f"    {_dot_box(action, numbers[action.name])}" for action in actions]
        lines.append("  }")
    for event in graph.events:
        pen = "bold" if role_of(graph, event) else "solid"
        lines.append(f"  {event.__name__} [shape=ellipse, style={pen}];")
    lines += [f"  {source} -> {target};" for source, target in _arrows(graph, numbers)]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_box(action: Action, number: str) -> str:
    style = "dashed" if action.goes_back else "solid"
    label = "\n".join([action.label, *action.notes])
    return f"{number} [shape=box, style={style}, label={_quoted(label)}];"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _by_participant(graph: Graph) -> Iterator[tuple[str, list[Action]]]:
    ordered = sorted(graph.actions, key=lambda action: action.consumer)
    for consumer, actions in groupby(ordered, key=lambda action: action.consumer):
        yield consumer, list(actions)


def _arrows(graph: Graph, numbers: dict[str, str]) -> Iterator[tuple[str, str]]:
    for action in graph.actions:
        for event in action.needs:
            yield _name(event), numbers[action.name]
        for event in action.announces:
            yield numbers[action.name], _name(event)


def _name(event: EventType) -> str:
    return event.__name__
