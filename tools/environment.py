"""The project's virtual environment: created once, refilled when the pinned requirements change."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
RUNTIME = ROOT / "requirements.txt"
DEVELOPMENT = ROOT / "requirements-dev.txt"


class SetupFailed(Exception):
    """The environment or a server could not be prepared; the text says which and what to do."""


def say(text: str) -> None:
    """Print one progress line at once, also when the output is a file or a pipe."""
    print(f"==> {text}", flush=True)


def script(name: str) -> str:
    """Return the path of a program in the environment (``python``, ``pytest``, ...)."""
    folder, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return str(VENV / folder / (name + suffix))


def ensure(requirements: Path) -> None:
    """Make the environment hold everything pinned in `requirements`; instant when it already does.

    Raises SetupFailed when it cannot be created or filled.
    """
    if _is_stamped(requirements):
        return
    if not Path(script("python")).exists():
        say(f"creating {VENV.name}")
        _run(_creation())
    say(f"installing {requirements.name} into {VENV.name} (the first time takes a minute)")
    install("-r", str(requirements))
    for held in _held_by(requirements):
        _stamp(held).write_text(_fingerprint(held), encoding="utf-8")


def install(*arguments: str) -> None:
    """Install packages into the environment with uv where there is one, else with pip."""
    uv = shutil.which("uv")
    python = script("python")
    if uv:
        _run([uv, "pip", "install", "--python", python, *arguments])
    else:
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", *arguments])


def _creation() -> list[str]:
    uv = shutil.which("uv")
    if uv:
        return [uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(VENV)]
    return [sys.executable, "-m", "venv", str(VENV)]


def _held_by(requirements: Path) -> list[Path]:
    """The development pins contain the runtime pins."""
    return [RUNTIME, DEVELOPMENT] if requirements == DEVELOPMENT else [requirements]


def _is_stamped(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    fresh = stamp.exists() and stamp.read_text(encoding="utf-8") == _fingerprint(requirements)
    return fresh and Path(script("python")).exists()


def _stamp(requirements: Path) -> Path:
    return VENV / f".{requirements.stem}.stamp"


def _fingerprint(requirements: Path) -> str:
    digest = hashlib.sha256()
    for held in _held_by(requirements):
        digest.update(held.read_bytes())
    return digest.hexdigest()


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise SetupFailed(
            f"could not prepare {VENV.name}: {failure}\n"
            f"If the environment is broken, remove the {VENV.name} directory and try again; "
            "the first set-up needs a package index that pip can reach."
        ) from failure
