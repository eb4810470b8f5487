"""Patience: how long the requests of one call may take together (R6).

A call may need several: a look, the request itself, another one that gives the rest up. None of
them begins once a quarter of the call's lease is over, and each takes at most another quarter; so
a call is over within half of its lease, and nothing is sent that nobody waits for any more.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from sagas.conf import settings
from sagas.exceptions import Unanswered

_PART: Final = 0.25
#: What of a request's time may go into connecting.
_TO_CONNECT: Final = 1 / 6

#: Says how many seconds have passed of the call that this thread makes.
_passed: ContextVar[Callable[[], float] | None] = ContextVar("payments_call_passed", default=None)


def _quarter() -> float:
    return settings().CALL_DEADLINE.total_seconds() * _PART


def timeouts() -> tuple[float, float]:
    """Return how long one request may take to connect, and then to be answered, in seconds."""
    return _quarter() * _TO_CONNECT, _quarter() * (1 - _TO_CONNECT)


@contextmanager
def one_call(*, now: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Have all requests inside share the time of one call; `now` says seconds that only grow."""
    began = now()
    token = _passed.set(lambda: now() - began)
    try:
        yield
    finally:
        _passed.reset(token)


def begin_request() -> None:
    """Raise Unanswered where a call has no time left for a further request.

    What it has asked before may have been done. Outside of a call there is always time.
    """
    passed = _passed.get()
    if passed is not None and passed() >= _quarter():
        message = f"The call's time was over after {passed():.0f} s: its next request was not sent."
        raise Unanswered(message)
