"""Books: a reconciliation as a person reads it: what was looked at, what is wrong, who is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sagas.reconciled import (
    ReconciliationFinding,
    ReconciliationPass,
    ReconciliationRun,
    StatementSource,
)
from sagas.reconciliation import PREDICATES
from sagas.reconciliation.predicate import sentence_of, text_of

_COUNTED = ("looked", "busy", "found", "resolved", "repaired", "asked", "error")
_RUN = (
    "id", "state", "is_periodic", "is_full", "repairs", "actor", "started_at", "ended_at", "rate",
    *_COUNTED,
)  # fmt: skip
_PASS = ("phase", "since", "until", "reached", *_COUNTED)
_FINDING = (
    "id", "predicate", "business_key", "detail", "amount_minor", "currency", "saga_id", "case_id",
    "first_seen_at", "last_seen_at", "resolved_at", "repaired_by",
)  # fmt: skip
_STATEMENT = ("name", "cursor", "lines", "complete_until", "tried_at", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """A run, and what breaks its predicates now; findings in the order in which they were seen."""

    run: ReconciliationRun
    passes: tuple[ReconciliationPass, ...]
    findings: tuple[ReconciliationFinding, ...]
    statements: tuple[StatementSource, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """What could not be done."""
        own = [self.run.error] if self.run.error else []
        return (*own, *(f"{p.predicate}: {p.error}" for p in self.passes if p.error))


def books(run: ReconciliationRun) -> Books:
    """Return a run with its findings that are still open."""
    using = run._state.db
    passes = tuple(run.passes.order_by("id"))
    findings = ReconciliationFinding.objects.using(using).filter(
        predicate__in=[passed.predicate for passed in passes], resolved_at=None
    )
    return Books(
        run=run,
        passes=passes,
        findings=tuple(findings.order_by("id")),
        statements=tuple(StatementSource.objects.using(using).order_by("name")),
    )


def as_dict(seen: Books) -> dict[str, Any]:
    """Return the books as plain values: strings, numbers, ids, aware times, lists and dicts."""
    return {
        "run": _fields(seen.run, _RUN),
        "predicates": [_predicate(passed) for passed in seen.passes],
        "findings": [_finding(finding) for finding in seen.findings],
        "statements": [_fields(source, _STATEMENT) for source in seen.statements],
    }


def _predicate(passed: ReconciliationPass) -> dict[str, Any]:
    known = PREDICATES.get(passed.predicate)
    return {
        "id": passed.predicate,
        "sentence": sentence_of(passed.predicate),
        "break_class": known.break_class if known else None,
        "severity": known.severity if known else None,
        "owner": known.owner if known else None,
        **_fields(passed, _PASS),
    }


def _finding(finding: ReconciliationFinding) -> dict[str, Any]:
    return {**_fields(finding, _FINDING), "text": text_of(finding.predicate, finding)}


def _fields(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
