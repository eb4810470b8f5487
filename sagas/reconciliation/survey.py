"""Survey: what breaks predicates right now, all of it, with nothing written down.

For tests, and for a look at books that are quiet: it makes no difference what was changed when.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from sagas import clock
from sagas.reconciliation.engine import ENGINE
from sagas.reconciliation.pages import first_look
from sagas.reconciliation.predicate import Broken, Look, Predicate, text_of
from sagas.reconciliation.query import broken, look_at
from sagas.reconciliation.snapshot import prepare

_PAGE = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken invariant: which, where, and what was seen."""

    invariant: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.where}: {self.detail}"


def findings(using: str = "default") -> list[Finding]:
    """Return every broken invariant of the engine's own tables (D1-D8)."""
    return list(survey(ENGINE, using=using))


def survey(predicates: Iterable[Predicate], *, using: str = "default") -> Iterator[Finding]:
    """Yield what breaks predicates now."""
    now = clock.now(using)
    for predicate in predicates:
        for look in _looks(predicate, now, using):
            for row in _broken(predicate, look):
                detail = text_of(predicate.id, row)
                yield Finding(invariant=predicate.id, where=row.business_key, detail=detail)


def _broken(predicate: Predicate, look: Look) -> list[Broken]:
    with transaction.atomic(using=look.using):
        prepare(look.using, probes=predicate.watermark is not None)
        return list(broken(predicate, look))


def _looks(predicate: Predicate, now: datetime, using: str) -> Iterator[Look]:
    """Yield looks at everything, page by page."""
    mark = predicate.watermark
    if mark is None:
        yield look_at(predicate, None, now=now, using=using)
        return
    page = None
    while page is None or not page.is_last:
        cursor = page.cursor if page else ""
        page = first_look(mark, cursor=cursor, until=now, size=_PAGE, using=using)
        yield look_at(predicate, page.keys, now=now, using=using)
