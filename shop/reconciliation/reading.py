"""Reading: what is missed in a statement is only missing where the statement has been read."""

from datetime import datetime

from sagas.reconciled import StatementSource
from sagas.reconciliation import Look


class NotReadSoFar(LookupError):
    """The statement has not been read up to what is looked for in it."""


def must_be_read(source: str, look: Look) -> None:
    """Raise NotReadSoFar where it isn't: the predicate says so, and its next look begins there."""
    read = StatementSource.objects.using(look.using).filter(name=source).first()
    until: datetime | None = read.complete_until if read else None
    if until is None or until < look.settled:
        message = f"Statement {source!r} is read until {until}, not until {look.settled}: read it."
        raise NotReadSoFar(message)
