"""Cuts a small, closed extract out of the full "Online Retail" files.

    python -m tools.make_sample INVOICES RETURNS [DIRECTORY]

INVOICES and RETURNS are the two full files, plain or gzip; DIRECTORY (default: shop/data) receives
online_retail_sample.csv.gz and returns_sample.csv.gz. Invoices and credit notes are kept whole, and
every credit note belongs to one order of the extract alone. The choice depends on nothing but the
files, so the same files give the same extract.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from shop.invoices import CreditNote, Invoice, read_credit_notes, read_invoices

ROOT: Final = Path(__file__).resolve().parent.parent
GZIP_MAGIC: Final = b"\x1f\x8b"

# The order with the most lines, and the largest sum (taken back within the hour).
ALWAYS: Final = ("558475", "541431")
WHOLLY_CREDITED: Final = 15
CREDITED_SEVERAL_TIMES: Final = 12
CREDITED_IN_PART: Final = 60
WITHOUT_CUSTOMER: Final = 15
NEVER_CREDITED: Final = 240

Row = list[str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the two full files and write the two extracts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("invoices", type=Path)
    parser.add_argument("returns", type=Path)
    parser.add_argument("directory", type=Path, nargs="?", default=ROOT / "shop" / "data")
    given = parser.parse_args(arguments)
    sale_rows, return_rows = rows_of(given.invoices), rows_of(given.returns)
    notes = closed_notes(read_credit_notes(given.returns), return_rows)
    chosen = choose(read_invoices(given.invoices), notes, {row[6] for row in return_rows})
    numbers = chosen | {note.number for order in chosen for note in notes.get(order, ())}
    write(given.directory / "online_retail_sample.csv.gz", sale_rows, numbers)
    write(given.directory / "returns_sample.csv.gz", return_rows, numbers)


def rows_of(path: Path) -> list[Row]:
    """Return all rows of a file, its header first."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def closed_notes(
    notes: Iterable[CreditNote], return_rows: Iterable[Row]
) -> dict[str, list[CreditNote]]:
    """Return the credit notes of each order whose notes are about nothing but this order."""
    orders_of_note: dict[str, set[str]] = defaultdict(set)
    for row in return_rows:
        orders_of_note[row[0]].add(row[6])
    notes_of_order: dict[str, list[CreditNote]] = defaultdict(list)
    for note in notes:
        notes_of_order[note.order_number].append(note)
    return {
        order: found
        for order, found in notes_of_order.items()
        if all(len(orders_of_note[note.number]) == 1 for note in found)
    }


def choose(
    invoices: Iterable[Invoice], notes: dict[str, list[CreditNote]], credited: set[str]
) -> set[str]:
    """Return the numbers of the chosen orders."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for invoice in invoices:
        found = notes.get(invoice.number, [])
        if found or invoice.number not in credited:
            kinds[kind_of(invoice, found)].append(invoice.number)
    wanted = {
        "wholly": WHOLLY_CREDITED,
        "several times": CREDITED_SEVERAL_TIMES,
        "in part": CREDITED_IN_PART,
        "unknown": WITHOUT_CUSTOMER,
        "never": NEVER_CREDITED,
    }
    chosen = {order for kind, many in wanted.items() for order in shuffled(kinds[kind])[:many]}
    return chosen | set(ALWAYS)


def kind_of(invoice: Invoice, notes: list[CreditNote]) -> str:
    """Tell what became of an order."""
    back = Counter[str]()
    for note in notes:
        back.update({line.sku: line.quantity for line in note.lines})
    bought = Counter[str]()
    for line in invoice.lines:
        bought[line.sku] += line.quantity
    if not notes:
        return "never" if invoice.customer else "unknown"
    if back == bought:
        return "wholly"
    return "several times" if len(notes) > 1 else "in part"


def shuffled(numbers: Iterable[str]) -> list[str]:
    """Return the numbers in an order that looks random and never changes."""
    return sorted(numbers, key=lambda number: hashlib.sha256(number.encode()).hexdigest())


def write(path: Path, rows: list[Row], numbers: set[str]) -> None:
    """Write the header and the rows of the given invoices; the bytes carry no time."""
    text = io.StringIO(newline="")
    kept = [rows[0], *(row for row in rows[1:] if row[0] in numbers)]
    csv.writer(text, lineterminator="\n").writerows(kept)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    print(f"{path}: {len(kept) - 1} lines, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
