"""The shop's declarations, to be broken one at a time; each test finds them whole again."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.core.checks import CheckMessage

from sagas import checks, matrix, routing
from sagas.checks import states
from sagas.choreography import CHOREOGRAPHIES
from sagas.event import Event
from sagas.exceptions import ConfigurationError
from sagas.participant import ABSENT, PARTICIPANTS, Door, Step


class Unheard(Event):
    """A fact that no step of the shop knows."""

    order_id: UUID


def shown(state: str) -> str:
    """Return a state as the checks write it."""
    return "ABSENT" if state == ABSENT else repr(state)


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

    def said(self, identity: str) -> list[str]:
        """Return what is said under an id, as `object: message`."""
        return [f"{i.obj}: {i.msg}" for i in self._issues(identity) if i.id == identity]

    def _issues(self, identity: str) -> list[CheckMessage]:
        """Run the registered checks that look for an id: there are too many cells to run all."""
        number = identity.removeprefix("sagas.")
        looking = [check for check in checks._DECLARATIONS if _looks_for(check, number)]
        if not looking or self._is_unresolved():
            return checks.check_declarations()
        return [issue for check in looking for issue in check()]

    def _is_unresolved(self) -> bool:
        try:
            routing.routes()
        except ConfigurationError:
            return True
        return False


def _looks_for(check: checks.Check, number: str) -> bool:
    return str(check.__doc__).startswith(f"{number}:")


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
    """Return every (step, state) pair that is answered by a declaration alone."""
    return [found for found in _answered() if not _is_derived(*found)]


def overruling_cells() -> list[tuple[str, str]]:
    """Return every (step, state) pair for which the state machine would have another answer."""
    return [found for found in _answered() if _is_derived(*found)]


def _answered() -> list[tuple[str, str]]:
    return [
        (step.full_name, state)
        for step in routing.all_steps()
        if step.events
        for state in step.otherwise
    ]


def _is_derived(full_name: str, state: str) -> bool:
    """Whether a pair has an answer without what is declared for it."""
    consumer, name = full_name.split(".")
    step = PARTICIPANTS[consumer].steps[name]
    others = {found: given for found, given in step.otherwise.items() if found != state}
    return matrix.answer(replace(step, otherwise=others), state) is not None


def timers() -> list[tuple[str, str]]:
    """Return every timer: its participant and its name."""
    return [(p.name, timer.name) for p in PARTICIPANTS.values() for timer in p.timers]


def held_states() -> list[tuple[str, int, str]]:
    """Return every state of which is said what it holds: its participant, where, and itself."""
    return [
        (p.name, place, state)
        for p in PARTICIPANTS.values()
        for place, holding in enumerate(p.holdings)
        for state in holding.holds
    ]


def values() -> list[tuple[str, int, str]]:
    """Return every state that holds money, stock or a parcel."""
    return [
        (name, place, state)
        for name, place, state in held_states()
        if PARTICIPANTS[name].holdings[place].holds[state] != states.NOTHING
    ]
