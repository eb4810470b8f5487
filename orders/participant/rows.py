"""The participant, the rows that its steps ask for, and how states answer what comes too late."""

from collections.abc import Sequence

from django.conf import settings

from orders.events import (
    CancelRequested,
    CaseStalled,
    CreditRequested,
    ExchangeRequested,
    OrderPlaced,
    PartialCancelRequested,
    ReturnRequested,
)
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.reckoning import Books, Taken
from sagas.participant import Participant, by, refuse

orders = Participant("orders")
orders.announces(
    OrderPlaced,
    CancelRequested,
    CreditRequested,
    ExchangeRequested,
    PartialCancelRequested,
    ReturnRequested,
)

State = Order.State
CaseState = Case.State

# -- rows -----------------------------------------------------------------------------------------

ORDER = by(Order, "id", "order_id")
CASE = by(Case, "id", "case_id")
#: The order that a case is about; a list of one.
OWNER = {"owner": ORDER}
LINES = {"lines": by(SoldLine, "order_id")}
PARTS = {"parts": by(CaseLine, "case_id")}
BENEFITS = {"benefits": by(Benefit, "order_id")}
CASES_OF_ORDER = {"cases": by(Case, "order_id")}
#: Everything that a reckoning reads and books.
ALL_BOOKS = {**BENEFITS, **PARTS, **OWNER, **LINES}


def books_of(
    owner: Sequence[Order], lines: Sequence[SoldLine], benefits: Sequence[Benefit]
) -> Books:
    """Return the books of the one order that a step has locked."""
    return Books(order=owner[0], lines=lines, benefits=benefits)


def taken_by(parts: Sequence[CaseLine], books: Books) -> list[Taken]:
    """Return all units that a case is about, with their lines."""
    sold = books.by_id
    return [(sold[part.line_id], part.quantity) for part in parts]


# -- answers --------------------------------------------------------------------------------------

GOING_BACK = (State.CANCELLING, State.CANCELLED, State.REINSTATED)
PAID = (State.CONFIRMED, State.FULFILLING)
ARRIVED = (State.DELIVERED, State.COMPLETED, State.RETURNED)
GONE = (State.SHIPPED, State.LOST, State.INTERCEPTED, *ARRIVED)
CANCELLED_BEFORE = refuse("this order is being cancelled, or has been")
LEFT_THE_HOUSE = refuse("this order has left the house: a return is its way back")

GRANTED = refuse("this case was granted before")
REJECTED = refuse("this case was rejected")
SETTLED = refuse("this case is settled")
NOBODY_ASKED = refuse("only the customer of a lost parcel is asked to choose")

#: How a case that has to be open answers.
NOT_OPEN = {
    CaseState.ASKED: NOBODY_ASKED,
    CaseState.ACCEPTED: GRANTED,
    CaseState.SETTLED: SETTLED,
    CaseState.REJECTED: REJECTED,
}
#: How a case that has to be accepted answers; an open one waits until it is.
NOT_ACCEPTED = {CaseState.SETTLED: SETTLED, CaseState.REJECTED: REJECTED}

# -- cases that wait for too long -----------------------------------------------------------------

orders.while_in(
    Case.state,
    CaseState.ACCEPTED,
    until=lambda case: settings.SHOP["CASE_PATIENCE"],
    then=lambda case: CaseStalled(case_id=case.pk, order_id=case.order_id, state=case.state),
)
