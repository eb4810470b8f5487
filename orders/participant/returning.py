"""Goods come back, then their money (D-13, D-17, D-18, D-19); suspected fraud, too (D-23)."""

from inventory import events as inventory
from orders import case_book
from orders.events import CaseLine as ToldLine
from orders.events import (
    CreditSettled,
    ExchangeSettled,
    GoodsRefused,
    OrderReturned,
    RefundDue,
    ReturnCompleted,
    ReturnRejected,
)
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.money import note_money, refund_due
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    LINES,
    NOT_ACCEPTED,
    NOT_OPEN,
    ORDER,
    OWNER,
    PARTS,
    CaseState,
    State,
    books_of,
    orders,
)
from orders.reckoning import Taken, book, book_parts, reckon, return_fee
from payments import events as payments
from sagas.participant import by, refuse
from sagas.work import Work
from shipping import events as shipping

# -- on the way back ------------------------------------------------------------------------------


@orders.on(
    shipping.ReturnReceived,
    saga=("return", "exchange"),
    subject=CASE,
    reads={"owner": by(Order, "id", "subject.order_id")},
    applies_in=(CaseState.OPEN,),
    otherwise=NOT_OPEN,
)
def note_receipt(
    event: shipping.ReturnReceived, case: Case, owner: list[Order], work: Work
) -> None:
    """Start the legal clock of goods that came back."""
    case.received_at = work.now
    case.due_at = case_book.due_of(case, owner[0])


@orders.on(
    shipping.InterceptFailed,
    shipping.ReturnUnbookable,
    saga="return",
    subject=CASE,
    locks={**PARTS, **LINES},
    applies_in=(CaseState.OPEN,),
    moves=(Case.reject,),
    otherwise=NOT_OPEN,
)
def reject_return(
    event: shipping.InterceptFailed | shipping.ReturnUnbookable,
    case: Case,
    parts: list[CaseLine],
    lines: list[SoldLine],
    work: Work,
) -> ReturnRejected:
    """Free the units for another try; a case that a person decides stays open (D-23)."""
    free(parts, lines)
    _reject(case, parts, work)
    return ReturnRejected(case_id=case.pk, order_id=event.order_id, reason=why_not(event))


def why_not(event: shipping.InterceptFailed | shipping.ReturnUnbookable) -> str:
    """Say why goods do not come back."""
    if event.code == shipping.LOST:
        return "the carrier lost it"
    if isinstance(event, shipping.InterceptFailed):
        return f"could not be stopped ({event.code}): send it back once you have it"
    return f"no carrier fetches it: {event.code}"


def free(parts: list[CaseLine], lines: list[SoldLine]) -> None:
    """Let units stay with the customer, who may send them back another time."""
    asked = {part.line_id: part.quantity for part in parts}
    for line in lines:
        line.return_pending -= min(asked.get(line.pk, 0), line.return_pending)


def _reject(case: Case, parts: list[CaseLine], work: Work) -> None:
    """Count none of the units: what a person decides later is not paid for them."""
    case.is_goods_done = True
    for part in parts:
        part.amount_minor = 0
    if not case.rule.decided_by_person:
        case.reject(now=work.now)


# -- inspected ------------------------------------------------------------------------------------


def note_fault(event: inventory.ReturnInspected, case: Case) -> None:
    """Let the inspection decide what the customer has only claimed: who is to blame (D-18)."""
    if event.fault is not None:
        case.fault = event.fault


def judged(
    event: inventory.ReturnInspected, parts: list[CaseLine], lines: list[SoldLine]
) -> list[Taken]:
    """Write the verdicts on the case's lines, and return the units that were accepted.

    A line without a verdict did not come back.
    """
    sold = {line.pk: line for line in lines}
    verdicts = {verdict.line_no: verdict for verdict in event.lines}
    free(parts, lines)
    accepted = []
    for part in parts:
        line = sold[part.line_id]
        verdict = verdicts.get(line.line_no)
        part.accepted = verdict.accepted if verdict else 0
        part.refused = verdict.refused if verdict else 0
        if part.accepted:
            accepted.append((line, part.accepted))
    return accepted


@orders.on(
    inventory.ReturnInspected,
    saga="return",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept, Case.reject),
    otherwise=NOT_OPEN,
)
def judge_return(
    event: inventory.ReturnInspected,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> RefundDue | ReturnRejected:
    """Owe the customer what was accepted; where nothing was, the goods are theirs (D-19)."""
    note_fault(event, case)
    accepted = judged(event, parts, lines)
    if not accepted:
        _reject(case, parts, work)
        reason = "nothing was accepted at inspection"
        return ReturnRejected(case_id=case.pk, order_id=event.order_id, reason=reason)
    books = books_of(owner, lines, benefits)
    fee = return_fee(case.rule, case.currency)
    found = reckon(books, accepted, rule=case.rule, fee_minor=fee)
    book(case, books, accepted, found)
    book_parts(parts, accepted, found)
    for line, units in accepted:
        line.returned += units
    case.is_goods_done = True
    case.accept(now=work.now)
    return refund_due(case)


@orders.on(
    inventory.ReturnInspected,
    saga=("return", "exchange"),
    reads={**PARTS, **OWNER, **LINES},
)
def send_refused_back(
    event: inventory.ReturnInspected,
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
) -> GoodsRefused | None:
    """Let the customer have back what was refused; no money moves for it (D-19)."""
    refused = {line.line_no: line.refused for line in event.lines if line.refused}
    told = tuple(
        ToldLine(line_no=line.line_no, sku=line.sku, quantity=refused[line.line_no], amount_minor=0)
        for line in lines
        if line.line_no in refused
    )
    if not told:
        return None
    return GoodsRefused(
        case_id=event.case_id,
        order_id=event.order_id,
        number=owner[0].number,
        lines=told,
        ship_to=owner[0].address,
    )


# -- paid -----------------------------------------------------------------------------------------


@orders.on(
    payments.CaseRefunded,
    payments.RefundImpossible,
    saga="return",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def complete_return(
    event: payments.CaseRefunded | payments.RefundImpossible,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> ReturnCompleted:
    """Note that goods and money have changed hands."""
    note_money(event, case, books_of(owner, lines, benefits), parts)
    case.settle(now=work.now)
    return ReturnCompleted(
        case_id=case.pk,
        order_id=event.order_id,
        everything_returned=not any(line.is_kept for line in lines),
    )


@orders.on(
    ReturnCompleted,
    ExchangeSettled,
    CreditSettled,
    saga=("return", "exchange", "credit"),
    subject=ORDER,
    moves=(Order.take_back,),
    otherwise={State.RETURNED: refuse("everything came back before")},
)
def mark_returned(
    event: ReturnCompleted | ExchangeSettled | CreditSettled, order: Order
) -> OrderReturned | None:
    """Close the order when nothing of it is left with the customer."""
    if not event.everything_returned:
        return None
    order.take_back()
    return OrderReturned(order_id=event.order_id)
