"""Survey: what breaks predicates right now, all of it, with nothing written down.

For tests, and for a look at books that are quiet: it makes no difference what was changed when.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

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
    #: What was seen, by the names of the query's columns.
    seen: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.invariant} {self.where}: {self.detail}"


def findings(using: str = "default") -> list[Finding]:
    """Return every broken invariant of the engine's own tables (D1-D8)."""
    return list(survey(ENGINE, using=using))


def survey(
    predicates: Iterable[Predicate], *, settled: datetime | None = None, using: str = "default"
) -> Iterator[Finding]:
    """Yield what breaks predicates now.

    `settled` is since when everything is quiet, so that nothing is on its way any more; otherwise
    each predicate's own grace says so.
    """
    now = clock.now(using)
    for predicate in predicates:
        for look in _looks(predicate, now, using):
            seen = look if settled is None else replace(look, settled=settled)
            yield from (_finding(predicate, row) for row in _broken(predicate, seen))


def _finding(predicate: Predicate, row: Broken) -> Finding:
    return Finding(
        invariant=predicate.id,
        where=row.business_key,
        detail=text_of(predicate.id, row),
        seen=row.detail,
    )


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
