"""Participant: how shipping reacts: book, answer a cancellation, void a label; fetch returns."""

import msgspec

from orders.events import CancelRequested, OrderCancelled, OrderReady, ReturnRequested
from sagas.call import Outcome
from sagas.exceptions import PermanentFailure
from sagas.participant import (
    ABSENT,
    INQUIRE,
    WAIT,
    Participant,
    by,
    hold_for_a_person,
    ignore,
    nothing_to_undo,
    refuse,
)
from shipping import gateway
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarrierRefused,
    ReturnLabelled,
    ReturnReceived,
    ReturnUnbookable,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLabelled,
    ShipmentLost,
    ShipmentStopped,
)
from shipping.models import ReturnParcel, Shipment

shipping = Participant("shipping")

State = Shipment.State
ReturnState = ReturnParcel.State

OF_ORDER = by(Shipment, "order_id")
OUT_OF_THE_HOUSE = (State.HANDED_OVER, State.DELIVERED, State.LOST)

# Facts that come from the carrier or the warehouse, through services.
shipping.announces(ShipmentHandedOver, after=ShipmentLabelled)
shipping.announces(ShipmentDelivered, ShipmentLost, after=ShipmentHandedOver)
shipping.announces(ReturnReceived, after=ReturnLabelled)


# -- forward --------------------------------------------------------------------------------------


def shipment_of(event: OrderReady) -> Shipment:
    """Return the shipment that a ready order begins with."""
    return Shipment(
        order_id=event.order_id, number=event.number, address=msgspec.to_builtins(event.ship_to)
    )


@shipping.on(
    OrderReady,
    subject=OF_ORDER,
    creates=shipment_of,
    begins=Shipment.start_booking,
    moves=(Shipment.label, Shipment.refuse),
    calls=gateway.BOOK,
    otherwise={
        (State.BOOKING, State.LABELLED, *OUT_OF_THE_HOUSE): refuse("the parcel is already booked"),
        State.REFUSED: refuse("the carrier has already refused the parcel"),
        (State.HELD, State.VOIDING, State.STOPPED): refuse("the order is cancelled"),
    },
)
def book_label(
    event: OrderReady, shipment: Shipment, outcome: Outcome
) -> ShipmentLabelled | CarrierRefused:
    """Order a parcel from the carrier."""
    if not outcome.ok:
        shipment.refuse(outcome.code)
        return CarrierRefused(order_id=shipment.order_id, code=outcome.code)
    shipment.label(outcome.reference)
    return ShipmentLabelled(order_id=shipment.order_id, tracking=outcome.reference)


# -- the answer to a cancellation: only this row knows whether the parcel has left (R32) ----------


def refused_in_advance(event: CancelRequested) -> Shipment:
    """Return the shipment of an order that is cancelled before it was ready."""
    return Shipment(order_id=event.order_id)


@shipping.late(subject=OF_ORDER)
def refuse_cancel(event: CancelRequested, shipment: Shipment) -> CancelRefused:
    """The parcel has left the house, so the goods can only come back as a return."""
    return CancelRefused(order_id=event.order_id, case_id=event.case_id, reason=event.reason)


@shipping.on(
    CancelRequested,
    subject=OF_ORDER,
    creates=refused_in_advance,
    moves=(Shipment.hold, Shipment.stop),
    request=True,
    otherwise={
        OUT_OF_THE_HOUSE: refuse_cancel,
        (State.HELD, State.VOIDING, State.STOPPED): ignore("the parcel is already stopped"),
    },
)
def answer_cancel(event: CancelRequested, shipment: Shipment) -> CancelAccepted:
    """Keep the parcel in the house, and say so."""
    if shipment.state == State.LABELLED:
        shipment.hold()
    else:
        shipment.stop()
    return CancelAccepted(order_id=event.order_id, case_id=event.case_id, reason=event.reason)


# -- back -----------------------------------------------------------------------------------------


@shipping.undo(
    subject=OF_ORDER,
    begins=Shipment.start_void,
    moves=(Shipment.finish_void,),
    calls=gateway.VOID,
)
def void_label(event: OrderCancelled, shipment: Shipment, outcome: Outcome) -> ShipmentStopped:
    """Cancel the label. A label that can't be cancelled is a cost, and no reason to keep money.

    Raises PermanentFailure when the carrier says that it has the parcel: it must be fetched first.
    """
    if outcome.code in OUT_OF_THE_HOUSE:
        message = (
            f"Parcel {shipment.tracking} was to stay, and the carrier says it is {outcome.code}."
        )
        raise PermanentFailure(message)
    shipment.finish_void()
    return ShipmentStopped(order_id=shipment.order_id)


shipping.undoes(
    book_label,
    on=OrderCancelled,
    by=Shipment.state,
    table={
        ABSENT: nothing_to_undo(ShipmentStopped),
        State.NEW: nothing_to_undo(ShipmentStopped),
        State.STOPPED: nothing_to_undo(ShipmentStopped),
        State.REFUSED: nothing_to_undo(ShipmentStopped),
        State.BOOKING: INQUIRE,
        State.LABELLED: void_label,
        State.HELD: void_label,
        State.VOIDING: WAIT,
        State.HANDED_OVER: hold_for_a_person("the parcel left the house before the cancellation"),
        State.DELIVERED: hold_for_a_person("the customer has the parcel"),
        State.LOST: hold_for_a_person("the carrier has lost the parcel"),
    },
)


# -- returns --------------------------------------------------------------------------------------


def parcel_of(event: ReturnRequested) -> ReturnParcel:
    """Return the parcel in which the goods of a return come back."""
    return ReturnParcel(
        return_id=event.return_id,
        order_id=event.order_id,
        number=event.number,
        address=msgspec.to_builtins(event.ship_from),
    )


@shipping.on(
    ReturnRequested,
    subject=by(ReturnParcel, "return_id"),
    creates=parcel_of,
    begins=ReturnParcel.start_booking,
    moves=(ReturnParcel.label, ReturnParcel.refuse),
    calls=gateway.BOOK_RETURN,
    otherwise={
        (ReturnState.BOOKING, ReturnState.LABELLED, ReturnState.RECEIVED): refuse(
            "the return is already booked"
        ),
        ReturnState.REFUSED: refuse("the carrier has already refused the return"),
    },
)
def book_return(
    event: ReturnRequested, parcel: ReturnParcel, outcome: Outcome
) -> ReturnLabelled | ReturnUnbookable:
    """Order a parcel back from the customer."""
    if not outcome.ok:
        parcel.refuse(outcome.code)
        return ReturnUnbookable(
            return_id=parcel.return_id, order_id=parcel.order_id, code=outcome.code
        )
    parcel.label(outcome.reference)
    return ReturnLabelled(return_id=parcel.return_id, tracking=outcome.reference)


shipping.holds(
    Shipment.state,
    {
        State.NEW: "nothing",
        State.BOOKING: "parcel",
        State.LABELLED: "parcel",
        State.REFUSED: "nothing",
        State.HELD: "parcel",
        State.HANDED_OVER: "parcel",
        State.DELIVERED: "parcel",
        State.LOST: "parcel",
        State.VOIDING: "parcel",
        State.STOPPED: "nothing",
    },
    way_back={State.HANDED_OVER: "return", State.DELIVERED: "return", State.LOST: "loss"},
)
