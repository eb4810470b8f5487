"""Case book: opens cases, finds them, and says of them what other contexts are told.

It makes rows and values and saves nothing: services save what is opened, steps add it to their
work.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec
from django.conf import settings

from orders import events
from orders.cases import CASES, due_at
from orders.events import CaseKind
from orders.models import Case, CaseLine, Order, SoldLine
from orders.models.case import CUSTOMER
from orders.reckoning import Taken, worths_of
from sagas.clock import new_id


def open_case(
    order: Order,
    *,
    kind: CaseKind,
    now: datetime,
    case_id: UUID | None = None,
    reason: str = "",
    actor: str = "",
    **values: object,
) -> Case:
    """Return a new case of `order`, not saved; its clock runs from now, or from the payment."""
    return Case(
        id=case_id or new_id(),
        order=order,
        kind=kind.value,
        reason=reason,
        actor=actor,
        opened_at=now,
        currency=order.currency,
        due_at=due_at(CASES[kind], wished_at=now, paid_at=order.paid_at),
        apology_minor=apology_for(kind, order.currency),
        **values,
    )


def apology_for(kind: CaseKind, currency: str) -> int:
    """Return what a coupon is worth that the shop gives for such a case, in minor units."""
    worth: dict[str, int] = settings.SHOP["APOLOGY_COUPON_MINOR"]
    return worth.get(currency, 0) if CASES[kind].apology else 0


def due_of(case: Case, order: Order) -> datetime | None:
    """Return by when the case's money has to be back, as far as is known by now."""
    return due_at(
        case.rule,
        wished_at=case.opened_at,
        paid_at=order.paid_at,
        received_at=case.received_at,
    )


def whole_case(cases: Iterable[Case]) -> Case | None:
    """Return the case that cancels the whole order; there is at most one (R33)."""
    return next((c for c in cases if c.is_whole and c.state != Case.State.REJECTED), None)


def suspicion_of(cases: Iterable[Case]) -> Case | None:
    """Return the case of an order that was sent and then suspected of fraud (D-23)."""
    suspected = (c for c in cases if c.why is CaseKind.FRAUD_CANCEL and not c.is_whole)
    return min(suspected, key=lambda case: (case.opened_at, case.pk), default=None)


def take_out(case: Case, taken: Iterable[Taken]) -> list[CaseLine]:
    """Return the lines of a partial cancellation, not saved; its units are pending from now on."""
    parts = []
    for line, units in taken:
        (worth,) = worths_of([(line, units)])
        line.cancel_pending += units
        parts.append(part_of(case, line, units, amount_minor=worth))
    return parts


def partial_wish(
    order: Order, case: Case, parts: Iterable[CaseLine], lines: Iterable[SoldLine]
) -> events.PartialCancelRequested:
    """Return the wish to cancel some units, which who ships decides."""
    return events.PartialCancelRequested(
        case_id=case.pk,
        order_id=order.pk,
        number=order.number,
        case=case.why,
        lines=told_lines(parts, lines),
        reason=case.reason,
    )


def part_of(case: Case, line: SoldLine, quantity: int, *, amount_minor: int) -> CaseLine:
    """Return a line of a case, not saved."""
    return CaseLine(case=case, line=line, quantity=quantity, amount_minor=amount_minor)


def told_lines(parts: Iterable[CaseLine], lines: Iterable[SoldLine]) -> tuple[events.CaseLine, ...]:
    """Return a case's lines as other contexts are told them."""
    sold = {line.pk: line for line in lines}
    return tuple(
        events.CaseLine(
            line_no=sold[part.line_id].line_no,
            sku=sold[part.line_id].sku,
            quantity=part.quantity,
            amount_minor=part.amount_minor,
        )
        for part in parts
    )


def same_goods(taken: Iterable[Taken]) -> tuple[events.OrderLine, ...]:
    """Return so many units of lines as goods that are to go out once more."""
    return tuple(
        events.OrderLine(
            line_no=line.line_no,
            sku=line.sku,
            quantity=units,
            unit_price_minor=line.unit_price_minor,
        )
        for line, units in taken
    )


def wanted_of(case: Case) -> tuple[events.OrderLine, ...]:
    """Return what is to go out for a case."""
    return msgspec.convert(case.wanted, tuple[events.OrderLine, ...])


def is_customers(actor: str) -> bool:
    """Whether somebody acts as a customer, and so under the customer's policy."""
    return actor.startswith(CUSTOMER)
