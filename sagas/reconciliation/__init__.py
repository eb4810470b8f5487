"""Reconciliation: finds disagreement between contexts, their books, and others' (R41).

Contexts declare predicates and statement sources in `<context>/reconciliation.py`. A run looks at
what has changed since the one before, keeps what it finds with its history, repairs what can't be
repaired wrongly, and asks people about the rest. It changes contexts' rows
only through their services.
"""

from sagas.reconciliation.ownerless import open_cases_for_stranded
from sagas.reconciliation.predicate import (
    PREDICATES,
    BreakClass,
    Look,
    Predicate,
    Severity,
    Table,
    Watermark,
    declare,
)
from sagas.reconciliation.query import ask, share
from sagas.reconciliation.reconcile import reconcile
from sagas.reconciliation.statement import SOURCES, Line, Source, declare_source
from sagas.reconciliation.survey import Finding, findings, survey

__all__ = [
    "PREDICATES",
    "SOURCES",
    "BreakClass",
    "Finding",
    "Line",
    "Look",
    "Predicate",
    "Severity",
    "Source",
    "Table",
    "Watermark",
    "ask",
    "declare",
    "declare_source",
    "findings",
    "open_cases_for_stranded",
    "reconcile",
    "share",
    "survey",
]
