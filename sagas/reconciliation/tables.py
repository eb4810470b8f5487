"""Tables: what the predicates of one page share, kept on the server as long as its transaction.

On PostgreSQL alone, whose planner then knows how many rows there are. They are made once for all
that look at the same page, and are gone at the end of the transaction.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.db import connections

from sagas.reconciliation.pages import changed_table
from sagas.reconciliation.predicate import Keys, Look, Watermark

#: The table of the page's keys.
CHANGED: Final = "changed"
#: So few keys are named in each statement: a table would cost more than it saves.
_FEW: Final = 50

Values = Mapping[str, Any]


def is_kept(keys: Keys, using: str) -> bool:
    """Whether these keys are a table of their own rather than a parameter of each statement."""
    return connections[using].vendor == "postgresql" and len(keys.values) > _FEW


def keep_changed(watermark: Watermark, look: Look) -> None:
    """Have the table `changed(id)` hold the keys that are looked at."""
    keys = look.keys
    if keys is None or look.shared.get(CHANGED) is keys:
        return
    kind = watermark.key_field.rel_db_type(connections[look.using])
    select = changed_table(watermark, look.using)
    keep(CHANGED, f"id {kind} PRIMARY KEY", select, {"keys": keys.parameter}, using=look.using)
    look.shared[CHANGED] = keys


def keep(name: str, columns: str, select: str, values: Values, *, using: str) -> None:
    """Have a table hold what SQL selects, in place of the one that was made before it.

    Inside of another transaction it stays until that one's end.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")
        cursor.execute(f"INSERT INTO pg_temp.{name} {select}", values)
        cursor.execute(f"ANALYZE pg_temp.{name}")
