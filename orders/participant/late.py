"""Money that comes after its order was given up (D-5): it goes back, as a case of its own."""

import msgspec
from django.conf import settings

from inventory import events as inventory
from orders import case_book
from orders.cases import CASES, due_at
from orders.events import (
    CaseKind,
    LateSuccessSettled,
    OrderReinstated,
    RefundDue,
    ReplacementDue,
    ReshipWanted,
)
from orders.models import Benefit, Case, Order, SoldLine
from orders.participant.money import note_way, refund_due
from orders.participant.rows import (
    BENEFITS,
    CASE,
    GONE,
    LINES,
    NOT_ACCEPTED,
    ORDER,
    OWNER,
    CaseState,
    State,
    orders,
)
from orders.reckoning import withhold
from payments import events as payments
from sagas.participant import ABSENT, by, refuse
from sagas.work import Work

GOODS, MONEY = Case.Remedy.GOODS, Case.Remedy.MONEY
OPENED_BEFORE = refuse("the case of this payment is open already")


def late_case_of(event: payments.LateCaptureFound) -> Case:
    """Return the case of money that came too late."""
    return Case(
        id=event.case_id,
        order_id=event.order_id,
        kind=CaseKind.LATE_SUCCESS.value,
        reason=f"paid too late: {event.reference}",
        currency=event.amount.currency,
        given_minor=event.amount.minor,
    )


@orders.on(
    payments.LateCaptureFound,
    subject=CASE,
    creates=late_case_of,
    locks={**OWNER, **LINES},
    applies_in=(ABSENT,),
    moves=(Case.accept,),
    otherwise={tuple(CaseState): OPENED_BEFORE},
)
def open_late_case(
    event: payments.LateCaptureFound,
    case: Case,
    owner: list[Order],
    lines: list[SoldLine],
    work: Work,
) -> RefundDue | ReshipWanted:
    """Give it back, unless the shop reinstates orders and all of this one was paid."""
    owner[0].is_paid_late = True
    case.opened_at = work.now
    case.due_at = due_at(CASES[case.why], wished_at=work.now, paid_at=work.now)
    case.accept(now=work.now)
    if settings.SHOP["REINSTATE_LATE"] and event.amount.minor == owner[0].total_minor:
        return _keep(case, lines)
    return _give_back(case)


def _keep(case: Case, lines: list[SoldLine]) -> ReshipWanted:
    """Have everything reserved anew; no money moves."""
    whole = [(line, line.quantity) for line in lines]
    case.remedy = GOODS
    case.wanted = msgspec.to_builtins(case_book.same_goods(whole))
    case.replaced_minor = case.given_minor
    return ReshipWanted(case_id=case.pk, order_id=case.order_id, wanted=case_book.wanted_of(case))


def _give_back(case: Case) -> RefundDue:
    case.remedy = MONEY
    case.replaced_minor = 0
    case.refund_minor = case.given_minor
    return refund_due(case)


@orders.on(
    inventory.ReplacementOutOfStock,
    saga="late_success",
    subject=CASE,
    applies_in=(CaseState.ACCEPTED,),
    otherwise=NOT_ACCEPTED,
)
def pay_late_back(event: inventory.ReplacementOutOfStock, case: Case) -> RefundDue:
    """Give the money back where the stock has gone to others."""
    return _give_back(case)


@orders.on(
    inventory.ReplacementReserved,
    saga="late_success",
    subject=ORDER,
    locks={**BENEFITS, "cases": by(Case, "id", "case_id"), **LINES},
    moves=(Order.reinstate,),
    otherwise={
        GONE: refuse("this order was never given up"),
        State.REINSTATED: refuse("reinstated before"),
    },
)
def reinstate(
    event: inventory.ReplacementReserved,
    order: Order,
    benefits: list[Benefit],
    cases: list[Case],
    lines: list[SoldLine],
) -> tuple[OrderReinstated, ReplacementDue]:
    """Fulfil the order after all; coupon and points are used again."""
    order.given_back_minor = order.postage_back_minor = 0
    for line in lines:
        line.cancelled = line.refunded_minor = 0
    for benefit in benefits:
        benefit.restored_minor = 0
    order.reinstate()
    due = ReplacementDue(
        case_id=event.case_id,
        order_id=event.order_id,
        number=order.number,
        wanted=case_book.wanted_of(cases[0]),
        ship_to=order.address,
    )
    return OrderReinstated(case_id=event.case_id, order_id=event.order_id), due


@orders.on(
    OrderReinstated,
    payments.CaseRefunded,
    payments.RefundImpossible,
    saga="late_success",
    subject=CASE,
    applies_in=(CaseState.ACCEPTED,),
    moves=(Case.settle,),
    otherwise=NOT_ACCEPTED,
)
def settle_late(
    event: OrderReinstated | payments.CaseRefunded | payments.RefundImpossible,
    case: Case,
    work: Work,
) -> LateSuccessSettled:
    """Note that the money is back, or that it pays for the order after all."""
    case.is_money_done = True
    note_way(event, case)
    if isinstance(event, payments.RefundImpossible):
        withhold(case)
    elif isinstance(event, payments.CaseRefunded):
        withhold(case, paid_minor=event.amount.minor)
    case.settle(now=work.now)
    return LateSuccessSettled(case_id=case.pk, order_id=event.order_id)
