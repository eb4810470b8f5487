"""Workers: real processes of the shop on the database, broker and books of one test."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from django.conf import settings
from django.db import connection

from sagas.models import Slot

ROOT = Path(__file__).resolve().parents[2]
QUEUES = ("orders", "payments", "inventory", "shipping")
#: Calls a function beside, and returns what will come of it.
Beside = Callable[..., Future[Any]]
#: Longer than any start or stop of a process takes on a busy machine.
PATIENCE = 60.0


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = PATIENCE) -> None:
    """Return as soon as the condition holds; fail by naming it when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"Waited {seconds} s and in vain until {what}."
        pause.wait(0.02)


def wait_until_somebody_waits(what: str) -> None:
    """Return as soon as another session waits for what this one has locked (PostgreSQL)."""
    wait_until(_somebody_waits, what)


@contextmanager
def beside() -> Iterator[Beside]:
    """Yield what does something in a thread beside this one, in a session of its own."""
    with ThreadPoolExecutor(1) as threads:
        yield lambda act, *args, **named: threads.submit(_and_leave, act, *args, **named)


def _and_leave(act: Callable[..., Any], *args: Any, **named: Any) -> Any:
    try:
        return act(*args, **named)
    finally:
        connection.close()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def database_url() -> str:
    """Return the URL of the database that this test uses."""
    at = connection.get_connection_params()
    user, password = quote(at["user"]), quote(at.get("password") or "")
    return f"postgres://{user}:{password}@{at['host']}:{at['port']}/{at['dbname']}"


def environment(**variables: str) -> dict[str, str]:
    """Return what leads a process to the database, the broker and the books of this test."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.integration.hurried",
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "SHOP_BOOKS_DIR": str(Path(settings.PROVIDER_BOOKS).parent),
        **variables,
    }


class Process:
    """A command of the shop in a process of its own; its words are in a file."""

    def __init__(self, command: Sequence[str], log: Path, **variables: str) -> None:
        """Start it with the database and the books of the test that is running."""
        self.log = log
        with log.open("w") as words:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=environment(**variables),
                stdout=words,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    @property
    def words(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str) -> None:
        """Wait until the process has said something; fail with its words when it ends first."""
        wait_until(lambda: words in self.words or self.has_ended, f"{self.log.name}: {words!r}")
        assert words in self.words, self.words

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ask it to end, as a deploy does, and return its exit code."""
        self.send(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        if not self.has_ended:
            self._process.kill()
        self._process.wait(PATIENCE)


class Floor:
    """The processes of one test; all are gone when it ends."""

    def __init__(self, folder: Path) -> None:
        """Keep their words in `folder`."""
        self.folder = folder
        self.processes: list[Process] = []

    def run(self, *command: str, **variables: str) -> Process:
        """Start `python ...` in the shop's folder."""
        log = self.folder / f"process-{len(self.processes)}.log"
        started = Process(command, log, **variables)
        self.processes.append(started)
        return started

    def worker(self, *options: str, queues: Sequence[str] = QUEUES, **variables: str) -> Process:
        """Start a Celery worker; `wait_for("ready")` waits until it listens."""
        name = f"w{len(self.processes)}@%h"
        listen = [
            "-Q",
            ",".join(queues),
            "-n",
            name,
            "-l",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ]
        return self.run("-m", "celery", "-A", "shop", "worker", *listen, *options, **variables)

    def relay(self, **variables: str) -> Process:
        """Start the dedicated relay."""
        return self.run("manage.py", "saga_relay", **variables)

    def clear(self) -> None:
        for process in self.processes:
            process.kill()


@contextmanager
def floor_in(folder: Path) -> Iterator[Floor]:
    """Yield an empty floor on an empty broker; afterwards both are empty again."""
    floor = Floor(folder)
    empty_broker()
    try:
        yield floor
    finally:
        floor.clear()
        empty_broker()


def empty_broker() -> None:
    """Lose every hint and everything else that the broker knows."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.flushdb()


def shares() -> dict[str, int]:
    """Return how many deliveries each worker has handled, by host, process and thread."""
    return dict(Slot.objects.filter(handled__gt=0).values_list("worker", "handled"))
