"""Emptying: every table is empty after a test that commits; content types and permissions stay.

A test leaves few rows, which are gone sooner by DELETE than by TRUNCATE, which makes each table's
files anew. What DELETE leaves on disk is taken away by TRUNCATE now and then.
"""

from collections.abc import Iterable
from itertools import count
from typing import Final

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections, transaction
from django.test import TransactionTestCase

#: Written when the tables are made, the same for every test.
_STAYS: Final = frozenset({ContentType._meta.db_table, Permission._meta.db_table})
#: After so many times, TRUNCATE.
_NOW_AND_THEN: Final = 50
_times = count(1)


def empty_all(case: TransactionTestCase) -> None:
    """Empty the databases of a test case, in place of Django's own flush."""
    names: Iterable[str] = case._databases_names(include_mirrors=False)  # type: ignore[attr-defined]
    for name in names:
        _empty(name, thoroughly=next(_times) % _NOW_AND_THEN == 0)
    ContentType.objects.clear_cache()


def _empty(using: str, *, thoroughly: bool) -> None:
    connection = connections[using]
    there = connection.introspection.django_table_names(only_existing=True, include_views=False)
    tables = sorted(set(there) - _STAYS)
    if thoroughly:
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), tables))
        return
    # Foreign keys are deferred, so the order makes no difference.
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
