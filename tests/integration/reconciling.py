"""What tests of reconciliation share: runs without a lag, and predicates for one test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from sagas import clock
from sagas.reconciled import ReconciliationFinding, ReconciliationRun
from sagas.reconciliation import PREDICATES, SOURCES, Predicate, Source, reconcile
from sagas.reconciliation.engine import ENGINE

#: Longer than the lag, so that what has just been done is looked at.
LATER = timedelta(minutes=2)


#: What the shop declares; its own tests break it.
SHOP = PREDICATES.keys() - {predicate.id for predicate in ENGINE}
STATEMENTS = frozenset(SOURCES)


def run(**options: Any) -> ReconciliationRun:
    """Reconcile a little later, without the shop's own predicates and statements."""
    options.setdefault("only", sorted(PREDICATES.keys() - SHOP))
    options.setdefault("sources", sorted(SOURCES.keys() - STATEMENTS))
    with clock.travel(LATER):
        return reconcile(**options)


def open_findings() -> list[ReconciliationFinding]:
    return list(ReconciliationFinding.objects.filter(resolved_at=None).order_by("id"))


def names() -> set[str]:
    """Return the predicates that are broken."""
    return {finding.predicate for finding in open_findings()}


@contextmanager
def declared(*declarations: Predicate | Source) -> Iterator[None]:
    """Let predicates be declared inside the block, too, and these sources instead of all others."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(SOURCES):
            patch.delitem(SOURCES, name)
        for one in declarations:
            if isinstance(one, Predicate):
                patch.setitem(PREDICATES, one.id, one)
            else:
                patch.setitem(SOURCES, one.name, one)
        yield
