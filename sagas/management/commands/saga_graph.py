"""Draws the declared choreographies, and says when a committed drawing is out of date."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from sagas.choreography import CHOREOGRAPHIES
from sagas.graph import graph_of
from sagas.graph.svg import svg
from sagas.graph.text import dot, mermaid

FORMATS = {"mermaid": mermaid, "dot": dot, "svg": svg}


class Command(BaseCommand):
    help = "Draw the declared choreographies: who reacts to what, forward and back."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help=_("a choreography; all of them by default"))
        parser.add_argument("--format", choices=FORMATS, default="mermaid")
        parser.add_argument(
            "--check", type=Path, metavar="FILE", help=_("fail unless FILE is this very drawing")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        drawing = _draw(options["name"], options["format"])
        if options["check"] is not None:
            _compare(drawing, options["check"])
        else:
            self.stdout.write(drawing, ending="")


def _draw(name: str | None, form: str) -> str:
    known = ", ".join(sorted(CHOREOGRAPHIES))
    if name is not None and name not in CHOREOGRAPHIES:
        raise CommandError(f"No choreography is called {name!r}; there are: {known}.")
    names = [name] if name else sorted(CHOREOGRAPHIES)
    if form == "svg" and len(names) != 1:
        raise CommandError(f"An SVG file holds one drawing: name one of {known}.")
    return "\n".join(FORMATS[form](graph_of(CHOREOGRAPHIES[found])) for found in names)


def _compare(drawing: str, file: Path) -> None:
    if not file.is_file():
        raise CommandError(f"{file} does not exist: write it with saga_graph > {file}.")
    if file.read_text(encoding="utf-8") != drawing:
        raise CommandError(f"{file} is out of date: write it anew with saga_graph > {file}.")
