"""Statements: what a provider and a carrier state of the copies, line by line as it is read.

Nothing of it is stored: the lines about an order are made when they are read. Order number 0 stands
for the originals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final

from benchmarks.copies import AGO, APART, Mix, name_hole
from sagas.reconciliation import SOURCES, Line, Source


class Wrong(StrEnum):
    """What is wrong in a statement about an order."""

    #: The capture is stated with another amount.
    AMOUNT = "amount"
    #: The capture is not stated.
    MISSING = "missing"
    #: A capture is stated that is nobody's.
    UNKNOWN = "unknown"
    #: The delivery was never scanned.
    UNSCANNED = "unscanned"


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One party's statement of the originals, and of the copies numbered from 1 up to `stop`."""

    originals: Sequence[Line]
    #: The lines about one order, by its ending, as patterns.
    patterns: Mapping[str, Sequence[Line]]
    wrong: Mapping[int, Wrong]
    stop: int

    def read(self, after: str) -> Iterator[Line]:
        """Yield the lines from the order on that a position is about."""
        mix, first = Mix(), int(after.partition(".")[0] or 0)
        for number in range(first, self.stop):
            yield from self._copied(mix.ending(number), number) if number else self._originals()

    def _originals(self) -> list[Line]:
        return [replace(line, position=_at(0, place)) for place, line in enumerate(self.originals)]

    def _copied(self, ending: str, number: int) -> list[Line]:
        back, name = AGO - number * APART, {"n": f"{number:08d}"}
        pattern = enumerate(self.patterns[ending])
        lines = [_filled(line, _at(number, place), name, back) for place, line in pattern]
        wrong = self.wrong.get(number)
        return _BREAK[wrong](lines) if wrong else lines


def _at(number: int, place: int) -> str:
    return f"{number:08d}.{place:04d}"


def _filled(line: Line, position: str, name: Mapping[str, str], back: timedelta) -> Line:
    return Line(
        position=position,
        kind=line.kind,
        their_id=line.their_id % name,
        reference=line.reference % name,
        parent=line.parent % name,
        amount_minor=line.amount_minor,
        currency=line.currency,
        at=line.at - back,
    )


def _amount(lines: list[Line]) -> list[Line]:
    return [
        replace(line, amount_minor=line.amount_minor + 1) if line.kind == "capture" else line
        for line in lines
    ]


def _missing(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.kind != "capture"]


def _unknown(lines: list[Line]) -> list[Line]:
    (capture,) = (line for line in lines if line.kind == "capture")
    return [*lines, replace(capture, their_id=f"x{capture.their_id}", reference="NOBODY")]


def _unscanned(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.kind != "delivered"]


_BREAK = {
    Wrong.AMOUNT: _amount,
    Wrong.MISSING: _missing,
    Wrong.UNKNOWN: _unknown,
    Wrong.UNSCANNED: _unscanned,
}


#: Nothing is stated: of payouts, that nothing was paid out yet.
NOTHING: Final = Statement(originals=[], patterns={}, wrong={}, stop=0)


def originals(name: str) -> list[Line]:
    """Return what is stated of the originals, from the source of this name, before any payout."""
    return [replace(line, payout="") for line in SOURCES[name].read("")]


def patterns(lines: Sequence[Line], numbers: Mapping[str, str]) -> dict[str, list[Line]]:
    """Return the lines as patterns by ending; `numbers` are the originals' numbers by ending."""
    made: dict[str, list[Line]] = {ending: [] for ending in numbers}
    endings = {number: ending for ending, number in numbers.items()}
    for line in lines:
        pattern = replace(
            line,
            their_id=name_hole(line.their_id),
            reference=name_hole(line.reference),
            parent=name_hole(line.parent),
        )
        made[endings[line.reference]].append(pattern)
    return made


def declare_instead(statements: Mapping[str, Statement]) -> None:
    """Have these read instead of what the shop's own sources state."""
    for name, statement in statements.items():
        SOURCES[name] = Source(name=name, read=statement.read)
