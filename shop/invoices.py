"""Reads real orders and their credit notes from the invoice files of the "Online Retail" data set.

Only real product orders come out: no charges, nothing free, no write-offs, no bad debts. They are
read whole, so this is for files that fit into memory; `documents` reads what does not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shop.csvfile import InvoiceFileError
from shop.documents import (
    CURRENCY,
    INVOICE_COLUMNS,
    Entry,
    stream_credit_rows,
    stream_entries,
)

__all__ = [
    "CURRENCY",
    "INVOICE_COLUMNS",
    "CreditLine",
    "CreditNote",
    "Invoice",
    "InvoiceFileError",
    "InvoiceLine",
    "invoice_of",
    "match_credit_notes",
    "read_credit_notes",
    "read_invoices",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line of an order; a product may have several lines."""

    sku: str
    quantity: int
    unit_price_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One order as it was placed. ``customer`` is empty when the shop did not know it."""

    number: str
    customer: str
    country: str
    placed_at: datetime
    lines: tuple[InvoiceLine, ...]

    @property
    def total_minor(self) -> int:
        """What the order costs, in pence."""
        return sum(line.quantity * line.unit_price_minor for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """Units of one product taken back; a credit note has one line for each product."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNote:
    """What was taken back from one order; a note about several orders comes out once for each."""

    number: str
    order_number: str
    placed_at: datetime
    lines: tuple[CreditLine, ...]


def invoice_of(sales: Sequence[Entry]) -> Invoice:
    """Return the order that the sales on an invoice make; there is at least one."""
    first = sales[0]
    return Invoice(
        number=first.number,
        customer=first.customer,
        country=first.country,
        placed_at=first.placed_at,
        lines=tuple(
            InvoiceLine(
                sku=sale.sku, quantity=sale.quantity, unit_price_minor=sale.unit_price_minor
            )
            for sale in sales
        ),
    )


def read_invoices(path: str | Path) -> tuple[Invoice, ...]:
    """Return the orders of an invoice file, in its order; the lines of one may stand apart.

    Raises InvoiceFileError when the file is not one, and OSError when it cannot be opened.
    """
    sales: dict[str, list[Entry]] = defaultdict(list)
    for entry in stream_entries(path):
        if entry.is_sale:
            sales[entry.number].append(entry)
    return tuple(invoice_of(lines) for lines in sales.values())


def read_credit_notes(path: str | Path) -> tuple[CreditNote, ...]:
    """Return the credit notes of a returns file whose order is known, in its order.

    Raises InvoiceFileError when the file is not one, and OSError when it cannot be opened.
    """
    credited: dict[tuple[str, str, datetime], Counter[str]] = defaultdict(Counter)
    for row in stream_credit_rows(path):
        if row.order:
            credited[row.number, row.order, row.placed_at][row.sku] += row.quantity
    return _credit_notes(credited)


def match_credit_notes(path: str | Path) -> tuple[CreditNote, ...]:
    """Return the credit notes in an invoice file, matched to its orders.

    The shop did not record which order a credit belongs to: it is taken from the same customer's
    newest earlier orders of the product, never more than was bought. What remains is left out, and
    so are credits without a customer.
    """
    bought: dict[tuple[str, str], list[_Bought]] = defaultdict(list)
    credited: dict[tuple[str, str, datetime], Counter[str]] = defaultdict(Counter)
    for entry in sorted(stream_entries(path), key=lambda entry: entry.placed_at):
        history = bought[entry.customer, entry.sku]
        if not entry.customer or entry.unit_price_minor <= 0:
            continue
        if entry.is_sale:
            history.append(_Bought(entry.number, entry.quantity))
        elif entry.number.startswith("C") and entry.quantity < 0:
            for order, units in _take_back(history, -entry.quantity):
                credited[entry.number, order, entry.placed_at][entry.sku] += units
    return _credit_notes(credited)


@dataclass(slots=True)
class _Bought:
    order: str
    left: int


def _take_back(history: list[_Bought], units: int) -> Iterator[tuple[str, int]]:
    for purchase in reversed(history):
        taken = min(units, purchase.left)
        if taken:
            purchase.left -= taken
            units -= taken
            yield purchase.order, taken


def _credit_notes(
    credited: dict[tuple[str, str, datetime], Counter[str]],
) -> tuple[CreditNote, ...]:
    return tuple(
        CreditNote(
            number=number,
            order_number=order,
            placed_at=placed_at,
            lines=tuple(CreditLine(sku=sku, quantity=units) for sku, units in skus.items()),
        )
        for (number, order, placed_at), skus in credited.items()
    )
