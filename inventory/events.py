"""What inventory announces: facts about the stock of orders, returns and losses."""

from typing import ClassVar
from uuid import UUID

from sagas.event import Event


class StockReserved(Event):
    """Every line of the order is kept for it, for a while."""

    order_id: UUID


class OutOfStock(Event):
    """Nothing is kept: there is too little of `skus`, or they are unknown here."""

    order_id: UUID
    skus: tuple[str, ...]


class StockCommitted(Event):
    """The kept stock belongs to the order and does not expire any more."""

    order_id: UUID


class StockShipped(Event):
    """The order's units left the house."""

    order_id: UUID


class StockReleased(Event):
    """Nothing is kept for the order any more."""

    order_id: UUID


class ReservationExpired(Event):
    """Stock was kept for longer than an order may take to be paid. It is still kept."""

    order_id: UUID


class ReturnExpected(Event):
    """Goods are announced to come back."""

    return_id: UUID


class ReturnQuarantined(Event):
    """Goods came back and are kept apart until somebody has looked at them."""

    return_id: UUID


class ReturnInspected(Event):
    """Goods were looked at and booked: sellable ones as available, others as damaged."""

    return_id: UUID
    order_id: UUID


class ReturnNotExpected(Event):
    """Goods that were announced will not come back; the units stay with the customer."""

    return_id: UUID


class StockWrittenOff(Event):
    """The units of a lost parcel are gone."""

    loss_id: UUID


class StockAdjusted(Event):
    """A person counted, bought or threw away: so many units more (or fewer) are available."""

    free: ClassVar[bool] = True

    item_id: UUID
    sku: str
    delta: int
    reason: str
