"""Endings: orders that really happen, one per way of ending, each with articles of its own.

What is copied afterwards is what the shop itself has written, so nothing here has to know tables.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from orders.events import PayBy
from orders.models import Order
from orders.services import request_cancel
from tests.world import World, reload

#: How many of a hundred orders end so.
SHARES: Final = {
    "completed": 62,
    "with_benefits": 12,
    "by_account": 5,
    "returned_in_part": 5,
    "returned": 3,
    "called_off": 4,
    "called_off_at_once": 2,
    "declined": 3,
    "sold_out": 2,
    "waits_for_driver": 1,
    "lost": 1,
}
#: Units that there are of each article before anything is copied.
_UNITS: Final = 20
_LINES: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """An order that has come to an end, and how."""

    name: str
    number: str


def happen(world: World) -> Iterator[Ending | None]:
    """Let one order per way of ending happen, and yield after each; first None: articles are there.

    Nothing is due at any yield.
    """
    for name in SHARES:
        for sku in _articles(name):
            world.stock(**{sku: _UNITS})
    world.drain()
    yield None
    for name in SHARES:
        number = f"{name[:20].upper()}-00000000"
        _WAYS[name](world, name, number)
        world.drain()
        yield Ending(name=name, number=number)


def ending_of(sku: str) -> str:
    """Return the name of the ending that an article belongs to."""
    return sku.rpartition("_")[0]


def _articles(name: str) -> tuple[str, ...]:
    return tuple(f"{name}_{line}" for line in range(_LINES))


def _lines(name: str) -> list[tuple[str, int, int]]:
    return [(sku, 2, 500 + 125 * place) for place, sku in enumerate(_articles(name))]


def _place(world: World, name: str, number: str, **more: Any) -> Order:
    order = world.place(_lines(name), number=number, **more)
    world.drain()
    return order


def _completed(world: World, name: str, number: str, **more: Any) -> Order:
    order = _place(world, name, number, **more)
    world.deliver(order)
    return order


def _with_benefits(world: World, name: str, number: str) -> None:
    _completed(world, name, number, coupon=("WELCOME", 200), points_minor=100, shipping_minor=300)


def _by_account(world: World, name: str, number: str) -> None:
    order = _place(world, name, number, cards=(), pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.provider.pay_deposit(number)
    world.learn(order)
    world.deliver(order)


def _returned_in_part(world: World, name: str, number: str) -> None:
    world.bring_back(_completed(world, name, number), (1, 1))


def _returned(world: World, name: str, number: str) -> None:
    world.bring_back(_completed(world, name, number), (1, 2), (2, 2), (3, 2))


def _called_off(world: World, name: str, number: str) -> None:
    _cancel(_place(world, name, number))


def _called_off_at_once(world: World, name: str, number: str) -> None:
    _cancel(world.place(_lines(name), number=number))


def _declined(world: World, name: str, number: str) -> None:
    _place(world, name, number, cards=("tok_declined",))


def _sold_out(world: World, name: str, number: str) -> None:
    world.place([(_articles(name)[0], _UNITS + 1, 500)], number=number)


def _lost(world: World, name: str, number: str) -> None:
    world.lose(_place(world, name, number))


def _cancel(order: Order) -> None:
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")


_WAYS: Final[dict[str, Callable[[World, str, str], object]]] = {
    "completed": _completed,
    "with_benefits": _with_benefits,
    "by_account": _by_account,
    "returned_in_part": _returned_in_part,
    "returned": _returned,
    "called_off": _called_off,
    "called_off_at_once": _called_off_at_once,
    "declined": _declined,
    "sold_out": _sold_out,
    "waits_for_driver": _place,
    "lost": _lost,
}
