"""Work: the rows of one transaction, loaded together, changed in memory, written at once.

One identity map per transaction: a row is one object, whichever steps asked for it. Locking is one
statement per model, models by label and rows by primary key (decision 8). Writing is one statement
per model and kind; a model that overrides save() or has save signals is written one by one with
save() (decision 14).
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import DateField, Model, Q, QuerySet
from django.db.models.signals import m2m_changed, post_save, pre_save

from sagas import clock
from sagas.locks import for_update
from sagas.rows import update_rows
from sagas.step import By

__all__ = ["Work", "saves_one_by_one"]

_Key = tuple[str, Any]
Only = Callable[[datetime], Q] | None


class Work:
    """What a step may touch: `now`, `new_id()`, `add(row)`; the rest is the engine's."""

    def __init__(self, using: str, now: datetime) -> None:
        """Begin with nothing loaded."""
        self.using = using
        #: The time of this transaction: aware, UTC, by the database's clock.
        self.now = now
        self._rows: dict[_Key, Model] = {}
        self._before: dict[_Key, dict[str, Any]] = {}
        self._added: dict[int, Model] = {}

    def new_id(self) -> UUID:
        """Return a new time-ordered identifier."""
        return clock.new_id()

    def add(self, row: Model) -> None:
        """Have a new row inserted by this transaction."""
        self._added.setdefault(id(row), row)

    # -- loading -----------------------------------------------------------------------------

    def lock(self, model: type[Model], wanted: Mapping[str, set[Any]], only: Only) -> list[Model]:
        """Lock and return the rows whose fields have the wanted values: one statement.

        With `only` they are extra: what others have locked is left out (see `By`).
        """
        rows = for_update(self._wanted(model, wanted, only), skip_locked=only is not None)
        return [self._remember(row) for row in rows]

    def read(self, model: type[Model], wanted: Mapping[str, set[Any]], only: Only) -> list[Model]:
        """Return rows without locking them: one statement."""
        rows = self._wanted(model, wanted, only)
        return [self._rows.get(_key(row)) or row for row in rows]

    def _wanted(
        self, model: type[Model], wanted: Mapping[str, set[Any]], only: Only
    ) -> QuerySet[Model]:
        rows = model._base_manager.using(self.using).filter(_any_of(wanted)).order_by("pk")
        return rows.filter(only(self.now)) if only else rows

    def _remember(self, row: Model) -> Model:
        known = self._rows.setdefault(_key(row), row)
        self._before.setdefault(_key(row), _values(row))
        return known

    # -- trying ------------------------------------------------------------------------------

    def keep(self, row: Model | None) -> dict[str, Any]:
        """Return a row's values, to `put_back` what is done to it from now on."""
        return {} if row is None else _values(row)

    def put_back(self, row: Model | None, kept: Mapping[str, Any]) -> None:
        """Have a row be as it was kept; a new one is not inserted."""
        if row is not None:
            self._added.pop(id(row), None)
            for field in row._meta.concrete_fields:
                row.__dict__[field.attname] = kept[field.name]

    # -- writing -----------------------------------------------------------------------------

    def write(self) -> None:
        """Insert what was added, then update what was changed."""
        self._insert()
        self._update()

    def _insert(self) -> None:
        by_model: dict[type[Model], list[Model]] = defaultdict(list)
        for row in self._added.values():
            by_model[type(row)].append(row)
        for model, rows in by_model.items():
            if saves_one_by_one(model):
                for row in rows:
                    row.save(using=self.using, force_insert=True)
            else:
                model._base_manager.using(self.using).bulk_create(rows)

    def _update(self) -> None:
        by_model: dict[type[Model], list[tuple[Model, set[str]]]] = defaultdict(list)
        for key, row in self._rows.items():
            _touch_automatic_times(row, self._before[key])
            dirty = {
                name for name, value in _values(row).items() if value != self._before[key][name]
            }
            if dirty:
                by_model[type(row)].append((row, dirty))
        for model in sorted(by_model, key=lambda found: found._meta.label):
            self._update_model(model, by_model[model])

    def _update_model(self, model: type[Model], changed: list[tuple[Model, set[str]]]) -> None:
        if saves_one_by_one(model):
            for row, dirty in changed:
                row.save(using=self.using, update_fields=sorted(dirty))
            return
        fields = sorted(set().union(*(dirty for _, dirty in changed)))
        update_rows(self.using, [row for row, _ in changed], fields)


