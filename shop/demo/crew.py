"""Crew: a run's workers: a thread in here, Celery's processes and a relay, or others'."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings

from sagas.embedded import embedded_worker
from sagas.participant import PARTICIPANTS

#: How long, in seconds, a process may take to stop by itself.
_PATIENCE = 10
#: How many deliveries one Celery worker handles side by side.
_PROCESSES = 2


class Crew:
    """The processes of a run; each writes to a file of its own under `var/`."""

    def __init__(self, *, workers: int, environment: Mapping[str, str]) -> None:
        """`environment` is added to that of this process."""
        self._environment = {**os.environ, **environment}
        self._commands = {f"worker-{n}": _worker(n) for n in range(1, workers + 1)}
        self._commands["relay"] = [sys.executable, "manage.py", "saga_relay"]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start every process."""
        for name in self._commands:
            self._start(name)

    def _start(self, name: str) -> None:
        with log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  commands are written here
                self._commands[name],
                cwd=settings.BASE_DIR,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def of_process(self, pid: int) -> str | None:
        """Return the Celery worker that a process belongs to."""
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(pid)
            for name, process in self._running.items():
                if process.pid == group and name != "relay":
                    return name
        return None

    def kill(self, name: str) -> None:
        """End a worker and its processes with SIGKILL: none of them gets to say anything."""
        os.killpg(self._running[name].pid, signal.SIGKILL)
        self._running[name].wait()

    def restart(self, name: str) -> None:
        """Start a worker that was killed."""
        self._start(name)

    def stop(self) -> None:
        """Ask every process to stop; insist on it after a while."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            _see_off(process)


def _see_off(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _worker(n: int) -> list[str]:
    queues = ",".join(sorted(PARTICIPANTS))
    return [
        *(sys.executable, "-m", "celery", "-A", "shop", "worker"),
        *("-Q", queues, "-c", str(_PROCESSES), "-n", f"demo-{n}@%h", "-l", "warning"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def log_file(name: str) -> Path:
    """Return where a process, or this one, writes what nobody needs to read."""
    folder: Path = settings.VAR
    folder.mkdir(exist_ok=True)
    return folder / f"demo-{name}.log"


@contextmanager
def at_work(*, workers: int | None, environment: Mapping[str, str]) -> Iterator[Crew | None]:
    """Have the work done for as long as the block lasts.

    None as number of workers means a thread of this process; 0 that others do it already.
    """
    with ExitStack() as stack:
        if workers is None:
            stack.enter_context(embedded_worker())
            yield None
        elif workers == 0:
            yield None
        else:
            crew = Crew(workers=workers, environment=environment)
            stack.callback(crew.stop)
            crew.start()
            yield crew
