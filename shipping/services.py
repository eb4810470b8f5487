"""Services: parcels leave and come back. Our row decides first, then the carrier is told (R32).

`actor` says who: "warehouse:lee", "admin:kim", "carrier".
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.db import router, transaction
from django.db.models import Q

from sagas.event import Event
from sagas.exceptions import DirectionConflict
from sagas.locks import for_update
from sagas.outbox import publish, saga_transaction
from shipping import leaving
from shipping.events import (
    LOST,
    InterceptFailed,
    ParcelDelivered,
    ParcelLost,
    ReplacementDelivered,
    ReplacementLost,
    ReturnReceived,
    ShipmentDelivered,
    ShipmentIntercepted,
    ShipmentLost,
    ShipmentSplit,
)
from shipping.gateway import Scan, carrier
from shipping.leaving import InvalidHandOver
from shipping.models import CarrierCursor, ReturnParcel, Shipment

__all__ = [
    "CARRIER",
    "InvalidHandOver",
    "book_rest_again",
    "conclude",
    "deliver",
    "follow_scans",
    "hand_over",
    "lose",
    "receive_return",
    "record_scan",
]

logger = logging.getLogger("shipping")

#: The name of the row that remembers how far the carrier's scans are read.
CARRIER = "carrier"

State = Shipment.State


# -- parcels leave --------------------------------------------------------------------------------


def hand_over(
    shipment: Shipment, *, lines: Mapping[int, int] | None = None, actor: str = "warehouse"
) -> bool:
    """Give a parcel to the driver; say whether it has left (X2).

    `lines` are units by line number: what is not named stays and becomes the rest, a parcel of its
    own; without `lines` all that is in it leaves. It may not leave before its order is ready, while
    its order is being cancelled, or while a dispute is open. Doing it again only tells the carrier
    again, which mends a missed pickup, and a crash between our commit and the carrier's scan.
    Raises InvalidHandOver when the parcel can't be divided like that.
    """
    may_leave = _let_go(shipment, lines=lines, actor=actor)
    return may_leave and (not shipment.tracking or carrier().hand_over(shipment.tracking))


def _let_go(shipment: Shipment, *, lines: Mapping[int, int] | None, actor: str) -> bool:
    try:
        with saga_transaction(shipment, actor=actor) as row:
            if row.state == State.LABELLED and not row.is_disputed:
                _send(row, lines)
            return row.state in Shipment.LEFT
    except DirectionConflict:
        # The saga turned before this parcel was held: it stays (G8).
        return False


def _send(row: Shipment, units: Mapping[int, int] | None) -> None:
    """Let what was chosen leave, and announce it; what stays is announced as the rest."""
    lines = list(for_update(row.lines.order_by("line_no")))
    chosen = leaving.choose(row, lines, units)
    for line in lines:
        line.sent = chosen.get(line.line_no, 0)
    row.hand_over()
    publish(leaving.fact(row, lines), of=row)
    if any(line.left for line in lines):
        rest = leaving.split(row, lines)
        publish(ShipmentSplit(order_id=row.order_id, shipment_id=rest.pk), of=rest)
    leaving.write(lines)


def book_rest_again(shipment: Shipment, *, reason: str = "", actor: str = "warehouse") -> bool:
    """Ask the carriers once more to take the rest that they have refused; say whether it is so."""
    with saga_transaction(shipment, actor=actor) as row:
        is_refused = bool(row.part == leaving.REST and row.state == State.REFUSED)
        if is_refused:
            wish = ShipmentSplit(order_id=row.order_id, shipment_id=row.pk)
            publish(wish, of=row, reason=reason)
        return is_refused


# -- parcels arrive, or do not --------------------------------------------------------------------


def deliver(shipment: Shipment, *, actor: str = "carrier") -> bool:
    """Record that the customer has the parcel; say whether it is so now."""
    with saga_transaction(shipment, actor=actor) as row:
        if row.state == State.HANDED_OVER:
            row.deliver()
            publish(_arrival(row), of=row)
        return bool(row.state == State.DELIVERED)


def _arrival(row: Shipment) -> Event:
    if row.case_id is not None:
        return ReplacementDelivered(case_id=row.case_id, order_id=row.order_id)
    if all(other.state in Shipment.OVER for other in _others(row)):
        return ShipmentDelivered(order_id=row.order_id)
    return ParcelDelivered(order_id=row.order_id, shipment_id=row.pk)


def lose(shipment: Shipment, *, actor: str = "carrier") -> bool:
    """Record that the carrier lost the parcel; say whether it is so now."""
    using = shipment._state.db or router.db_for_write(Shipment)
    with transaction.atomic(using=using):
        _give_up_return(shipment, actor=actor)
        with saga_transaction(shipment, actor=actor) as row:
            if row.state == State.HANDED_OVER:
                row.lose()
                for fact in _loss(row):
                    publish(fact, of=row)
        return bool(row.state == State.LOST)


def _give_up_return(shipment: Shipment, *, actor: str) -> None:
    """End the return of a parcel that was stopped and got lost on its way back (D-13, D-15)."""
    stopped = ReturnParcel.objects.using(shipment._state.db).filter(
        tracking=shipment.tracking, state=ReturnParcel.State.INTERCEPTED
    )
    for parcel in stopped:
        with saga_transaction(parcel, actor=actor) as row:
            if row.state == ReturnParcel.State.INTERCEPTED:
                row.refuse(LOST)
                fact = InterceptFailed(case_id=row.case_id, order_id=row.order_id, code=LOST)
                publish(fact, of=row)


def _loss(row: Shipment) -> Iterable[Event]:
    """Yield what is lost, and that all else has arrived if nothing else is to come (D-15)."""
    if row.case_id is not None:
        yield ReplacementLost(case_id=row.case_id, order_id=row.order_id)
        return
    lost = leaving.sent(row.lines.order_by("line_no"))
    others = [other.state for other in _others(row)]
    if not set(others) - {State.LOST, State.STOPPED}:
        yield ShipmentLost(order_id=row.order_id, lines=lost)
        return
    yield ParcelLost(order_id=row.order_id, shipment_id=row.pk, lines=lost)
    if all(state in Shipment.OVER for state in others):
        yield ShipmentDelivered(order_id=row.order_id)


def conclude(shipment_id: UUID, *, actor: str = "shipping") -> bool:
    """Tell the checkout how its parcels ended, now that the rest will not leave.

    Says whether there was something to tell: not while the first parcel is on its way.
    """
    with saga_transaction(Shipment.objects.get(pk=shipment_id), actor=actor) as row:
        others = list(_others(row))
        if row.state != State.STOPPED or not all(other.state in Shipment.OVER for other in others):
            return False
        is_lost = all(other.state == State.LOST for other in others)
        end = ShipmentLost if is_lost else ShipmentDelivered
        publish(end(order_id=row.order_id), of=row)
        return True


def _others(row: Shipment) -> Iterable[Shipment]:
    """Return the order's other parcels.

    Not locked: whoever ends one holds the checkout's lock when it looks at the others, so the last
    one to look sees all of them.
    """
    mine = Shipment.objects.using(row._state.db).filter(order_id=row.order_id, case_id=None)
    return mine.exclude(pk=row.pk).order_by("pk")


# -- goods come back ------------------------------------------------------------------------------


def receive_return(parcel: ReturnParcel, *, actor: str = "warehouse") -> bool:
    """Take a returned parcel in; say whether it is in. Doing it again only tells the carrier."""
    is_in = _take_in(parcel, actor=actor)
    if is_in and parcel.tracking:
        carrier().receive_return(parcel.tracking)
    return is_in


def _take_in(parcel: ReturnParcel, *, actor: str = "carrier") -> bool:
    """Record that goods are back; of a parcel that was stopped, the checkout hears, too (D-13)."""
    using = parcel._state.db or router.db_for_write(ReturnParcel)
    with transaction.atomic(using=using):
        with saga_transaction(parcel, actor=actor) as row:
            is_news = row.state in (ReturnParcel.State.LABELLED, ReturnParcel.State.INTERCEPTED)
            if is_news:
                row.receive()
                publish(ReturnReceived(case_id=row.case_id), of=row)
        if is_news and row.is_intercept:
            _come_back(Shipment.objects.using(using).get(tracking=row.tracking), actor=actor)
    return row.state in ReturnParcel.CAME


def _come_back(shipment: Shipment, *, actor: str) -> None:
    with saga_transaction(shipment, actor=actor) as row:
        if row.state == State.HANDED_OVER:
            row.come_back()
            publish(ShipmentIntercepted(order_id=row.order_id), of=row)


# -- what the carrier saw --------------------------------------------------------------------------

_OUT: dict[str, Callable[[Shipment], bool]] = {
    # What has left has left: the carrier's scan of our own hand-over is no news, and locks nothing.
    "handed_over": lambda row: row.has_left or _let_go(row, lines=None, actor="carrier"),
    "delivered": deliver,
    "lost": lose,
}
#: A missed pickup is tried again, and that a parcel was stopped is known from who stopped it.
_NO_NEWS = ("pickup_failed", "intercepted")
_BACK: dict[str, Callable[[ReturnParcel], bool]] = {"received": _take_in}


def record_scan(scan: Scan) -> bool:
    """Record what the carrier saw of a parcel; say whether it fits what is known of it.

    A scan that does not fit changes nothing here; it stays in the carrier's books, where the
    comparison of both sides finds it (X1).
    """
    shipment = Shipment.objects.filter(tracking=scan.tracking).first()
    if shipment is not None and scan.kind in _OUT:
        return _tell_if_odd(scan, fits=_OUT[scan.kind](shipment))
    if scan.kind in _NO_NEWS:
        return True
    back = Q(tracking=scan.tracking) | Q(sent_back_tracking=scan.tracking)
    parcel = ReturnParcel.objects.filter(back).first()
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
    cursor, _created = CarrierCursor.objects.get_or_create(name=CARRIER)
    scans = carrier().scans_after(cursor.position)
    try:
        for scan in scans:
            record_scan(scan)
            cursor.position = scan.number
    finally:
        CarrierCursor.objects.filter(name=CARRIER, position__lt=cursor.position).update(
            position=cursor.position
        )
    return len(scans)
