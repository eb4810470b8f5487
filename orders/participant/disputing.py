"""The customer's bank takes the money back, or asks (D-24, D-25): refunds wait until it decides."""

from orders import services
from orders.events import CaseKind, DisputeAnswered, DisputeSettled
from orders.models import Case, Order
from orders.participant.money import note_way
from orders.participant.rows import (
    CASE,
    NOT_OPEN,
    OWNER,
    CaseState,
    State,
    orders,
)
from payments import events as payments
from sagas.participant import ABSENT, refuse
from sagas.work import Work


def dispute_case_of(event: payments.DisputeOpened) -> Case:
    """Return the case of a dispute."""
    what = "an inquiry" if event.inquiry else "a dispute"
    return Case(
        id=event.case_id,
        order_id=event.order_id,
        kind=CaseKind.CHARGEBACK.value,
        reason=f"{what} of the bank: {event.reference}",
        currency=event.amount.currency,
    )


@orders.on(
    payments.DisputeOpened,
    subject=CASE,
    creates=dispute_case_of,
    applies_in=(ABSENT,),
    otherwise={tuple(CaseState): refuse("the case of this dispute is open already")},
)
def open_dispute_case(event: payments.DisputeOpened, case: Case, work: Work) -> DisputeAnswered:
    """Write down that the bank disputes the payment."""
    case.opened_at = work.now
    return DisputeAnswered(case_id=case.pk, order_id=event.order_id)


@orders.on(
    payments.DisputeWon,
    payments.DisputeLost,
    subject=CASE,
    locks=OWNER,
    applies_in=(CaseState.OPEN,),
    moves=(Case.accept, Case.settle),
    otherwise=NOT_OPEN,
)
def settle_dispute(
    event: payments.DisputeWon | payments.DisputeLost,
    case: Case,
    owner: list[Order],
    work: Work,
) -> DisputeSettled:
    """Close the case; what the bank took counts as given back (B).

    An order that is being cancelled counts that at its end, with all that is not refunded.
    """
    if isinstance(event, payments.DisputeLost):
        case.given_minor = case.refund_minor = event.amount.minor
        if owner[0].state != State.CANCELLING:
            owner[0].given_back_minor += min(event.amount.minor, owner[0].left_minor)
    case.is_money_done = True
    note_way(event, case)
    case.accept(now=work.now)
    case.settle(now=work.now)
    won = isinstance(event, payments.DisputeWon)
    return DisputeSettled(case_id=case.pk, order_id=event.order_id, won=won)


@orders.on(payments.DisputeLost, saga="dispute")
def stop_disputed(event: payments.DisputeLost) -> None:
    """Ask for the end of an order whose money is gone before anything was sent.

    It tells another saga, so it is a plain step; who ships decides, as ever (R32).
    """
    order = Order.objects.get(pk=event.order_id)
    if order.state in services.BEFORE_SHIPPING:
        services.request_cancel(
            order,
            kind=CaseKind.CHARGEBACK,
            reason="the bank took the money back",
            actor="orders",
        )
