"""Stock house: inventory alone, with ten cups and ten bags, and with an order that is paid."""

from uuid import uuid4

import pytest

from orders.events import (
    CaseKind,
    LinesCancelled,
    OrderCancelled,
    OrderConfirmed,
    PartialCancelRequested,
)
from sagas.models import StoredEvent
from sagas.money import Money
from shipping.events import SentLine, ShipmentHandedOver
from tests.unit.house import House, case, case_lines, placed


@pytest.fixture
def house(settings):
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    settings.SHOP = dict(settings.SHOP)
    house = House("inventory", CUP=10, BAG=10)
    yield house
    house.close()


@pytest.fixture
def committed(house):
    """Return the house with an order that is paid: five cups, two bags."""
    house.say(placed(house.order_id, ("CUP", 5), ("BAG", 2)))
    house.say(OrderConfirmed(order_id=house.order_id))
    return house


def sent(*lines):
    return tuple(SentLine(line_no=n, sku=sku, quantity=quantity) for n, sku, quantity in lines)


def hand_over(house, *lines):
    house.say(ShipmentHandedOver(order_id=house.order_id, lines=sent(*lines)))


def cancel(house):
    """Turn the checkout, as orders does."""
    house.say(case(OrderCancelled, house.order_id, house.case_id))


def cancel_lines(house, *lines, kind=CaseKind.CANCEL_PARTIAL):
    """Cancel some units, as orders does once shipping has agreed."""
    about, chosen = (house.order_id, uuid4()), case_lines(*lines)
    house.say(case(PartialCancelRequested, *about, case=kind, lines=chosen))
    amount = Money(100, "GBP")
    house.say(case(LinesCancelled, *about, case=kind, lines=chosen, amount=amount))


def facts(kind):
    return StoredEvent.objects.filter(type=kind.wire_name)
