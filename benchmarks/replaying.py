"""Replaying: what `manage.py replay` takes over a file, and over one that is several times as long.

A longer file is the given one several times, years apart, with numbers and customers of its own.
"""

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from django.core.management import CommandError, call_command

from benchmarks.measure import Cost, metered, own_process

#: By which the command is told to replay.
WORD: Final = "replay"
#: A file covers at most so many years.
_YEARS: Final = 3
_NUMBERS: Final = ("invoice", "credit_note", "order")

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """What is replayed."""

    data: str
    returns: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What a process is to replay; `limit` 0 means a dry run."""

    files: Files
    limit: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What a replay took, how many orders it placed, and what does not agree with the file."""

    orders: int
    lines: int
    cost: Cost
    wrong: list[str]
    name: str = ""


def measure(
    files: Files, folder: Path, *, times: int, orders: int, tell: Tell
) -> Iterator[Replayed]:
    """Yield what replays take: a dry one of the files, and of `times` as much; then real ones.

    A real one ends after a quarter of `orders`, the next after all of them.
    """
    longer = _longer(files, folder, times)
    for name, what in (
        ("dry", Replay(files=files)),
        (f"dry, {times} times the file", Replay(files=longer)),
        ("into the database", Replay(files=files, limit=max(orders // 4, 1))),
        ("into the database, 4 times as much", Replay(files=files, limit=orders)),
    ):
        tell(f"replay: {name}")
        yield replace(_replayed(what, folder), name=name)


def _replayed(what: Replay, folder: Path) -> Replayed:
    """Replay in a process of its own."""
    said = own_process(WORD, msgspec.json.encode(what), SHOP_BOOKS_DIR=str(folder))
    return msgspec.json.decode(said, type=Replayed)


def answer(told: IO[bytes], say: IO[str]) -> None:
    """Replay as this process is told to, and say what it took."""
    what, said = msgspec.json.decode(told.read(), type=Replay), StringIO()
    how = [f"--limit={what.limit}"] if what.limit else ["--dry-run"]
    files = [f"--data={what.files.data}", f"--returns={what.files.returns}"]
    with metered() as meter, suppress(CommandError):
        call_command("replay", "--json", *files, *how, stdout=said, stderr=StringIO())
    found = json.loads(said.getvalue())
    replayed = Replayed(
        orders=found["sold"]["count"],
        lines=found["lines"],
        cost=meter.cost(),
        wrong=_differing(found),
    )
    say.write(msgspec.json.encode(replayed).decode())


def _differing(told: dict[str, Any]) -> list[str]:
    if told["agrees"]:
        return []
    checks = told["checks"].items()
    return [f"{name}: {each['found']} instead of {each['expected']}" for name, each in checks]


# -- longer files ----------------------------------------------------------------------------------


def _longer(files: Files, folder: Path, times: int) -> Files:
    """Write the files several times, one after the other."""
    data, returns = folder / "data.csv", folder / "returns.csv"
    for given, written in ((files.data, data), (files.returns, returns)):
        with written.open("w", encoding="utf-8", newline="") as out:
            _repeat(Path(given), csv.writer(out), times)
    return Files(data=str(data), returns=str(returns))


def _repeat(path: Path, out: Any, times: int) -> None:
    for turn in range(times):
        with _opened(path) as file:
            rows = csv.reader(file)
            names = next(rows)
            if not turn:
                out.writerow(names)
            for row in rows:
                out.writerow([_again(turn, *each) for each in zip(names, row, strict=True)])


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    opened = gzip.open if is_packed else open
    return opened(path, "rt", encoding="utf-8", newline="")


def _again(turn: int, name: str, text: str) -> str:
    """Return a value as another turn of the file has it; the first turn changes nothing."""
    if not text or not turn:
        return text
    if name in _NUMBERS:
        return re.sub(r"\d", f"{turn}0\\g<0>", text, count=1)
    if name == "customer":
        return f"{text}-{turn}"
    if name == "timestamp":
        at = datetime.fromisoformat(text)
        return at.replace(year=at.year + _YEARS * turn).isoformat()
    return text
