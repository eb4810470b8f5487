"""Page: plain text for a terminal, as wide as it is, coloured only where Django colours."""

import textwrap
from dataclasses import dataclass
from typing import Any

_NARROWEST = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """How lines are laid out. `style` is a command's own, which knows about colours and ttys."""

    width: int
    style: Any

    def title(self, text: str) -> str:
        """Return the first line of one thing."""
        return str(self.style.MIGRATE_HEADING(text))

    def heading(self, text: str) -> str:
        """Return the heading of a part, with an empty line before it."""
        return "\n" + str(self.style.MIGRATE_LABEL(text))

    def pair(self, name: str, value: str) -> str:
        """Return a name and its value."""
        return self._wrapped(f"{name}: {value}", indent="  ")

    def text(self, text: str) -> str:
        """Return a paragraph."""
        return self._wrapped(text, indent="  ", further="      ")

    def item(self, text: str, *, urgent: bool) -> str:
        """Return one of several things; an urgent one stands out."""
        line = self._wrapped(text, indent="  * ", further="    ")
        return str(self.style.ERROR(line)) if urgent else line

    def note(self, text: str) -> str:
        """Return something that belongs to the line above."""
        return self._wrapped(text, indent="      ")

    def _wrapped(self, text: str, *, indent: str, further: str | None = None) -> str:
        return textwrap.fill(
            text,
            max(self.width, _NARROWEST),
            initial_indent=indent,
            subsequent_indent=further or f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
