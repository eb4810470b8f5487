"""Documents: what stands in the files of the "Online Retail" data set, one after the other.

The files are CSV, plain or gzip, as ``shop/data/LICENSE.md`` describes. Whatever they are about
comes out, also charges (postage, fees, manual entries, vouchers), free items and write-offs.
Nothing but the current document is kept, so a file may be as long as it likes.

Stock codes are in upper case. Prices are exact, in pounds; `pence` is the one place where they are
rounded, the price of a unit at a time. Times are aware UTC; the shop wrote London time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from shop.csvfile import Row, stream_rows

SHOP_TIME: Final = ZoneInfo("Europe/London")
CURRENCY: Final = "GBP"
NOT_PRODUCTS: Final = frozenset(
    {"POST", "DOT", "C2", "M", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS", "B"}
)
VOUCHER_PREFIX: Final = "GIFT_"

INVOICE_COLUMNS: Final = (
    "invoice",
    "stock_code",
    "quantity",
    "unit_price",
    "customer",
    "country",
    "timestamp",
)
RETURN_COLUMNS: Final = (
    "credit_note",
    "timestamp",
    "customer",
    "stock_code",
    "quantity",
    "unit_price",
    "order",
    "order_price",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an invoice file, whatever it is about; `unit_price` is exact, in pounds."""

    number: str
    sku: str
    quantity: int
    unit_price: Decimal
    customer: str
    country: str
    placed_at: datetime

    @property
    def amount(self) -> Decimal:
        """What the line comes to, in pounds, exactly; negative on a credit note."""
        return self.quantity * self.unit_price

    @property
    def unit_price_minor(self) -> int:
        """The price of a unit in pence."""
        return pence(self.unit_price)

    @property
    def is_sale(self) -> bool:
        """Whether an order has this line: a product, at a price, on an invoice."""
        is_sold = self.number.isdecimal() and self.quantity > 0
        return is_sold and is_product(self.sku) and self.unit_price_minor > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """An invoice, a credit note or a bad-debt entry: all its lines, in their order."""

    number: str
    placed_at: datetime
    customer: str
    entries: tuple[Entry, ...]

    @property
    def is_credit_note(self) -> bool:
        """Whether it gives something back."""
        return self.number.startswith("C")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRow:
    """Units of a product taken back. `order` is empty where none was found; prices in pounds."""

    number: str
    placed_at: datetime
    customer: str
    sku: str
    quantity: int
    unit_price: Decimal
    order: str
    #: What a unit cost in that order; None where that is not known.
    order_price: Decimal | None

    @property
    def amount(self) -> Decimal:
        """What was credited, in pounds, exactly; positive."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The rows of one credit note; it may be about several orders."""

    number: str
    placed_at: datetime
    rows: tuple[CreditRow, ...]


def stream_documents(path: str | Path) -> Iterator[Document]:
    """Yield the documents of an invoice file, in its order.

    The lines of a document stand together. Raises InvoiceFileError when the file is not one, and
    OSError when it cannot be opened.
    """
    for number, lines in groupby(stream_entries(path), key=lambda entry: entry.number):
        entries = tuple(lines)
        yield Document(
            number=number,
            placed_at=entries[0].placed_at,
            customer=entries[0].customer,
            entries=entries,
        )


def stream_notes(path: str | Path) -> Iterator[Note]:
    """Yield the credit notes of a returns file, in its order; rows about charges are left out.

    Raises InvoiceFileError when the file is not one, and OSError when it cannot be opened.
    """
    rows = groupby(stream_credit_rows(path), key=lambda row: (row.number, row.placed_at))
    for (number, placed_at), credited in rows:
        yield Note(number=number, placed_at=placed_at, rows=tuple(credited))


def stream_entries(path: str | Path) -> Iterator[Entry]:
    """Yield the lines of an invoice file, in its order; raises as `stream_documents` does."""
    for row in stream_rows(path, INVOICE_COLUMNS):
        yield Entry(
            number=row.text("invoice"),
            sku=row.text("stock_code").upper(),
            quantity=row.read("quantity", int, "a whole number"),
            unit_price=row.read("unit_price", _price, "a price such as 2.55"),
            customer=row.text("customer"),
            country=row.text("country"),
            placed_at=_time(row),
        )


def stream_credit_rows(path: str | Path) -> Iterator[CreditRow]:
    """Yield the rows of a returns file that are about products; raises as `stream_notes` does."""
    for row in stream_rows(path, RETURN_COLUMNS):
        if is_product(row.text("stock_code")):
            yield CreditRow(
                number=row.text("credit_note"),
                placed_at=_time(row),
                customer=row.text("customer"),
                sku=row.text("stock_code").upper(),
                quantity=row.read("quantity", _units, "a number of units"),
                unit_price=row.read("unit_price", _price, "a price such as 2.55"),
                order=row.text("order"),
                order_price=row.read("order_price", _price_or_none, "a price such as 2.55"),
            )


def is_product(stock_code: str) -> bool:
    """Tell products from postage, fees, manual entries, samples and vouchers."""
    sku = stock_code.upper()
    return sku not in NOT_PRODUCTS and not sku.startswith(VOUCHER_PREFIX)


@lru_cache(maxsize=4096)
def pence(pounds: Decimal) -> int:
    """Return an amount in pence, half a penny rounded to even; a file has few prices, often."""
    return int((pounds * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _price(text: str) -> Decimal:
    price = Decimal(text)
    pence(price)  # which refuses what is no number, or is too large
    return price


def _price_or_none(text: str) -> Decimal | None:
    return _price(text) if text else None


def _units(text: str) -> int:
    units = int(text)
    if units <= 0:
        raise ValueError(text)
    return units


def _time(row: Row) -> datetime:
    return row.read("timestamp", _utc, "a time such as 2010-12-01T08:26:00")


@lru_cache(maxsize=8)
def _utc(text: str) -> datetime:
    """Return a time in UTC; the lines of a document share theirs."""
    return datetime.fromisoformat(text).replace(tzinfo=SHOP_TIME).astimezone(UTC)
