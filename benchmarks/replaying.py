"""Replaying: what `manage.py replay` takes over a file, and over one that is several times as long.

A longer file is the given one several times, years apart, with numbers and customers of its own.
"""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import ROOT, Cost, database_url, in_mebibytes

#: A file covers at most so many years.
_YEARS: Final = 3
_NUMBERS: Final = ("invoice", "credit_note", "order")

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """What is replayed."""

    data: Path
    returns: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What a replay took, how many orders it placed, and what does not agree with the file."""

    name: str
    orders: int
    lines: int
    cost: Cost
    wrong: list[str]


def measure(
    files: Files, folder: Path, *, times: int, orders: int, tell: Tell
) -> Iterator[Replayed]:
    """Yield what replays take: a dry one of the files, and of `times` as much; then real ones.

    A real one ends after a quarter of `orders`, the next after all of them.
    """
    longer = _longer(files, folder, times)
    for name, these, options in (
        ("dry", files, ["--dry-run"]),
        (f"dry, {times} times the file", longer, ["--dry-run"]),
        ("into the database", files, [f"--limit={max(orders // 4, 1)}"]),
        ("into the database, 4 times as much", files, [f"--limit={orders}"]),
    ):
        tell(f"replay: {name}")
        yield _replayed(name, these, options, folder)


def _replayed(name: str, files: Files, options: list[str], folder: Path) -> Replayed:
    said = folder / "said.json"
    before = time.monotonic()
    with said.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "manage.py", "replay", "--json", *options),
                *(f"--data={files.data.resolve()}", f"--returns={files.returns.resolve()}"),
            ],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database_url(), "SHOP_BOOKS_DIR": str(folder)},
            stdout=out,
            stderr=subprocess.DEVNULL,
        )
        # Of all that has ended, only this says what this one process took.
        _, _, used = os.wait4(process.pid, 0)
    cost = Cost(
        wall=time.monotonic() - before,
        client=used.ru_utime + used.ru_stime,
        server=None,
        peak=in_mebibytes(used.ru_maxrss),
    )
    told = json.loads(said.read_text(encoding="utf-8"))
    return Replayed(
        name=name,
        orders=told["sold"]["count"],
        lines=told["lines"],
        cost=cost,
        wrong=_differing(told),
    )


def _differing(told: dict[str, Any]) -> list[str]:
    if told["agrees"]:
        return []
    checks = told["checks"].items()
    return [f"{name}: {each['found']} instead of {each['expected']}" for name, each in checks]


# -- longer files ----------------------------------------------------------------------------------


def _longer(files: Files, folder: Path, times: int) -> Files:
    """Write the files several times, one after the other."""
    longer = Files(data=folder / "data.csv", returns=folder / "returns.csv")
    for given, written in ((files.data, longer.data), (files.returns, longer.returns)):
        with written.open("w", encoding="utf-8", newline="") as out:
            _repeat(given, csv.writer(out), times)
    return longer


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
