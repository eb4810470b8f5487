"""Measure: runs one thing in a process of its own, and says what it took.

The process writes what it found as JSON; peak memory is its own, and so is its time on the core.
Of the server, the time of the session's own process is added where the machine tells it.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from django.db import connection

ROOT: Final = Path(__file__).resolve().parent.parent
_MEBIBYTE: Final = 1024 * 1024
#: One core does all of a query, so that time on the core and time on the clock mean the same.
_ALONE: Final = "-c max_parallel_workers_per_gather=0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What something took: seconds on the clock and on the core, and mebibytes."""

    wall: float
    client: float
    #: None where the server is on another machine, or tells nothing.
    server: float | None
    peak: float

    @property
    def core(self) -> float:
        """Seconds of one core, of this process and the server's together."""
        return self.client + (self.server or 0.0)


@dataclass(slots=True)
class Meter:
    """Reads what this process and its session have taken while it ran."""

    wall: float = 0.0
    client: float = 0.0
    server: float | None = None

    def cost(self) -> Cost:
        """Return what was read, with this process's peak of memory."""
        return Cost(wall=self.wall, client=self.client, server=self.server, peak=_peak())


def _peak() -> float:
    """Return this process's peak of memory, in mebibytes.

    `ru_maxrss` begins with what the process had that started this one, so /proc is asked first.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MEBIBYTE if sys.platform == "darwin" else 1024)


@contextmanager
def metered() -> Iterator[Meter]:
    """Yield a meter, which can be read at the end."""
    meter = Meter()
    wall, client, server = time.monotonic(), time.process_time(), _server_time()
    yield meter
    after = _server_time()
    meter.wall, meter.client = time.monotonic() - wall, time.process_time() - client
    meter.server = after - server if after is not None and server is not None else None


def _server_time() -> float | None:
    """Return how long the session's process was on a core, where /proc of this machine says so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        process = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not process.exists():
        return None
    # The name stands in brackets and may hold spaces; user and system time are fields 14 and 15.
    name, _, rest = process.read_text().rpartition(")")
    if "postgres" not in name:
        return None
    user, system = rest.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def own_process(word: str, told: bytes, **variables: str) -> bytes:
    """Run these benchmarks' `word` in a process of its own, and return what it says.

    Raises CalledProcessError when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", __package__, word],
        cwd=ROOT,
        env={**os.environ, "PGOPTIONS": _ALONE, "DATABASE_URL": database_url(), **variables},
        input=told,
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout


def database_url() -> str:
    """Return the URL of the database that this process uses."""
    at = connection.get_connection_params()
    user, password = quote(at["user"]), quote(at.get("password") or "")
    return f"postgres://{user}:{password}@{at['host']}:{at['port']}/{at['dbname']}"
