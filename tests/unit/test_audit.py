"""Every invariant is found broken when it is, and only then."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.simulated_provider import Balance, Transaction
from shipping.simulated_carrier import Parcel
from shop.audit.money import money
from shop.audit.ours import (
    AcceptedCase,
    Item,
    LedgerEntry,
    Loss,
    Order,
    Ours,
    Payment,
    Refund,
    Reserved,
    Return,
    Returned,
    ReturnParcel,
    Shipment,
    SoldLine,
)
from shop.audit.parcels import parcels
from shop.audit.stock import stock
from shop.audit.theirs import Theirs

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Books:
    ours: Ours
    theirs: Theirs

    def with_ours(self, name: str, rows: Any) -> "Books":
        changed: dict[str, Any] = {name: rows}
        return replace(self, ours=replace(self.ours, **changed))

    def broken(self) -> set[str]:
        found = [
            *money(self.ours, self.theirs),
            *stock(self.ours),
            *parcels(self.ours, self.theirs),
        ]
        return {finding.invariant for finding in found}


def transaction(kind: str, name: str, number: str, amount: int) -> Transaction:
    return Transaction(
        number=1,
        kind=kind,
        id=name,
        parent="",
        reference=number,
        key=name,
        amount_minor=amount,
        currency="GBP",
        at=NOW,
    )


def balance(authorised: int, voided: int, captured: int, refunded: int) -> Balance:
    return Balance(
        currency="GBP",
        authorised_minor=authorised,
        voided_minor=voided,
        captured_minor=captured,
        refunded_minor=refunded,
    )


def parcel(tracking: str, number: str, state: str, direction: str = "out") -> Parcel:
    return Parcel(
        tracking=tracking,
        reference=number,
        key=tracking,
        direction=direction,
        country="GB",
        state=state,
    )


#: KEPT is complete and partly sent back, GONE cancelled before capture, LOST lost, NEW just placed.
ORDERS = (
    Order("kept", "KEPT", "completed", 1000, "GBP"),
    Order("gone", "GONE", "cancelled", 500, "GBP"),
    Order("lost", "LOST", "lost", 300, "GBP"),
    Order("new", "NEW", "placed", 400, "GBP"),
)
MOVES = (
    ("kept", "authorise", "au1", "KEPT", 1000),
    ("kept", "capture", "ch1", "KEPT", 1000),
    ("kept", "refund", "re1", "KEPT", 200),
    ("gone", "authorise", "au2", "GONE", 500),
    ("gone", "void", "vo2", "GONE", 500),
    ("lost", "authorise", "au3", "LOST", 300),
    ("lost", "capture", "ch3", "LOST", 300),
    ("lost", "refund", "re3", "LOST", 300),
)
SOUND = Books(
    Ours(
        orders={order.id: order for order in ORDERS},
        states={order.id: order.state for order in ORDERS},
        payments=(
            Payment("kept", "kept", "KEPT", "captured", "GBP", 1000, 1000, 0, 200, 0),
            Payment("gone", "gone", "GONE", "voided", "GBP", 500, 0, 500, 0, 0),
            Payment("lost", "lost", "LOST", "captured", "GBP", 300, 300, 0, 300, 0),
            Payment("new", "new", "NEW", "pending", "GBP", 0, 0, 0, 0, 0),
        ),
        ledger=tuple(LedgerEntry(p, kind, name, n, "GBP") for p, kind, name, _, n in MOVES),
        refunds=(
            Refund("r1", "kept", "return", "back", None, "paid", 200, "re1"),
            Refund("r3", "lost", "loss", None, "loss", "paid", 300, "re3"),
        ),
        returns=(Return("back", "kept", "completed", 200, 200),),
        losses=(Loss("loss", "lost", "settled"),),
        cases=(AcceptedCase("case", "gone"),),
        lines=(
            SoldLine("kept", 1, "MUG", 5, 1, 0, 1, 0),
            SoldLine("gone", 1, "MUG", 3, 0, 0, 0, 0),
            SoldLine("lost", 1, "MUG", 1, 0, 0, 0, 0),
            SoldLine("new", 1, "MUG", 2, 0, 0, 0, 0),
        ),
        items=(Item("mug", "MUG", 13, 2, 0, 4, 0, 1),),
        reserved=(
            Reserved("kept", "out", None, "mug", "MUG", 5),
            Reserved("gone", "released", None, "mug", "MUG", 3),
            Reserved("lost", "written_off", None, "mug", "MUG", 1),
            Reserved("new", "reserved", NOW + timedelta(minutes=5), "mug", "MUG", 2),
        ),
        goods=(Returned("back", "kept", "inspected", "mug", "MUG", 1, 0),),
        shipments=(
            Shipment("kept", "KEPT", "delivered", "P1"),
            Shipment("gone", "GONE", "stopped", "P2"),
            Shipment("lost", "LOST", "lost", "P3"),
        ),
        return_parcels=(ReturnParcel("back", "kept", "received", "P4"),),
        adjusted={"MUG": 20},
        read_at=NOW,
    ),
    Theirs(
        transactions=tuple(transaction(kind, name, no, n) for _, kind, name, no, n in MOVES),
        balances={
            "KEPT": balance(1000, 0, 1000, 200),
            "GONE": balance(500, 500, 0, 0),
            "LOST": balance(300, 0, 300, 300),
        },
        parcels={
            found.tracking: found
            for found in (
                parcel("P1", "KEPT", "delivered"),
                parcel("P2", "GONE", "void"),
                parcel("P3", "LOST", "lost"),
                parcel("P4", "KEPT", "received", "back"),
            )
        },
    ),
)


def ours(name: str, number: int, **values: object) -> Callable[[Books], Books]:
    """Return a change of one row of our books."""

    def change(books: Books) -> Books:
        rows = list(getattr(books.ours, name))
        rows[number] = rows[number]._replace(**values)
        return books.with_ours(name, tuple(rows))

    return change


def without(name: str, number: int) -> Callable[[Books], Books]:
    """Return the loss of one row of our books."""

    def change(books: Books) -> Books:
        rows = list(getattr(books.ours, name))
        del rows[number]
        return books.with_ours(name, tuple(rows))

    return change


def adjusted(**units: int) -> Callable[[Books], Books]:
    return lambda books: replace(books, ours=replace(books.ours, adjusted=units))


def their(number: str, held: Balance) -> Callable[[Books], Books]:
    """Return another balance at the provider."""

    def change(books: Books) -> Books:
        balances = {**books.theirs.balances, number: held}
        return replace(books, theirs=replace(books.theirs, balances=balances))

    return change


def stated(line: Transaction) -> Callable[[Books], Books]:
    """Return one more line in the provider's statement."""

    def change(books: Books) -> Books:
        lines = (*books.theirs.transactions, line)
        return replace(books, theirs=replace(books.theirs, transactions=lines))

    return change


