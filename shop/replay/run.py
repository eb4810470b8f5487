"""Run: one replay from the first line of the files to the last total."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.test.utils import override_settings
from django.utils.translation import gettext as _

from shop.demo.prepare import free_prefix, open_outside
from shop.demo.screen import Screen
from shop.documents import stream_documents, stream_notes
from shop.replay.acts import Act, LeftOut, Refused, Said
from shop.replay.batches import in_batches
from shop.replay.books import Books
from shop.replay.clock import data_clock
from shop.replay.deeds import Deeds
from shop.replay.history import History
from shop.replay.plan import Planner
from shop.replay.totals import Totals
from shop.replay.work import Done, Work

#: The shop of the file took goods back however late: the policy of this replay.
RETURN_WINDOW: Final = timedelta(days=400)
#: How the engine works for a replay: nobody else waits for the locks of one of its batches, so they
#: are large. By its clock an hour passes with every few orders: reconciling would be most of it.
_ALONE: Final = {
    "TRANSPORT": "sagas.transport.InProcessTransport",
    "RECONCILE_INTERVAL": None,
    "BATCH_SIZE": 1_000,
    "BATCH_ROWS": 20_000,
    "BATCH_TIME": timedelta(seconds=10),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the caller asked for."""

    data: Path
    returns: Path
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay has come to; `done` and `books` are missing where nothing was to be done."""

    totals: Totals
    seconds: float
    prefix: str = ""
    done: Done | None = None
    books: Books | None = None


def rehearse(wanted: Wanted, screen: Screen) -> Outcome:
    """Plan and add up only: nothing is placed, no database is asked."""
    totals, began = Totals(), time.monotonic()
    with closing(History()) as history:
        for _said in _plan(wanted, history, totals):
            screen.progress(lambda: _how_far(totals, began))
    return Outcome(totals=totals, seconds=time.monotonic() - began)


def replay(wanted: Wanted, screen: Screen) -> Outcome:
    """Let every order and credit of the files happen, by the clock of the files."""
    outside = open_outside()
    prefix = free_prefix(outside, letter="R")
    totals, began = Totals(), time.monotonic()
    with (
        _as_the_shop_was(),
        closing(History()) as history,
        closing(Deeds(prefix=prefix, carrier=outside.carrier)) as deeds,
        data_clock() as clock,
    ):
        work = Work(deeds, clock)
        for batch in in_batches(_acts(_plan(wanted, history, totals))):
            work.do(batch)
            screen.progress(lambda: _how_far(totals, began))
    return Outcome(
        totals=totals,
        seconds=time.monotonic() - began,
        prefix=prefix,
        done=work.done,
        books=Books.read(prefix, outside.provider),
    )


def _plan(wanted: Wanted, history: History, totals: Totals) -> Iterator[Said]:
    documents = totals.reading(stream_documents(wanted.data))
    planner = Planner(history, limit=wanted.limit)
    return totals.hearing(planner.plan(documents, stream_notes(wanted.returns)))


def _acts(said: Iterator[Said]) -> Iterator[Act]:
    return (each for each in said if not isinstance(each, Refused | LeftOut))


@contextmanager
def _as_the_shop_was() -> Iterator[None]:
    """Take goods back for long, and do all work in this process, whose clock is moved."""
    with override_settings(
        SHOP={**settings.SHOP, "RETURN_WINDOW": RETURN_WINDOW},
        SAGAS={**settings.SAGAS, **_ALONE},
    ):
        yield


def _how_far(totals: Totals, began: float) -> str:
    return _("%(seconds)4.0f s  %(lines)d lines read, %(orders)d orders, %(credits)d credits") % {
        "seconds": time.monotonic() - began,
        "lines": totals.lines,
        "orders": totals.sold.count,
        "credits": sum(each.count for each in totals.credited.values()),
    }
