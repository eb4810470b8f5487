"""The documentation is right: it runs, its tables match the code, its links lead somewhere."""

import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import closing
from dataclasses import fields

import pytest
from django.core.management import get_commands

from sagas import facts
from sagas.conf import Settings
from sagas.models import DeliveryState, Direction, IntentState, SagaStatus
from tests.integration.pages import DOCS, ROOT, commands_of, files_of, links_of, text_of, write
from tests.integration.project import Project
from tests.integration.workers import wait_until

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
APPS = ("sagas", "orders", "payments", "inventory", "shipping", "shop", "tests", "tools")
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
        body = urllib.parse.urlencode(dict(field.split("=", 1) for field in fields)).encode()
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
            return bool(rows.fetchone() == (0,))

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


# -- what pages say about the code ----------------------------------------------------------------

SECTIONS = {
    "Delivery": list(DeliveryState),
    "Saga": [*SagaStatus, *Direction],
    "Intent": list(IntentState),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_of_states_names_every_state_and_says_what_the_code_says(section):
    page = text_of("concepts/states.md")
    said = page.split(f"## {section}\n")[1].split("\n## ")[0]

    listed = re.findall(r"^\| `(\w+)` \|", said, re.MULTILINE)
    drawn = {*re.findall(r"^  (\w+) -->", said, re.MULTILINE), *re.findall(r"--> (\w+)", said)}

    assert listed == SECTIONS[section]
    assert drawn == set(SECTIONS[section]) - {SagaStatus.FREE}


def test_the_pages_that_follow_from_the_code_are_up_to_date():
    done = subprocess.run(
        [sys.executable, "-m", "tools.make_reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_that_a_guarantee_names_exists():
    named = set(re.findall(r"`(test_\w+)`", text_of("concepts/guarantees.md")))

    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    assert named - set(re.findall(r"def (test_\w+)\(", code)) == set()


def test_every_guarantee_names_a_test():
    _, *guarantees = text_of("concepts/guarantees.md").split("\n## ")

    assert [said.split(":")[0] for said in guarantees] == [f"G{n}" for n in range(1, 11)]
    assert [said.split(":")[0] for said in guarantees if "`test_" not in said] == []


def test_every_fact_that_a_page_names_exists():
    named = {name for page in PAGES for name in re.findall(r"`sagas\.([A-Z]\w+)`", _read(page))}
    checks = {page.stem.removeprefix("sagas.") for page in (DOCS / "reference/checks").glob("*.md")}

    assert named - checks - set(vars(facts)) == set()


def test_every_number_of_a_rule_or_decision_is_explained():
    explained = set(re.findall(r"^\| (R?\d.*?) \|", text_of("reference/rules.md"), re.MULTILINE))
    rules = {number for said in explained for number in said.split(", ")}

    code = [file for app in APPS for file in (ROOT / app).rglob("*.py")]
    cited = " ".join(_read(file) for file in [*code, *PAGES])
    numbers = {*re.findall(r"\bR\d{1,2}\b", cited), *re.findall(r"decisions? (\d+)\b", cited)}
    assert numbers - rules == set()


def test_every_check_has_its_page_and_its_line_in_the_list():
    pages = {page.stem for page in (DOCS / "reference/checks").glob("*.md")}

    assert pages == set(re.findall(r"\[(\w+\.\w+)\]\(checks/", text_of("reference/checks.md")))


def test_every_setting_that_a_page_names_exists():
    named = {name for page in PAGES for name in re.findall(r'SAGAS\["(\w+)"\]', _read(page))}

    assert named - {field.name for field in fields(Settings)} == set()


def test_every_command_that_a_page_names_exists():
    named = {name for page in PAGES for name in re.findall(r"manage\.py (saga_\w+)", _read(page))}

    assert named - {name for name, app in get_commands().items() if app == "sagas"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert [link for link in links_of(page) if not link.exists()] == []


def test_every_page_can_be_reached_from_the_index():
    found, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in found:
            found.add(page)
            waiting += links_of(page)

    assert {page for page in PAGES if page.parent != ROOT} - found == set()


def _read(page):
    return page.read_text(encoding="utf-8")
