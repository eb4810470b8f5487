"""Cases: units are taken out of a parcel, and disputes keep one in the house (D-16, D-24)."""

from collections.abc import Mapping

from orders.events import PartialCancelRequested
from payments.events import DisputeOpened, DisputeWon
from sagas.call import Outcome
from sagas.participant import by, refuse
from shipping import gateway, services
from shipping.events import (
    ParcelHeld,
    ParcelReleased,
    PartialCancelAccepted,
    PartialCancelRefused,
    RestHeld,
    RestStopped,
)
from shipping.models import Shipment, ShipmentLine
from shipping.participant.answers import finish_void
from shipping.participant.declared import ANSWERING, LINES, REST, STAYS, State, shipping

#: The order's parcels, and those of its replacements.
OF_ORDER = {"parcels": by(Shipment, "order_id")}

# -- some units are cancelled ---------------------------------------------------------------------


@shipping.on(
    PartialCancelRequested,
    saga="partial",
    subject=ANSWERING,
    locks=LINES,
    applies_in=(State.NEW, State.REFUSED, State.LABELLED, *STAYS, *Shipment.LEFT),
    moves=(Shipment.hold, Shipment.stop),
    request=True,
)
def answer_partial(
    event: PartialCancelRequested, shipment: Shipment, lines: list[ShipmentLine]
) -> (
    PartialCancelAccepted
    | tuple[PartialCancelAccepted, RestHeld]
    | tuple[PartialCancelAccepted, RestStopped]
    | PartialCancelRefused
):
    """Take cancelled units out of the parcel, if they are still in it; every wish has an answer."""
    wanted = {line.line_no: line.quantity for line in event.lines}
    why_not = _why_not(shipment, lines, wanted)
    if why_not:
        return PartialCancelRefused(case_id=event.case_id, order_id=event.order_id, reason=why_not)
    for line in lines:
        line.withdrawn += wanted.get(line.line_no, 0)
    accepted = PartialCancelAccepted(
        case_id=event.case_id,
        order_id=event.order_id,
        case=event.case,
        lines=event.lines,
        reason=event.reason,
    )
    return accepted if any(line.left for line in lines) else _empty(shipment, accepted)


def _why_not(shipment: Shipment, lines: list[ShipmentLine], wanted: Mapping[int, int]) -> str:
    if not shipment.is_in_the_house or shipment.state in STAYS:
        return "nothing that could be taken out is left in the house"
    left = {line.line_no: line.left for line in lines}
    if any(left.get(line_no, 0) < count for line_no, count in wanted.items()):
        return "too few of the units are still in the house"
    if shipment.part == 1 and sum(left.values()) == sum(wanted.values()):
        return "nothing of the order would be left: all of it is to be cancelled"
    return ""


def _empty(
    rest: Shipment, accepted: PartialCancelAccepted
) -> tuple[PartialCancelAccepted, RestHeld] | tuple[PartialCancelAccepted, RestStopped]:
    """Keep in the house what nothing is left of; its label, if it has one, is voided next."""
    case_id, order_id = accepted.case_id, accepted.order_id
    if rest.state == State.LABELLED:
        rest.hold()
        return accepted, RestHeld(case_id=case_id, order_id=order_id, shipment_id=rest.pk)
    rest.stop()
    return accepted, RestStopped(case_id=case_id, order_id=order_id, shipment_id=rest.pk)


@shipping.on(
    RestHeld,
    saga="partial",
    subject=REST,
    applies_in=(State.HELD,),
    begins=Shipment.start_void,
    moves=(Shipment.finish_void,),
    calls=gateway.VOID,
    otherwise={
        (State.VOIDING, State.STOPPED): refuse("its label is cancelled before"),
        Shipment.LEFT: refuse("the parcel has left the house"),
    },
)
def void_rest(event: RestHeld, shipment: Shipment, outcome: Outcome) -> RestStopped:
    """Cancel the label of an empty parcel; raises as `void_label`."""
    finish_void(shipment, outcome)
    return RestStopped(
        case_id=event.case_id, order_id=event.order_id, shipment_id=event.shipment_id
    )


@shipping.on(RestStopped, saga="partial")
def tell_checkout(event: RestStopped) -> None:
    """Let the checkout know that all has arrived, if the rest was all it still waited for."""
    services.conclude(event.shipment_id)


# -- disputes -------------------------------------------------------------------------------------


@shipping.on(DisputeOpened, saga="dispute", subject=ANSWERING, locks=OF_ORDER)
def hold_parcel(event: DisputeOpened, shipment: Shipment, parcels: list[Shipment]) -> ParcelHeld:
    """Keep in the house what is in the house, whatever it is waiting for (D-24)."""
    kept = [parcel for parcel in parcels if parcel.is_in_the_house]
    for parcel in kept:
        parcel.disputes += 1
    return ParcelHeld(case_id=event.case_id, order_id=event.order_id, held=bool(kept))


@shipping.on(DisputeWon, saga="dispute", subject=ANSWERING, locks=OF_ORDER)
def release_parcel(
    event: DisputeWon, shipment: Shipment, parcels: list[Shipment]
) -> ParcelReleased:
    """Let leave what this dispute has kept, unless another one does (D-25)."""
    for parcel in parcels:
        parcel.disputes = max(parcel.disputes - 1, 0)
    return ParcelReleased(case_id=event.case_id, order_id=event.order_id)
