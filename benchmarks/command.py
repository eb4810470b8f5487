"""The command line: what is measured, in which sizes, and how it is told."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.db import connection

from benchmarks import reconciling, replaying
from benchmarks.measure import ROOT
from benchmarks.report import Report, as_json, tell

_SAMPLE: Final = ROOT / "shop" / "data"
#: Fewer orders do not have one of each to be broken.
_LEAST: Final = 50


def run(arguments: list[str]) -> int:
    """Measure what is asked for, tell it, and return 1 where something was not as planted."""
    options = _options(arguments)
    if connection.vendor != "postgresql":
        sys.stderr.write("The benchmarks are of PostgreSQL: name one in DATABASE_URL.\n")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = _measure(options, Path(folder))
    sys.stdout.write(as_json(report) if options.json else tell(report))
    return 1 if report.wrong else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--orders", type=_enough, default=20_000, help="to reconcile (%(default)s)")
    parser.add_argument(
        "--replays", type=int, default=100, help="orders to replay into a database; 0: no replay"
    )
    parser.add_argument(
        "--times", type=int, default=10, help="how much longer the longer file is (%(default)s)"
    )
    parser.add_argument("--data", type=Path, default=_SAMPLE / "online_retail_sample.csv.gz")
    parser.add_argument("--returns", type=Path, default=_SAMPLE / "returns_sample.csv.gz")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args(arguments)


def _enough(text: str) -> int:
    if int(text) < _LEAST:
        raise argparse.ArgumentTypeError(f"it must be {_LEAST} or more")
    return int(text)


def _measure(options: argparse.Namespace, folder: Path) -> Report:
    began = time.monotonic()

    def say(what: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:7.1f} s  {what}\n")

    with _scratch_database():
        rows = list(reconciling.measure(options.orders, folder, say))
    if not options.replays:
        return Report(rows=rows, replays=[])
    files = replaying.Files(
        data=str(options.data.resolve()), returns=str(options.returns.resolve())
    )
    with _scratch_database():
        replays = list(
            replaying.measure(files, folder, times=options.times, orders=options.replays, tell=say)
        )
    return Report(rows=rows, replays=replays)


@contextmanager
def _scratch_database() -> Iterator[None]:
    """Work in an empty database beside the one that is configured, and drop it afterwards."""
    configured = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(configured, verbosity=0)
