"""Declared: the participant, which rows its steps take, what states hold, and its doors."""

from sagas.participant import Participant, by
from shipping.events import (
    InterceptFailed,
    ParcelDelivered,
    ParcelLost,
    ReplacementDelivered,
    ReplacementHandedOver,
    ReplacementLabelled,
    ReplacementLost,
    RestHandedOver,
    RestLabelled,
    ReturnIntercepted,
    ReturnLabelled,
    ReturnReceived,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentIntercepted,
    ShipmentLabelled,
    ShipmentLost,
    ShipmentSplit,
)
from shipping.models import ReturnParcel, Shipment, ShipmentLine

State = Shipment.State
ReturnState = ReturnParcel.State

#: The parcel that answers for what of the order is in the house.
ANSWERING = by(Shipment, "answers_for", "order_id")
REST = by(Shipment, "id", "shipment_id")
REPLACEMENT = by(Shipment, "case_id")
RETURNING = by(ReturnParcel, "case_id")
LINES = {"lines": by(ShipmentLine, "shipment_id", "subject.id")}

#: Its label is cancelled, is being cancelled, or is to be.
STAYS = (State.HELD, State.VOIDING, State.STOPPED)

shipping = Participant("shipping")

# Facts that come from the carrier or the warehouse, through services.
shipping.announces(ShipmentHandedOver, after=ShipmentLabelled)
shipping.announces(
    ParcelDelivered,
    ParcelLost,
    ShipmentDelivered,
    ShipmentIntercepted,
    ShipmentLost,
    ShipmentSplit,
    after=ShipmentHandedOver,
)
shipping.announces(RestHandedOver, after=RestLabelled)
shipping.announces(ReplacementHandedOver, after=ReplacementLabelled)
shipping.announces(ReplacementDelivered, ReplacementLost, after=ReplacementHandedOver)
shipping.announces(ReturnReceived, after=(ReturnLabelled, ReturnIntercepted))
shipping.announces(InterceptFailed, after=ReturnIntercepted)

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
        State.INTERCEPTED: "nothing",
        State.VOIDING: "parcel",
        State.STOPPED: "nothing",
    },
    way_back={State.HANDED_OVER: "return", State.DELIVERED: "return", State.LOST: "loss"},
)
shipping.holds(
    ReturnParcel.state,
    {
        ReturnState.NEW: "nothing",
        ReturnState.BOOKING: "parcel",
        ReturnState.LABELLED: "parcel",
        ReturnState.INTERCEPTED: "parcel",
        ReturnState.REFUSED: "nothing",
        ReturnState.RECEIVED: "nothing",
        ReturnState.SENDING_BACK: "parcel",
        ReturnState.SENT_BACK: "nothing",
        ReturnState.KEPT: "nothing",
    },
    way_back=dict.fromkeys(
        (
            ReturnState.BOOKING,
            ReturnState.LABELLED,
            ReturnState.INTERCEPTED,
            ReturnState.SENDING_BACK,
        ),
        "return",
    ),
)
