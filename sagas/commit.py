"""Commit: one transaction whose end is certain (R4, R5).

An exception that leaves COMMIT says nothing about what the database did. It becomes
`CommitUnknown`, and the caller looks at the rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections, transaction

from sagas.exceptions import DeliveryError

#: SQLSTATEs that mean "somebody else was in the way": deadlock, serialization, lock timeout.
_CONTENTION = frozenset({"40P01", "40001", "55P03"})
#: MySQL's and MariaDB's words for the same: deadlock, lock wait timeout.
_CONTENTION_NUMBERS = frozenset({1213, 1205})


class CommitUnknown(DeliveryError):
    """COMMIT was sent and reported an error: whether it happened is to be read from the rows."""


@contextmanager
def one_commit(using: str) -> Iterator[None]:
    """Run the block in one transaction. Raises CommitUnknown when its end reported an error."""
    finished = False
    try:
        with transaction.atomic(using=using, durable=True):
            yield
            finished = True
    except Exception as error:
        if finished:
            connections[using].close()
            message = f"COMMIT reported {error!r}; the rows tell whether it happened."
            raise CommitUnknown(message) from error
        raise


def is_contention(error: BaseException) -> bool:
    """Whether the error only says that another transaction was in the way: not an attempt."""
    if not isinstance(error, DatabaseError):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    number = cause.args[0] if cause is not None and cause.args else None
    return state in _CONTENTION or number in _CONTENTION_NUMBERS or "is locked" in str(error)
