"""The provider's file: made whole once, then a short connection for each call.

It belongs to no framework, so it says BEGIN and COMMIT itself. A power cut may cost the last
operations (a simulation may forget); a killed process never does.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from .clock import Calendar

BUSY_SECONDS: Final = 30.0
#: The form of the tables; raised whenever they change.
VERSION: Final = 2


class OutdatedBooks(OSError):
    """The file was made by another version of the provider, whose tables are different."""


class Books:
    """The open file and ``now``, the moment it is looked at; a transaction looks anew."""

    def __init__(self, connection: sqlite3.Connection, calendar: Calendar) -> None:
        self._connection = connection
        self.calendar = calendar
        self.look_at_the_clock()

    def look_at_the_clock(self) -> None:
        """Take the time, with what the file is ahead of the clock."""
        (clock,) = self.execute("SELECT ahead_seconds FROM clock")
        self.now = self.calendar.now() + timedelta(seconds=clock["ahead_seconds"])

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, parameters)

    def one(
        self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
    ) -> dict[str, Any] | None:
        """Run a query and return its first row."""
        rows: list[dict[str, Any]] = self.execute(sql, parameters).fetchall()
        return rows[0] if rows else None


def make_file(path: Path, schema: str) -> None:
    """Make the file beside its place and link it in whole: of two first users one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        draft = Path(directory) / "draft"
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"{schema}\nPRAGMA user_version = {VERSION};")
        with suppress(FileExistsError):
            os.link(draft, path)


@contextmanager
def connected(path: Path, calendar: Calendar) -> Iterator[Books]:
    """Open the file for one call; statements outside :func:`transaction` commit by themselves.

    Raises OutdatedBooks for a file whose tables are of another version.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        _check_version(path, connection)
        connection.row_factory = _as_dict
        connection.execute("PRAGMA synchronous = OFF")
        yield Books(connection, calendar)


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != VERSION:
        raise OutdatedBooks(
            f"The provider's books at {path} are of version {found}, and version {VERSION} is"
            " needed. Move the file away; a new one is made in its place."
        )


@contextmanager
def transaction(books: Books) -> Iterator[None]:
    """Take the write lock at once, so that what is read stays true until COMMIT."""
    books.execute("BEGIN IMMEDIATE")
    try:
        books.look_at_the_clock()
        yield
    except BaseException:
        books.execute("ROLLBACK")
        raise
    books.execute("COMMIT")


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
