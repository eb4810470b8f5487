"""Reconciling: orders of every ending in bulk, some of them broken, and what finding it takes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection
from django.test.utils import override_settings

from benchmarks.breaks import STATED, Breaks
from benchmarks.copies import Copier, Mix, Template, name_hole, templates
from benchmarks.looking import Look, Looked, Pass, look
from benchmarks.measure import Cost
from benchmarks.statements import NOTHING, Statement, originals, patterns
from payments.reconciliation import PAYOUTS
from payments.simulated_provider import SimulatedProvider
from sagas.reconciliation import PREDICATES
from shipping.simulated_carrier import SimulatedCarrier
from tests.world import World

#: What the predicates are about, by the letter that their ids begin with.
GROUPS: Final = {
    "D": "the engine's tables",
    "M": "money",
    "I": "stock",
    "X": "between contexts",
    "S": "the provider's statement",
    "P": "the carrier's scans",
    "E": "what persons are asked, or vouched for",
}
READING: Final = "reading the statements"
EVERYTHING: Final = "all predicates"
#: A predicate that takes no time.
_NEARLY_NOTHING: Final = "D5"
#: One order in so many is touched before the run that looks at what has changed.
_TOUCHED_ONE_IN: Final = 100
#: Longer than any grace but the settlement's.
_SOON: Final = 20
#: So many orders have one to be broken in each way.
_LEAST: Final = 40

#: An entry that is new is not late yet, whoever broke it.
_SOUND: Final = (
    "SELECT CAST(id AS text) FROM orders_order WHERE number NOT LIKE 'COMPLETED-%' ORDER BY id"
)
#: What is read of the statements by then was read long ago.
_AGED: Final = "UPDATE sagas_statementline SET loaded_at = loaded_at - interval '1 day'"
_MOVED: Final = """
UPDATE sagas_storedevent e SET recorded_at = now() FROM sagas_saga s
 WHERE s.id = e.saga_id AND s.position = e.position AND s.key = ANY(%(keys)s)"""
_PAID: Final = """
UPDATE payments_ledgerentry e SET recorded_at = now() FROM payments_payment p
 WHERE p.id = e.payment_id AND CAST(p.order_id AS text) = ANY(%(keys)s)"""

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measured run: over how many orders, what it took, and what was to be found.

    `name` is a letter of GROUPS, or says what the run was about.
    """

    name: str
    orders: int
    looked: Looked
    planted: Mapping[str, int]

    @property
    def cost(self) -> Cost:
        """What it took."""
        return self.looked.cost

    @property
    def lines(self) -> int:
        """How many lines of statements were stored."""
        return self.looked.lines

    @property
    def passes(self) -> list[Pass]:
        """What it has done about each predicate."""
        return self.looked.passes

    @property
    def found(self) -> dict[str, int]:
        """How many breaks there are, by the predicate that found them."""
        return self.looked.found

    @property
    def wrong(self) -> list[str]:
        """What was found although it was not planted, or planted and not found, or not done."""
        names = sorted(self.planted.keys() | self.found.keys())
        return [
            *self.looked.errors,
            *(
                f"{name}: {self.planted.get(name, 0)} planted, {self.found.get(name, 0)} found"
                for name in names
                if self.planted.get(name, 0) != self.found.get(name, 0)
            ),
        ]


class Shop:
    """A shop of copies that grows, with statements of them and breaks in them."""

    def __init__(self, made: Mapping[str, Template], tell: Tell) -> None:
        """Begin with the originals."""
        self._mix, self._breaks = Mix(), Breaks()
        self._copier = Copier(made, self._mix)
        self._numbers = {name: each.ending.number for name, each in made.items()}
        self._stated = {name: originals(name) for name in STATED}
        self._next = 1
        self._tell = tell

    @property
    def orders(self) -> int:
        """How many there are, the originals included."""
        return len(self._numbers) + self._next - 1

    def grow(self, orders: int) -> int:
        """Have so many orders, some of the new ones broken; return how many are new."""
        stop = orders - len(self._numbers) + 1
        self._copier.write(self._next, stop, tell=lambda n: self._tell(f"{n} of {stop} copies"))
        self._breaks.plant(self._mix, name_hole(self._numbers["completed"]), self._next, stop)
        self._breaks.plant_in_stock()
        new, self._next = stop - self._next, stop
        return new

    def touch(self) -> int:
        """Change some of the orders that are not broken just now; return how many."""
        with connection.cursor() as cursor:
            cursor.execute(_SOUND)
            sound = [key for (key,) in cursor.fetchall()]
            wanted = max(self.orders // _TOUCHED_ONE_IN, 1)
            keys = sound[:: len(sound) // wanted][:wanted]
            for sql in (_AGED, _MOVED, _PAID):
                cursor.execute(sql, {"keys": keys})
        return len(keys)

    def statements(self) -> dict[str, Statement]:
        """Return what the provider and the carrier state of all orders."""
        stated = {
            name: Statement(
                originals=lines,
                patterns=patterns(lines, self._numbers),
                wrong=self._breaks.stated[name],
                stop=self._next,
            )
            for name, lines in self._stated.items()
        }
        return {**stated, PAYOUTS: NOTHING}

    def measured(self, name: str, what: Look, *, orders: int = 0) -> Row:
        """Look, and return what it took; `orders` if not all of them were looked at."""
        self._tell(f"{self.orders} orders: {name}")
        looked = look(what)
        planted = {
            each.predicate: self._breaks.found[each.predicate]
            for each in looked.passes
            if each.predicate in self._breaks.found
        }
        return Row(name=name, orders=orders or self.orders, looked=looked, planted=planted)


def measure(orders: int, folder: Path, tell: Tell) -> Iterator[Row]:
    """Yield what runs over a tenth and over all of so many orders take, as a whole and in parts."""
    with _outside(folder) as world:
        shop = Shop(templates(world), tell)
    for size in (max(orders // 10, _LEAST), orders):
        new = shop.grow(size)
        reading = Look(only=[_NEARLY_NOTHING], statements=shop.statements())
        yield shop.measured(READING, reading, orders=new)
        yield shop.measured(EVERYTHING, Look())
    for letter in GROUPS:
        yield shop.measured(letter, Look(only=[n for n in PREDICATES if n.startswith(letter)]))
    touched = shop.touch()
    changed = Look(full=False, later=_SOON, statements=shop.statements())
    yield shop.measured("what has changed", changed, orders=touched)


@contextmanager
def _outside(folder: Path) -> Iterator[World]:
    """Yield a world whose provider and carrier keep their books in a folder."""
    provider, carrier = folder / "provider", folder / "carrier"
    books = {"PROVIDER_BOOKS": provider, "CARRIER_BOOKS": carrier}
    own = {"TRANSPORT": "sagas.transport.InProcessTransport", "RECONCILE_INTERVAL": None}
    with override_settings(DEBUG=False, SAGAS={**settings.SAGAS, **own}, **books):
        world = World(SimulatedProvider(provider), SimulatedCarrier(carrier))
        yield world
        world.worker.close()
