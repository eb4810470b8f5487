"""Stopping: a command that runs for long ends cleanly on SIGTERM and Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Yield an event that the first SIGTERM or SIGINT sets; a second one acts as usual."""
    stop = threading.Event()
    before: dict[signal.Signals, object] = {}

    def set_once(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])  # type: ignore[arg-type]

    for number in (signal.SIGTERM, signal.SIGINT):
        before[number] = signal.signal(number, set_once)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
