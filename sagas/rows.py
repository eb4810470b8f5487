"""Rows: many rows changed by one statement, each to its own values.

PostgreSQL gets one array per column and joins it (`UPDATE ... FROM unnest(...)`), which costs a
fraction of Django's CASE for every row and column. SQLite, which is no way off, gets the same plain
statement for each row; other databases get `bulk_update`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections
from django.db.models import Field, Model


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
    vendor = connections[using].vendor
    if vendor == "postgresql" and not any(map(_is_array, columns)):
        return _unnest(using, rows, columns, only or {})
    if vendor == "sqlite":
        return _one_by_one(using, rows, columns, only or {})
    written = type(rows[0])._base_manager.using(using).filter(**(only or {}))
    return written.bulk_update(rows, fields)


def _is_array(column: Any) -> bool:
    return hasattr(column, "base_field")


def _unnest(
    using: str, rows: Sequence[Model], columns: Sequence[Any], only: Mapping[str, str]
) -> int:
    connection = connections[using]
    quote = connection.ops.quote_name
    meta: Any = rows[0]._meta
    sources = [meta.pk, *columns]
    arrays = ", ".join(f"%s::{_column_type(column, connection)}[]" for column in sources)
    names = ", ".join(quote(f"new_{column.column}") for column in sources)
    sets = ", ".join(f"{quote(c.column)} = v.{quote(f'new_{c.column}')}" for c in columns)
    guards = "".join(f" AND t.{quote(meta.get_field(name).column)} = %s" for name in only)
    sql = (
        f"UPDATE {quote(meta.db_table)} AS t SET {sets}"  # noqa: S608  names come from models
        f" FROM unnest({arrays}) AS v({names})"
        f" WHERE t.{quote(meta.pk.column)} = v.{quote(f'new_{meta.pk.column}')}{guards}"
    )
    values = [[_value(column, row, connection) for row in rows] for column in sources]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *only.values()])
        written: int = cursor.rowcount
    return written


def _one_by_one(
    using: str, rows: Sequence[Model], columns: Sequence[Any], only: Mapping[str, str]
) -> int:
    connection = connections[using]
    quote = connection.ops.quote_name
    meta: Any = rows[0]._meta
    sets = ", ".join(f"{quote(column.column)} = %s" for column in columns)
    guards = "".join(f" AND {quote(meta.get_field(name).column)} = %s" for name in only)
    sql = (
        f"UPDATE {quote(meta.db_table)} SET {sets}"  # noqa: S608  names come from models
        f" WHERE {quote(meta.pk.column)} = %s{guards}"
    )
    sources = [*columns, meta.pk]
    values = [
        [*(_value(column, row, connection) for column in sources), *only.values()] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
        written: int = cursor.rowcount
    return written


def _column_type(column: "Field[Any, Any]", connection: Any) -> str:
    """Return the column's type for a cast; a key that counts by itself is a plain number."""
    return str(column.rel_db_type(connection) if column.primary_key else column.db_type(connection))


def _value(column: "Field[Any, Any]", row: Model, connection: Any) -> Any:
    return column.get_db_prep_save(getattr(row, column.attname), connection=connection)