def carried(found: Parcel) -> Callable[[Books], Books]:
    """Return another parcel at the carrier."""

    def change(books: Books) -> Books:
        held = {**books.theirs.parcels, found.tracking: found}
        return replace(books, theirs=replace(books.theirs, parcels=held))

    return change


#: What is damaged, and which invariants it breaks: exactly these.
DAMAGE = {
    "captured more than authorised": (ours("payments", 0, authorised=900), {"M1", "M8"}),
    "refunded more than captured": (ours("payments", 0, pending=900), {"M2"}),
    "a refund without its return": (without("returns", 0), {"M3", "M5"}),
    "a refund of another amount": (ours("refunds", 0, amount=100), {"M3"}),
    "one refund for two cases": (ours("refunds", 1, reference="re1"), {"M3"}),
    "a return that its lines do not add up to": (ours("returns", 0, lines=150), {"M3"}),
    "a reservation on a cancelled order's card": (their("GONE", balance(500, 0, 0, 0)), {"M4"}),
    "money kept of a cancelled order": (
        their("GONE", balance(500, 0, 500, 0)),
        {"M4", "X3"},
    ),
    "too little kept of a delivered order": (their("KEPT", balance(1000, 0, 1000, 300)), {"M5"}),
    "a delivered order that was not captured": (
        their("KEPT", balance(1000, 0, 800, 0)),
        {"M6", "X2"},
    ),
    "money kept of a lost order": (their("LOST", balance(300, 0, 300, 0)), {"M5", "X3"}),
    "a ledger line of another amount": (ours("ledger", 1, amount=999), {"M8", "S1"}),
    "a statement line that is not in the ledger": (
        stated(transaction("refund", "re9", "KEPT", 5)),
        {"S1"},
    ),
    "a ledger line that is not in the statement": (ours("ledger", 1, reference="x"), {"S1", "S2"}),
    "a capture for an unknown order": (stated(transaction("capture", "c", "X", 5)), {"S1", "S4"}),
    "a unit from nowhere": (ours("items", 0, available=14), {"I1"}),
    "a unit that never came in": (adjusted(MUG=19), {"I1"}),
    "less than nothing": (ours("items", 0, available=-1, damaged=15), {"I2", "I5"}),
    "a reserved unit without a reservation": (ours("items", 0, reserved=3, available=12), {"I3"}),
    "a unit on the way without an order": (ours("items", 0, out=5, available=12), {"I5"}),
    "stock kept for a cancelled order": (ours("reserved", 1, state="committed"), {"I3", "I4"}),
    "stock kept too long": (ours("reserved", 3, expires_at=NOW - timedelta(hours=1)), {"I6"}),
    "a cancelled order's parcel that left": (
        ours("shipments", 1, state="handed_over"),
        {"P1", "X1", "X2"},
    ),
    "a cancelled order's parcel at its customer's": (
        carried(parcel("P2", "GONE", "delivered")),
        {"P1", "X1"},
    ),
    "more sent back than sold": (ours("lines", 0, returned=6), {"X4"}),
    "more units back than were shipped": (ours("goods", 0, quantity=6), {"I5", "X4"}),
    "goods without their money": (ours("refunds", 0, state="planned", reference=None), {"X5"}),
    "a parcel that only the carrier knows": (carried(parcel("P9", "KEPT", "label")), {"P1"}),
    "a parcel that the carrier has lost and we have not": (
        carried(parcel("P1", "KEPT", "lost")),
        {"P1"},
    ),
}


def test_sound_books_have_no_findings():
    assert SOUND.broken() == set()


@pytest.mark.parametrize("name", DAMAGE)
def test_what_is_damaged_is_found_under_its_name(name):
    damage, expected = DAMAGE[name]

    assert damage(SOUND).broken() == expected


def test_damage_covers_every_invariant_of_the_books():
    covered = set().union(*(expected for _, expected in DAMAGE.values()))

    assert covered == {
        *(f"M{n}" for n in (1, 2, 3, 4, 5, 6, 8)),
        *(f"S{n}" for n in (1, 2, 4)),
        *(f"I{n}" for n in range(1, 7)),
        *(f"X{n}" for n in range(1, 6)),
        "P1",
    }
