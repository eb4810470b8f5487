"""Query: what breaks a predicate, row by row, as one statement says it.

Rows stream through a server-side cursor where the database has one: memory holds a chunk of them.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections

from sagas.reconciliation.pages import changed_table
from sagas.reconciliation.predicate import Broken, Keys, Look, Predicate, Table, Watermark
from sagas.reconciliation.tables import is_kept, keep, keep_changed

#: How many rows are in memory at once.
CHUNK = 1000
#: Before everything.
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
#: Columns that are no details.
_OWN = frozenset({"subject", "saga_id", "amount_minor", "currency"})

Row = Mapping[str, Any]


def look_at(
    predicate: Predicate,
    keys: Keys | None,
    *,
    now: datetime,
    since: datetime | None = None,
    shared: dict[Any, Any] | None = None,
    using: str,
) -> Look:
    """Return a look at some keys, or at the whole where the predicate has no watermark."""
    return Look(
        using=using,
        now=now,
        settled=now - predicate.patience,
        since=since or _BEGINNING,
        keys=keys,
        shared={} if shared is None else shared,
    )


def ask(sql: str, watermark: Watermark, look: Look) -> list[tuple[Any, ...]]:
    """Return what SQL selects from `changed`, for what predicates of the same page share."""
    statement, values = _statement(sql, watermark, {}, look)
    with connections[look.using].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def share(name: str, columns: str, sql: str, watermark: Watermark, look: Look) -> None:
    """Keep what SQL selects from `changed` as a table, for predicates of the same page.

    On PostgreSQL alone. `columns` are as in CREATE TABLE.
    """
    statement, values = _statement(sql, watermark, {}, look)
    keep(name, columns, statement, values, using=look.using)


def broken(predicate: Predicate, look: Look) -> Generator[Broken]:
    """Yield what breaks a predicate. Raises DatabaseError where its query can't be run."""
    made = predicate.query(look) if callable(predicate.query) else predicate.query
    rows = (
        _rows_of_sql(made, predicate, look)
        if isinstance(made, str)
        else made.iterator(chunk_size=CHUNK)
    )
    for row in rows:
        yield _broken(predicate, row)


def _broken(predicate: Predicate, row: Row) -> Broken:
    subject, saga_id = row.get("subject"), row.get("saga_id")
    mark = predicate.watermark
    if mark is not None:
        subject = mark.key_field.to_python(subject)
    return Broken(
        business_key=" ".join(filter(None, (_text(row[name]) for name in predicate.key))),
        subject="" if subject is None else str(subject),
        saga_id=UUID(str(saga_id)) if saga_id is not None else None,
        amount_minor=row.get("amount_minor"),
        currency=row.get("currency") or "",
        detail={name: _plain(value) for name, value in row.items() if name not in _OWN},
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return what JSON can hold."""
    return value if value is None or isinstance(value, bool | int | float | str) else _text(value)


# -- SQL ------------------------------------------------------------------------------------------


def _rows_of_sql(sql: str, predicate: Predicate, look: Look) -> Iterator[Row]:
    connection = connections[look.using]
    statement, values = _statement(sql, predicate.watermark, predicate.tables, look)
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, values)
        names = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(CHUNK):
            yield from (dict(zip(names, row, strict=True)) for row in rows)


def _statement(
    sql: str,
    watermark: Watermark | None,
    constants: Mapping[str, Callable[[], Table]],
    look: Look,
) -> tuple[str, dict[str, Any]]:
    """Put the tables that the query may join before it."""
    adapt = connections[look.using].ops.adapt_datetimefield_value
    times = {"now": look.now, "settled": look.settled, "since": look.since}
    values = {**{name: adapt(time) for name, time in times.items()}, **look.parameters}
    tables = []
    if watermark is not None and look.keys is not None:
        if is_kept(look.keys, look.using):
            keep_changed(watermark, look)
        else:
            tables.append(f"changed(id) AS ({changed_table(watermark, look.using)})")
            values["keys"] = look.keys.parameter
    for name, table in constants.items():
        tables.append(_constants(name, table(), values, look.using))
    return _with(tables, sql.strip()), values


def _with(tables: list[str], sql: str) -> str:
    if not tables:
        return sql
    has_own = sql[:5].upper() == "WITH "
    return f"WITH {', '.join(tables)}{', ' + sql[5:] if has_own else ' ' + sql}"


def _constants(name: str, table: Table, values: dict[str, Any], using: str) -> str:
    """Write rows of constants as a table, with a parameter for each value."""
    lines = []
    for number, row in enumerate(table.rows):
        names = [f"{name}_{number}_{column}" for column in table.columns]
        values.update(zip(names, row, strict=True))
        lines.append(f"({', '.join(f'%({given})s' for given in names)})")
    return f"{name}({', '.join(table.columns)}) AS ({_listed(lines, table, using)})"


def _listed(lines: list[str], table: Table, using: str) -> str:
    if not lines:
        nothing = ", ".join("0" if kind is int else "''" for kind in table.columns.values())
        return f"SELECT {nothing} WHERE 1 = 0"
    connection: Any = connections[using]
    word = "ROW" if connection.vendor == "mysql" and not connection.mysql_is_mariadb else ""
    return f"VALUES {', '.join(word + line for line in lines)}"
