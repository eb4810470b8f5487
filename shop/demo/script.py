"""Script: what happens to the orders of each way beside the ordinary, and at which moment.

Customers change their minds, an operator steps in, a bank asks. Each act is done once, at its
moment, through the doors that anybody else would use; what follows is the shop's own doing.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from inventory.services import report_shortage
from orders import services as orders
from orders.events import CaseKind
from orders.models import Case, Order
from payments.models import Dispute, Payment, Refund
from payments.services import give_account
from shop.demo.people import ACCOUNT, ANNA, BEN, WAREHOUSE, customer_of
from shop.demo.plan import Planned
from shop.demo.prepare import Outside
from shop.demo.ways import Way


class Moment(StrEnum):
    """When something may happen to an order."""

    #: Its account waits for a deposit.
    UNPAID = "unpaid"
    #: Its parcel is packed and waits for the driver.
    PACKED = "packed"
    #: The carrier has its first parcel.
    UNDER_WAY = "under_way"
    #: Its customer has everything.
    COMPLETE = "complete"
    #: Its parcel is lost, and the customer is asked what to do.
    LOST = "lost"
    #: Days later, a bank decides about its payment.
    DISPUTED = "disputed"
    #: Days later, it has been cancelled for long.
    CANCELLED = "cancelled"


#: Only once days have passed.
LATER: Final = frozenset({Moment.DISPUTED, Moment.CANCELLED})

Act = Callable[[Outside, Planned, Order], object]


# -- customers change their minds -----------------------------------------------------------------


def _cancel(outside: Outside, planned: Planned, order: Order) -> None:
    orders.request_cancel(order, reason="changed my mind", actor=customer_of(order))


def _cancel_a_unit(outside: Outside, planned: Planned, order: Order) -> None:
    orders.request_partial_cancel(
        order, lines=[(1, 1)], reason="one too many", actor=customer_of(order)
    )


def _cancel_the_rest(outside: Outside, planned: Planned, order: Order) -> None:
    unsent = [(line.line_no, line.cancellable) for line in order.lines.all() if line.cancellable]
    orders.request_partial_cancel(
        order, lines=unsent, reason="no longer needed", actor=customer_of(order)
    )


def _send_back(outside: Outside, planned: Planned, order: Order) -> None:
    for parcel in planned.returns:
        orders.request_return(
            order, lines=parcel, reason="does not suit me", actor=customer_of(order)
        )


def _send_back_defective(outside: Outside, planned: Planned, order: Order) -> None:
    (parcel,) = planned.returns
    orders.request_return(
        order, lines=parcel, reason="arrived broken", actor=customer_of(order), fault=True
    )


def _exchange(outside: Outside, planned: Planned, order: Order) -> None:
    (parcel,) = planned.returns
    orders.request_exchange(order, lines=parcel, reason="wrong colour", actor=customer_of(order))


def _choose_money(outside: Outside, planned: Planned, order: Order) -> None:
    orders.choose_remedy(_lost(order), Case.Remedy.MONEY, actor=customer_of(order))


def _choose_goods(outside: Outside, planned: Planned, order: Order) -> None:
    orders.choose_remedy(_lost(order), Case.Remedy.GOODS, actor=customer_of(order))


def _lost(order: Order) -> Case:
    return Case.objects.get(order=order, kind=CaseKind.LOST.value)


# -- the shop's own people step in ----------------------------------------------------------------


def _find_short(outside: Outside, planned: Planned, order: Order) -> None:
    missing = {planned.invoice.lines[0].sku: 1}
    report_shortage(order.pk, missing, reason="not on its shelf", actor=WAREHOUSE)


def _suspect(outside: Outside, planned: Planned, order: Order) -> None:
    orders.flag_fraud(order, reason="the card was reported stolen", actor=ANNA)


def _force(outside: Outside, planned: Planned, order: Order) -> None:
    reason = "recalled by its maker"
    orders.request_cancel(order, kind=CaseKind.FORCE, reason=reason, actor=ANNA)


def _apologise(outside: Outside, planned: Planned, order: Order) -> None:
    amount = max(1, order.total_minor // 10)
    case = orders.propose_goodwill(
        order, amount_minor=amount, reason="delivered in a torn box", actor=ANNA
    )
    orders.approve_goodwill(case, actor=BEN)


# -- banks ----------------------------------------------------------------------------------------


def _pay_in(outside: Outside, planned: Planned, order: Order) -> None:
    outside.provider.pay_deposit(order.number)


def _pay_in_too_late(outside: Outside, planned: Planned, order: Order) -> None:
    give_account(Payment.objects.get(order_id=order.pk), ACCOUNT, actor=customer_of(order))
    outside.provider.switch_on("late_deposit", reference=order.number)
    outside.provider.pay_deposit(order.number)


def _bring_refund_back(outside: Outside, planned: Planned, order: Order) -> None:
    paid = Refund.objects.get(order_id=order.pk, state=Refund.State.PAID)
    outside.provider.settle_refund(str(paid.provider_refund_id), ok=False, code="account_closed")


def _dispute(outside: Outside, planned: Planned, order: Order) -> None:
    outside.provider.open_dispute(order.number)


def _win(outside: Outside, planned: Planned, order: Order) -> None:
    outside.provider.close_dispute(_disputed(order), won=True)


def _lose(outside: Outside, planned: Planned, order: Order) -> None:
    outside.provider.close_dispute(_disputed(order), won=False)


def _disputed(order: Order) -> str:
    return Dispute.objects.get(order_id=order.pk).provider_dispute_id


# -- the table ------------------------------------------------------------------------------------

SCRIPT: Final[dict[Way, dict[Moment, Act]]] = {
    Way.DEPOSIT_PAID: {Moment.UNPAID: _pay_in},
    Way.DEPOSIT_LATE: {Moment.CANCELLED: _pay_in_too_late},
    Way.CANCEL_LABELLED: {Moment.PACKED: _cancel},
    Way.CANCEL_PART: {Moment.PACKED: _cancel_a_unit},
    Way.SHORTAGE: {Moment.PACKED: _find_short},
    Way.FRAUD: {Moment.PACKED: _suspect},
    Way.FORCE: {Moment.PACKED: _force},
    Way.REFUND_FAILED: {Moment.CANCELLED: _bring_refund_back},
    Way.CANCEL_TOO_LATE: {Moment.UNDER_WAY: _cancel, Moment.COMPLETE: _send_back},
    Way.CANCEL_REST: {Moment.UNDER_WAY: _cancel_the_rest},
    Way.INTERCEPTED: {Moment.UNDER_WAY: _send_back},
    Way.RETURN_WHOLE: {Moment.COMPLETE: _send_back},
    Way.RETURN_PART: {Moment.COMPLETE: _send_back},
    Way.RETURN_SEVERAL: {Moment.COMPLETE: _send_back},
    Way.RETURN_DEFECTIVE: {Moment.COMPLETE: _send_back_defective},
    Way.RETURN_REFUSED: {Moment.COMPLETE: _send_back},
    Way.EXCHANGE: {Moment.COMPLETE: _exchange},
    Way.LOSS_MONEY: {Moment.LOST: _choose_money},
    Way.LOSS_GOODS: {Moment.LOST: _choose_goods},
    Way.GOODWILL: {Moment.COMPLETE: _apologise},
    Way.DISPUTE_WON: {Moment.PACKED: _dispute, Moment.DISPUTED: _win},
    Way.DISPUTE_LOST: {Moment.COMPLETE: _dispute, Moment.DISPUTED: _lose},
}
