"""SVG: a choreography drawn in lanes, one per participant, time running downwards.

A box is an action and lists what it may announce; a line leads from there to whoever reacts. The
layout is layered: an action stands below everything that it may follow, cycles aside.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from sagas.choreography import EventType
from sagas.graph import Action, Graph
from sagas.graph.roles import role_of

LANE, BOX, MARGIN, HEAD = 300, 250, 16, 34
LINE, GAP = 18, 40
LONGEST_TEXT = 36

STYLE = """
.lane { fill: #f4f6f8; } .box { fill: #fff; stroke: #5b6b7c; } .back { stroke-dasharray: 5 3; }
.way { fill: none; stroke: #8796a5; } .way.back { stroke: #a3532f; }
text { font: 12px system-ui, sans-serif; fill: #1d2733; } .name { font-weight: 600; }
.title { font-size: 14px; font-weight: 700; } .pivot { fill: #8a4b00; font-weight: 700; }
.abort { fill: #a3261b; font-weight: 700; } .ending { fill: #17692f; font-weight: 700; }
.start { font-weight: 700; } .note { font-size: 11px; opacity: .8; }
@media (prefers-color-scheme: dark) {
  .lane { fill: #1b2129; } .box { fill: #11161c; stroke: #8796a5; } .way { stroke: #64727f; }
  .way.back { stroke: #d98c66; } text { fill: #e2e8ee; } .pivot { fill: #f0b35e; }
  .abort { fill: #ff8f85; } .ending { fill: #6fd08a; }
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """An action's place on the page, in pixels."""

    action: Action
    x: float
    y: float

    @property
    def height(self) -> float:
        """How high the box is: its name and one line per event."""
        return _height(self.action)


def svg(graph: Graph) -> str:
    """Return a whole SVG document that follows the reader's light or dark theme."""
    boxes = _place(graph)
    lanes = _lanes(graph)
    width = MARGIN + len(lanes) * LANE
    height = max((box.y + box.height for box in boxes.values()), default=HEAD) + MARGIN
    name = escape(graph.choreography.name, {'"': "&quot;"})
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}"'
        f' role="img" aria-label="{name}">'
    )
    body = [head, f"<style>{STYLE}</style>"]
    for place, lane in enumerate(lanes):
        x = MARGIN / 2 + place * LANE
        body.append(
            f'<rect class="lane" x="{x + 4:.0f}" y="4" width="{LANE - 8}"'
            f' height="{height - 8:.0f}" rx="6"/>'
        )
        body.append(_text(lane, x + MARGIN, 24, "title"))
    body += [line for box in boxes.values() for line in _ways(graph, box, boxes)]
    body += [line for box in boxes.values() for line in _box(graph, box)]
    return "\n".join([*body, "</svg>"]) + "\n"


# -- layout ---------------------------------------------------------------------------------------


def _lanes(graph: Graph) -> list[str]:
    return list(dict.fromkeys(action.consumer for action in graph.actions))


def _place(graph: Graph) -> dict[str, Box]:
    """Give each action a place: its layer decides how far down, its participant which lane."""
    rows: dict[int, dict[str, list[Action]]] = defaultdict(lambda: defaultdict(list))
    layers = _layers(graph)
    for action in graph.actions:
        rows[layers[action.name]][action.consumer].append(action)
    lanes = {name: MARGIN / 2 + place * LANE for place, name in enumerate(_lanes(graph))}
    boxes, y = {}, float(HEAD + MARGIN)
    for layer in sorted(rows):
        lowest = y
        for lane, actions in rows[layer].items():
            below = y
            for action in actions:
                x = lanes[lane] + (LANE - BOX) / 2
                boxes[action.name] = Box(action=action, x=x, y=below)
                below += _height(action) + MARGIN
            lowest = max(lowest, below)
        y = lowest + GAP
    return boxes


def _layers(graph: Graph) -> dict[str, int]:
    """Return each action's layer; the way back stands below the way forward."""
    starts = graph.choreography.starts
    layers = _longest(graph.forward, () if graph.announcing(starts) else (starts,))
    below = 1 + max(layers.values(), default=-1)
    back = _longest(graph.back, graph.choreography.aborts)
    return layers | {name: below + layer for name, layer in back.items()}


def _longest(actions: Sequence[Action], given: Iterable[EventType]) -> dict[str, int]:
    """Return each action's longest way from a beginning; arrows back up don't count."""
    waves = _waves(actions, given)
    known: dict[str, int] = {}

    def layer(action: Action) -> int:
        if action.name not in known:
            earlier = (a for a in actions if waves[a.name] < waves[action.name])
            before = [layer(a) for a in earlier if set(a.announces) & set(action.needs)]
            known[action.name] = 1 + max(before, default=-1)
        return known[action.name]

    return {action.name: layer(action) for action in actions}


def _waves(actions: Sequence[Action], given: Iterable[EventType]) -> dict[str, int]:
    """Return in which round each action can run at the earliest."""
    known = set(given)
    waves: dict[str, int] = {}
    for wave in range(len(actions)):
        ready = [a for a in actions if a.name not in waves and a.is_ready(known)]
        waves.update({action.name: wave for action in ready})
        known.update(event for action in ready for event in action.announces)
    return {action.name: waves.get(action.name, 0) for action in actions}


def _height(action: Action) -> float:
    return 12 + LINE * (1 + len(action.announces) + len(action.notes))


# -- drawing --------------------------------------------------------------------------------------


def _box(graph: Graph, box: Box) -> Iterator[str]:
    back = " back" if box.action.goes_back else ""
    yield (
        f'<g><title>{escape(_whole(box.action))}</title><rect class="box{back}" x="{box.x:.0f}"'
        f' y="{box.y:.0f}" width="{BOX}" height="{box.height:.0f}" rx="5"/>'
    )
    yield _text(_shortened(box.action.label), box.x + 10, box.y + LINE, "name")
    for place, event in enumerate(box.action.announces, start=2):
        role = role_of(graph, event)
        yield _text(f"→ {event.__name__}", box.x + 20, box.y + place * LINE, role)
    for place, note in enumerate(box.action.notes, start=2 + len(box.action.announces)):
        yield _text(_shortened(note), box.x + 10, box.y + place * LINE, "note")
    yield "</g>"


def _whole(action: Action) -> str:
    return "\n".join([action.label, *action.notes])


def _ways(graph: Graph, box: Box, boxes: dict[str, Box]) -> Iterator[str]:
    for place, event in enumerate(box.action.announces, start=2):
        for follower in graph.reacting(event):
            target = boxes[follower.name]
            back = " back" if follower.goes_back else ""
            yield f'<path class="way{back}" d="{_curve(box, place, target)}"/>'


def _curve(box: Box, place: int, target: Box) -> str:
    """Leave at the side that faces the target, arrive at its top."""
    is_right = target.x >= box.x
    x = box.x + (BOX if is_right else 0)
    y = box.y + place * LINE - 4
    bend = 30 if is_right else -30
    top = target.x + BOX / 2
    return (
        f"M{x:.0f} {y:.0f} C{x + bend:.0f} {y:.0f}, {top:.0f} {target.y - 40:.0f},"
        f" {top:.0f} {target.y:.0f}"
    )


def _text(text: str, x: float, y: float, name: str) -> str:
    named = f' class="{name}"' if name else ""
    return f'<text{named} x="{x:.0f}" y="{y:.0f}">{escape(text)}</text>'


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
