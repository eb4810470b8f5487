"""Matrix: the decided answer to every (state x event) pair of every step (R25, decision 16).

Derived as far as the state machine proves it, declared for the rest. APPLY: the step can run here.
PARK: a state in which it can run still lies ahead. IGNORE and LATE are declared, except that an
event is ignored when its subject's log already holds the very transition it would make.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sagas import fsm
from sagas.step import ABSENT, Answer, AnswerKind, Step

APPLY = Answer(AnswerKind.APPLY)
NOT_YET = Answer(AnswerKind.PARK, "its subject is not there yet")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One pair: what is decided, and how it was found."""

    state: str
    answer: Answer | None
    #: "derived", "declared" or "undecided".
    found: str


@cache
def cells(step: Step) -> dict[str, Cell]:
    """Return the step's row of the matrix: one cell for each state of its subject and ABSENT."""
    if step.subject is None or step.undo_table is not None:
        return {}
    return {cell.state: cell for cell in _row(step)}


def _row(step: Step) -> Iterator[Cell]:
    applies = applying_states(step)
    for state in (ABSENT, *_states(step)):
        declared = step.otherwise.get(state)
        if declared is not None:
            yield Cell(state=state, answer=declared, found="declared")
        else:
            derived = _derive(step, state, applies)
            yield Cell(state=state, answer=derived, found="derived" if derived else "undecided")


def _states(step: Step) -> tuple[str, ...]:
    if step.model is None or not step.state_field:
        return ()
    return fsm.states(step.model, step.state_field)


def applying_states(step: Step) -> frozenset[str]:
    """Return the states in which the step runs; with ABSENT if it creates its subject."""
    created = frozenset([ABSENT]) if step.creates else frozenset()
    if step.applies_in:
        return step.applies_in | created
    if step.model is None or not step.state_field:
        return frozenset([ABSENT])
    names = frozenset([step.begins]) if step.begins else step.moves
    if not names:
        return frozenset(_states(step)) | created
    return fsm.sources(step.model, step.state_field, names) | created


def _derive(step: Step, state: str, applies: frozenset[str]) -> Answer | None:
    if state in applies:
        return APPLY
    if state == ABSENT:
        return NOT_YET
    model = step.model
    if model and fsm.is_ahead(model, step.state_field, state, applies - {ABSENT}):
        return Answer(AnswerKind.PARK, f"its subject is still {state}")
    return None


def answer(step: Step, state: str) -> Answer | None:
    """Return the decided answer for a state, or None when nobody decided it."""
    if step.subject is None:
        return APPLY
    cell = cells(step).get(state)
    return cell.answer if cell else None
