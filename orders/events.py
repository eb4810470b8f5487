"""What orders announces: facts about orders, their cancellations, returns and losses."""

from uuid import UUID

import msgspec

from sagas.event import Event
from sagas.money import Money


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an article; the price of one unit is in minor units of the order."""

    line_no: int
    sku: str
    quantity: int
    unit_price_minor: int


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a parcel goes to or comes from; `country` as the shop and its carrier write it."""

    name: str
    street: str
    city: str
    postcode: str
    country: str


class ReturnLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an order's line that come back; what is refunded for them, minor units."""

    line_no: int
    sku: str
    quantity: int
    amount_minor: int


class OrderPlaced(Event):
    """A customer ordered. Lines travel once, here; `payment_tokens` are tried in their order."""

    order_id: UUID
    number: str
    customer: str
    total: Money
    lines: tuple[OrderLine, ...]
    ship_to: Address
    payment_tokens: tuple[str, ...]


class OrderConfirmed(Event):
    """The order's money is certain: it will be fulfilled."""

    order_id: UUID


class OrderReady(Event):
    """Paid, and its stock committed: a parcel can be booked."""

    order_id: UUID
    number: str
    ship_to: Address


class OrderShipped(Event):
    """The order's parcel is on its way."""

    order_id: UUID


class OrderDelivered(Event):
    """The customer has the order."""

    order_id: UUID


class OrderCompleted(Event):
    """Delivered, and booked out of the stock: the checkout is over."""

    order_id: UUID
    customer: str
    total: Money


class OrderStalled(Event):
    """The order has stayed in `state` for longer than it should."""

    order_id: UUID
    state: str


class CancelRequested(Event):
    """Somebody wants the whole order cancelled; who ships decides whether it still can be."""

    order_id: UUID
    case_id: UUID
    reason: str


class CancelRejected(Event):
    """The order goes on; a return is the way back now."""

    order_id: UUID
    case_id: UUID
    reason: str


class OrderCancelled(Event):
    """The order will not be fulfilled; whatever was done for it is now undone."""

    order_id: UUID
    case_id: UUID
    reason: str


class OrderUndone(Event):
    """Parcel, money and stock of a cancelled order are back."""

    order_id: UUID


class PaymentRetryRequested(Event):
    """The customer may pay again; `attempt` counts from 1."""

    order_id: UUID
    attempt: int


class PaymentGivenUp(Event):
    """The order was declined as often as it may be."""

    order_id: UUID


class OrderLost(Event):
    """The order's parcel got lost: the checkout is over, a loss begins."""

    order_id: UUID


class LossOpened(Event):
    """A lost order's money is to go back to the customer."""

    loss_id: UUID
    order_id: UUID
    refund: Money


class LossSettled(Event):
    """The customer has the money of the lost order."""

    loss_id: UUID
    order_id: UUID


class ReturnRequested(Event):
    """A customer wants to send goods back; `refund` is paid once they were inspected."""

    return_id: UUID
    order_id: UUID
    number: str
    lines: tuple[ReturnLine, ...]
    refund: Money
    ship_from: Address
    reason: str


class ReturnRejected(Event):
    """Nothing comes back; the units may be returned another time."""

    return_id: UUID
    reason: str


class ReturnCompleted(Event):
    """Goods are back and their money is paid."""

    return_id: UUID
    order_id: UUID
    everything_returned: bool


class OrderReturned(Event):
    """Every unit of the order came back."""

    order_id: UUID