def _key(row: Model) -> _Key:
    return row._meta.label, row.pk


def _any_of(wanted: Mapping[str, set[Any]]) -> Q:
    query = Q()
    for field, values in sorted(wanted.items()):
        query |= Q(**{f"{field}__in": values})
    return query


def _values(row: Model) -> dict[str, Any]:
    """Return the row's column values by field name; mutable ones are copied."""
    values = {}
    for field in row._meta.concrete_fields:
        value = row.__dict__.get(field.attname)
        values[field.name] = copy.deepcopy(value) if isinstance(value, dict | list) else value
    return values


def _touch_automatic_times(row: Model, before: dict[str, Any]) -> None:
    """`auto_now` fields follow a change, as they do with save()."""
    automatic = [
        field
        for field in row._meta.concrete_fields
        if isinstance(field, DateField) and field.auto_now
    ]
    if automatic and _values(row) != before:
        for field in automatic:
            field.pre_save(row, add=False)


def saves_one_by_one(model: type[Model]) -> bool:
    """Whether bulk writing would skip what the model or a listener does on save (decision 14).

    A model with a table per level of inheritance can't be written in bulk at all.
    """
    overridden = model.save is not Model.save or model.save_base is not Model.save_base
    listened = any(signal.has_listeners(model) for signal in (pre_save, post_save, m2m_changed))
    return overridden or listened or _spans_tables(model)


def _spans_tables(model: type[Model]) -> bool:
    return any(field.model._meta.db_table != model._meta.db_table for field in model._meta.fields)


def load(work: Work, needs: Iterable[tuple[dict[str, Any], str, By, bool]]) -> None:
    """Fill the scopes: each need is (scope, name, where from, locked?), one statement per model.

    Models are taken by label; one whose source is a row not yet loaded waits for the next round.
    """
    waiting = sorted(needs, key=lambda need: (not need[3], need[2].model._meta.label))
    while waiting:
        ready = [need for need in waiting if _source_is_loaded(need)]
        if not ready:
            names = ", ".join(sorted({f"{n[1]} from {n[2].source}" for n in waiting}))
            message = f"These rows come from each other or from nowhere: {names}."
            raise LookupError(message)
        kind = _kind_of(ready[0])
        same = [need for need in ready if _kind_of(need) == kind]
        _load_model(work, same)
        waiting = [need for need in waiting if need not in same]


def _kind_of(need: tuple[dict[str, Any], str, By, bool]) -> tuple[object, ...]:
    _scope, _name, where, locked = need
    return where.model, locked, where.only


def _source_is_loaded(need: tuple[dict[str, Any], str, By, bool]) -> bool:
    scope, _name, where, _locked = need
    first = where.source.split(".")[0]
    return first in scope or hasattr(scope["event"], first)


def _load_model(work: Work, needs: list[tuple[dict[str, Any], str, By, bool]]) -> None:
    _, _, first, locked = needs[0]
    wanted: dict[str, set[Any]] = defaultdict(set)
    asked = []
    for scope, name, where, _ in needs:
        values = set(where.values(scope))
        wanted[where.field] |= values
        asked.append((scope, name, where.field, {_plain(value) for value in values}))
    rows = (work.lock if locked else work.read)(first.model, wanted, first.only)
    by_value: dict[str, dict[str, list[Model]]] = {field: defaultdict(list) for field in wanted}
    for row in rows:
        for field, index in by_value.items():
            index[_plain(getattr(row, field))].append(row)
    for scope, name, field, values in asked:
        scope[name] = [row for value in sorted(values) for row in by_value[field].get(value, ())]


def _plain(value: Any) -> str:
    """Compare keys as text: an integer key and its text in an event are the same key."""
    return str(getattr(value, "pk", value))
