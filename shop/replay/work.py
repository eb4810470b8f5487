"""Work: carries batches out, stage by stage, and remembers what the shop did not do."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from shop.replay.acts import Departure, GoodsBack, MoneyBack, Placing
from shop.replay.batches import Batch
from shop.replay.clock import DataClock
from shop.replay.deeds import Deeds, Refusal

A = TypeVar("A", GoodsBack, MoneyBack)
R = TypeVar("R")


@dataclass(slots=True)
class Undone:
    """So many acts that were not done for one reason, and what they come to, in pence."""

    count: int = 0
    minor: int = 0
    #: What was said of the first of them.
    first: str = ""


@dataclass(slots=True)
class Done:
    """How far the work is."""

    orders: int = 0
    deliveries: int = 0
    undone: dict[str, Undone] = field(default_factory=lambda: defaultdict(Undone))

    @property
    def undone_minor(self) -> int:
        """What did not go back to customers although it was planned, in pence."""
        return sum(each.minor for each in self.undone.values())

    def leave(self, why: str, said: str, minor: int = 0) -> None:
        """Note an act that was not done."""
        undone = self.undone[why]
        undone.count += 1
        undone.minor += minor
        undone.first = undone.first or said


class Work:
    """Does one batch after the other; each is over, with all that follows, before the next."""

    def __init__(self, deeds: Deeds, clock: DataClock) -> None:
        """Nothing is done yet."""
        self.done = Done()
        self._deeds = deeds
        self._clock = clock

    def do(self, batch: Batch) -> None:
        """Do a batch: orders first, then what undoes them, then parcels, then what comes back."""
        self._place(batch.placings)
        self._clock.move_to(batch.until)
        self._cancel(batch.cancels)
        self._send(batch.departures)
        self._take_back(batch.returns)
        self._give(batch.gifts)

    def _place(self, acts: list[Placing]) -> None:
        self._deeds.stock_up(act.invoice for act in acts)
        for act in acts:
            self._clock.move_to(act.at)
            self._deeds.place(act)
            self.done.orders += 1
        self._follow(acts)

    def _cancel(self, acts: list[GoodsBack]) -> None:
        self._each(acts, self._deeds.cancel)
        self._follow(acts)

    def _send(self, acts: list[Departure]) -> None:
        for order in self._deeds.send([act.order for act in acts]) if acts else ():
            self.done.leave("not_sent", f"The parcel of order {order} did not leave.")

    def _take_back(self, acts: list[GoodsBack]) -> None:
        returns = self._each(acts, self._deeds.ask_back)
        self._follow(acts)
        if returns:
            self._deeds.take_in(returns)

    def _give(self, acts: list[MoneyBack]) -> None:
        self._each(acts, self._deeds.give)
        self._follow(acts)

    def _follow(self, acts: Iterable[object]) -> None:
        """Let everything happen that follows from some acts."""
        if acts:
            self.done.deliveries += self._deeds.work()

    def _each(self, acts: list[A], deed: Callable[[A], R]) -> list[R]:
        """Do each act; one that the shop refuses, or can't do, is noted and the others go on."""
        results = []
        for act in acts:
            try:
                results.append(deed(act))
            except Refusal as refused:
                self.done.leave(refused.code, refused.message, act.minor)
        return results
