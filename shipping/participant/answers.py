"""Answers: whether what is in the house can be cancelled, and the way back if it is (R32).

Only the parcel's own row knows whether it has left; nobody decides before it has answered.
"""

from orders.events import CancelRequested, OrderCancelled
from sagas.call import Outcome
from sagas.exceptions import PermanentFailure
from sagas.participant import (
    ABSENT,
    INQUIRE,
    WAIT,
    hold_for_a_person,
    nothing_to_undo,
)
from shipping import gateway
from shipping.events import CancelAccepted, CancelRefused, ShipmentStopped
from shipping.models import Shipment
from shipping.participant.booking import book_label, open_shipment, try_next_carrier
from shipping.participant.declared import ANSWERING, STAYS, State, shipping

HAS_LEFT = "the parcel has left the house"


def refused_in_advance(event: CancelRequested) -> Shipment:
    """Return the parcel of an order that is cancelled before it came here (R28)."""
    return Shipment(order_id=event.order_id, answers_for=event.order_id, part=1)


@shipping.on(
    CancelRequested,
    saga="checkout",
    subject=ANSWERING,
    creates=refused_in_advance,
    applies_in=(State.NEW, State.REFUSED, State.LABELLED, *STAYS, *Shipment.LEFT),
    moves=(Shipment.hold, Shipment.stop),
    request=True,
)
def answer_cancel(event: CancelRequested, shipment: Shipment) -> CancelAccepted | CancelRefused:
    """Keep the parcel in the house, and say so; what has left can only come back as a return.

    Every wish has an answer, a second one the first one's (R33).
    """
    if shipment.state in Shipment.LEFT or shipment.part != 1:
        return CancelRefused(order_id=event.order_id, case_id=event.case_id, reason=HAS_LEFT)
    if shipment.state == State.LABELLED:
        shipment.hold()
    elif shipment.state not in STAYS:
        shipment.stop()
    return CancelAccepted(
        order_id=event.order_id, case_id=event.case_id, case=event.case, reason=event.reason
    )


# -- back -----------------------------------------------------------------------------------------


def _stopped(event: OrderCancelled) -> ShipmentStopped:
    return ShipmentStopped(
        order_id=event.order_id, case_id=event.case_id, case=event.case, reason=event.reason
    )


@shipping.undo(subject=ANSWERING, moves=(Shipment.stop,))
def stop_unbooked(event: OrderCancelled, shipment: Shipment) -> ShipmentStopped:
    """No carrier has it: refuse every booking to come, and every question about its lines."""
    shipment.stop()
    return _stopped(event)


@shipping.undo(
    subject=ANSWERING,
    begins=Shipment.start_void,
    moves=(Shipment.finish_void,),
    calls=gateway.VOID,
)
def void_label(event: OrderCancelled, shipment: Shipment, outcome: Outcome) -> ShipmentStopped:
    """Cancel the label; raises PermanentFailure when the carrier has the parcel."""
    finish_void(shipment, outcome)
    return _stopped(event)


def finish_void(shipment: Shipment, outcome: Outcome) -> None:
    """Stop a parcel. A label that can't be cancelled is a cost, and no reason to keep money.

    Raises PermanentFailure when the carrier says that it has the parcel: it must be fetched first.
    """
    if outcome.code in Shipment.LEFT:
        message = (
            f"Parcel {shipment.tracking} was to stay, and the carrier says it is {outcome.code}."
        )
        raise PermanentFailure(message)
    shipment.finish_void()


shipping.undoes(
    book_label,
    try_next_carrier,
    open_shipment,
    on=OrderCancelled,
    by=Shipment.state,
    table={
        ABSENT: nothing_to_undo(ShipmentStopped),
        State.NEW: stop_unbooked,
        State.REFUSED: stop_unbooked,
        State.STOPPED: nothing_to_undo(ShipmentStopped),
        State.BOOKING: INQUIRE,
        State.LABELLED: void_label,
        State.HELD: void_label,
        State.VOIDING: WAIT,
        State.HANDED_OVER: hold_for_a_person("the parcel left the house before the cancellation"),
        State.DELIVERED: hold_for_a_person("the customer has the parcel"),
        State.LOST: hold_for_a_person("the carrier has lost the parcel"),
        State.INTERCEPTED: hold_for_a_person("the parcel has left the house and come back"),
    },
)
