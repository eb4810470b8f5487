"""History: what was bought, and how much of it is left, in units and in pence.

Kept in a scratch file of its own that is gone with it, so memory does not grow with the orders.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from shop.csvfile import InvoiceFileError
from shop.invoices import Invoice

_SCHEMA = """
PRAGMA journal_mode = MEMORY;
PRAGMA synchronous = OFF;
CREATE TABLE bought (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    customer TEXT NOT NULL,
    left_minor INTEGER NOT NULL CHECK (left_minor >= 0),
    left_units INTEGER NOT NULL CHECK (left_units >= 0),
    has_departed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX bought_by_customer ON bought (customer, id);
CREATE TABLE line (
    bought_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    customer TEXT NOT NULL,
    sku TEXT NOT NULL,
    unit_minor INTEGER NOT NULL,
    left_units INTEGER NOT NULL CHECK (left_units >= 0),
    PRIMARY KEY (bought_id, line_no)
) WITHOUT ROWID;
CREATE INDEX line_by_customer ON line (customer, sku);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many units of a line, and what one cost in pence."""

    line_no: int
    units: int
    unit_minor: int

    @property
    def minor(self) -> int:
        """What was paid for these units."""
        return self.units * self.unit_minor


class History:
    """The orders of one replay; an order's number is that of the file."""

    def __init__(self) -> None:
        """Nothing was bought yet."""
        self._books = sqlite3.connect("", isolation_level=None)
        self._books.executescript(_SCHEMA)

    def close(self) -> None:
        """Throw the scratch file away."""
        self._books.close()

    # -- what happens

    def add(self, invoice: Invoice) -> None:
        """Remember an order. Raises InvoiceFileError for a number that was there before.

        The lines of an order without a customer are left out: nobody can ask for their money.
        """
        units = sum(line.quantity for line in invoice.lines)
        values = [invoice.number, invoice.customer, invoice.total_minor, units]
        sql = "INSERT INTO bought (number, customer, left_minor, left_units) VALUES (?, ?, ?, ?)"
        try:
            bought_id = self._books.execute(sql, values).lastrowid
        except sqlite3.IntegrityError as error:
            message = f"Invoice {invoice.number} is there twice: its lines must stand together."
            raise InvoiceFileError(message) from error
        if invoice.customer:
            lines = enumerate(invoice.lines, start=1)
            self._books.executemany(
                "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (bought_id, n, invoice.customer, line.sku, line.unit_price_minor, line.quantity)
                    for n, line in lines
                ),
            )

    def depart(self, order: str) -> bool:
        """Note that an order has left the house; say whether anything of it was left to send."""
        sql = "UPDATE bought SET has_departed = 1 WHERE number = ? AND left_units > 0"
        return self._books.execute(sql, [order]).rowcount > 0

    def take(self, order: str, parts: Sequence[Part]) -> None:
        """Take units, and what was paid for them, from an order; `parts` is what `find` found."""
        self._books.executemany(
            "UPDATE line SET left_units = left_units - ?1 WHERE line_no = ?2"
            " AND bought_id = (SELECT id FROM bought WHERE number = ?3)",
            [(part.units, part.line_no, order) for part in parts],
        )
        units, minor = sum(part.units for part in parts), sum(part.minor for part in parts)
        sql = "UPDATE bought SET left_units = left_units - ? WHERE number = ?"
        self._books.execute(sql, [units, order])
        self.pay(order, minor)

    def pay(self, order: str, minor: int) -> None:
        """Take money from what is left of an order's payment."""
        sql = "UPDATE bought SET left_minor = left_minor - ? WHERE number = ?"
        self._books.execute(sql, [minor, order])

    # -- what is known

    def is_known(self, order: str) -> bool:
        """Whether the order was placed."""
        return self._one("SELECT count(*) FROM bought WHERE number = ?", order) > 0

    def has_departed(self, order: str) -> bool:
        """Whether the order has left the house."""
        return self._one("SELECT max(has_departed) FROM bought WHERE number = ?", order) > 0

    def left_units(self, order: str) -> int:
        """How many units of the order nobody has credited."""
        return self._one("SELECT sum(left_units) FROM bought WHERE number = ?", order)

    def left_minor(self, order: str) -> int:
        """How much of the order's payment nobody has credited."""
        return self._one("SELECT sum(left_minor) FROM bought WHERE number = ?", order)

    def find(self, order: str, sku: str, units: int, unit_minor: int) -> tuple[Part, ...]:
        """Return where so many units of an article are left in an order; nothing if they are not.

        Lines at this price come first, then those that have enough by themselves.
        """
        lines = self._books.execute(
            "SELECT line.line_no, line.left_units, unit_minor FROM line"
            " JOIN bought ON bought.id = bought_id"
            " WHERE number = ?1 AND sku = ?2 AND line.left_units > 0"
            " ORDER BY unit_minor = ?4 DESC, line.left_units >= ?3 DESC, line.line_no",
            (order, sku, units, unit_minor),
        )
        found = []
        for line_no, left, price in lines:
            taken = min(units, left)
            units -= taken
            if taken:
                found.append(Part(line_no=line_no, units=taken, unit_minor=price))
        return tuple(found) if not units else ()

    def has_ordered(self, customer: str) -> bool:
        """Whether the customer has placed any order."""
        return self._one("SELECT count(*) FROM bought WHERE customer = ?", customer) > 0

    def has_bought(self, customer: str, sku: str) -> bool:
        """Whether the customer has bought an article."""
        sql = "SELECT count(*) FROM line WHERE customer = ? AND sku = ?"
        return self._one(sql, customer, sku) > 0

    def left_of(self, customer: str, sku: str) -> int:
        """How many units of an article the customer has bought and nobody has credited."""
        sql = "SELECT sum(left_units) FROM line WHERE customer = ? AND sku = ?"
        return self._one(sql, customer, sku)

    def newest(self, customer: str, minor: int) -> str | None:
        """Return the customer's newest order of whose payment so much is left."""
        sql = "SELECT number FROM bought WHERE customer = ? AND left_minor >= ? ORDER BY id DESC"
        row = self._books.execute(sql, [customer, minor]).fetchone()
        return str(row[0]) if row else None

    def _one(self, sql: str, *values: str) -> int:
        (value,) = self._books.execute(sql, values).fetchone()
        return int(value or 0)
