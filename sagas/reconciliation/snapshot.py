"""Snapshot: how the comparisons of one transaction see the database, and are planned."""

from django.db import connections

#: A page's keys are few: they are probed for, whatever the planner thinks of disks. Statements are
#: read to their end, and what they sort fits into memory.
_PLAN = """
SET LOCAL cursor_tuple_fraction TO 1; SET LOCAL jit TO off; SET LOCAL work_mem TO '64MB';
SET LOCAL random_page_cost TO 1; SET LOCAL enable_seqscan TO {whole_tables}"""


def prepare(using: str, *, probes: bool) -> None:
    """Let all that is asked in the open transaction see the same state, on PostgreSQL.

    With `probes` no whole table is read. Inside of another transaction, which has asked before,
    the state that is seen is that one's own.
    """
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(_PLAN.format(whole_tables="off" if probes else "on"))
