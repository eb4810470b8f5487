"""Book: writes down what was found: seen for the first time, seen again, no longer there.

The caller holds the run's row, so nobody else writes findings meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db.models import QuerySet

from sagas.reconciled import ReconciliationFinding, ReconciliationPass
from sagas.reconciliation.pages import keys_of
from sagas.reconciliation.predicate import PREDICATES, Broken, Keys, Look, Predicate
from sagas.reconciliation.query import CHUNK, broken, look_at
from sagas.rows import update_rows

Item = TypeVar("Item")
Findings = Sequence[ReconciliationFinding]

#: What seeing a finding again may change of it.
_SEEN = (
    "subject", "detail", "amount_minor", "currency", "saga_id", "last_run", "last_seen_at",
)  # fmt: skip
_ENDED = ("resolved_run", "resolved_at")


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Yield the items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def open_findings(passed: ReconciliationPass) -> QuerySet[ReconciliationFinding]:
    """Return what breaks a predicate for all that is known, the oldest first."""
    rows = ReconciliationFinding.objects.using(passed._state.db)
    return rows.filter(predicate=passed.predicate, resolved_at=None).order_by("id")


def with_findings(using: str) -> set[str]:
    """Return the predicates that something breaks, for all that is known."""
    rows = ReconciliationFinding.objects.using(using).filter(resolved_at=None)
    return set(rows.order_by().values_list("predicate", flat=True).distinct())


def look(passed: ReconciliationPass, seen: Look) -> None:
    """Look once, and write down what breaks the predicate."""
    _keep_all(passed, PREDICATES[passed.predicate], seen)


def look_again(passed: ReconciliationPass, findings: Findings, *, now: datetime) -> None:
    """Look once more at some findings; those that are not there any more are resolved."""
    predicate = PREDICATES[passed.predicate]
    using = passed._state.db or "default"
    keys = _keys(predicate, findings, using)
    seen = _keep_all(
        passed,
        predicate,
        look_at(predicate, keys, now=now, using=using),
        noting={finding.business_key for finding in findings},
    )
    resolve(passed, [row for row in findings if row.business_key not in seen], now=now)


def look_at_whole_again(passed: ReconciliationPass, *, now: datetime) -> None:
    """Look once more at all that a predicate without a watermark is about, after its repairs.

    Once for all of them: what was tried in this run and is not seen now is resolved.
    """
    tried = open_findings(passed).filter(repair_run=passed.run_id)
    if not tried.exists():
        return
    using = passed._state.db or "default"
    look(passed, look_at(PREDICATES[passed.predicate], None, now=now, using=using))
    while gone := list(tried.filter(last_seen_at__lt=now)[:CHUNK]):
        resolve(passed, gone, now=now)


def _keys(predicate: Predicate, findings: Findings, using: str) -> Keys | None:
    mark = predicate.watermark
    if mark is None:
        return None
    return keys_of(mark, {mark.key_field.to_python(row.subject) for row in findings}, using)


def resolve(passed: ReconciliationPass, findings: Findings, *, now: datetime) -> None:
    """Write down that findings are not there any more."""
    for row in findings:
        row.resolved_run_id, row.resolved_at = passed.run_id, now
    passed.resolved += update_rows(passed._state.db or "default", findings, _ENDED)


def _keep_all(
    passed: ReconciliationPass, predicate: Predicate, seen: Look, noting: set[str] | None = None
) -> set[str]:
    """Write down all that is found; return which of the business keys `noting` were among it."""
    noted: set[str] = set()
    with closing(broken(predicate, seen)) as rows:
        for chunk in chunks(rows):
            by_key = {row.business_key: row for row in chunk}
            _keep(passed, by_key, seen.now)
            noted |= (noting or set()) & by_key.keys()
    return noted


def _keep(passed: ReconciliationPass, rows: Mapping[str, Broken], now: datetime) -> None:
    using = passed._state.db or "default"
    known = list(open_findings(passed).filter(business_key__in=rows))
    before = {finding.business_key for finding in known}
    new = [_new(passed, row, now) for key, row in rows.items() if key not in before]
    passed.found += len(new) + sum(finding.last_run_id != passed.run_id for finding in known)
    for finding in known:
        _see(finding, passed, rows[finding.business_key], now)
    ReconciliationFinding.objects.using(using).bulk_create(new)
    update_rows(using, known, _SEEN)


def _new(passed: ReconciliationPass, row: Broken, now: datetime) -> ReconciliationFinding:
    finding = ReconciliationFinding(
        predicate=passed.predicate,
        business_key=row.business_key,
        first_run_id=passed.run_id,
        first_seen_at=now,
    )
    _see(finding, passed, row, now)
    return finding


def _see(
    finding: ReconciliationFinding, passed: ReconciliationPass, row: Broken, now: datetime
) -> None:
    finding.subject, finding.saga_id = row.subject, row.saga_id
    finding.detail = dict(row.detail)
    finding.amount_minor, finding.currency = row.amount_minor, row.currency
    finding.last_run_id, finding.last_seen_at = passed.run_id, now
