"""The choreographies of the shop: the checkout, and one for each way in which it ends otherwise.

Who does what is declared by the participants; here stands what starts, turns and ends each. Only
a cancellation of the whole order turns the checkout; every other case is a choreography of its own,
keyed by its case (an owed refund by the refund), and never changes the direction of what it came
from (design decision 2).
"""

from datetime import timedelta
from uuid import UUID, uuid5

from inventory import events as inventory
from orders import events as orders
from payments import events as payments
from sagas.choreography import Choreography
from shipping import events as shipping

#: Why a deadline wants an order cancelled.
TOOK_TOO_LONG = "took too long"


def took_too_long(key: str) -> orders.CancelRequested:
    """Return the wish to cancel the order of id `key`; the same one however often it is asked."""
    order_id = UUID(key)
    return orders.CancelRequested(
        order_id=order_id,
        case_id=uuid5(order_id, TOOK_TOO_LONG),
        case=orders.CaseKind.SELLER_CANCEL,
        reason=TOOK_TOO_LONG,
    )


checkout = Choreography(
    "checkout",
    key="order_id",
    label="number",
    starts=orders.OrderPlaced,
    pivot=shipping.ShipmentHandedOver,
    completes=(orders.OrderCompleted, orders.OrderLost, orders.OrderIntercepted),
    aborts=orders.OrderCancelled,
    compensated=orders.OrderUndone,
    deadline=timedelta(days=14),
    requests=took_too_long,
    terminal=(
        inventory.ReservationExtended,
        orders.CancelRejected,
        orders.CaseStalled,
        orders.OrderShipped,
        orders.OrderStalled,
        payments.DepositAwaited,
        payments.PaymentOpened,
        shipping.ParcelDelivered,
        shipping.RestLabelled,
        shipping.RestRefused,
        shipping.ShipmentLabelled,
        shipping.ShipmentOpened,
    ),
)

#: Some units are cancelled before they leave the house (D-10, D-11, D-16).
partials = Choreography(
    "partial",
    key="case_id",
    label="number",
    starts=orders.PartialCancelRequested,
    completes=(orders.PartialCancelSettled, orders.PartialCancelRejected),
    deadline=timedelta(days=14),
    terminal=(orders.CaseStalled, payments.CaseRefundPlanned),
)

#: What ends nothing while goods come back.
_GOODS_BACK = (
    inventory.InspectionOverdue,
    inventory.ReturnExpected,
    inventory.ReturnNotExpected,
    inventory.ReturnQuarantined,
    orders.CaseStalled,
    orders.OrderReturned,
    shipping.GoodsSentBack,
    shipping.ReturnIntercepted,
    shipping.ReturnLabelled,
    shipping.SendBackRefused,
)

#: Goods first, then money (D-13, D-17, D-18, D-19).
returns = Choreography(
    "return",
    key="case_id",
    label="number",
    starts=orders.ReturnRequested,
    completes=(orders.ReturnCompleted, orders.ReturnRejected),
    deadline=timedelta(days=90),
    terminal=_GOODS_BACK,
)

#: The replacement is reserved first, then the goods come back, then it is sent (D-20).
exchanges = Choreography(
    "exchange",
    key="case_id",
    label="number",
    starts=orders.ExchangeRequested,
    completes=(orders.ExchangeSettled, orders.ExchangeRejected),
    deadline=timedelta(days=90),
    terminal=(*_GOODS_BACK, inventory.ReplacementReleased),
)

#: The carrier lost a parcel: the goods once more, or their money (D-15).
losses = Choreography(
    "loss",
    key="case_id",
    label="number",
    starts=orders.LossOpened,
    completes=orders.LossSettled,
    deadline=timedelta(days=30),
    terminal=(
        inventory.StockWrittenOff,
        orders.CaseStalled,
        orders.LossHeld,
        orders.RemedyAsked,
    ),
)

#: Reserved goods are sent in place of others; what it replaces has been dealt with.
replacements = Choreography(
    "replacement",
    key="case_id",
    label="number",
    starts=orders.ReplacementDue,
    pivot=shipping.ReplacementHandedOver,
    completes=orders.ReplacementSettled,
    deadline=timedelta(days=30),
    terminal=(
        inventory.ReplacementReleased,
        inventory.ReplacementShipped,
        inventory.StockWrittenOff,
        shipping.ReplacementLabelled,
    ),
)

#: Money goes back and no goods do (D-28; the end of D-23; an inquiry that is closed by a
#: refund; a replacement that could not be sent).
given_credits = Choreography(
    "credit",
    key="case_id",
    starts=orders.CreditRequested,
    completes=(orders.CreditSettled, orders.CreditRejected),
    deadline=timedelta(days=30),
    terminal=(orders.CaseStalled, orders.OrderReturned),
)

#: Money came after the order was given up (D-5).
late_successes = Choreography(
    "late_success",
    key="case_id",
    starts=payments.LateCaptureFound,
    completes=orders.LateSuccessSettled,
    deadline=timedelta(days=30),
    terminal=orders.CaseStalled,
)

#: The customer's bank takes the money back, or asks (D-24, D-25).
disputes = Choreography(
    "dispute",
    key="case_id",
    starts=payments.DisputeOpened,
    completes=orders.DisputeSettled,
    deadline=timedelta(days=180),
    terminal=(
        orders.CaseStalled,
        orders.DisputeAnswered,
        payments.DisputeEscalated,
        shipping.ParcelHeld,
        shipping.ParcelReleased,
    ),
)

#: A refund that the provider would not pay, or took back; a person decides (D-26).
owed_refunds = Choreography(
    "owed_refund",
    key="refund_id",
    starts=payments.RefundOwed,
    completes=payments.OwedRefundPaid,
    deadline=timedelta(days=90),
    terminal=(
        payments.OwedRefundRefused,
        payments.RefundElsewhereProposed,
        payments.RefundStillOwed,
    ),
)
