"""Copies: the rows of orders that really happened, written again and again under other ids.

A template is the text of an order's rows as COPY writes it, with holes for what differs from copy
to copy: ids, the provider's and the carrier's names, and times. Articles are shared, and their
buckets multiplied. Copies are a tenth of a second apart, and older than a settlement may take.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Model, UUIDField

from benchmarks.endings import SHARES, Ending, ending_of, happen
from inventory.models import StockItem
from sagas.models import Delivery, StoredEvent
from tests.world import World

#: The apps whose rows make an order.
_APPS: Final = ("sagas", "orders", "payments", "inventory", "shipping")
#: How many orders are written by one transaction.
_CHUNK: Final = 500
#: How long ago the first copy happened, and how far apart copies are: room for three million.
AGO, APART = timedelta(days=7), timedelta(milliseconds=100)
_LONG: Final = timedelta(days=30)
_BUCKETS: Final = ("available", "reserved", "committed", "out", "quarantine", "damaged")

_ID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: What ends in eight digits of its own: names of provider and carrier, our numbers and coupons.
_NAME: Final = (
    r"(?:\b[a-z]{2}_[0-9a-f]{12}|\bPX\d{6}|\b[A-Z_]+-)[0-9a-f]{8}\b|\bSORRY-[0-9A-F]{12}\b"
)
_TIME: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?\+00"
_HOLES: Final = re.compile(f"(?P<id>{_ID})|(?P<name>{_NAME})|(?P<time>{_TIME})")
#: What the orders are mixed with, so that the same number always ends the same way.
_SEED: Final = 20


class Mix:
    """Which order ends how: the shares of the endings, well mixed."""

    def __init__(self) -> None:
        """Mix a hundred; the next hundred are the same."""
        self._names = [name for name, share in SHARES.items() for _ in range(share)]
        Random(_SEED).shuffle(self._names)

    def ending(self, number: int) -> str:
        """Return how the order with this number ends."""
        return self._names[number % len(self._names)]

    def numbers(self, ending: str, start: int, stop: int) -> list[int]:
        """Return the numbers in this range that end so."""
        return [number for number in range(start, stop) if self.ending(number) == ending]


# -- templates -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """One order to be copied: the text of its rows per table, with holes as `%` fills them."""

    ending: Ending
    rows: dict[str, str]
    #: What was in the past when it happened, by the names of its holes.
    times: dict[str, datetime]


def templates(world: World) -> dict[str, Template]:
    """Let one order of each ending happen, and return it as a template, by the ending's name."""
    made: dict[str, Template] = {}
    known: set[str] = set()
    for ending in happen(world):
        # Nobody works any more: no timer may become due while all is measured.
        Delivery.objects.update(available_at=F("available_at") + _LONG)
        rows = _new_rows(known)
        if ending is not None:
            made[ending.name] = _template(ending, rows, shared=known)
        known.update(line[:36] for text in rows.values() for line in text.splitlines())
    return made


def _models() -> list[type[Model]]:
    """Return the models whose rows have ids."""
    found = [model for model in apps.get_models() if model._meta.app_label in _APPS]
    return [model for model in found if isinstance(model._meta.pk, UUIDField)]


def _columns(model: type[Model]) -> str:
    """Return a table's columns, the id first."""
    columns = sorted(model._meta.concrete_fields, key=lambda field: not field.primary_key)
    return ", ".join(f'"{field.column}"' for field in columns)


def _new_rows(known: set[str]) -> dict[str, str]:
    """Return the text of the rows whose own id is not known, per table."""
    with connection.cursor() as cursor:
        texts = {m._meta.db_table: _text(cursor, m, known) for m in _models()}
    return {table: text for table, text in texts.items() if text}


def _text(cursor: Any, model: type[Model], known: set[str]) -> str:
    asked = f"COPY (SELECT {_columns(model)} FROM {model._meta.db_table} ORDER BY 1) TO STDOUT"
    with cursor.copy(asked) as found:
        text = b"".join(map(bytes, found)).decode()
    return "".join(line for line in text.splitlines(keepends=True) if line[:36] not in known)


