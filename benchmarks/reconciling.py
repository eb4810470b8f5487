"""Reconciling: orders of every ending in bulk, what is wrong with some, and what finding it takes."""

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
from benchmarks.looking import Look, Looked, look
from benchmarks.statements import Statement, originals, patterns
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
    "E": "what persons vouched for",
}
#: One order in so many is touched before the run that looks at what has changed.
_TOUCHED_ONE_IN: Final = 100
#: Longer than any grace but the settlement's.
_SOON: Final = 20
#: So many orders have one to be broken in each way.
_LEAST: Final = 40

_TOUCH: Final = (
    "UPDATE sagas_storedevent e SET recorded_at = now() FROM sagas_saga s"
    " WHERE s.id = e.saga_id AND s.position = e.position AND s.key = ANY(%(keys)s)",
    "UPDATE payments_ledgerentry e SET recorded_at = now() FROM payments_payment p"
    " WHERE p.id = e.payment_id AND CAST(p.order_id AS text) = ANY(%(keys)s)",
)

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
    is_everything: bool = False

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
        names = sorted(self.planted.keys() | self.looked.found.keys())
        pairs = [
            (name, self.planted.get(name, 0), self.looked.found.get(name, 0)) for name in names
        ]
        differing = [
            f"{n}: {wanted} planted, {found} found" for n, wanted, found in pairs if wanted != found
        ]
        return [*self.looked.errors, *differing]


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

    def grow(self, orders: int) -> None:
        """Have so many orders, some of the new ones broken."""
        stop = orders - len(self._numbers) + 1
        self._copier.write(self._next, stop, tell=lambda n: self._tell(f"{n} of {stop} copies"))
        self._breaks.plant(self._mix, name_hole(self._numbers["completed"]), self._next, stop)
        self._breaks.plant_in_stock()
        self._next = stop

    def touch(self) -> int:
        """Change some orders just now; return how many."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT CAST(id AS text) FROM orders_order ORDER BY id")
            keys = [key for (key,) in cursor.fetchall()][::_TOUCHED_ONE_IN]
            for sql in _TOUCH:
                cursor.execute(sql, {"keys": keys})
        return len(keys)

    def statements(self) -> dict[str, Statement]:
        """Return what the provider and the carrier state of all orders."""
        return {
            name: Statement(
                originals=lines,
                patterns=patterns(lines, self._numbers),
                wrong=self._breaks.stated[name],
                stop=self._next,
            )
            for name, lines in self._stated.items()
        }

    def measured(self, name: str, what: Look, *, orders: int = 0) -> Row:
        """Look, and return what it took."""
        self._tell(name)
        planted = {
            key: n for key, n in self._breaks.found.items() if not what.only or key in what.only
        }
        return Row(name=name, orders=orders or self.orders, looked=look(what), planted=planted)


def measure(orders: int, folder: Path, tell: Tell) -> Iterator[Row]:
    """Yield what whole runs take over a tenth and over all of so many orders, and parts of it."""
    with _outside(folder) as world:
        shop = Shop(templates(world), tell)
    for size in (max(orders // 10, _LEAST), orders):
        shop.grow(size)
        yield shop.measured("everything", Look(statements=shop.statements()))
    for letter in GROUPS:
        only = [name for name in PREDICATES if name.startswith(letter)]
        yield shop.measured(letter, Look(only=only))
    touched = shop.touch()
    yield shop.measured("what has changed", Look(full=False, later=_SOON), orders=touched)


@contextmanager
def _outside(folder: Path) -> Iterator[World]:
    """Yield a world whose provider and carrier keep their books in a folder."""
    books = {"PROVIDER_BOOKS": folder / "provider", "CARRIER_BOOKS": folder / "carrier"}
    own = {"TRANSPORT": "sagas.transport.InProcessTransport", "RECONCILE_INTERVAL": None}
    with override_settings(DEBUG=False, SAGAS={**settings.SAGAS, **own}, **books):
        world = World(
            SimulatedProvider(books["PROVIDER_BOOKS"]), SimulatedCarrier(books["CARRIER_BOOKS"])
        )
        yield world
        world.worker.close()
