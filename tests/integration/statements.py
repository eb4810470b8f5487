"""Statements: what a piece of work says to the database, as shapes that do not count rows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

#: One value, however many of them: parameters, and what is spelled out in their place.
_VALUE = r"(?:%s|NULL|DEFAULT)(?:::[\w\[\]]+)?"
_SHAPES = (
    # A row of values, many rows, and the same as arrays that the server unnests.
    (re.compile(rf"\({_VALUE}(?:, {_VALUE})*\)"), "(…)"),
    (re.compile(r"\(…\)(?:, \(…\))+"), "(…)"),
    (re.compile(r"SELECT \* FROM UNNEST\(.*?\[\]\)(?= RETURNING| ON CONFLICT|$)"), "VALUES (…)"),
    # One branch per row.
    (re.compile(rf"(?:WHEN (?:\([^()]*\)|\S+ = %s) THEN {_VALUE} ?)+"), "WHEN … "),
)


def shape(sql: str) -> str:
    """Return the statement with every list of rows or values reduced to one."""
    for pattern, short in _SHAPES:
        sql = pattern.sub(short, sql)
    return sql


@contextmanager
def statements(using: str = "default") -> Iterator[list[str]]:
    """Yield the list of shapes that are run inside the block, COMMIT included, in their order.

    `executemany` counts once per row: that is what it sends.
    """
    connection = connections[using]
    said: list[str] = []
    commit = connection.commit

    def committed() -> None:
        commit()
        said.append("COMMIT")

    def seen(execute, sql, params, many, context):
        said.extend([shape(sql)] * (len(params) if many else 1))
        return execute(sql, params, many, context)

    connection.commit = committed  # type: ignore[method-assign]
    try:
        with connection.execute_wrapper(seen):
            yield said
    finally:
        del connection.commit
