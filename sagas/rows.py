"""Rows: many rows written by one statement, each with its own values.

To change rows, PostgreSQL gets one array per column, SQLite a list of values, and both join it to
the table (`UPDATE ... FROM`), which costs a fraction of Django's CASE for every row and column;
other databases get `bulk_update`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from django.db import connections
from django.db.models import Field, Model

#: The first version of SQLite that knows UPDATE ... FROM, and how many parameters all of them take.
_UPDATE_FROM: Final = (3, 33)
_PARAMETERS: Final = 30_000


def update_rows(
    using: str,
    rows: Sequence[Model],
    fields: Sequence[str],
    *,
    only: Mapping[str, str] | None = None,
) -> int:
    """Write the named fields of rows of one model, by primary key. Returns how many were written.

    `only` leaves rows alone whose column does not have the given value in the database.
    """
    if not rows:
        return 0
    columns = [rows[0]._meta.get_field(name) for name in fields]
    connection: Any = connections[using]
    if connection.vendor == "postgresql" and not any(map(_is_array, columns)):
        return _join(connection, rows, columns, only or {}, _arrays)
    if connection.vendor == "sqlite" and connection.Database.sqlite_version_info >= _UPDATE_FROM:
        size = _PARAMETERS // (len(columns) + 1)
        chunks = (rows[start : start + size] for start in range(0, len(rows), size))
        return sum(_join(connection, chunk, columns, only or {}, _values) for chunk in chunks)
    written = type(rows[0])._base_manager.using(using).filter(**(only or {}))
    return written.bulk_update(rows, fields)


def insert_new(using: str, model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, as values by field; one that is there by a unique constraint is left out.

    To PostgreSQL they go as one parameter, JSON: a tenth of what a parameter for each value costs.
    """
    connection: Any = connections[using]
    if not rows:
        return
    if connection.vendor != "postgresql":
        made = [model(**row) for row in rows]
        model._base_manager.using(using).bulk_create(made, ignore_conflicts=True)
        return
    columns: list[Any] = [model._meta.get_field(name) for name in rows[0]]
    names = ", ".join(connection.ops.quote_name(column.column) for column in columns)
    kinds = ", ".join(
        f"{connection.ops.quote_name(column.column)} {_column_type(column, connection)}"
        for column in columns
    )
    sql = (
        f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({names})"  # noqa: S608  names come from models
        f" SELECT {names} FROM json_to_recordset(CAST(%s AS json)) AS v({kinds})"
        " ON CONFLICT DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [msgspec.json.encode(rows).decode()])


def _is_array(column: Any) -> bool:
    return hasattr(column, "base_field")


def _join(
    connection: Any,
    rows: Sequence[Model],
    columns: Sequence[Any],
    only: Mapping[str, str],
    listed: Callable[[Any, Sequence[Any], list[list[Any]], str], tuple[str, list[Any]]],
) -> int:
    quote = connection.ops.quote_name
    meta: Any = rows[0]._meta
    sources = [meta.pk, *columns]
    names = ", ".join(quote(f"new_{column.column}") for column in sources)
    sets = ", ".join(f"{quote(c.column)} = v.{quote(f'new_{c.column}')}" for c in columns)
    guards = "".join(f" AND t.{quote(meta.get_field(name).column)} = %s" for name in only)
    told = [[_value(column, row, connection) for column in sources] for row in rows]
    source, values = listed(connection, sources, told, names)
    sql = (
        f"UPDATE {quote(meta.db_table)} AS t SET {sets} FROM {source}"  # noqa: S608  names come from models
        f" WHERE t.{quote(meta.pk.column)} = v.{quote(f'new_{meta.pk.column}')}{guards}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *only.values()])
        written: int = cursor.rowcount
    return written


def _arrays(
    connection: Any, sources: Sequence[Any], told: list[list[Any]], names: str
) -> tuple[str, list[Any]]:
    arrays = ", ".join(f"%s::{_column_type(column, connection)}[]" for column in sources)
    return f"unnest({arrays}) AS v({names})", [list(each) for each in zip(*told, strict=True)]


def _values(
    connection: Any, sources: Sequence[Any], told: list[list[Any]], names: str
) -> tuple[str, list[Any]]:
    row = f"({', '.join(['%s'] * len(sources))})"
    listed = ", ".join([row] * len(told))
    source = f"(WITH v({names}) AS (VALUES {listed}) SELECT * FROM v) AS v"  # noqa: S608
    return source, [value for each in told for value in each]


def _column_type(column: "Field[Any, Any]", connection: Any) -> str:
    """Return the column's type for a cast; a key that counts by itself is a plain number."""
    return str(column.rel_db_type(connection) if column.primary_key else column.db_type(connection))


def _value(column: "Field[Any, Any]", row: Model, connection: Any) -> Any:
    return column.get_db_prep_save(getattr(row, column.attname), connection=connection)
