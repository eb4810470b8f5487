"""Reconciled: what the shop's own predicates find, with every statement read."""

import re
from datetime import timedelta
from typing import Any

from sagas import clock
from sagas.reconciled import ReconciliationFinding
from sagas.reconciliation import PREDICATES, reconcile
from sagas.reconciliation.engine import ENGINE

#: The shop's own predicates: what is not the engine's.
SHOP = tuple(sorted(PREDICATES.keys() - {predicate.id for predicate in ENGINE}))

#: Longer than any grace but the settlement's, shorter than a reservation.
SOON = timedelta(minutes=20)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def found(*, later: timedelta = SOON, full: bool = True, **options: Any) -> list[tuple[str, str]]:
    """Read the statements, look, and return what breaks the shop's predicates."""
    with clock.travel(later):
        run = reconcile(only=SHOP, full=full, **options)
    errors = run.passes.exclude(error="").values_list("predicate", "error")
    assert (run.error, list(errors)) == ("", [])
    rows = ReconciliationFinding.objects.filter(resolved_at=None)
    return sorted((row.predicate, as_stored(row.business_key)) for row in rows)


def as_stored(key: str) -> str:
    """Return a business key with its ids as 32 digits: databases differ in how they show them."""
    return _ID.sub(lambda found: found[0].replace("-", ""), key)
