"""Somebody else's Django project in a directory of its own: it sees its files and `sagas`."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


class Project:
    """A directory to run Python in. What the suite itself was told is not told to it."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.variables = variables
        self.site = home / ".site"
        self.site.mkdir()
        (self.site / "sagas").symlink_to(Path(settings.BASE_DIR) / "sagas")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return a finished command. Fails the test when the command fails."""
        done = subprocess.run(
            self._command(arguments),
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that runs until it is terminated."""
        return subprocess.Popen(
            self._command(arguments), cwd=self.home, env=self._environment(), text=True
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-W", "error", *arguments]

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**kept, "PYTHONPATH": f"{self.home}:{self.site}", **self.variables}
