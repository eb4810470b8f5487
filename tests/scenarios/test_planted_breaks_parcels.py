"""X1-X6, P1, P2: what contexts, or the carrier, say differently is found under its name."""

from datetime import timedelta

import pytest
from django.db.models import F

from orders.models import Case, Order
from payments.models import Payment
from sagas import clock
from shipping.models import ReturnParcel, Shipment, ShipmentLine
from tests.scenarios.planting import (
    SOON,
    Orders,
    Plant,
    assert_found,
    found,
    orders_of,
    payment_of,
    send_back,
)
from tests.world import World

pytestmark = pytest.mark.both_databases


def parcel_of(order: Order):
    return Shipment.objects.filter(order_id=order.pk, case_id=None)


def tracking(order: Order) -> str:
    return str(parcel_of(order).get().tracking)


def case_of(order: Order):
    return Case.objects.filter(order=order)


def a_parcel_of_an_order_that_is_cancelled(_: World, orders: Orders) -> str:
    Order.objects.filter(pk=orders["sent"].pk).update(state=Order.State.CANCELLING)
    return f"{orders['sent'].number} {tracking(orders['sent'])}"


def a_parcel_that_was_not_paid_for(_: World, orders: Orders) -> str:
    payment_of(orders["sent"]).update(
        amount_minor=F("amount_minor") + 1, due_minor=F("due_minor") + 1
    )
    return f"{orders['sent'].number} {tracking(orders['sent'])}"


def a_payment_that_belongs_to_nothing(_: World, orders: Orders) -> str:
    payment_of(orders["called_off"]).update(state=Payment.State.CAPTURED)
    return orders["called_off"].number


def a_unit_that_orders_do_not_count(_: World, orders: Orders) -> str:
    orders["sent"].lines.update(shipped=F("shipped") - 1)
    return f"{orders['sent'].number} MUG"


def a_unit_that_parcels_do_not_count(_: World, orders: Orders) -> str:
    ShipmentLine.objects.filter(shipment__order_id=orders["kept"].pk).update(sent=F("sent") - 1)
    return f"{orders['kept'].number} MUG"


def a_return_that_is_not_paid_in_time(_: World, orders: Orders) -> str:
    orders["part"].benefits.update(restored_minor=0)
    return _is_late(orders["part"])


def a_shortage_that_is_not_paid_in_time(_: World, orders: Orders) -> str:
    return _is_late(orders["refused"])


def _is_late(order: Order) -> str:
    """Have its case still wait for its money, an hour after it was due."""
    late = clock.now() - timedelta(hours=1)
    waits = {"state": Case.State.ACCEPTED, "settled_at": None, "apology_code": None}
    case_of(order).update(**waits, due_at=late)
    return f"{order.number} {case_of(order).get().pk}"


def a_delivery_that_no_scan_tells_of(_: World, orders: Orders) -> str:
    parcel_of(orders["sent"]).update(state=Shipment.State.DELIVERED)
    return f"out {tracking(orders['sent'])}"


def a_hand_over_that_was_forgotten(_: World, orders: Orders) -> str:
    parcel_of(orders["sent"]).update(state=Shipment.State.LABELLED)
    return tracking(orders["sent"])


def a_parcel_that_is_not_known(_: World, orders: Orders) -> str:
    known = tracking(orders["kept"])
    parcel_of(orders["kept"]).update(state=Shipment.State.STOPPED, tracking=None)
    return known


BREAKS: list[tuple[str, Plant]] = [
    ("X1", a_parcel_of_an_order_that_is_cancelled),
    ("X2", a_parcel_that_was_not_paid_for),
    ("X3", a_payment_that_belongs_to_nothing),
    ("X4", a_unit_that_orders_do_not_count),
    ("X4", a_unit_that_parcels_do_not_count),
    ("X5", a_return_that_is_not_paid_in_time),
    ("X6", a_shortage_that_is_not_paid_in_time),
    ("P1", a_hand_over_that_was_forgotten),
    ("P1", a_parcel_that_is_not_known),
    ("P2", a_delivery_that_no_scan_tells_of),
]


def test_each_planted_break_between_contexts_is_found_and_nothing_else(world):
    orders = orders_of(world)
    undamaged = found()

    assert undamaged == []
    assert_found(world, orders, BREAKS)


def test_a_delivery_that_only_the_carrier_knows_is_found(world):
    order = world.place()
    world.drain()
    world.hand_over(order)
    world.carrier.deliver(tracking(order))

    assert found() == [("P1", tracking(order))]


def test_goods_that_the_carrier_lost_on_their_way_back_are_asked_about_at_once(world):
    """No rule says who bears that, and the case would wait for them until its deadline."""
    order = world.delivered()
    case = world.ask_back(order, (1, 1))
    parcel = ReturnParcel.objects.get(case_id=case.pk)

    world.carrier.hand_over(parcel.tracking)
    world.carrier.lose(parcel.tracking)
    world.follow()

    assert found() == [("P1", parcel.tracking)]


def test_a_later_run_finds_what_broke_in_orders_that_were_changed_since(world):
    assert found() == []
    world.pass_time(SOON)
    order = world.place()
    world.drain()
    payment_of(order).update(pending_minor=100)
    Order.objects.filter(pk=order.pk).update(
        goods_minor=F("goods_minor") + 1, total_minor=F("total_minor") + 1
    )

    assert found(full=False) == [("M2", order.number), ("M6", order.number)]


def test_refused_units_that_come_back_once_more_are_no_break(world):
    order = world.place()
    world.drain()
    world.deliver(order)
    send_back(world, order, 2, refused=2)
    send_back(world, order, 3)

    assert found() == []
