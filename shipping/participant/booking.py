"""Booking: an order's parcel, its rest and a replacement get their labels (D-14)."""

from collections.abc import Iterable
from typing import Any

import msgspec
from django.conf import settings

from orders.events import OrderLine, OrderPlaced, OrderReady, ReplacementDue
from sagas.call import Outcome
from sagas.participant import ABSENT, refuse
from sagas.work import Work
from shipping import gateway
from shipping.events import (
    CarrierRefused,
    CarriersExhausted,
    ReplacementLabelled,
    ReplacementRefused,
    RestLabelled,
    RestRefused,
    ShipmentLabelled,
    ShipmentOpened,
    ShipmentSplit,
)
from shipping.models import Shipment, ShipmentLine
from shipping.participant.declared import ANSWERING, REPLACEMENT, REST, STAYS, State, shipping

BOOKED = refuse("the parcel is already booked")
STOPPED = refuse("the parcel is stopped: what was in it is cancelled")
BOOKS: dict[str, Any] = {
    "begins": Shipment.start_booking,
    "moves": (Shipment.label, Shipment.refuse),
}


def tries_left() -> int:
    """Return how often carriers may be asked again after the first one has refused."""
    tries: int = settings.SHOP["CARRIER_TRIES"]
    return len(settings.SHOP["CARRIERS"]) * tries - 1


def shipment_of(event: OrderPlaced) -> Shipment:
    """Return the parcel that an order begins with; it answers for the whole order."""
    return Shipment(
        order_id=event.order_id,
        answers_for=event.order_id,
        part=1,
        number=event.number,
        address=msgspec.to_builtins(event.ship_to),
    )


def lines_of(shipment: Shipment, lines: Iterable[OrderLine]) -> Iterable[ShipmentLine]:
    """Return what is to be in a parcel, not saved."""
    return (
        ShipmentLine(shipment=shipment, line_no=line.line_no, sku=line.sku, quantity=line.quantity)
        for line in lines
    )


@shipping.on(
    OrderPlaced,
    saga="checkout",
    subject=ANSWERING,
    creates=shipment_of,
    applies_in=(ABSENT,),
    otherwise={
        STAYS: refuse("the order was cancelled before it came here"),
        (State.NEW, State.BOOKING, State.LABELLED, State.REFUSED, *Shipment.LEFT): refuse(
            "the order's parcel is already open"
        ),
    },
)
def open_shipment(event: OrderPlaced, shipment: Shipment, work: Work) -> ShipmentOpened:
    """Keep what later events do not carry: the address and the lines."""
    for line in lines_of(shipment, event.lines):
        work.add(line)
    return ShipmentOpened(order_id=event.order_id)


@shipping.on(
    OrderReady,
    saga="checkout",
    subject=ANSWERING,
    applies_in=(State.NEW,),
    calls=gateway.BOOK,
    otherwise={
        (State.BOOKING, State.LABELLED, *Shipment.LEFT): BOOKED,
        State.REFUSED: refuse("a carrier has already refused the parcel"),
        STAYS: STOPPED,
    },
    **BOOKS,
)
def book_label(
    event: OrderReady, shipment: Shipment, outcome: Outcome
) -> ShipmentLabelled | CarrierRefused:
    """Order a parcel from the first carrier."""
    return _booked(shipment, outcome)


@shipping.on(
    CarrierRefused,
    saga="checkout",
    subject=ANSWERING,
    applies_in=(State.REFUSED,),
    calls=gateway.BOOK,
    at_most=tries_left,
    exhausted=CarriersExhausted,
    otherwise={
        (State.LABELLED, *Shipment.LEFT): BOOKED,
        STAYS: STOPPED,
    },
    **BOOKS,
)
def try_next_carrier(
    event: CarrierRefused, shipment: Shipment, outcome: Outcome
) -> ShipmentLabelled | CarrierRefused:
    """Order it again, from the carrier whose turn it is; each is asked a few times (D-14)."""
    return _booked(shipment, outcome)


def _booked(shipment: Shipment, outcome: Outcome) -> ShipmentLabelled | CarrierRefused:
    if outcome.ok:
        shipment.label(outcome.reference)
        return ShipmentLabelled(order_id=shipment.order_id, tracking=outcome.reference)
    shipment.refuse(outcome.code)
    return CarrierRefused(order_id=shipment.order_id, carrier=shipment.carrier, code=outcome.code)


@shipping.on(
    ShipmentSplit,
    saga="checkout",
    subject=REST,
    calls=gateway.BOOK_WITH_ANY,
    otherwise={(State.LABELLED, *Shipment.LEFT): BOOKED, STAYS: STOPPED},
    **BOOKS,
)
def book_rest(
    event: ShipmentSplit, shipment: Shipment, outcome: Outcome
) -> RestLabelled | RestRefused:
    """Order a parcel for what did not leave with the first one, from whoever takes it."""
    if outcome.ok:
        shipment.label(outcome.reference, carrier=outcome.data["carrier"])
        return RestLabelled(
            order_id=shipment.order_id, shipment_id=shipment.pk, tracking=outcome.reference
        )
    shipment.refuse(outcome.code)
    return RestRefused(order_id=shipment.order_id, shipment_id=shipment.pk, code=outcome.code)


def replacement_of(event: ReplacementDue) -> Shipment:
    """Return the parcel of a replacement; it answers for no order."""
    return Shipment(
        order_id=event.order_id,
        case_id=event.case_id,
        number=event.number,
        address=msgspec.to_builtins(event.ship_to),
    )


@shipping.on(
    ReplacementDue,
    saga="replacement",
    subject=REPLACEMENT,
    creates=replacement_of,
    applies_in=(ABSENT, State.NEW),
    calls=gateway.BOOK_WITH_ANY,
    otherwise={
        (State.BOOKING, State.LABELLED, *Shipment.LEFT): BOOKED,
        State.REFUSED: refuse("the carriers have already refused the replacement"),
        STAYS: STOPPED,
    },
    **BOOKS,
)
def book_replacement(
    event: ReplacementDue, shipment: Shipment, outcome: Outcome, work: Work
) -> ReplacementLabelled | ReplacementRefused:
    """Order a parcel for goods that go out in place of others, from whoever takes it (D-20)."""
    for line in lines_of(shipment, event.wanted):
        work.add(line)
    if outcome.ok:
        shipment.label(outcome.reference, carrier=outcome.data["carrier"])
        return ReplacementLabelled(case_id=event.case_id, tracking=outcome.reference)
    shipment.refuse(outcome.code)
    return ReplacementRefused(case_id=event.case_id, order_id=event.order_id, code=outcome.code)
