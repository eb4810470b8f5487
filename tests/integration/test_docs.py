"""The documentation is right: its pages run, its tables match the code, its links lead somewhere."""

import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import closing

import pytest

from sagas import clock
from sagas.choreography import CHOREOGRAPHIES
from sagas.models import DeliveryState, Direction, IntentState, SagaStatus
from tests.integration.pages import DOCS, ROOT, commands_of, files_of, links_of, text_of, write
from tests.integration.project import Project
from tests.integration.workers import wait_until

PAGES = sorted(DOCS.rglob("*.md"))
SERVERS = ("runserver", "saga_run")


# -- the quickstart -------------------------------------------------------------------------------


class Reader:
    """Somebody who does what the quickstart says, in its order."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.running: list[subprocess.Popen[str]] = []
        self.said = ""
        self.port = _free_port()

    def type(self, command: str) -> None:
        """Do one line."""
        program, *arguments = shlex.split(command)
        if program == "pip":
            return
        if program == "curl":
            self._curl(arguments)
        elif arguments[1] in SERVERS:
            self._start(arguments)
        else:
            self.said = self.project.run(*arguments).stdout

    def _start(self, arguments: list[str]) -> None:
        if "runserver" in arguments:
            arguments = [*arguments, "--noreload", str(self.port)]
        self.running.append(self.project.start(*arguments))

    def _curl(self, arguments: list[str]) -> None:
        address = arguments[-1].replace(":8000", f":{self.port}")
        fields = [arguments[n + 1] for n, word in enumerate(arguments) if word == "-d"]
        pairs = [tuple(field.split("=", 1)) for field in fields]
        body = urllib.parse.urlencode(pairs).encode()
        wait_until(self._is_listening, "the server listens")
        with urllib.request.urlopen(address, data=body, timeout=30) as answer:
            assert answer.status in (200, 202)
        wait_until(self._is_idle, "the steps are done")

    def _is_listening(self) -> bool:
        with closing(socket.socket()) as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def _is_idle(self) -> bool:
        with closing(sqlite3.connect(self.project.home / "bookshop.sqlite3")) as database:
            rows = database.execute("SELECT count(*) FROM sagas_delivery WHERE kind <> 'timer'")
            return rows.fetchone() == (0,)

    def leave(self) -> None:
        """Stop what was started, by the signal that a terminal sends."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(timeout=30)


def _free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """Return the project that the quickstart's blocks are, not yet run."""
    files = files_of("quickstart.md")
    home = tmp_path_factory.mktemp("quickstart")
    write({title: body for title, body in files.items() if title != "output"}, home)
    return Project(home)


@pytest.fixture(scope="module")
def reader(quickstart):
    """Return somebody who has typed every command of the quickstart."""
    somebody = Reader(quickstart)
    try:
        for command in commands_of("quickstart.md"):
            somebody.type(command)
        yield somebody
    finally:
        somebody.leave()


def test_the_quickstart_runs_as_it_is_written_and_shows_what_it_says(reader):
    assert _timeless(reader.said) == _timeless(files_of("quickstart.md")["output"])


def test_the_tests_of_the_how_to_pass(reader, quickstart):
    write(files_of("how-to/test-your-steps.md"), quickstart.home)

    done = quickstart.run("manage.py", "test")

    assert "OK" in done.stderr
    assert "Ran 0 tests" not in done.stderr


def _timeless(text: str) -> list[str]:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>", text)
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    return [line.rstrip() for line in text.strip().splitlines()]
