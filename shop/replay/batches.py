"""Batches: gathers acts that can happen together, so that the work on them is shared.

A batch is done stage by stage: first all orders are placed, then cancelled, then they leave, then
goods and money come back. So an order may be in it several times, as long as its stages rise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shop.documents import SHOP_TIME
from shop.replay.acts import Act, Departure, GoodsBack, MoneyBack, Placing, Stage

#: How many acts a batch has at most.
SIZE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Acts of one day, in the order of time."""

    acts: tuple[Act, ...]

    @property
    def until(self) -> datetime:
        """When the last of them happens."""
        return self.acts[-1].at

    @property
    def placings(self) -> list[Placing]:
        """The orders that are placed."""
        return [act for act in self.acts if isinstance(act, Placing)]

    @property
    def cancels(self) -> list[GoodsBack]:
        """What is cancelled, in whole or in part."""
        goods = (act for act in self.acts if isinstance(act, GoodsBack))
        return [act for act in goods if act.stage is Stage.CANCEL]

    @property
    def departures(self) -> list[Departure]:
        """The orders that leave."""
        return [act for act in self.acts if isinstance(act, Departure)]

    @property
    def returns(self) -> list[GoodsBack]:
        """What is sent back."""
        goods = (act for act in self.acts if isinstance(act, GoodsBack))
        return [act for act in goods if act.stage is Stage.RETURN]

    @property
    def gifts(self) -> list[MoneyBack]:
        """What money is given."""
        return [act for act in self.acts if isinstance(act, MoneyBack)]


def in_batches(acts: Iterable[Act], *, size: int = SIZE) -> Iterator[Batch]:
    """Gather acts, which come in the order of time, into batches."""
    gathered: list[Act] = []
    reached: dict[str, Stage] = {}
    for act in acts:
        is_next_day = bool(gathered) and _day(gathered[0]) != _day(act)
        if is_next_day or len(gathered) >= size or reached.get(act.order, -1) >= act.stage:
            yield Batch(acts=tuple(gathered))
            gathered, reached = [], {}
        gathered.append(act)
        reached[act.order] = act.stage
    if gathered:
        yield Batch(acts=tuple(gathered))


def _day(act: Act) -> object:
    """Return the day in the shop: what "today" means to a payment ends with it."""
    return act.at.astimezone(SHOP_TIME).date()
