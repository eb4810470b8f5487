"""Pages of the documentation, taken apart: files, commands and links."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)(?: title=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def text_of(page: str) -> str:
    """Return a page by its path below docs/."""
    return (DOCS / page).read_text(encoding="utf-8")


def files_of(page: str) -> dict[str, str]:
    """Return the page's blocks that have a title, by their title."""
    return {title: body for _, title, body in _BLOCK.findall(text_of(page)) if title}


def commands_of(page: str) -> list[str]:
    """Return what the page says to type into a terminal, in its order."""
    blocks = [body for language, _, body in _BLOCK.findall(text_of(page)) if language == "console"]
    lines = [line for body in blocks for line in body.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def links_of(page: Path) -> list[Path]:
    """Return the files that a page links to."""
    found = _LINK.findall(page.read_text(encoding="utf-8"))
    return [(page.parent / link).resolve() for link in found]


def write(files: dict[str, str], home: Path) -> None:
    """Write files below a directory, each directory a package."""
    for title, body in files.items():
        file = home / title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body, encoding="utf-8")
        if file.parent != home:
            (file.parent / "__init__.py").touch()
