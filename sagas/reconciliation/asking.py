"""Asking: what can't repair itself becomes a case with an owner, which is closed when it is gone.

The caller holds the run's row.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from sagas.case import close_reported, report
from sagas.models import Case, CaseKind
from sagas.reconciled import ReconciliationFinding, ReconciliationPass
from sagas.reconciliation.book import open_findings
from sagas.reconciliation.predicate import PREDICATES, sentence_of, text_of
from sagas.rows import update_rows
from sagas.unit import Unit

#: How many cases one transaction opens or closes.
_AT_ONCE = 100
#: How many cases one run opens about one predicate: the others follow once these are dealt with.
MOST_CASES = 1000
_GONE = "It is not there any more."


def ask(passed: ReconciliationPass, *, now: datetime) -> bool:
    """Open and close some cases; say whether there was anything to do."""
    unasked = list(_unasked(passed)[: min(_AT_ONCE, max(MOST_CASES - passed.asked, 0))])
    settled = list(_settled(passed)[:_AT_ONCE])
    unit = Unit(passed._state.db or "default", now=now, careful=True)
    for case in settled:
        close_reported(unit, case, by="sagas", note=_GONE)
    _report(unit, passed, unasked)
    unit.flush()
    return bool(unasked or settled)


def _unasked(passed: ReconciliationPass) -> QuerySet[ReconciliationFinding]:
    """Return open findings without a case; what was repaired just now gets a run's time to go."""
    repaired = Q(repair_run=passed.run_id) & ~Q(repaired_by="")
    return open_findings(passed).filter(case=None).exclude(repaired)


def with_settled(using: str) -> set[str]:
    """Return the predicates about which people need not be asked any more, and still are."""
    rows = _all_settled(using).order_by()
    return set(rows.values_list("finding__predicate", flat=True).distinct())


def _settled(passed: ReconciliationPass) -> QuerySet[Case]:
    return _all_settled(passed._state.db or "default").filter(finding__predicate=passed.predicate)


def _all_settled(using: str) -> QuerySet[Case]:
    """Return open cases whose finding is gone."""
    return Case.objects.using(using).filter(
        kind=CaseKind.RECONCILIATION, closed_at=None, finding__resolved_at__isnull=False
    )


def _report(
    unit: Unit, passed: ReconciliationPass, findings: Sequence[ReconciliationFinding]
) -> None:
    owner = PREDICATES[passed.predicate].owner
    for finding in findings:
        finding.case = report(unit, saga_id=finding.saga_id, owner=owner, detail=_detail(finding))
    Case.objects.using(unit.using).bulk_create([f.case for f in findings if f.case is not None])
    update_rows(unit.using, findings, ["case"])
    passed.asked += len(findings)


def _detail(finding: ReconciliationFinding) -> str:
    sentence, seen = sentence_of(finding.predicate), text_of(finding.predicate, finding)
    return f"{finding.predicate} {finding.business_key}\n{sentence}\n{seen}"
