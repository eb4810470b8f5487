"""Clock: moves time along with the data, so that every order is placed when it really was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

from sagas import clock


class DataClock:
    """Moves the shop's time; it never goes back once it has begun."""

    def __init__(self, stack: ExitStack) -> None:
        """Time is what it is until `move_to` says otherwise; it is again when `stack` ends."""
        self._stack = stack
        self._moved: timedelta | None = None

    def move_to(self, moment: datetime) -> None:
        """Let it be that moment; nothing changes if it is later already."""
        ahead = moment - clock.now()
        if self._moved is not None and ahead <= timedelta(0):
            return
        self._moved = ahead + (self._moved or timedelta(0))
        self._stack.close()
        self._stack.enter_context(clock.travel(self._moved))


@contextmanager
def data_clock() -> Iterator[DataClock]:
    """Yield a clock for as long as the block lasts; afterwards time is what it was."""
    with ExitStack() as stack:
        yield DataClock(stack)
