"""The choreographies of the shop: checkout, return and loss, each as a whole.

Who does what is declared by the participants; here stands what starts, turns and ends each.
"""

from datetime import timedelta
from uuid import UUID, uuid5

from inventory.events import ReturnExpected, ReturnNotExpected, StockWrittenOff
from orders.events import (
    CancelRejected,
    CancelRequested,
    LossOpened,
    LossSettled,
    OrderCancelled,
    OrderCompleted,
    OrderLost,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
    OrderStalled,
    OrderUndone,
    ReturnCompleted,
    ReturnRejected,
    ReturnRequested,
)
from payments.events import PaymentOpened, ReturnRefundDropped, ReturnRefundPlanned
from sagas.choreography import Choreography
from shipping.events import ReturnLabelled, ShipmentHandedOver, ShipmentLabelled


def took_too_long(key: str) -> CancelRequested:
    """Return the wish to cancel the order of id `key`; the same one however often it is asked."""
    order_id = UUID(key)
    reason = "took too long"
    return CancelRequested(order_id=order_id, case_id=uuid5(order_id, reason), reason=reason)


checkout = Choreography(
    "checkout",
    key="order_id",
    label="number",
    starts=OrderPlaced,
    pivot=ShipmentHandedOver,
    completes=(OrderCompleted, OrderLost),
    aborts=OrderCancelled,
    compensated=OrderUndone,
    deadline=timedelta(days=14),
    requests=took_too_long,
    terminal=(CancelRejected, OrderShipped, OrderStalled, PaymentOpened, ShipmentLabelled),
)

#: Goods first, then money: a return never turns the checkout around (design decision 2).
returns = Choreography(
    "return",
    key="return_id",
    label="number",
    starts=ReturnRequested,
    completes=(ReturnCompleted, ReturnRejected),
    deadline=timedelta(days=90),
    terminal=(
        OrderReturned,
        ReturnExpected,
        ReturnLabelled,
        ReturnNotExpected,
        ReturnRefundDropped,
        ReturnRefundPlanned,
    ),
)

losses = Choreography(
    "loss",
    key="loss_id",
    starts=LossOpened,
    completes=LossSettled,
    deadline=timedelta(days=30),
    terminal=StockWrittenOff,
)
