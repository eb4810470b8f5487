"""CSV file: reads one row at a time, plain or gzip, and can say where a bad value stands.

Nothing of the file is kept, however long it is.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import InvalidOperation
from itertools import chain, islice
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

_GZIP_MAGIC: Final = b"\x1f\x8b"


class InvoiceFileError(ValueError):
    """The file cannot be read; the message names file, line and column."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file that knows where it stands, so that errors can say so."""

    path: Path
    line: int
    values: dict[str, str | None]

    def text(self, column: str) -> str:
        """Return what a column says, without spaces around it. Raises InvoiceFileError."""
        value = self.values[column]
        if value is None:
            raise self._error(column, "is missing: the line is too short")
        return value.strip()

    def read(self, column: str, parse: Callable[[str], T], wanted: str) -> T:
        """Return a column's value as `parse` makes it of the text; `wanted` is for people.

        Raises InvoiceFileError where `parse` raises ValueError.
        """
        text = self.text(column)
        try:
            return parse(text)
        except (ValueError, InvalidOperation, OverflowError) as error:
            raise self._error(column, f"{text!r} is not {wanted}") from error

    def _error(self, column: str, what: str) -> InvoiceFileError:
        return InvoiceFileError(f"{self.path}, line {self.line}, column {column}: {what}.")


def stream_rows(path: str | Path, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a file that has at least these columns.

    Raises InvoiceFileError when it is not such a file, and OSError when it cannot be opened.
    """
    path = Path(path)
    reader = csv.DictReader(_lines(path), strict=True)
    try:
        first = list(islice(reader, 1))  # what is no text, or no CSV, is said before what it lacks
        for column in columns:
            if column not in (reader.fieldnames or ()):
                raise InvoiceFileError(f"{path}, line 1: the column {column} is missing.")
        for values in chain(first, reader):
            yield Row(path, reader.line_num, values)
    except csv.Error as error:
        raise InvoiceFileError(f"{path}, line {reader.line_num + 1}: not CSV ({error}).") from error


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        is_packed = file.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        unpacked = gzip.GzipFile(fileobj=file) if is_packed else file
        try:
            for number, line in enumerate(unpacked, start=1):
                yield _decoded(line, path, number)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvoiceFileError(f"{path} is a damaged gzip file ({error}).") from error


def _decoded(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InvoiceFileError(f"{path}, line {number}: the text is not UTF-8.") from error
