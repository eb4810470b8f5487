"""What time alone does: reserved amounts are released and waiting deposits expire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from . import cards, deposits
from .clock import stamp
from .storage import Books, transaction

#: Asked in every transaction.
DUE: Final = """
    SELECT EXISTS (SELECT 1 FROM authorisation WHERE expires_at <= ?1
                      AND amount_minor > captured_minor + voided_minor + expired_minor)
        OR EXISTS (SELECT 1 FROM deposit WHERE until <= ?1 AND status = 'waiting') AS due
"""


@contextmanager
def acting(books: Books) -> Iterator[None]:
    """Open a transaction in which the books are up to date."""
    with transaction(books):
        if _are_due(books):
            cards.expire(books)
            deposits.expire(books)
        yield


def catch_up(books: Books) -> None:
    """Bring the books up to date for a reader; writes only if something is due."""
    if _are_due(books):
        with acting(books):
            pass


def _are_due(books: Books) -> bool:
    (row,) = books.execute(DUE, [stamp(books.now)])
    return bool(row["due"])
