"""Other goods instead (D-20): the replacement is reserved first, then the goods come back."""

from inventory import events as inventory
from orders import case_book
from orders.events import (
    ExchangeAgreed,
    ExchangeRejected,
    ExchangeSettled,
    RefundDue,
    ReplacementDue,
    ReplacementUnwanted,
)
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.money import note_money, refund_due
from orders.participant.returning import free, judged, note_fault, why_not
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    LINES,
    NOT_ACCEPTED,
    NOT_OPEN,
    OWNER,
    PARTS,
    CaseState,
    books_of,
    orders,
)
from orders.reckoning import Books, Taken, book, book_parts, reckon, return_fee, worths_of
from payments import events as payments
from sagas.work import Work
from shipping import events as shipping

GOODS, MONEY = Case.Remedy.GOODS, Case.Remedy.MONEY


@orders.on(
    inventory.ReplacementReserved,
    inventory.ReplacementOutOfStock,
    saga="exchange",
    subject=CASE,
    locks={**PARTS, **OWNER, **LINES},
    applies_in=(CaseState.OPEN,),
    otherwise=NOT_OPEN,
)
def agree_exchange(
    event: inventory.ReplacementReserved | inventory.ReplacementOutOfStock,
    case: Case,
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
) -> ExchangeAgreed:
    """Settle what the customer gets: the goods, or their money where there are none (D-17)."""
    is_kept = isinstance(event, inventory.ReplacementReserved)
    case.remedy = GOODS if is_kept else MONEY
    return ExchangeAgreed(
        case_id=case.pk,
        order_id=event.order_id,
        number=owner[0].number,
        case=case.why,
        lines=case_book.told_lines(parts, lines),
        ship_from=owner[0].address,
        intercept=False,
        reason=case.reason,
        fault=case.fault,
        claimed=case.is_claim,
    )


@orders.on(
    shipping.InterceptFailed,
    shipping.ReturnUnbookable,
    saga="exchange",
    subject=CASE,
    locks={**PARTS, **LINES},
    applies_in=(CaseState.OPEN,),
    moves=(Case.reject,),
    otherwise=NOT_OPEN,
)
def reject_exchange(
    event: shipping.InterceptFailed | shipping.ReturnUnbookable,
    case: Case,
    parts: list[CaseLine],
    lines: list[SoldLine],
    work: Work,
) -> ExchangeRejected | tuple[ReplacementUnwanted, ExchangeRejected]:
    """Free the units for another try, and what was reserved for them."""
    free(parts, lines)
    return _rejected(case, work, reason=why_not(event))


def _rejected(
    case: Case, work: Work, *, reason: str
) -> ExchangeRejected | tuple[ReplacementUnwanted, ExchangeRejected]:
    case.is_goods_done = True
    case.reject(now=work.now)
    rejected = ExchangeRejected(case_id=case.pk, order_id=case.order_id, reason=reason)
    return (_unwanted(case), rejected) if case.remedy == GOODS else rejected


def _unwanted(case: Case) -> ReplacementUnwanted:
    return ReplacementUnwanted(case_id=case.pk, order_id=case.order_id)


@orders.on(
    inventory.ReturnInspected,
    saga="exchange",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept, Case.settle, Case.reject),
    otherwise=NOT_OPEN,
)
def judge_exchange(
    event: inventory.ReturnInspected,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> (
    RefundDue
    | tuple[ReplacementUnwanted, RefundDue]
    | tuple[ReplacementDue, RefundDue]
    | tuple[ReplacementDue, ExchangeSettled]
    | ExchangeRejected
    | tuple[ReplacementUnwanted, ExchangeRejected]
):
    """Send the goods where everything was accepted; otherwise pay for what was."""
    note_fault(event, case)
    accepted = judged(event, parts, lines)
    if not accepted:
        return _rejected(case, work, reason="nothing was accepted at inspection")
    books = books_of(owner, lines, benefits)
    case.accept(now=work.now)
    if case.remedy == GOODS and all(part.accepted == part.quantity for part in parts):
        return _replace(case, books, parts, accepted, work)
    return _pay(case, books, parts, accepted)


def _replace(
    case: Case, books: Books, parts: list[CaseLine], accepted: list[Taken], work: Work
) -> tuple[ReplacementDue, RefundDue] | tuple[ReplacementDue, ExchangeSettled]:
    """Give goods for goods, and in money what they are cheaper; the difference was agreed on.

    The goods are done when the replacement has arrived.
    """
    difference = case.goods_minor - case.replaced_minor
    replaced = max(sum(worths_of(accepted)) - difference, 0)
    found = reckon(books, accepted, rule=case.rule.replaced(), replaced_minor=replaced)
    book(case, books, accepted, found)
    book_parts(parts, accepted, found)
    for line, units in accepted:
        line.exchanged += units
    due = ReplacementDue(
        case_id=case.pk,
        order_id=case.order_id,
        number=books.order.number,
        wanted=case_book.wanted_of(case),
        ship_to=books.order.address,
    )
    if case.refund_minor:
        return due, refund_due(case)
    case.is_money_done = True
    case.operation = Case.Operation.NONE
    case.settle(now=work.now)
    return due, _settled(case, everything_returned=False)


def _pay(
    case: Case, books: Books, parts: list[CaseLine], accepted: list[Taken]
) -> RefundDue | tuple[ReplacementUnwanted, RefundDue]:
    """Give money for goods, as for a return (D-17); an exchange is all or nothing."""
    unwanted = case.remedy == GOODS
    case.remedy = MONEY
    case.is_goods_done = True
    fee = return_fee(case.rule, case.currency)
    found = reckon(books, accepted, rule=case.rule, fee_minor=fee)
    book(case, books, accepted, found)
    book_parts(parts, accepted, found)
    for line, units in accepted:
        line.returned += units
    return (_unwanted(case), refund_due(case)) if unwanted else refund_due(case)


@orders.on(
    payments.CaseRefunded,
    payments.RefundImpossible,
    saga="exchange",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def settle_exchange(
    event: payments.CaseRefunded | payments.RefundImpossible,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> ExchangeSettled:
    """Note that the money is back: all of it, or what the goods are cheaper."""
    note_money(event, case, books_of(owner, lines, benefits), parts)
    case.settle(now=work.now)
    return _settled(case, everything_returned=not any(line.is_kept for line in lines))


def _settled(case: Case, *, everything_returned: bool) -> ExchangeSettled:
    return ExchangeSettled(
        case_id=case.pk, order_id=case.order_id, everything_returned=everything_returned
    )
