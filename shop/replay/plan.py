"""Plan: reads orders and credit notes side by side, in the order of time, and says what happens.

Pure: it takes documents and yields acts. The file records no parcels: each leaves the house an hour
after its order, so a credit within the hour cancels and a later one is a return.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Final, TypeVar

from shop.csvfile import InvoiceFileError
from shop.documents import CreditRow, Document, Entry, Note, is_product
from shop.invoices import invoice_of
from shop.replay.acts import Bucket, Departure, LeftOut, MoneyBack, Placing, Said
from shop.replay.credit import credit_goods, credit_money
from shop.replay.history import History

#: How long after its order a parcel leaves the house. A credit at that very moment still cancels.
LEAVES_AFTER: Final = timedelta(hours=1)

D = TypeVar("D", Document, Note)


class Planner:
    """Plans document by document; what is left of the orders is in a history."""

    def __init__(self, history: History, *, limit: int | None = None) -> None:
        """With a `limit` of orders, later ones and what is credited of them are left out."""
        self._history = history
        self._places = limit
        self._later: list[tuple[datetime, int, Departure | MoneyBack]] = []
        self._turn = count()

    def plan(self, documents: Iterable[Document], notes: Iterable[Note]) -> Iterator[Said]:
        """Yield what is to happen, in the order of time; an order comes before its credit.

        Raises InvoiceFileError when one of the two is not sorted by time.
        """
        streams: tuple[Iterator[Document | Note], ...] = (_sorted(documents), _sorted(notes))
        for found in heapq.merge(*streams, key=_when):
            yield from self._due(before=found.placed_at)
            said = self._note(found) if isinstance(found, Note) else self._document(found)
            yield from self._timely(said)
        yield from self._due(before=None)

    # -- documents -------------------------------------------------------------------------------

    def _document(self, document: Document) -> Iterator[Said]:
        if document.is_credit_note:
            # Its goods are in the returns file, with the orders that they belong to.
            others = [entry for entry in document.entries if not is_product(entry.sku)]
            yield from (self._money(entry) for entry in others)
            return
        sales = [entry for entry in document.entries if entry.is_sale]
        others = [entry for entry in document.entries if not entry.is_sale]
        yield from (LeftOut(bucket=_bucket(entry), exact=entry.amount) for entry in others)
        if sales:
            yield self._order(sales)

    def _order(self, sales: Sequence[Entry]) -> Placing | LeftOut:
        invoice = invoice_of(sales)
        exact = sum((sale.amount for sale in sales), Decimal(0))
        if self._is_full:
            return LeftOut(bucket=Bucket.BEYOND_LIMIT, exact=exact)
        if self._places is not None:
            self._places -= 1
        self._history.add(invoice)
        self._wait(Departure(at=invoice.placed_at + LEAVES_AFTER, order=invoice.number))
        return Placing(at=invoice.placed_at, invoice=invoice, exact=exact)

    def _money(self, entry: Entry) -> Said:
        if self._is_full:
            return LeftOut(bucket=Bucket.BEYOND_LIMIT, exact=entry.amount)
        return credit_money(entry, self._history)

    def _note(self, note: Note) -> Iterator[Said]:
        within = tuple(row for row in note.rows if not self._is_beyond(row))
        beyond = [row for row in note.rows if self._is_beyond(row)]
        yield from (LeftOut(bucket=Bucket.BEYOND_LIMIT, exact=-row.amount) for row in beyond)
        yield from credit_goods(replace(note, rows=within), self._history)

    @property
    def _is_full(self) -> bool:
        return self._places == 0

    def _is_beyond(self, row: CreditRow) -> bool:
        return self._is_full and not self._history.is_known(row.order)

    # -- what comes later ------------------------------------------------------------------------

    def _timely(self, said: Iterable[Said]) -> Iterator[Said]:
        """Let goodwill wait until its order has arrived; until then it could be cancelled."""
        for act in said:
            if isinstance(act, MoneyBack) and not self._history.has_departed(act.order):
                self._wait(replace(act, at=self._departs_at(act.order)))
            else:
                yield act

    def _departs_at(self, order: str) -> datetime:
        return next(at for at, _, act in self._later if act.order == order)

    def _wait(self, act: Departure | MoneyBack) -> None:
        heapq.heappush(self._later, (act.at, next(self._turn), act))

    def _due(self, *, before: datetime | None) -> Iterator[Departure | MoneyBack]:
        """Yield what was to happen before that time; all of it for None."""
        while self._later and (before is None or self._later[0][0] < before):
            _, _, act = heapq.heappop(self._later)
            if isinstance(act, MoneyBack) or self._history.depart(act.order):
                yield act


def _bucket(entry: Entry) -> Bucket:
    """Tell what a line is that nobody sold."""
    if not entry.number.isdecimal():
        return Bucket.BAD_DEBT
    if not is_product(entry.sku):
        return Bucket.CHARGE
    return Bucket.WRITE_OFF if entry.quantity < 0 else Bucket.FREE


def _when(found: Document | Note) -> datetime:
    return found.placed_at


def _sorted(found: Iterable[D]) -> Iterator[D]:
    latest = None
    for each in found:
        if latest is not None and each.placed_at < latest:
            message = f"{each.number} stands after what is later; sort the file by time."
            raise InvoiceFileError(message)
        latest = each.placed_at
        yield each
