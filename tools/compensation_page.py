"""The page about compensation, as far as it follows from the code: cases, rows, states, ways back.

`make_reference` puts it below the marker in `docs/concepts/compensation.md`; what stands above is
written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MARKER: Final = "<!-- What follows is written by tools/make_reference.py from the code. -->"

Page = Iterator[str]


def compensation_page(written_by_hand: str) -> Page:
    """Yield the whole page: the text above the marker, and all that follows from the code."""
    yield from (written_by_hand.partition(MARKER)[0].rstrip(), "", MARKER, "")
    yield from _cases()
    yield from _operations()
    yield from _rows()
    yield from _ways_back()


# -- why: the fourteen cases ----------------------------------------------------------------------


def _cases() -> Page:
    from orders.cases import CASES

    yield from ("## Why: the fourteen cases", "")
    yield "The case says why, and never changes; everything else hangs on it (`orders/cases.py`)."
    columns = {
        "legal clock": "clock",
        "who pays the way": "bearer",
        "first": "first",
        "coupon and points": "benefits",
        "goods": "stock",
        "shipping fee": "fee",
        "tax document": "tax",
    }
    yield from ("", f"| Case | 한국어 | {' | '.join(columns)} | opened by | the order becomes |")
    yield "|---" * (len(columns) + 4) + "|"
    for kind, rule in CASES.items():
        english, korean = _in_both(rule.title)
        said = [str(getattr(rule, name).label) for name in columns.values()]
        openers = ", ".join(sorted(str(opener.label) for opener in rule.opened_by))
        finals = " or ".join(state or "stays as it is" for state in rule.finals)
        yield f"| `{kind}`: {english} | {korean} | {' | '.join(said)} | {openers} | {finals} |"


def _in_both(text: Any) -> tuple[str, str]:
    from django.utils import translation

    said = []
    for language in ("en", "ko"):
        with translation.override(language):
            said.append(str(text))
    return said[0], said[1]


# -- how: the money operations --------------------------------------------------------------------


def _operations() -> Page:
    import inspect

    from payments.events import MoneyOp

    meanings = _comments(inspect.getsource(MoneyOp))
    yield from ("", "## How: the money operations", "")
    yield "How money goes back follows from the payment alone (`payments/operation.py`)."
    yield from ("", "| Operation | Meaning |", "|---|---|")
    yield from (f"| `{op}` | {meanings[op.name]} |" for op in MoneyOp)


def _comments(source: str) -> dict[str, str]:
    """Return what is said above each value of an enumeration."""
    found: dict[str, str] = {}
    said: list[str] = []
    for line in map(str.strip, source.splitlines()):
        if line.startswith("#:"):
            said.append(line.removeprefix("#:").strip())
        elif " = " in line:
            found[line.partition(" = ")[0]] = " ".join(said)
            said = []
    return found


# -- what is done: the thirty rows ----------------------------------------------------------------


def _rows() -> Page:
    from orders.decision_table import DECISIONS

    yield from ("", "## What is done: the thirty rows", "")
    yield (
        "The first row that fits is the one that holds;"
        " each has scenarios named after it in `tests/scenarios/rows`."
    )
    yield "Every row begins alike: the case is written down, and the way forward is fenced off."
    yield "G is what was paid for the goods, F the shipping fee, X the return fee."
    yield "A, C and V are authorised, captured and voided; R is refunded, B taken by a bank."
    yield from ("N = C - R - B is what the shop holds.", "")
    yield "| Row | When | Order / payment / stock / parcel | Case | What is done, in this order |"
    yield "|---|---|---|---|---|"
    for number, row in DECISIONS.items():
        before = f"{row.order} / {row.payment} / {row.stock} / {row.parcel}"
        case = f"`{row.kind}`" if row.kind else "the one that is open, or none"
        done = " → ".join(row.actions)
        yield f"| D-{number} | {row.trigger} | {before} | {case} | {done} |"
    yield from ("", "| Row | The order in the end | Its money in the end | Choreographies |")
    yield "|---|---|---|---|"
    for number, row in DECISIONS.items():
        ways = ", ".join(f"[{name}](../choreographies/{name}.md)" for name in row.choreographies)
        yield f"| D-{number} | {row.final} | {row.money} | {ways} |"


# -- states and ways back, per context ------------------------------------------------------------


def _ways_back() -> Page:
    from sagas.participant import PARTICIPANTS

    yield from ("", "## States and ways back, per context", "")
    yield "A note says how a state is left backwards: by a step, its call, or a choreography."
    for participant in PARTICIPANTS.values():
        for model, field in _machines(participant):
            yield from ("", f"### {participant.name}: {model.__name__}", "", "```mermaid")
            yield from _machine(participant, model, field)
            yield "```"


def _machines(participant: Any) -> list[tuple[Any, str]]:
    found: dict[tuple[Any, str], None] = {}
    for step in participant.steps.values():
        if step.model is not None and step.state_field and step.moves | {step.begins} - {""}:
            found[step.model, step.state_field] = None
    return list(found)


def _machine(participant: Any, model: Any, field: str) -> Page:
    from sagas import fsm

    yield "stateDiagram-v2"
    for edge in fsm.edges(model, field):
        yield f"  {edge.source} --> {edge.target}: {edge.name}"
    for state, entry in _table_of(participant, model, field).items():
        yield f"  note right of {state}: back by {entry}"
    for holding in participant.holdings:
        if (holding.model, holding.field) == (model, field):
            for state, name in holding.way_back.items():
                yield f"  note left of {state}: back by a {name}"


def _table_of(participant: Any, model: Any, field: str) -> Mapping[str, str]:
    """Return how each state of a model is undone, where something is done about it."""
    from sagas.step import HoldForPerson, Step, Waiting

    rows: dict[str, str] = {}
    for step in participant.steps.values():
        if step.undo_table is None or (step.model, step.state_field) != (model, field):
            continue
        for state, entry in step.undo_table.items():
            if isinstance(entry, Step):
                rows[state] = entry.name
            elif isinstance(entry, Waiting):
                rows[state] = f"its call's outcome ({entry})"
            elif isinstance(entry, HoldForPerson):
                rows[state] = "a person"
    return rows
