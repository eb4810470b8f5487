"""Goods that are sent in place of others: they arrive, or their worth is paid after all."""

from typing import Final
from uuid import uuid5

from orders import case_book
from orders.events import CaseKind, CreditRequested, ReplacementSettled
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    LINES,
    OWNER,
    PARTS,
    REJECTED,
    CaseState,
    State,
    books_of,
    orders,
    taken_by,
)
from orders.reckoning import Books, book, book_parts, reckon
from sagas.work import Work
from shipping import events as shipping

#: Where the units that a replacement stands for are counted, and where they are without one.
HELD: Final = {
    CaseKind.LOST: ("lost_pending", "lost"),
    CaseKind.EXCHANGE: ("exchanged", "returned"),
}


def _settled(case: Case) -> ReplacementSettled:
    return ReplacementSettled(case_id=case.pk, order_id=case.order_id)


@orders.on(
    shipping.ReplacementDelivered,
    subject=CASE,
    locks={**PARTS, **OWNER, **LINES},
    applies_in=(CaseState.ACCEPTED, CaseState.SETTLED),
    otherwise={CaseState.REJECTED: REJECTED},
)
def settle_replacement(
    event: shipping.ReplacementDelivered,
    case: Case,
    *,
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> ReplacementSettled:
    """Note that the customer has it; what was lost has arrived, and may be returned."""
    (order,) = owner
    case.is_goods_done = True
    order.delivered_at = order.delivered_at or work.now
    units = {part.line_id: part.quantity for part in parts}
    for line in lines:
        if case.why is CaseKind.LOST:
            line.lost_pending -= units.get(line.pk, 0)
        elif order.state == State.REINSTATED:
            line.shipped = line.quantity - line.cancelled
    return _settled(case)


@orders.on(
    shipping.ReplacementRefused,
    shipping.ReplacementLost,
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED, CaseState.SETTLED),
    otherwise={CaseState.REJECTED: REJECTED},
)
def pay_instead(
    event: shipping.ReplacementRefused | shipping.ReplacementLost,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> tuple[CreditRequested, ReplacementSettled]:
    """Pay what the replacement was worth, in a case of its own, for the same reason."""
    credit = case_book.open_case(
        owner[0],
        case_id=uuid5(case.pk, "unsendable"),
        kind=case.why,
        now=work.now,
        reason="the replacement could not be sent",
        remedy=Case.Remedy.MONEY.value,
        fault=case.fault,
    )
    work.add(credit)
    case.remedy, case.is_goods_done = Case.Remedy.MONEY, True
    books = books_of(owner, lines, benefits)
    for part in _owe(case, credit, books, parts):
        work.add(part)
    requested = CreditRequested(
        case_id=credit.pk,
        order_id=event.order_id,
        case=credit.why,
        amount=credit.refund,
        reason=credit.reason,
    )
    return requested, _settled(case)


def _owe(case: Case, credit: Case, books: Books, parts: list[CaseLine]) -> list[CaseLine]:
    """Book on `credit` what is still owed for `case`, and return its lines.

    Units count as given up only now; what an exchange paid of them already is not paid again.
    """
    if not parts:
        return _owe_payment(case, credit, books)
    held, gone = HELD[case.why]
    taken = taken_by(parts, books)
    for line, units in taken:
        setattr(line, held, getattr(line, held) - units)
    before = [part.refunded_minor for part in parts]
    found = reckon(books, taken, rule=case.rule, given_before=before)
    copies = [
        case_book.part_of(credit, line, units, amount_minor=worth)
        for (line, units), worth in zip(taken, found.worths, strict=True)
    ]
    book(credit, books, taken, found)
    book_parts(copies, taken, found)
    for line, units in taken:
        setattr(line, gone, getattr(line, gone) + units)
    return copies


def _owe_payment(case: Case, credit: Case, books: Books) -> list[CaseLine]:
    """Owe what came too late for an order that was to be reinstated, coupon and points included."""
    credit.given_minor = credit.refund_minor = case.replaced_minor
    for benefit in books.benefits:
        name = f"{benefit.kind}_minor"
        setattr(credit, name, benefit.used_minor - benefit.restored_minor)
    books.order.given_back_minor += credit.refund_minor
    return []
