"""Some units are cancelled before they leave (D-10, D-11, D-16): who ships answers, then money."""

from inventory import events as inventory
from orders import case_book
from orders.events import LinesCancelled, PartialCancelRejected, PartialCancelSettled
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.money import note_money
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    GOING_BACK,
    LINES,
    NOT_ACCEPTED,
    NOT_OPEN,
    PARTS,
    CaseState,
    books_of,
    orders,
    taken_by,
)
from orders.reckoning import book, book_parts, reckon
from payments import events as payments
from sagas.work import Work
from shipping import events as shipping


@orders.on(
    shipping.PartialCancelAccepted,
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept, Case.reject),
    otherwise=NOT_OPEN,
)
def cancel_lines(
    event: shipping.PartialCancelAccepted,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> LinesCancelled | PartialCancelRejected:
    """Take the units off the order, and say what was paid for them by line.

    An order that is cancelled as a whole meanwhile takes them along.
    """
    if owner[0].state in GOING_BACK:
        case.reject(now=work.now)
        reason = "the whole order is being cancelled"
        return PartialCancelRejected(case_id=case.pk, order_id=event.order_id, reason=reason)
    books = books_of(owner, lines, benefits)
    taken = taken_by(parts, books)
    found = reckon(books, taken, rule=case.rule)
    book(case, books, taken, found)
    book_parts(parts, taken, found)
    for part, (line, units) in zip(parts, taken, strict=True):
        part.accepted = units
        line.cancel_pending -= min(units, line.cancel_pending)
        line.cancelled += units
    case.accept(now=work.now)
    return LinesCancelled(
        case_id=case.pk,
        order_id=event.order_id,
        case=case.why,
        lines=case_book.told_lines(parts, lines),
        amount=case.refund,
    )


@orders.on(
    shipping.PartialCancelRefused,
    subject=CASE,
    locks={**PARTS, **LINES},
    applies_in=(CaseState.OPEN,),
    moves=(Case.reject,),
    otherwise=NOT_OPEN,
)
def reject_partial(
    event: shipping.PartialCancelRefused,
    case: Case,
    parts: list[CaseLine],
    lines: list[SoldLine],
    work: Work,
) -> PartialCancelRejected:
    """Close the case: the units have left, a return is their way back."""
    asked = {part.line_id: part.quantity for part in parts}
    for line in lines:
        line.cancel_pending -= min(asked.get(line.pk, 0), line.cancel_pending)
    case.reject(now=work.now)
    return PartialCancelRejected(case_id=case.pk, order_id=event.order_id, reason=event.reason)


@orders.on(
    payments.AmountReduced,
    payments.CaseRefunded,
    payments.RefundImpossible,
    inventory.LinesReleased,
    saga="partial",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def settle_partial(
    event: payments.AmountReduced
    | payments.CaseRefunded
    | payments.RefundImpossible
    | inventory.LinesReleased,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> PartialCancelSettled | None:
    """Wait for money and stock, in either order."""
    if isinstance(event, inventory.LinesReleased):
        case.is_goods_done = True
    else:
        case.is_uncharged = isinstance(event, payments.AmountReduced)
        note_money(event, case, books_of(owner, lines, benefits), parts)
    if not (case.is_money_done and case.is_goods_done):
        return None
    case.settle(now=work.now)
    return PartialCancelSettled(case_id=case.pk, order_id=event.order_id)
