"""The shop's declarations, to be broken one at a time; each test finds them whole again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import CheckMessage

from sagas import checks, matrix, routing
from sagas.checks import states
from sagas.choreography import CHOREOGRAPHIES
from sagas.participant import PARTICIPANTS, Door, Step


class Declarations:
    """What all participants declare; `change` and its like break it for one test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def step(self, full_name: str) -> Step:
        consumer, name = full_name.split(".")
        return PARTICIPANTS[consumer].steps[name]

    def change(self, full_name: str, **fields: Any) -> None:
        """Declare a step differently."""
        consumer, name = full_name.split(".")
        changed = replace(self.step(full_name), **fields)
        self.monkeypatch.setitem(PARTICIPANTS[consumer].steps, name, changed)
        forget()

    def remove(self, full_name: str) -> None:
        consumer, name = full_name.split(".")
        self.monkeypatch.delitem(PARTICIPANTS[consumer].steps, name)
        forget()

    def add(self, step: Step) -> None:
        self.monkeypatch.setitem(PARTICIPANTS[step.consumer].steps, step.name, step)
        forget()

    def row(self, table: str, state: str, entry: Any) -> None:
        """Write another row into an undo table."""
        self.change(table, undo_table={**(self.step(table).undo_table or {}), state: entry})

    def without_row(self, table: str, state: str) -> None:
        rows = dict(self.step(table).undo_table or {})
        del rows[state]
        self.change(table, undo_table=rows)

    def answer(self, full_name: str, state: str, answer: Any) -> None:
        """Answer a state differently; None takes the answer away."""
        answers = {**self.step(full_name).otherwise, state: answer}
        kept = {found: given for found, given in answers.items() if given is not None}
        self.change(full_name, otherwise=kept)

    def choreography(self, name: str, **fields: Any) -> None:
        for field, value in fields.items():
            self.monkeypatch.setattr(CHOREOGRAPHIES[name], field, value)
        forget()

    def timers(self, consumer: str, name: str, **fields: Any) -> None:
        """Declare a timer differently; without fields, not at all."""
        kept = [t for t in PARTICIPANTS[consumer].timers if t.name != name]
        found = [t for t in PARTICIPANTS[consumer].timers if t.name == name]
        changed = [replace(timer, **fields) for timer in found] if fields else []
        self.monkeypatch.setattr(PARTICIPANTS[consumer], "timers", kept + changed)
        forget()

    def doors(self, consumer: str, *doors: Door) -> None:
        self.monkeypatch.setattr(PARTICIPANTS[consumer], "doors", list(doors))
        forget()

    def holding(self, consumer: str, place: int = 0, **fields: Any) -> None:
        """Declare differently what the states of a participant hold."""
        holdings = list(PARTICIPANTS[consumer].holdings)
        holdings[place] = replace(holdings[place], **fields)
        self.monkeypatch.setattr(PARTICIPANTS[consumer], "holdings", holdings)
        forget()

    def issues(self) -> list[CheckMessage]:
        return checks.check_declarations()

    def said(self, identity: str) -> list[str]:
        """Return what is said under an id, as `object: message`."""
        return [f"{i.obj}: {i.msg}" for i in self.issues() if i.id == identity]


def forget() -> None:
    """Have everything worked out anew."""
    routing.forget_routes()
    matrix.cells.cache_clear()


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Declarations]:
    yield Declarations(monkeypatch)
    monkeypatch.undo()
    forget()


def undo_rows() -> list[tuple[str, str]]:
    """Return every row of every undo table: its step and its state."""
    return [
        (step.full_name, state) for step in routing.all_steps() for state in step.undo_table or {}
    ]


def declared_cells() -> list[tuple[str, str]]:
    """Return every (step, state) pair that is answered by a declaration."""
    return [
        (step.full_name, state)
        for step in routing.all_steps()
        if step.events
        for state in step.otherwise
    ]


def timers() -> list[tuple[str, str]]:
    """Return every timer: its participant and its name."""
    return [(p.name, timer.name) for p in PARTICIPANTS.values() for timer in p.timers]


def held_states() -> list[tuple[str, str]]:
    """Return every state of which is said what it holds: its participant and itself."""
    return [(p.name, state) for p in PARTICIPANTS.values() for h in p.holdings for state in h.holds]


def values() -> list[tuple[str, str]]:
    """Return every state that holds money, stock or a parcel."""
    return [
        (p.name, state)
        for p in PARTICIPANTS.values()
        for h in p.holdings
        for state, what in h.holds.items()
        if what != states.NOTHING
    ]
