"""Statement: other parties' books, read line by line into a table, to be joined with our own (R41).

A source is read after its last line, in batches that are each committed with the place where they
end; reading may stop or fail anywhere and goes on from there. Lines are never changed.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.db import transaction

from sagas import clock
from sagas.clock import new_id
from sagas.exceptions import DuplicateDeclaration
from sagas.reconciled import StatementLine, StatementSource
from sagas.reconciliation.book import chunks
from sagas.rows import insert_new

logger = logging.getLogger("sagas.reconciliation")

#: How many lines one transaction stores.
BATCH = 1000

#: Every declared source, by its name.
SOURCES: dict[str, "Source"] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What another party states; amounts in minor units of `currency`, times aware and UTC."""

    #: Its place in the statement: reading goes on after it.
    position: str
    #: What it states, such as "capture", "refund", "payout", or a parcel's state.
    kind: str
    their_id: str
    at: datetime
    #: Our name for what it is about, such as an order number.
    reference: str = ""
    #: Their id of what it belongs to, such as the capture that is refunded.
    parent: str = ""
    amount_minor: int = 0
    currency: str = ""
    #: Their id of the payout that it was settled with.
    payout: str = ""


_NAMES = tuple(each.name for each in fields(Line))
_values = attrgetter(*_NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Another party's statement.

    `read(after)` yields the lines behind the position `after`, oldest first, "" meaning from the
    beginning. It may begin earlier, to overlap: a line that is known is not stored twice. Its calls
    have timeouts of their own; what it raises ends this reading and nothing else.
    """

    name: str
    read: Callable[[str], Iterable[Line]]


def declare_source(source: Source) -> None:
    """Register a source. Raises DuplicateDeclaration for a name that is taken."""
    if source.name in SOURCES:
        message = f"Statement source {source.name!r} is declared twice; names are unique."
        raise DuplicateDeclaration(message)
    SOURCES[source.name] = source


def read_statement(
    source: Source, *, using: str = "default", go_on: Callable[[], bool] | None = None
) -> StatementSource:
    """Read a source to its end, or until `go_on()` is false, which is asked after each batch.

    Opens a transaction per batch. Whatever `read` raises is kept in the row's `error`.
    """
    began = clock.now(using)
    row, _ = StatementSource.objects.using(using).get_or_create(name=source.name)
    row.tried_at, row.error = began, ""
    try:
        if _read_on(source, row, using, go_on):
            row.complete_until = began
    except Exception as error:
        logger.exception("A statement could not be read.", extra={"source": source.name})
        row.error = f"{type(error).__name__}: {error}"
    row.lines = StatementLine.objects.using(using).filter(source=row.name).count()
    row.save(using=using, update_fields=["tried_at", "error", "complete_until", "lines"])
    return row


def _read_on(
    source: Source, row: StatementSource, using: str, go_on: Callable[[], bool] | None
) -> bool:
    """Store batch after batch; say whether the end was reached."""
    lines = (line for line in source.read(row.cursor))
    with closing(lines):
        for batch in chunks(lines, BATCH):
            _store(row, batch, using)
            if go_on is not None and not go_on():
                return False
    return True


def _store(row: StatementSource, batch: list[Line], using: str) -> None:
    now = clock.now(using)
    with transaction.atomic(using=using):
        insert_new(using, StatementLine, [_as_row(line, row.name, now) for line in batch])
        row.cursor = batch[-1].position
        row.save(using=using, update_fields=["cursor"])


def _as_row(line: Line, source: str, now: datetime) -> dict[str, Any]:
    values = zip(_NAMES, _values(line), strict=True)
    return {"id": new_id(), "source": source, "loaded_at": now, **dict(values)}
