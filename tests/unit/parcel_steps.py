"""Parcel steps: shipping's own functions are called with rows that nobody saved."""

from uuid import UUID

from sagas.call import Outcome
from sagas.work import Work
from shipping.models import ReturnParcel, Shipment, ShipmentLine

ORDER, CASE = UUID(int=1), UUID(int=2)
ADDRESS = {"name": "Kim", "street": "1 Hill", "city": "Leeds", "postcode": "LS1", "country": "GB"}
State = Shipment.State
ReturnState = ReturnParcel.State


def shipment(state=State.NEW, **values):
    given = {"order_id": ORDER, "answers_for": ORDER, "part": 1, "number": "1001"}
    return Shipment(state=state, **(given | {"address": ADDRESS} | values))


def labelled(**values):
    return shipment(State.LABELLED, **({"tracking": "PX1"} | values))


def parcel(state=ReturnState.NEW, **values):
    given = {"case_id": CASE, "order_id": ORDER, "number": "1001", "address": ADDRESS}
    return ReturnParcel(state=state, **(given | values))


def in_it(shipment, *quantities, **counts):
    return [
        ShipmentLine(shipment=shipment, line_no=n, sku=f"S{n}", quantity=quantity, **counts)
        for n, quantity in enumerate(quantities, start=1)
    ]


def ok(tracking, **data):
    return Outcome(ok=True, reference=tracking, data=data)


def refused(code):
    return Outcome(ok=False, code=code)


def work():
    return Work("default", None)
