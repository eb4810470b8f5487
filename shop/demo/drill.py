"""Drill: kills workers at the worst moments, on purpose, and counts what it took to mend that.

Three injuries: SIGKILL inside a batch; SIGKILL after the provider has acted and before anybody
could say so; and a worker that sleeps until its lease is over and then goes on as if nothing had
happened (R6, R9).
"""

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from orders.models import Order
from sagas.models import Delivery, DeliveryState, Slot
from shop.demo.crew import Crew
from shop.demo.drive import Drive, Stalled
from shop.demo.observe import Recovery, recovery
from shop.demo.plan import Planned
from shop.demo.screen import Screen
from shop.demo.ways import Way

#: A short lease, so that the others do not wait long for what a dead worker held.
DRILL_ENVIRONMENT: Final = {"SHOP_CALL_DEADLINE_SECONDS": "3"}

#: How many orders come in while a worker is watched.
_LOAD = 8
#: Fewer orders leave too few that go no special way.
SMALLEST_DRILL: Final = 60
#: How many are kept for calls that hang: on a busy machine the first may not be caught.
_HANGING = 8
#: How long, in seconds, an injury may take to be possible, and a look takes.
_WAIT = 30.0
_LOOK = 0.001
_CAPTURE = "capture"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Injury:
    """What was done to a worker."""

    what: str
    worker: str
    pid: int
    detail: str
    is_fatal: bool


class Drill:
    """Injures the workers of a crew while orders come in."""

    def __init__(self, drive: Drive, crew: Crew, began: datetime) -> None:
        """`began` is when the run did, by the database's clock."""
        self._drive = drive
        self._crew = crew
        self._began = began
        self._injuries: list[Injury] = []

    def run(self, orders: Sequence[Planned]) -> None:
        """Place the orders, and do each injury once on the way."""
        plain = [order for order in orders if order.way is Way.PLAIN and not order.faults]
        others = [order for order in orders if order not in plain]
        hanging, load = iter(plain[:_HANGING]), iter(plain[_HANGING:])
        self._drive.place(others)
        self._kill_in_batch(load)
        self._kill_with_lease(hanging)
        self._stop_beyond_lease(hanging)
        self._drive.place([*hanging, *load])

    # -- inside a batch --------------------------------------------------------------------------

    def _kill_in_batch(self, supply: Iterator[Planned]) -> None:
        """A worker's slot says what it has in its hands; its commit empties it (decision 11)."""
        until = time.monotonic() + _WAIT
        while time.monotonic() < until:
            self._drive.place(_some(supply, _LOAD))
            slot = _look_for(self._busy_slot, seconds=2.0)
            if slot is None:
                continue
            name = self._crew.of_process(_pid_of(slot.worker))
            if name is None:
                continue
            self._crew.kill(name)
            held = _still_held(slot)
            if held:
                self._note(_("killed inside a batch"), name, slot.worker, _deliveries(held))
            self._crew.restart(name)
            if held:
                return
        raise Stalled(_("no worker was caught inside a batch"))

    def _busy_slot(self) -> Slot | None:
        for slot in Slot.objects.exclude(claimed=[]):
            if self._crew.of_process(_pid_of(slot.worker)):
                return slot
        return None

    # -- while a call is out ---------------------------------------------------------------------

    def _kill_with_lease(self, supply: Iterator[Planned]) -> None:
        """The provider has taken the money, and who asked for it is gone."""
        with self._hanging_capture(supply) as (leased, name):
            self._crew.kill(name)
            same = Delivery.objects.filter(
                pk=leased.pk, state=DeliveryState.LEASED, fence=leased.fence
            )
            if not same.exists():
                raise Stalled(_("the lease was gone before its worker was"))
            detail = _("its lease outlives it; the provider has taken the money")
            self._note(_("killed while a call was out"), name, leased.leased_by, detail)
        self._crew.restart(name)

    def _stop_beyond_lease(self, supply: Iterator[Planned]) -> None:
        """A worker sleeps until another has done its work, then wakes up and wants to commit."""
        refused_before = self._recovery().refused_fences
        with self._hanging_capture(supply) as (leased, name):
            pid = _pid_of(leased.leased_by)
            with _nobody_writes(settings.PROVIDER_BOOKS, settings.CARRIER_BOOKS):
                os.kill(pid, signal.SIGSTOP)
            try:
                self._wait_for_another(leased)
            finally:
                os.kill(pid, signal.SIGCONT)
            self._note(
                _("stopped beyond its lease, then woken"),
                name,
                leased.leased_by,
                _("another worker has finished the work meanwhile"),
                is_fatal=False,
            )
        self._drive.until(
            _("a late worker"), lambda: self._recovery().refused_fences > refused_before
        )

    def _wait_for_another(self, leased: Delivery) -> None:
        """Wait until another has done it; the world stands still, as a sleeper keeps its locks."""
        done = Delivery.objects.filter(pk=leased.pk)
        if _look_for(lambda: None if done.exists() else True, seconds=2 * _WAIT) is None:
            raise Stalled(_("no other worker took over from one that sleeps"))

    @contextmanager
    def _hanging_capture(self, supply: Iterator[Planned]) -> Iterator[tuple[Delivery, str]]:
        """Yield a delivery whose call hangs although the provider has acted, and its worker."""
        provider = self._drive.outside.provider
        for order in supply:
            provider.switch_on("hang", reference=order.number, operation=_CAPTURE, times=1)
            try:
                self._drive.place([order])
                leased = self._wait_for_capture(order)
                name = self._crew.of_process(_pid_of(leased.leased_by)) if leased else None
                if leased is not None and name is not None:
                    yield leased, name
                    return
            finally:
                provider.switch_off("hang", reference=order.number)
        raise Stalled(_("no worker was caught while its call was out"))

    def _wait_for_capture(self, order: Planned) -> Delivery | None:
        order_id = Order.objects.values_list("pk", flat=True).get(number=order.number)
        provider = self._drive.outside.provider

        def caught() -> Delivery | None:
            balance = provider.balances().get(order.number)
            return _leased_capture(order_id) if balance and balance.captured_minor else None

        return _look_for(caught, seconds=_WAIT)

    # -- telling ---------------------------------------------------------------------------------

    def _note(
        self, what: str, name: str, worker: str, detail: str, *, is_fatal: bool = True
    ) -> None:
        pid = _pid_of(worker)
        found = Injury(what=what, worker=name, pid=pid, detail=detail, is_fatal=is_fatal)
        self._injuries.append(found)

    def _recovery(self) -> Recovery:
        return recovery(self._began)

    def tell(self, screen: Screen) -> list[str]:
        """Say what was done and what mended it; return what did not happen though it must have."""
        found = self._recovery()
        screen.heading(_("The drill"))
        screen.table([(i.worker, f"pid {i.pid}", i.what, i.detail) for i in self._injuries])
        screen.line()
        counts = {
            _("workers were killed"): sum(injury.is_fatal for injury in self._injuries),
            _("leases expired"): found.expired_leases,
            _("fences were refused"): found.refused_fences,
            _("calls were inquired about"): found.inquiries,
        }
        screen.table(list(counts.items()))
        return [_("drill: no %(what)s") % {"what": w} for w, n in counts.items() if n < 1]


