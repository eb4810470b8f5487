"""Warehouse: shipping alone, with an order of three cups and a bag, and what it has said."""

from uuid import uuid4

import pytest

from orders.events import (
    CancelRequested,
    CaseKind,
    OrderReady,
    PartialCancelRequested,
    ReturnRequested,
)
from payments.events import DisputeOpened
from sagas.models import StoredEvent
from sagas.money import Money
from shipping import services
from shipping.models import ReturnParcel, Shipment
from shipping.simulated_carrier import SimulatedCarrier
from tests.unit.house import House, case, case_lines, placed

#: What may become of an order's parcels.
ENDS = ("ParcelDelivered", "ParcelLost", "ShipmentDelivered", "ShipmentLost")


@pytest.fixture
def carrier(settings, tmp_path):
    settings.CARRIER_BOOKS = tmp_path / "carrier.sqlite3"
    return SimulatedCarrier(settings.CARRIER_BOOKS)


@pytest.fixture
def house(carrier, settings):
    """Return a house in which an order of three cups and one bag was placed."""
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    settings.SHOP = dict(settings.SHOP)
    house = House("shipping", CUP=10, BAG=10)
    house.say(placed(house.order_id, ("CUP", 3), ("BAG", 1)))
    yield house
    house.close()


@pytest.fixture
def labelled(house):
    """Return the parcel of that order, which has its label."""
    house.say(OrderReady(order_id=house.order_id))
    return parcel_of(house)


@pytest.fixture
def halves(house, labelled):
    """Return both parcels of an order of which two cups have left; the rest has its label."""
    assert services.hand_over(labelled, lines={1: 2})
    house.work()
    return parcel_of(house), parcel_of(house, part=2)


def parcel_of(house, part=1):
    return Shipment.objects.get(order_id=house.order_id, part=part)


def state_of(row):
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


def lines_of(row):
    """Return the parcel's lines: number, units, withdrawn, sent."""
    rows = row.lines.order_by("line_no")
    return list(rows.values_list("line_no", "quantity", "withdrawn", "sent"))


def said(*names):
    """Return what was announced, oldest first; of these names, if any are given."""
    rows = StoredEvent.objects.filter(context="shipping").order_by("recorded_at", "id")
    found = [name.split(".")[1] for name in rows.values_list("type", flat=True)]
    return [name for name in found if not names or name in names]


def wish(house):
    return case(CancelRequested, house.order_id, house.case_id)


def cancel_lines(house, *lines, case_id=None):
    """Ask for some units to be cancelled, and return the case."""
    about = (house.order_id, case_id or uuid4())
    kind, chosen = CaseKind.CANCEL_PARTIAL, case_lines(*lines)
    house.say(case(PartialCancelRequested, *about, case=kind, lines=chosen))
    return about[1]


def dispute(house, kind, **values):
    house.say(case(kind, house.order_id, house.case_id, **values))


def open_dispute(house):
    dispute(house, DisputeOpened, amount=Money(300, "GBP"), reference="dp1", inquiry=False)


def ask_back(house, *, intercept):
    lines = case_lines((1, "CUP", 3))
    about = (house.order_id, house.case_id)
    house.say(case(ReturnRequested, *about, lines=lines, intercept=intercept))
    return ReturnParcel.objects.get(case_id=house.case_id)
