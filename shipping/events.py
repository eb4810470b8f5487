"""What shipping announces: facts about parcels, out and back.

The shipment's row decides whether units can still be cancelled (R32): nobody else knows whether
they have left the house.
"""

from typing import Final
from uuid import UUID

import msgspec

from orders.events import CaseKind, CaseLine
from sagas.event import Event

#: The code of what the carrier has lost.
LOST: Final = "lost"


class SentLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an order's line that are in a parcel."""

    line_no: int
    sku: str
    quantity: int


# -- checkout -------------------------------------------------------------------------------------


class ShipmentOpened(Event):
    """The order's address and lines are known; nothing was asked of a carrier."""

    order_id: UUID


class ShipmentLabelled(Event):
    """A carrier booked a parcel; `tracking` is its number."""

    order_id: UUID
    tracking: str


class CarrierRefused(Event):
    """A carrier will not take the parcel; `code` is its reason. Another one may (D-14)."""

    order_id: UUID
    carrier: str
    code: str


class CarriersExhausted(Event):
    """No carrier takes the parcel, as often as they were asked."""

    order_id: UUID


class ShipmentHandedOver(Event):
    """The first parcel left the house. From here on the way back is a return (G8)."""

    order_id: UUID
    lines: tuple[SentLine, ...]


class ShipmentSplit(Event):
    """Not everything left with the first parcel: the rest is a shipment of its own."""

    order_id: UUID
    shipment_id: UUID


class RestLabelled(Event):
    """A carrier booked the parcel of the rest."""

    order_id: UUID
    shipment_id: UUID
    tracking: str


class RestRefused(Event):
    """A carrier will not take the parcel of the rest: a person decides."""

    order_id: UUID
    shipment_id: UUID
    code: str


class RestHandedOver(Event):
    """The rest left the house."""

    order_id: UUID
    shipment_id: UUID
    lines: tuple[SentLine, ...]


class ParcelDelivered(Event):
    """The customer has one of several parcels; others are still to come."""

    order_id: UUID
    shipment_id: UUID


class ShipmentDelivered(Event):
    """The customer has all that was sent."""

    order_id: UUID


class ShipmentLost(Event):
    """Nothing of the order will arrive: the carrier lost its only parcel, or the last one, too.

    `lines` are those that no ParcelLost has told of.
    """

    order_id: UUID
    lines: tuple[SentLine, ...] = ()


class ParcelLost(Event):
    """The carrier lost one of several parcels."""

    order_id: UUID
    shipment_id: UUID
    lines: tuple[SentLine, ...]


class ShipmentIntercepted(Event):
    """The parcel was stopped on its way and is back in the house (D-13)."""

    order_id: UUID


# -- the answers to a cancellation ----------------------------------------------------------------


class CancelAccepted(Event):
    """Nothing has left and nothing will: the order may be cancelled (R32)."""

    order_id: UUID
    case_id: UUID
    case: CaseKind
    reason: str


class CancelRefused(Event):
    """The parcel has left: the order can only be returned (R32)."""

    order_id: UUID
    case_id: UUID
    reason: str


class ShipmentStopped(Event):
    """No parcel of a cancelled order will leave the house."""

    order_id: UUID
    case_id: UUID
    case: CaseKind
    reason: str


class PartialCancelAccepted(Event):
    """The units are still in the house and were taken out of the parcel."""

    case_id: UUID
    order_id: UUID
    case: CaseKind
    lines: tuple[CaseLine, ...]
    reason: str


class PartialCancelRefused(Event):
    """Too few of the units are still in the house."""

    case_id: UUID
    order_id: UUID
    reason: str


class RestHeld(Event):
    """Nothing is left in the parcel of the rest: it stays, and its label is to be voided."""

    case_id: UUID
    order_id: UUID
    shipment_id: UUID


class RestStopped(Event):
    """Nothing of the rest will leave the house: all of it was cancelled."""

    case_id: UUID
    order_id: UUID
    shipment_id: UUID


# -- goods come back ------------------------------------------------------------------------------


class ReturnOpened(Event):
    """It is known how the goods come back; nothing was asked of a carrier."""

    case_id: UUID


class ReturnIntercepted(Event):
    """The carrier stopped the parcel and brings it back."""

    case_id: UUID
    order_id: UUID
    tracking: str


class InterceptFailed(Event):
    """The carrier did not stop the parcel: it is returned once the customer has it.

    The code is `LOST` where it will not arrive, whether it was stopped before or not.
    """

    case_id: UUID
    order_id: UUID
    code: str


class ReturnLabelled(Event):
    """A carrier booked the way back of a return; `tracking` is its number."""

    case_id: UUID
    tracking: str


class ReturnUnbookable(Event):
    """No carrier will fetch a return; `code` is the reason."""

    case_id: UUID
    order_id: UUID
    code: str


class ReturnReceived(Event):
    """The goods of a return are back in the house, not yet looked at."""

    case_id: UUID


class GoodsSentBack(Event):
    """Goods that were refused at inspection are on their way to the customer again (D-19)."""

    case_id: UUID
    tracking: str


class SendBackRefused(Event):
    """No carrier takes the refused goods back to the customer: a person decides."""

    case_id: UUID
    order_id: UUID
    code: str


# -- replacements ---------------------------------------------------------------------------------


class ReplacementLabelled(Event):
    """A carrier booked the replacement's parcel."""

    case_id: UUID
    tracking: str


class ReplacementRefused(Event):
    """No carrier takes the replacement."""

    case_id: UUID
    order_id: UUID
    code: str


class ReplacementHandedOver(Event):
    """The replacement left the house."""

    case_id: UUID


class ReplacementDelivered(Event):
    """The customer has the replacement."""

    case_id: UUID
    order_id: UUID


class ReplacementLost(Event):
    """The carrier lost the replacement, too: its worth is paid."""

    case_id: UUID
    order_id: UUID


# -- disputes -------------------------------------------------------------------------------------


class ParcelHeld(Event):
    """The order's payment is disputed: its parcel stays in the house, if it is still there."""

    case_id: UUID
    order_id: UUID
    held: bool


class ParcelReleased(Event):
    """The dispute was won: the parcel may leave again, if it was held."""

    case_id: UUID
    order_id: UUID
