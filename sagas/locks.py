"""Locks: how rows are locked, on every database, as weakly as it allows (decision 8)."""

from typing import TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def for_update(query: QuerySet[Row], *, skip_locked: bool = False) -> QuerySet[Row]:
    """Lock the query's rows until the transaction ends; with `skip_locked`, only the free ones.

    SQLite has no row locks: its transactions are immediate and so alone (R15).
    """
    features = connections[query.db].features
    if not features.has_select_for_update:
        return query
    return query.select_for_update(
        no_key=features.has_select_for_no_key_update,
        skip_locked=skip_locked and features.has_select_for_update_skip_locked,
    )
