"""Pages: the keys to look at, so many at a time and each of them once in a run.

A look from the beginning walks over all keys in their order. Any other one walks over what was
changed since, in the order of change. Memory holds one page of keys, whatever the table's size.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet

from sagas.reconciliation.predicate import Keys, Watermark


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Keys, and where the next page begins: after `end`, or after the last key."""

    keys: Keys
    end: datetime
    is_last: bool

    @property
    def cursor(self) -> str:
        """The last key, as text."""
        return str(self.keys.values[-1]) if self.keys.values else ""


def first_look(
    watermark: Watermark, *, cursor: str, until: datetime, size: int, using: str
) -> Page:
    """Return the next `size` of all keys, in their order, after the one that `cursor` is."""
    name, rows = _all_keys(watermark, using)
    if cursor:
        rows = rows.filter(**{f"{name}__gt": watermark.key_field.to_python(cursor)})
    found = tuple(rows.order_by(name).values_list(name, flat=True).distinct()[:size])
    return Page(keys=keys_of(watermark, found, using), end=until, is_last=len(found) < size)


def _all_keys(watermark: Watermark, using: str) -> tuple[str, QuerySet[Any]]:
    if watermark.of is not None:
        return "pk", watermark.of._base_manager.using(using).all()
    return watermark.key, _with_key(watermark, _rows(watermark, using))


def next_page(
    watermark: Watermark,
    *,
    after: datetime,
    until: datetime,
    size: int,
    using: str,
    waits: bool = False,
) -> Page:
    """Return the keys of the next `size` changed rows, and of those of the very same time.

    A key that was changed again later is left to that later page. With `waits` it is left out, too,
    when that change came after `until`: it is still on its way, and is for a later run.
    """
    rows = _rows(watermark, using).filter(_between(watermark, after, until))
    moments = rows.order_by(watermark.column).values_list(watermark.column, flat=True)
    end = moments[size - 1 : size].first() or until
    found = _with_key(watermark, rows.filter(_between(watermark, after, end)))
    if waits or end < until:
        later = _rows(watermark, using).filter(**{watermark.key: OuterRef(watermark.key)})
        is_later = _between(watermark, end, None if waits else until)
        found = found.exclude(Exists(later.filter(is_later)))
    values = found.order_by().values_list(watermark.key, flat=True).distinct()
    keys = keys_of(watermark, _typed(watermark, values), using)
    return Page(keys=keys, end=end, is_last=end == until)


def _rows(watermark: Watermark, using: str) -> QuerySet[Any]:
    return watermark.model._base_manager.using(using).filter(watermark.only)


def _between(watermark: Watermark, after: datetime, until: datetime | None) -> Q:
    is_later = Q(**{f"{watermark.column}__gt": after})
    return is_later & Q(**{f"{watermark.column}__lte": until}) if until else is_later


def _with_key(watermark: Watermark, rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.filter(**{f"{watermark.key}__isnull": False})


def _typed(watermark: Watermark, keys: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(map(watermark.key_field.to_python, keys) if watermark.of else keys)


# -- as a table of a statement --------------------------------------------------------------------

_CHANGED = {
    "postgresql": "SELECT unnest(CAST(%(keys)s AS {type}[]))",
    "sqlite": "SELECT value FROM json_each(%(keys)s)",
    "mysql": "SELECT k FROM JSON_TABLE(%(keys)s, '$[*]' COLUMNS (k {type} PATH '$')) AS j",
}


def changed_table(watermark: Watermark, using: str) -> str:
    """Return the body of `changed`, whose parameter `keys` is that of some `Keys`."""
    connection = connections[using]
    kind = watermark.key_field.rel_db_type(connection)
    return _CHANGED[connection.vendor].format(type=kind)


def keys_of(watermark: Watermark, values: Iterable[Any], using: str) -> Keys:
    """Return keys with their parameter: an array for PostgreSQL, JSON for the others."""
    connection, found = connections[using], tuple(values)
    prepare = watermark.key_field.get_db_prep_value
    prepared = [prepare(value, connection=connection, prepared=False) for value in found]
    if connection.vendor == "postgresql":
        return Keys(values=found, parameter=f"{{{','.join(map(_quoted, prepared))}}}")
    return Keys(values=found, parameter=json.dumps(prepared))


def _quoted(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
