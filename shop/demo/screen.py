"""Screen: what the demonstration says, with one updating line of progress on a terminal.

A reader who goes away early changes nothing: the rest is said to nobody.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

#: How often, in seconds, progress is told on a terminal, and elsewhere.
_ON_TERMINAL = 0.2
_ELSEWHERE = 5.0
_CLEAR = "\r\x1b[K"


class Screen:
    """Writes to a command's output."""

    def __init__(self, out: Any) -> None:
        """`out` is the command's `stdout`."""
        self._out = out
        self._is_terminal = bool(out.isatty())
        self._has_progress = False
        self._is_closed = False
        self._said_at = 0.0

    def line(self, text: object = "") -> None:
        """Say one line for good."""
        self._write(f"{self._fresh()}{text}\n")

    def heading(self, text: object) -> None:
        """Say what comes next."""
        self.line()
        self.line(text)

    def progress(self, tell: Callable[[], str]) -> None:
        """Say how far it is, if it is time to; the next one takes its place."""
        if time.monotonic() - self._said_at < (_ON_TERMINAL if self._is_terminal else _ELSEWHERE):
            return
        self._said_at = time.monotonic()
        text = tell()
        if self._is_terminal:
            self._write(f"{self._fresh()}{text}")
            self._has_progress = True
        else:
            self._write(f"{text}\n")

    def table(self, rows: Sequence[Sequence[object]]) -> None:
        """Say rows in columns; numbers stand to the right."""
        texts = [[str(cell) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        for row, values in zip(texts, rows, strict=True):
            cells = (
                text.rjust(width) if isinstance(value, int) else text.ljust(width)
                for text, value, width in zip(row, values, widths, strict=True)
            )
            self.line("  " + "  ".join(cells).rstrip())

    def _fresh(self) -> str:
        had, self._has_progress = self._has_progress, False
        return _CLEAR if had else ""

    def _write(self, text: str) -> None:
        if self._is_closed:
            return
        encoding = getattr(self._out, "encoding", None) or "utf-8"
        try:
            self._out.write(text.encode(encoding, "replace").decode(encoding), ending="")
            self._out.flush()
        except BrokenPipeError:
            self._is_closed = True
            _say_nothing_more()


def _say_nothing_more() -> None:
    """Point the process's output at nothing, so that its end does not fail on the closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
