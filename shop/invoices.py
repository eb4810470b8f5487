"""Reads real orders and their credit notes from the invoice files of the "Online Retail" data set.

The files are CSV, plain or gzip, as ``shop/data/LICENSE.md`` describes. Only real product orders
come out: no charges (postage, fees, manual entries, vouchers), nothing free, no write-offs, no bad
debts. Stock codes are in upper case. Prices are in pence (GBP minor units), half a penny rounded to
even. Times are aware UTC; the shop wrote London time.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

SHOP_TIME: Final = ZoneInfo("Europe/London")
CURRENCY: Final = "GBP"
NOT_PRODUCTS: Final = frozenset(
    {"POST", "DOT", "C2", "M", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS", "B"}
)
VOUCHER_PREFIX: Final = "GIFT_"
GZIP_MAGIC: Final = b"\x1f\x8b"

INVOICE_COLUMNS: Final = (
    "invoice",
    "stock_code",
    "quantity",
    "unit_price",
    "customer",
    "country",
    "timestamp",
)
RETURN_COLUMNS: Final = ("credit_note", "timestamp", "stock_code", "quantity", "order")


class InvoiceFileError(ValueError):
    """The file cannot be read; the message names file, line and column."""


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


def is_product(stock_code: str) -> bool:
    """Tell products from postage, fees, manual entries, samples and vouchers."""
    sku = stock_code.upper()
    return sku not in NOT_PRODUCTS and not sku.startswith(VOUCHER_PREFIX)


def read_invoices(path: str | Path) -> tuple[Invoice, ...]:
    """Return the orders of an invoice file, in its order.

    Raises InvoiceFileError when the file is not one, and OSError when it cannot be opened.
    """
    sales: dict[str, list[_Sale]] = defaultdict(list)
    for sale in _sales(path):
        if sale.number.isdecimal() and sale.quantity > 0:
            sales[sale.number].append(sale)
    return tuple(_invoice(lines) for lines in sales.values())


def read_credit_notes(path: str | Path) -> tuple[CreditNote, ...]:
    """Return the credit notes of a returns file whose order is known, in its order.

    Raises InvoiceFileError when the file is not one, and OSError when it cannot be opened.
    """
    credited: dict[tuple[str, str, datetime], Counter[str]] = defaultdict(Counter)
    for row in _rows(path, RETURN_COLUMNS):
        order = row.text("order")
        quantity = row.read("quantity", _units, "a number of units")
        note = (row.text("credit_note"), order, row.time("timestamp"))
        if order and is_product(row.text("stock_code")):
            credited[note][row.text("stock_code").upper()] += quantity
    return _credit_notes(credited)


def match_credit_notes(path: str | Path) -> tuple[CreditNote, ...]:
    """Return the credit notes in an invoice file, matched to its orders.

    The shop did not record which order a credit belongs to: it is taken from the same customer's
    newest earlier orders of the product, never more than was bought. What remains is left out, and
    so are credits without a customer.
    """
    bought: dict[tuple[str, str], list[_Bought]] = defaultdict(list)
    credited: dict[tuple[str, str, datetime], Counter[str]] = defaultdict(Counter)
    for sale in sorted(_sales(path), key=lambda sale: sale.placed_at):
        history = bought[sale.customer, sale.sku]
        if not sale.customer:
            continue
        if sale.number.isdecimal() and sale.quantity > 0:
            history.append(_Bought(sale.number, sale.quantity))
        elif sale.number.startswith("C") and sale.quantity < 0:
            for order, units in _take_back(history, -sale.quantity):
                credited[sale.number, order, sale.placed_at][sale.sku] += units
    return _credit_notes(credited)


@dataclass(frozen=True, slots=True)
class _Sale:
    number: str
    sku: str
    quantity: int
    unit_price_minor: int
    customer: str
    country: str
    placed_at: datetime


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


def _sales(path: str | Path) -> Iterator[_Sale]:
    """Yield the lines about priced products, sold or credited."""
    for row in _rows(path, INVOICE_COLUMNS):
        sale = _Sale(
            number=row.text("invoice"),
            sku=row.text("stock_code").upper(),
            quantity=row.read("quantity", int, "a whole number"),
            unit_price_minor=row.read("unit_price", _pence, "a price such as 2.55"),
            customer=row.text("customer"),
            country=row.text("country"),
            placed_at=row.time("timestamp"),
        )
        if is_product(sale.sku) and sale.unit_price_minor > 0:
            yield sale


def _invoice(sales: list[_Sale]) -> Invoice:
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


def _pence(text: str) -> int:
    price = Decimal(text) * 100
    return int(price.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _units(text: str) -> int:
    units = int(text)
    if units <= 0:
        raise ValueError(text)
    return units


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHOP_TIME).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a file that knows where it stands, so that errors can say so."""

    path: Path
    line: int
    values: dict[str, str | None]

    def text(self, column: str) -> str:
        value = self.values[column]
        if value is None:
            raise self._error(column, "is missing: the line is too short")
        return value.strip()

    def read(self, column: str, parse: Callable[[str], T], wanted: str) -> T:
        text = self.text(column)
        try:
            return parse(text)
        except (ValueError, InvalidOperation, OverflowError) as error:
            raise self._error(column, f"{text!r} is not {wanted}") from error

    def time(self, column: str) -> datetime:
        return self.read(column, _utc, "a time such as 2010-12-01T08:26:00")

    def _error(self, column: str, what: str) -> InvoiceFileError:
        return InvoiceFileError(f"{self.path}, line {self.line}, column {column}: {what}.")


def _rows(path: str | Path, columns: tuple[str, ...]) -> Iterator[_Row]:
    path = Path(path)
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for column in columns:
            if column not in (reader.fieldnames or ()):
                raise InvoiceFileError(f"{path}, line 1: the column {column} is missing.")
        for values in reader:
            yield _Row(path, reader.line_num, values)
    except csv.Error as error:
        raise InvoiceFileError(f"{path}, line {reader.line_num + 1}: not CSV ({error}).") from error


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvoiceFileError(f"{path}, line {line}: the text is not UTF-8.") from error
    except (EOFError, OSError, zlib.error) as error:
        raise InvoiceFileError(f"{path} is a damaged gzip file ({error}).") from error
