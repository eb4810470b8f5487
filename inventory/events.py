"""What inventory announces: facts about the stock of orders and of cases.

In the words of TCC: reserving is the try, committing its confirm, releasing its cancel.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from sagas.event import Event


class ShortLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an article that were kept for an order and are not there."""

    sku: str
    quantity: int


class InspectedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the units of one returned line when somebody looked at them.

    `sellable` and `damaged` were accepted, `refused` goes back to the customer.
    """

    line_no: int
    sku: str
    sellable: int
    damaged: int
    refused: int

    @property
    def accepted(self) -> int:
        """How many units the shop keeps, and pays for."""
        return self.sellable + self.damaged


# -- checkout -------------------------------------------------------------------------------------


class StockReserved(Event):
    """Every line of the order is kept for it, for a while (TCC: the try has succeeded)."""

    order_id: UUID


class OutOfStock(Event):
    """Nothing is kept: there is too little of `skus`, or they are unknown here (D-9)."""

    order_id: UUID
    skus: tuple[str, ...]


class ReservationRefused(Event):
    """Nothing is kept: the customer has `limit` orders that are not paid yet (E8)."""

    order_id: UUID
    limit: int


class StockCommitted(Event):
    """The kept stock belongs to the order and does not expire any more (TCC: confirmed)."""

    order_id: UUID


class CommitRejected(Event):
    """The reservation had ended and the stock has gone to others: too late to confirm (E6)."""

    order_id: UUID
    skus: tuple[str, ...]


class ShortageFound(Event):
    """Kept units are not where they should be: so much less can be sent (D-9, D-10, D-11)."""

    order_id: UUID
    lines: tuple[ShortLine, ...]


class StockShipped(Event):
    """The units that the carrier has taken are booked out; the first parcel's or the rest's."""

    order_id: UUID


class StockReleased(Event):
    """Nothing is kept for the order any more (TCC: cancelled)."""

    order_id: UUID


class ReservationExpired(Event):
    """Stock was kept for longer than an order may take to be paid. It is still kept."""

    order_id: UUID


class ReservationExtended(Event):
    """The payment may yet come, so the stock is kept until `until`, and not longer (E5)."""

    order_id: UUID
    until: datetime


class ReservationOverdue(Event):
    """Stock was kept for as long as it can be, and the payment is still not known."""

    order_id: UUID


# -- some units are cancelled ---------------------------------------------------------------------


class LinesReleased(Event):
    """The cancelled units of a case are not kept for the order any more."""

    case_id: UUID
    order_id: UUID


# -- goods come back ------------------------------------------------------------------------------


class ReturnExpected(Event):
    """Goods are announced to come back."""

    case_id: UUID


class ReturnNotExpected(Event):
    """Goods that were announced will not come back; the units stay with the customer."""

    case_id: UUID


class ReturnQuarantined(Event):
    """Goods came back and are kept apart until somebody has looked at them."""

    case_id: UUID


class InspectionOverdue(Event):
    """Goods that came back have not been looked at for too long."""

    case_id: UUID
    order_id: UUID


class ReturnInspected(Event):
    """Goods were looked at: sellable ones are available, others damaged, refused ones go back.

    `fault` is whether the shop is to blame, where the customer has claimed it; None elsewhere.
    """

    case_id: UUID
    order_id: UUID
    lines: tuple[InspectedLine, ...]
    fault: bool | None = None


# -- replacements, losses -------------------------------------------------------------------------


class ReplacementReserved(Event):
    """Every article that is to go out in place of others is kept for it."""

    case_id: UUID
    order_id: UUID


class ReplacementOutOfStock(Event):
    """There is too little to replace the goods: their money goes back instead (D-20)."""

    case_id: UUID
    order_id: UUID


class ReplacementReleased(Event):
    """The replacement is not sent; what was kept for it is available again."""

    case_id: UUID


class ReplacementShipped(Event):
    """The replacement's units have left the house."""

    case_id: UUID


class StockWrittenOff(Event):
    """The units of a lost parcel, or of a lost replacement, are gone."""

    case_id: UUID


class StockAdjusted(Event):
    """A person counted, bought or threw away: so many units more (or fewer) are available."""

    free: ClassVar[bool] = True

    item_id: UUID
    sku: str
    delta: int
    reason: str
