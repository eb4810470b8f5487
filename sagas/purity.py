"""Purity: inside a declared step no query, no socket and no thread (decision 13).

Watched in DEBUG and in tests (`SAGAS["STRICT"]`), so that what a step declares is what it touches,
and a batch can be run again without harm.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections

from sagas.conf import is_strict
from sagas.exceptions import StrayEffect, StrayQuery

_running: ContextVar[str] = ContextVar("sagas_pure_step", default="")

_EFFECTS = {"socket.connect": "opened a socket", "_thread.start_new_thread": "started a thread"}


@contextmanager
def pure(step: str, using: str) -> Iterator[None]:
    """Raise StrayQuery or StrayEffect when the code inside reaches beyond its arguments."""
    if not is_strict():
        yield
        return
    token = _running.set(step)
    try:
        with connections[using].execute_wrapper(_refuse_query):
            yield
    finally:
        _running.reset(token)


def _refuse_query(_execute: Any, sql: str, *_: Any) -> None:
    message = (
        f"{_running.get()} ran a query of its own: {sql[:120]!r}. Declare the rows with subject=,"
        " locks= or reads=, or declare nothing and let it run alone."
    )
    raise StrayQuery(message)


def _watch(effect: str, _arguments: tuple[Any, ...]) -> None:
    if effect in _EFFECTS and _running.get():
        message = (
            f"{_running.get()} {_EFFECTS[effect]} inside its transaction: declare calls to the"
            " outside with calls=."
        )
        raise StrayEffect(message)


sys.addaudithook(_watch)
