"""Services: parcels leave and come back. Our row decides first, then the carrier is told (R32)."""

import logging
from collections.abc import Callable

from sagas.exceptions import DirectionConflict
from sagas.outbox import publish, saga_transaction
from shipping.events import (
    ReturnReceived,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLost,
)
from shipping.gateway import Scan, carrier
from shipping.models import CarrierCursor, ReturnParcel, Shipment

logger = logging.getLogger("shipping")

#: The name of the row that remembers how far the carrier's scans are read.
CARRIER = "carrier"


def hand_over(shipment: Shipment, *, actor: str = "warehouse") -> bool:
    """Give a parcel to the driver; say whether it may leave.

    It may not while its order is being cancelled. Doing it again only tells the carrier again,
    which mends a crash between our commit and the carrier's scan.
    """
    left = _let_go(shipment, actor=actor)
    if left and shipment.tracking:
        carrier().hand_over(shipment.tracking)
    return left


def _let_go(shipment: Shipment, *, actor: str) -> bool:
    try:
        with saga_transaction(shipment, actor=actor) as row:
            if row.state == Shipment.State.LABELLED:
                row.hand_over()
                publish(ShipmentHandedOver(order_id=row.order_id), of=row)
            return bool(row.state in _GONE)
    except DirectionConflict:
        # The saga turned before this parcel was held: it stays (G8).
        return False


_GONE = (Shipment.State.HANDED_OVER, Shipment.State.DELIVERED, Shipment.State.LOST)


def deliver(shipment: Shipment, *, actor: str = "carrier") -> bool:
    """Record that the customer has the parcel; say whether it is so now."""
    with saga_transaction(shipment, actor=actor) as row:
        if row.state == Shipment.State.HANDED_OVER:
            row.deliver()
            publish(ShipmentDelivered(order_id=row.order_id), of=row)
        return bool(row.state == Shipment.State.DELIVERED)


def lose(shipment: Shipment, *, actor: str = "carrier") -> bool:
    """Record that the carrier lost the parcel; say whether it is so now."""
    with saga_transaction(shipment, actor=actor) as row:
        if row.state == Shipment.State.HANDED_OVER:
            row.lose()
            publish(ShipmentLost(order_id=row.order_id), of=row)
        return bool(row.state == Shipment.State.LOST)


def receive_return(parcel: ReturnParcel, *, actor: str = "warehouse") -> bool:
    """Take a returned parcel in; say whether it is in. Doing it again only tells the carrier."""
    is_in = _take_in(parcel, actor=actor)
    if is_in and parcel.tracking:
        carrier().receive_return(parcel.tracking)
    return is_in


def _take_in(parcel: ReturnParcel, *, actor: str = "carrier") -> bool:
    with saga_transaction(parcel, actor=actor) as row:
        if row.state == ReturnParcel.State.LABELLED:
            row.receive()
            publish(ReturnReceived(return_id=row.return_id), of=row)
        return bool(row.state == ReturnParcel.State.RECEIVED)


# -- what the carrier saw --------------------------------------------------------------------------

_OUT: dict[str, Callable[[Shipment], bool]] = {
    "handed_over": lambda shipment: _let_go(shipment, actor="carrier"),
    "delivered": deliver,
    "lost": lose,
}
_BACK: dict[str, Callable[[ReturnParcel], bool]] = {"received": _take_in}


def record_scan(scan: Scan) -> bool:
    """Record what the carrier saw of a parcel; say whether it fits what is known of it.

    A scan that does not fit changes nothing here; it stays in the carrier's books, where the
    comparison of both sides finds it (X1).
    """
    shipment = Shipment.objects.filter(tracking=scan.tracking).first()
    if shipment is not None and scan.kind in _OUT:
        return _tell_if_odd(scan, fits=_OUT[scan.kind](shipment))
    parcel = ReturnParcel.objects.filter(tracking=scan.tracking).first()
    if parcel is not None and scan.kind in _BACK:
        return _tell_if_odd(scan, fits=_BACK[scan.kind](parcel))
    return _tell_if_odd(scan, fits=parcel is not None)


def _tell_if_odd(scan: Scan, *, fits: bool) -> bool:
    if not fits:
        logger.warning(
            "A scan of the carrier does not fit its parcel.",
            extra={"action": "odd_scan", "tracking": scan.tracking, "kind": scan.kind},
        )
    return fits


def follow_scans() -> int:
    """Record every scan since the last look, oldest first; return how many were read.

    Reading one twice does no harm, so any number of processes may follow at once.
    """
    cursor, _ = CarrierCursor.objects.get_or_create(name=CARRIER)
    scans = carrier().scans_after(cursor.position)
    for scan in scans:
        record_scan(scan)
        CarrierCursor.objects.filter(name=CARRIER, position__lt=scan.number).update(
            position=scan.number
        )
    return len(scans)
