"""Looking: one reconciliation in a process of its own: told what to look at, it says what it took.

The process is told and answers in JSON.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, Final

import msgspec
from django.test.utils import override_settings

from benchmarks.measure import Cost, metered, own_process
from benchmarks.statements import Statement, declare_instead
from sagas import clock
from sagas.reconciled import ReconciliationRun, StatementSource
from sagas.reconciliation import reconcile

#: By which the command is told to look.
WORD: Final = "look"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a run is to look at."""

    #: The predicates; all of them where none is named.
    only: list[str] = field(default_factory=list)
    full: bool = True
    #: What is read before, by the source's name.
    statements: dict[str, Statement] = field(default_factory=dict)
    #: From so many minutes on what was touched just now has settled.
    later: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Pass:
    """What a run has done about one predicate."""

    predicate: str
    looked: int
    found: int
    seconds: float
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What a run took, and what it has found."""

    cost: Cost
    passes: list[Pass]
    #: Lines of statements that are stored.
    lines: int
    error: str

    @property
    def found(self) -> dict[str, int]:
        """How many breaks of each predicate there are, where there are any."""
        return {each.predicate: each.found for each in self.passes if each.found}

    @property
    def errors(self) -> list[str]:
        """What could not be done."""
        mine = [f"{each.predicate}: {each.error}" for each in self.passes if each.error]
        return [*filter(None, [self.error]), *mine]


def look(what: Look) -> Looked:
    """Look in a process of its own. Raises CalledProcessError when it fails."""
    return msgspec.json.decode(own_process(WORD, msgspec.json.encode(what)), type=Looked)


def answer(told: IO[bytes], say: IO[str]) -> None:
    """Look as this process is told to, and say what it took."""
    what = msgspec.json.decode(told.read(), type=Look)
    declare_instead(what.statements)
    with override_settings(DEBUG=False), clock.travel(timedelta(minutes=what.later)):
        with metered() as meter:
            run = reconcile(only=what.only, full=what.full, sources=list(what.statements))
        looked = _looked(run, meter.cost())
    say.write(msgspec.json.encode(looked).decode())


def _looked(run: ReconciliationRun, cost: Cost) -> Looked:
    passes = [
        Pass(
            predicate=each.predicate,
            looked=each.looked,
            found=each.found,
            seconds=each.busy,
            error=each.error,
        )
        for each in run.passes.order_by("id")
    ]
    lines = sum(StatementSource.objects.values_list("lines", flat=True))
    return Looked(cost=cost, passes=passes, lines=lines, error=run.error)
