"""What shipping announces: facts about an order's parcel and its way back."""

from uuid import UUID

from sagas.event import Event


class ShipmentLabelled(Event):
    """The carrier booked a parcel; `tracking` is its number."""

    order_id: UUID
    tracking: str


class CarrierRefused(Event):
    """The carrier will not take the parcel; `code` is the carrier's reason."""

    order_id: UUID
    code: str


class ShipmentHandedOver(Event):
    """The parcel left the house. From here on the way back is a return (G8)."""

    order_id: UUID


class ShipmentDelivered(Event):
    """The customer has the parcel."""

    order_id: UUID


class ShipmentLost(Event):
    """The carrier lost the parcel."""

    order_id: UUID


class CancelAccepted(Event):
    """The parcel has not left and will not: the order may be cancelled (R32)."""

    order_id: UUID
    case_id: UUID
    reason: str


class CancelRefused(Event):
    """The parcel has left: the order can only be returned (R32)."""

    order_id: UUID
    case_id: UUID
    reason: str


class ShipmentStopped(Event):
    """No parcel of a cancelled order will leave the house."""

    order_id: UUID


class ReturnLabelled(Event):
    """The carrier booked the way back of a return; `tracking` is its number."""

    return_id: UUID
    tracking: str


class ReturnUnbookable(Event):
    """The carrier will not fetch a return; `code` is the carrier's reason."""

    return_id: UUID
    order_id: UUID
    code: str


class ReturnReceived(Event):
    """The goods of a return are back in the house, not yet looked at."""

    return_id: UUID
