"""A parcel got lost (D-15): the customer chooses between the goods once more and the money."""

import msgspec
from django.conf import settings

from inventory import events as inventory
from orders import case_book
from orders.cases import CaseRule
from orders.events import (
    LossHeld,
    LossOpened,
    LossSettled,
    LossUndecided,
    RefundDue,
    RemedyAsked,
    RemedyChosen,
    ReplacementDue,
    ReshipWanted,
    SuspicionDecided,
)
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.participant.money import note_money, refund_due
from orders.participant.rows import (
    ALL_BOOKS,
    CASE,
    CASES_OF_ORDER,
    GRANTED,
    NOT_ACCEPTED,
    NOT_OPEN,
    OWNER,
    REJECTED,
    SETTLED,
    CaseState,
    books_of,
    orders,
    taken_by,
)
from orders.reckoning import Books, book, book_parts, estimate, reckon, worths_of
from payments import events as payments
from sagas.work import Work

GOODS, MONEY = Case.Remedy.GOODS, Case.Remedy.MONEY

orders.announces(SuspicionDecided, after=LossOpened)
orders.announces(RemedyChosen, after=RemedyAsked)
orders.while_in(
    Case.state,
    CaseState.ASKED,
    until=lambda case: settings.SHOP["LOSS_PATIENCE"],
    then=lambda case: LossUndecided(case_id=case.pk, order_id=case.order_id),
)


@orders.on(
    LossOpened,
    SuspicionDecided,
    subject=CASE,
    locks={**ALL_BOOKS, **CASES_OF_ORDER},
    applies_in=(CaseState.OPEN,),
    moves=(Case.ask, Case.accept),
    otherwise=NOT_OPEN,
)
def ask_remedy(
    event: LossOpened | SuspicionDecided,
    case: Case,
    *,
    benefits: list[Benefit],
    cases: list[Case],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> RemedyAsked | ReshipWanted | RefundDue | LossHeld:
    """Ask the customer, unless the shop always sends once more or always pays.

    Who is suspected of fraud is asked nothing before a person has decided (D-23).
    """
    suspicion = case_book.suspicion_of(cases)
    if suspicion is not None and suspicion.is_undecided:
        return LossHeld(case_id=case.pk, order_id=event.order_id)
    if suspicion is not None and suspicion.is_granted:
        return _give_up(case, books_of(owner, lines, benefits), parts, work)
    if settings.SHOP["LOSS_REMEDY"] == "ask":
        case.ask()
        return RemedyAsked(case_id=case.pk, order_id=event.order_id)
    books = books_of(owner, lines, benefits)
    return _grant(case, books, parts, work, remedy=settings.SHOP["LOSS_REMEDY"])


@orders.on(
    RemedyChosen,
    LossUndecided,
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ASKED,),
    moves=(Case.accept,),
    otherwise={
        CaseState.ACCEPTED: GRANTED,
        CaseState.SETTLED: SETTLED,
        CaseState.REJECTED: REJECTED,
    },
)
def grant_remedy(
    event: RemedyChosen | LossUndecided,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> ReshipWanted | RefundDue:
    """Do what the customer wants; who does not choose in time gets the money."""
    remedy = event.remedy if isinstance(event, RemedyChosen) else MONEY.value
    return _grant(case, books_of(owner, lines, benefits), parts, work, remedy=remedy)


def _grant(
    case: Case, books: Books, parts: list[CaseLine], work: Work, *, remedy: str
) -> ReshipWanted | RefundDue:
    case.accept(now=work.now)
    if remedy == GOODS:
        return _send_again(case, books, parts)
    return _pay(case, books, parts)


def _give_up(case: Case, books: Books, parts: list[CaseLine], work: Work) -> RefundDue:
    """End the loss of goods whose money went back as fraud: coupon and points stay used."""
    case.accept(now=work.now)
    return _pay(case, books, parts, rule=case.rule.replaced())


def _send_again(case: Case, books: Books, parts: list[CaseLine]) -> ReshipWanted:
    """Have the same goods reserved once more; no money moves."""
    taken = taken_by(parts, books)
    case.remedy = GOODS
    case.wanted = msgspec.to_builtins(case_book.same_goods(taken))
    worth = sum(worths_of(taken))
    estimate(case, reckon(books, taken, rule=case.rule.replaced(), replaced_minor=worth))
    return ReshipWanted(case_id=case.pk, order_id=case.order_id, wanted=case_book.wanted_of(case))


def _pay(
    case: Case, books: Books, parts: list[CaseLine], *, rule: CaseRule | None = None
) -> RefundDue:
    """Owe the customer all that was paid for the goods, and F where nothing arrives."""
    taken = taken_by(parts, books)
    case.remedy = MONEY
    found = reckon(books, taken, rule=rule or case.rule)
    book(case, books, taken, found)
    book_parts(parts, taken, found)
    for line, units in taken:
        line.lost_pending -= units
        line.lost += units
    case.is_goods_done = True
    return refund_due(case)


@orders.on(
    inventory.ReplacementReserved,
    saga="loss",
    subject=CASE,
    locks=OWNER,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def reship(
    event: inventory.ReplacementReserved, case: Case, owner: list[Order], work: Work
) -> tuple[ReplacementDue, LossSettled]:
    """Send the same goods once more; the replacement goes its own way."""
    case.is_money_done = True
    case.operation = Case.Operation.NONE
    case.settle(now=work.now)
    due = ReplacementDue(
        case_id=case.pk,
        order_id=event.order_id,
        number=owner[0].number,
        wanted=case_book.wanted_of(case),
        ship_to=owner[0].address,
    )
    return due, LossSettled(case_id=case.pk, order_id=event.order_id)


@orders.on(
    inventory.ReplacementOutOfStock,
    saga="loss",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    otherwise=NOT_ACCEPTED,
)
def pay_for_lost(
    event: inventory.ReplacementOutOfStock,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
) -> RefundDue:
    """Pay where there is nothing to send once more."""
    return _pay(case, books_of(owner, lines, benefits), parts)


@orders.on(
    payments.CaseRefunded,
    payments.RefundImpossible,
    saga="loss",
    subject=CASE,
    locks=ALL_BOOKS,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def settle_loss(
    event: payments.CaseRefunded | payments.RefundImpossible,
    case: Case,
    *,
    benefits: list[Benefit],
    parts: list[CaseLine],
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> LossSettled:
    """Note that the customer has the money of the lost goods."""
    note_money(event, case, books_of(owner, lines, benefits), parts)
    case.settle(now=work.now)
    return LossSettled(case_id=case.pk, order_id=event.order_id)