@contextmanager
def _nobody_writes(*books: Path) -> Iterator[None]:
    """Hold the write locks of somebody else's books.

    Provider and carrier live in files here, and who writes holds a lock; in a real shop they do
    not fall asleep with a worker of ours.
    """
    with ExitStack() as stack:
        for file in books:
            held = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
            held.execute("PRAGMA busy_timeout = 30000")
            held.execute("BEGIN IMMEDIATE")
            stack.callback(held.execute, "ROLLBACK")
        yield


def _some(supply: Iterator[Planned], count: int) -> list[Planned]:
    return list(islice(supply, count))


def _look_for(find: Callable[[], T | None], *, seconds: float) -> T | None:
    """Look again and again, closely, until something is found or time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = find()
        if found is not None:
            return found
        time.sleep(_LOOK)
    return None


def _pid_of(worker: str) -> int:
    """Return the process of a worker that calls itself host:pid:thread."""
    with contextlib.suppress(ValueError, IndexError):
        return int(worker.rsplit(":", 2)[1])
    return 0


def _still_held(slot: Slot) -> list[UUID]:
    """Return the deliveries that a dead worker's slot still names and nobody has done."""
    claimed = Slot.objects.values_list("claimed", flat=True).get(pk=slot.pk)
    return list(Delivery.objects.filter(pk__in=claimed).values_list("pk", flat=True))


def _deliveries(held: Sequence[UUID]) -> str:
    return _("with %(count)d deliveries in its hands") % {"count": len(held)}


def _leased_capture(order_id: UUID) -> Delivery | None:
    return Delivery.objects.filter(
        event__payload__order_id=str(order_id), purpose=_CAPTURE, state=DeliveryState.LEASED
    ).first()