def _template(ending: Ending, rows: dict[str, str], *, shared: set[str]) -> Template:
    """Make holes; what is shared stays what it is, and what is still to come stays when it is."""
    ids = {found["id"] for text in rows.values() for found in _HOLES.finditer(text) if found["id"]}
    places = {name: place for place, name in enumerate(sorted(ids - shared))}
    now, times = datetime.now(UTC), dict[str, str]()

    def hole(found: re.Match[str]) -> str:
        if found["id"]:
            place = places.get(found[0])
            return found[0] if place is None else f"%(ms)s-7{place:03x}-8000-0000%(n)s"
        if found["name"]:
            return name_hole(found[0])
        is_past = datetime.fromisoformat(found[0]) <= now
        return f"%({times.setdefault(found[0], f't{len(times)}')})s" if is_past else found[0]

    patterns = {table: _HOLES.sub(hole, text.replace("%", "%%")) for table, text in rows.items()}
    moments = {name: datetime.fromisoformat(text) for text, name in times.items()}
    return Template(ending=ending, rows=patterns, times=moments)


def name_hole(name: str) -> str:
    """Return a name that differs from copy to copy in its last eight digits; "" stays that."""
    return f"{name[:-8]}%(n)s" if name else ""


# -- copies ----------------------------------------------------------------------------------------


class Copier:
    """Writes copies, each by its number; those written first are the oldest."""

    def __init__(self, made: Mapping[str, Template], mix: Mix) -> None:
        """Nothing is copied yet."""
        self._made, self._mix = made, mix
        self._began = datetime.now(UTC)
        self._tables = {m._meta.db_table: _columns(m) for m in _models()}
        self._shelves = Shelves()

    def write(self, start: int, stop: int, *, tell: Callable[[int], None]) -> None:
        """Write the orders with these numbers; `tell` hears how many there are, now and then."""
        for first in range(start, stop, _CHUNK):
            end = min(first + _CHUNK, stop)
            with transaction.atomic():
                self._write(range(first, end))
            tell(end)
        self._shelves.fill(Counter(map(self._mix.ending, range(1, stop))))
        with connection.cursor() as cursor:
            # As autovacuum does, sooner or later.
            cursor.execute("VACUUM ANALYZE")

    def back(self, number: int) -> timedelta:
        """Return how long before the original a copy happened."""
        return AGO - number * APART

    def _write(self, numbers: range) -> None:
        rows: dict[str, list[str]] = defaultdict(list)
        for number in numbers:
            template = self._made[self._mix.ending(number)]
            holes = self._holes(template, number)
            for table, pattern in template.rows.items():
                rows[table].append(pattern % holes)
        with connection.cursor() as cursor:
            for table, texts in rows.items():
                into = f"COPY {table} ({self._tables[table]}) FROM STDIN"
                with cursor.copy(into) as copy:
                    copy.write("".join(texts))

    def _holes(self, template: Template, number: int) -> dict[str, str]:
        back = self.back(number)
        stamp = f"{int((self._began - back).timestamp() * 1000):012x}"
        times = {
            name: f"{time - back:%Y-%m-%d %H:%M:%S.%f}+00" for name, time in template.times.items()
        }
        return {"ms": f"{stamp[:8]}-{stamp[8:]}", "n": f"{number:08d}", **times}


class Shelves:
    """The articles that the endings have in common with their copies."""

    def __init__(self) -> None:
        """Note what is there before anything is copied."""
        self._items = list(StockItem.objects.all())
        events = StoredEvent.objects.filter(type="inventory.StockAdjusted")
        self._came_in = {event.payload["sku"]: event for event in events}

    def fill(self, copies: Counter[str]) -> None:
        """Have so many times as much of everything as there are orders of an ending."""
        for item in self._items:
            times = 1 + copies[ending_of(item.sku)]
            buckets = {name: getattr(item, name) * times for name in _BUCKETS}
            StockItem.objects.filter(pk=item.pk).update(**buckets)
            event = self._came_in[item.sku]
            payload = event.payload | {"delta": event.payload["delta"] * times}
            StoredEvent.objects.filter(pk=event.pk).update(payload=payload)
