"""Declared: the participant, which rows its steps take, what states hold, and when time is up."""

from django.conf import settings

from inventory.events import (
    InspectionOverdue,
    ReservationExpired,
    ReservationExtended,
    ReservationOverdue,
    ReturnInspected,
    ReturnQuarantined,
    ShortageFound,
    StockAdjusted,
    StockReserved,
)
from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from sagas.participant import Participant, by

State = Reservation.State
GoodsState = ReturnedGoods.State
#: Whether anything is kept has been decided.
DECIDED = tuple(state for state in State if state != State.NEW)

OF_ORDER = by(Reservation, "holder_id", "order_id")
OF_CASE = by(Reservation, "holder_id", "case_id")
KEPT_ROWS = {
    "kept": by(ReservationLine, "reservation_id", "subject.id"),
    "items": by(StockItem, "id", "kept.item_id"),
}
GOODS = by(ReturnedGoods, "case_id")
RETURNED_ROWS = {
    "returned": by(ReturnedLine, "goods_id", "subject.id"),
    "items": by(StockItem, "id", "returned.item_id"),
}

inventory = Participant("inventory")
inventory.announces(StockAdjusted)
inventory.announces(ShortageFound, ReservationExpired, after=StockReserved)
inventory.announces(ReservationOverdue, after=ReservationExtended)
inventory.announces(ReturnInspected, after=ReturnQuarantined)

# Whether time is up is decided here, under the row's lock; what follows from it, by others (E1).
inventory.while_in(
    Reservation.state,
    State.RESERVED,
    until=lambda reservation: reservation.expires_at,
    then=ReservationExpired,
)
inventory.while_in(
    Reservation.state,
    State.EXTENDED,
    until=lambda reservation: reservation.expires_at,
    then=ReservationOverdue,
)
inventory.while_in(
    ReturnedGoods.state,
    GoodsState.QUARANTINED,
    until=lambda goods: settings.SHOP["INSPECTION_PATIENCE"],
    then=InspectionOverdue,
)

inventory.holds(
    Reservation.state,
    {
        State.NEW: "nothing",
        State.REFUSED: "nothing",
        State.RESERVED: "stock",
        State.EXTENDED: "stock",
        State.COMMITTED: "stock",
        State.PARTLY_OUT: "stock",
        State.OUT: "stock",
        State.RELEASED: "nothing",
        State.WRITTEN_OFF: "nothing",
    },
    way_back={State.PARTLY_OUT: "partial", State.OUT: "return"},
)
inventory.holds(
    ReturnedGoods.state,
    {
        GoodsState.EXPECTED: "nothing",
        GoodsState.QUARANTINED: "stock",
        GoodsState.INSPECTED: "nothing",
        GoodsState.SENT_BACK: "nothing",
        GoodsState.DROPPED: "nothing",
    },
    way_back={GoodsState.QUARANTINED: "return"},
)
