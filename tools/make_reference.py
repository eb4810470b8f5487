"""Writes the pages that follow from the code: settings, commands, events, choreographies.

python -m tools.make_reference            # write docs/reference and docs/choreographies
python -m tools.make_reference --check    # fail when one of them is out of date
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import django

from tools.compensation_page import compensation_page

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
WRITTEN: Final = "<!-- Written by tools/make_reference.py: change the code, then run it again. -->"

Page = Iterator[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every page, or compare them all; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    only_compare = parser.parse_args(arguments).check
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    stale = [path for path, text in pages() if not _is_up_to_date(path, text)]
    if only_compare:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: python -m tools.make_reference")
        return 1 if stale else 0
    for path, text in pages():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _is_up_to_date(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every generated page: where it belongs, and what it says."""
    from sagas.choreography import CHOREOGRAPHIES

    made: list[tuple[str, Page]] = [
        ("reference/settings.md", settings_page()),
        ("reference/commands.md", commands_page()),
        ("reference/events.md", events_page()),
    ]
    made += [
        (f"choreographies/{name}.md", choreography_page(name)) for name in sorted(CHOREOGRAPHIES)
    ]
    compensation = DOCS / "concepts/compensation.md"
    by_hand = compensation.read_text(encoding="utf-8")
    made.append(("concepts/compensation.md", compensation_page(by_hand)))
    for path, lines in made:
        yield DOCS / path, "\n".join(lines) + "\n"


# -- settings -------------------------------------------------------------------------------------


def settings_page() -> Page:
    """Yield the page about the SAGAS dict."""
    from sagas import conf

    yield from ("# Settings", "", WRITTEN, "")
    yield "All of them are keys of one dict, `SAGAS`, in Django's settings."
    yield "Every default is safe for production, so a shop may have no `SAGAS` at all."
    yield "An unknown key or a value of the wrong type is refused when Django starts."
    yield from ("", "| Key | Default | What it is |", "|---|---|---|")
    for name, default, said in _settings_in(inspect.getsource(conf.Settings)):
        yield f"| `{name}` | `{default}` | {said} |"


def _settings_in(source: str) -> Iterator[tuple[str, str, str]]:
    lines = source.splitlines()
    (declared,) = ast.parse(source).body
    for node in ast.walk(declared):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            said = _comment_above(lines, node.lineno - 1)
            yield ast.unparse(node.target), _default_in(node.value), said


def _default_in(value: ast.expr) -> str:
    """Return a default as it is written; that of a factory as what it makes."""
    made = [k.value for k in getattr(value, "keywords", ()) if k.arg == "default_factory"]
    return f"{ast.unparse(made[0])}()" if made else ast.unparse(value)


def _comment_above(lines: Sequence[str], row: int) -> str:
    found: list[str] = []
    while lines[row - 1].strip().startswith("#:"):
        row -= 1
        found.insert(0, lines[row].strip().removeprefix("#:").strip())
    return " ".join(found)


# -- commands -------------------------------------------------------------------------------------


def commands_page() -> Page:
    """Yield the page about the commands of manage.py."""
    from django.core.management import get_commands, load_command_class

    yield from ("# Commands", "", WRITTEN, "")
    yield "Each is a command of `manage.py`."
    yield "Those that change something take a reason and an actor, and both are kept in the log."
    for name in sorted(name for name, app in get_commands().items() if app == "sagas"):
        command = load_command_class("sagas", name)
        yield from ("", f"## `{name}`", "", str(command.help))
        yield from _parser_table(command.create_parser("manage.py", name), name)


