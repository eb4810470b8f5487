"""Returns: goods are fetched, or stopped on their way; what is refused goes back (D-13, D-19)."""

import msgspec

from orders.events import ExchangeAgreed, GoodsRefused, ReturnRequested
from sagas.call import Outcome
from sagas.participant import ABSENT, by, refuse
from shipping import gateway
from shipping.events import (
    GoodsSentBack,
    InterceptFailed,
    ReturnIntercepted,
    ReturnLabelled,
    ReturnOpened,
    ReturnUnbookable,
    SendBackRefused,
)
from shipping.models import ReturnParcel, Shipment
from shipping.participant.declared import RETURNING, ReturnState, State, shipping

BOTH = ("return", "exchange")
COMES_BACK = (ReturnState.LABELLED, ReturnState.INTERCEPTED)
BOOKED = refuse("the return is already booked")


def parcel_of(event: ReturnRequested | ExchangeAgreed) -> ReturnParcel:
    """Return the parcel in which the goods of a case come back."""
    return ReturnParcel(
        case_id=event.case_id,
        order_id=event.order_id,
        number=event.number,
        address=msgspec.to_builtins(event.ship_from),
        is_intercept=event.intercept,
    )


@shipping.on(
    ReturnRequested,
    ExchangeAgreed,
    saga=BOTH,
    subject=RETURNING,
    creates=parcel_of,
    reads={"parcels": by(Shipment, "order_id")},
    applies_in=(ABSENT,),
    moves=(ReturnParcel.refuse,),
    otherwise={tuple(ReturnState): refuse("the return is already open")},
)
def open_return(
    event: ReturnRequested | ExchangeAgreed, parcel: ReturnParcel, parcels: list[Shipment]
) -> ReturnOpened | InterceptFailed:
    """Find out how the goods come back; only one parcel that is on its way can be stopped."""
    if event.intercept:
        under_way = [p for p in parcels if p.state == State.HANDED_OVER and p.case_id is None]
        if len(under_way) != 1:
            return _not_stopped(parcel, "not_on_its_way")
        parcel.tracking = under_way[0].tracking
    return ReturnOpened(case_id=event.case_id)


def _not_stopped(parcel: ReturnParcel, code: str) -> InterceptFailed:
    parcel.refuse(code)
    return InterceptFailed(case_id=parcel.case_id, order_id=parcel.order_id, code=code)


@shipping.on(
    ReturnOpened,
    saga=BOTH,
    subject=RETURNING,
    begins=ReturnParcel.start_booking,
    moves=(ReturnParcel.label, ReturnParcel.intercept, ReturnParcel.refuse),
    calls=gateway.TAKE_BACK,
    otherwise={
        (ReturnState.BOOKING, *COMES_BACK, *ReturnParcel.CAME): BOOKED,
        ReturnState.REFUSED: refuse("the carrier has already refused the return"),
    },
)
def book_return(
    event: ReturnOpened, parcel: ReturnParcel, outcome: Outcome
) -> ReturnIntercepted | InterceptFailed | ReturnLabelled | ReturnUnbookable:
    """Have the parcel stopped, or fetched from the customer."""
    if parcel.is_intercept:
        return _intercepted(parcel, outcome)
    if outcome.ok:
        parcel.label(outcome.reference, carrier=outcome.data["carrier"])
        return ReturnLabelled(case_id=parcel.case_id, tracking=outcome.reference)
    parcel.refuse(outcome.code)
    return ReturnUnbookable(case_id=parcel.case_id, order_id=parcel.order_id, code=outcome.code)


def _intercepted(parcel: ReturnParcel, outcome: Outcome) -> ReturnIntercepted | InterceptFailed:
    if not outcome.ok:
        return _not_stopped(parcel, outcome.code)
    parcel.intercept()
    return ReturnIntercepted(
        case_id=parcel.case_id, order_id=parcel.order_id, tracking=parcel.tracking or ""
    )


@shipping.on(
    GoodsRefused,
    saga=BOTH,
    subject=RETURNING,
    begins=ReturnParcel.start_sending_back,
    moves=(ReturnParcel.send_back, ReturnParcel.keep),
    calls=gateway.SEND_BACK,
    otherwise={
        ReturnState.REFUSED: refuse("these goods have never come"),
        (ReturnState.SENDING_BACK, ReturnState.SENT_BACK, ReturnState.KEPT): refuse(
            "these goods were sent back before"
        ),
    },
)
def send_back(
    event: GoodsRefused, parcel: ReturnParcel, outcome: Outcome
) -> GoodsSentBack | SendBackRefused:
    """Order a parcel to the customer for what was not accepted."""
    if outcome.ok:
        parcel.send_back(outcome.reference)
        return GoodsSentBack(case_id=event.case_id, tracking=outcome.reference)
    parcel.keep(outcome.code)
    return SendBackRefused(case_id=event.case_id, order_id=event.order_id, code=outcome.code)