def _parser_table(parser: argparse.ArgumentParser, title: str) -> Page:
    options = [found for found in parser._actions if _is_own(found)]  # noqa: SLF001
    subcommands = [found for found in options if isinstance(found.choices, dict) and found.metavar]
    rows = [found for found in options if found not in subcommands]
    if rows:
        yield from ("", f"| `{title}` | Meaning |", "|---|---|")
        yield from (f"| {_usage(found)} | {_one_line(found.help or '')} |" for found in rows)
    for found in subcommands:
        assert isinstance(found.choices, dict)  # noqa: S101  for types
        for name, parser_of_one in found.choices.items():
            yield from _parser_table(parser_of_one, f"{title} {name}")


def _is_own(action: argparse.Action) -> bool:
    """Whether an option belongs to the command, and not to every command of Django."""
    from django.core.management.base import DjangoHelpFormatter

    shared = DjangoHelpFormatter.show_last | {"-h", "--help"}
    return not shared & set(action.option_strings)


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`"
    value = "" if action.nargs == 0 else f" {action.metavar or _choices_of(action)}"
    needed = ", required" if action.required else ""
    return f"`{action.option_strings[0]}{value}`{needed}"


def _choices_of(action: argparse.Action) -> str:
    return "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()


# -- events ---------------------------------------------------------------------------------------


def events_page() -> Page:
    """Yield the page about the facts that the framework itself announces."""
    from sagas import facts
    from sagas.event import Event

    yield from ("# Events of the framework", "", WRITTEN, "")
    yield "Your own events say what your shop did."
    yield "These say what the framework did with them, so that the log is complete."
    yield "No step reacts to them, and each names the delivery that it speaks of as its cause."
    yield from ("", "| Event | Fields | Meaning |", "|---|---|---|")
    for found in vars(facts).values():
        if inspect.isclass(found) and issubclass(found, Event) and found is not Event:
            fields = ", ".join(f"`{name}`" for name in found.__struct_fields__)
            yield f"| `{found.wire_name}` | {fields} | {_one_line(found.__doc__ or '')} |"


# -- choreographies -------------------------------------------------------------------------------


def choreography_page(name: str) -> Page:
    """Yield the page about one choreography of the reference shop."""
    from sagas.choreography import CHOREOGRAPHIES
    from sagas.graph import graph_of
    from sagas.graph.text import mermaid

    shape = CHOREOGRAPHIES[name]
    graph = graph_of(shape)
    yield from (f"# The choreography {name}", "", WRITTEN, "")
    yield f"There is one saga for each `{shape.key}`."
    yield from _shape_table(shape)
    yield from ("", "## The whole", "", "```mermaid", mermaid(graph).rstrip(), "```")
    yield from ("", "Dashed boxes belong to the way back.", "", "## Who does what", "")
    yield from ("| Who | Hears | Does | Announces | Meaning |", "|---|---|---|---|---|")
    for action in graph.actions:
        yield _action_row(action)


def _shape_table(shape: Any) -> Page:
    pivot = (shape.pivot,) if shape.pivot else ()
    rows = {
        "starts with": (shape.starts,),
        "point of no return": pivot,
        "is turned around by": shape.aborts,
        "ends with": shape.completes,
        "ends undone with": shape.compensated,
    }
    yield from ("", "| | |", "|---|---|")
    for said, events in rows.items():
        if events:
            yield f"| {said} | {_names(events)} |"
    yield f"| deadline | {shape.deadline.days} days |"


def _action_row(action: Any) -> str:
    needs = _names(action.needs, " and " if action.joins else ", ")
    outcomes = " or ".join(_names(outcome, " and ") for outcome in action.outcomes if outcome)
    return f"| {action.consumer} | {needs} | {action.label} | {outcomes} | {_meaning_of(action)} |"


def _meaning_of(action: Any) -> str:
    from sagas.routing import step_named

    if action.notes:
        return "; ".join(action.notes)
    step = step_named(action.consumer, action.name.partition(".")[2])
    return _one_line(step.function.__doc__ or "") if step else ""


def _names(events: Iterable[Any], between: str = ", ") -> str:
    return between.join(event.__name__ for event in events)


def _one_line(text: str) -> str:
    return " ".join(text.strip().split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
