"""Parcels by the doors and the engine: are booked, leave in one or two, or stay."""

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from orders.events import (
    OrderCancelled,
    OrderReady,
)
from payments.events import DisputeWon
from sagas.models import Saga, StoredEvent
from shipping import services
from shipping.models import ReturnParcel, Shipment, ShipmentLine
from tests.unit.house import case
from tests.unit.warehouse import (
    cancel_lines,
    carrier,
    dispute,
    halves,
    house,
    labelled,
    lines_of,
    open_dispute,
    parcel_of,
    said,
    state_of,
    wish,
)

__all__ = ["carrier", "halves", "house", "labelled"]

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
State = Shipment.State
ReturnState = ReturnParcel.State


# -- booking ----------------------------------------------------------------------------------


def test_d14_the_carriers_take_turns_until_one_takes_the_parcel(house, carrier):
    carrier.switch_on("refuse", operation="book", carrier="swift")

    house.say(OrderReady(order_id=house.order_id))

    booked = parcel_of(house)
    assert (booked.state, booked.carrier, booked.bookings) == (State.LABELLED, "post", 3)
    assert said("CarrierRefused", "ShipmentLabelled") == [
        *["CarrierRefused"] * 2,
        "ShipmentLabelled",
    ]


def test_d14_a_parcel_that_no_carrier_takes_is_said_and_stays(house, carrier):
    carrier.switch_on("refuse", operation="book", code="no_service")

    house.say(OrderReady(order_id=house.order_id))

    assert said("CarrierRefused", "CarriersExhausted") == [
        *["CarrierRefused"] * 4,
        "CarriersExhausted",
    ]
    assert state_of(parcel_of(house)) == State.REFUSED


# -- leaving ----------------------------------------------------------------------------------


def test_a_handed_over_parcel_is_announced_and_the_carrier_is_told(labelled, carrier):
    assert services.hand_over(labelled, actor="warehouse:lee")

    assert state_of(labelled) == State.HANDED_OVER
    assert [scan.kind for scan in carrier.scans_after(0)] == ["handed_over"]
    fact = StoredEvent.objects.get(type="shipping.ShipmentHandedOver")
    assert fact.actor == "warehouse:lee"
    assert [line["quantity"] for line in fact.payload["lines"]] == [3, 1]
    assert lines_of(labelled) == [(1, 3, 0, 3), (2, 1, 0, 1)]


def test_handing_over_again_announces_nothing_more(labelled, carrier):
    assert [services.hand_over(labelled) for _ in range(2)] == [True, True]

    assert said("ShipmentHandedOver") == ["ShipmentHandedOver"]
    assert len(carrier.scans_after(0)) == 1


def test_d14_a_driver_who_missed_the_parcel_is_told_again(labelled, carrier):
    carrier.switch_on("pickup_failed", times=1)

    assert [services.hand_over(labelled) for _ in range(2)] == [False, True]

    assert services.follow_scans() == 2
    assert [known.state for known in carrier.list_parcels()] == ["handed_over"]


def test_a_part_leaves_and_the_rest_becomes_a_parcel_of_its_own(house, labelled):
    assert services.hand_over(labelled, lines={1: 2})
    house.work()

    first, rest = parcel_of(house), parcel_of(house, part=2)
    assert lines_of(first) == [(1, 2, 0, 2)]
    assert lines_of(rest) == [(1, 1, 0, 0), (2, 1, 0, 0)]
    assert (first.answers_for, rest.answers_for) == (None, house.order_id)
    assert (rest.state, rest.number) == (State.LABELLED, first.number)
    assert said()[-3:] == ["ShipmentHandedOver", "ShipmentSplit", "RestLabelled"]


def test_cancelled_units_neither_leave_nor_become_the_rest(house, labelled):
    cancel_lines(house, (1, "CUP", 1))

    services.hand_over(labelled, lines={1: 2})

    assert lines_of(labelled) == [(1, 3, 1, 2)]
    assert lines_of(parcel_of(house, part=2)) == [(2, 1, 0, 0)]


def test_everything_that_is_there_leaves_in_one_parcel(house, labelled):
    assert services.hand_over(labelled, lines={1: 3, 2: 1})

    assert Shipment.objects.count() == 1
    assert said("ShipmentSplit") == []


@pytest.mark.parametrize(
    ("units", "code"),
    [({1: 4}, "not_there"), ({3: 1}, "not_there"), ({1: -1}, "not_there"), ({1: 0}, "empty")],
)
def test_what_is_not_in_the_parcel_does_not_leave(labelled, units, code):
    with pytest.raises(services.InvalidHandOver) as refused:
        services.hand_over(labelled, lines=units)

    assert refused.value.code == code
    assert state_of(labelled) == State.LABELLED


def test_the_rest_leaves_whole(halves):
    _first, rest = halves

    with pytest.raises(services.InvalidHandOver) as refused:
        services.hand_over(rest, lines={1: 1})
    assert refused.value.code == "indivisible"

    assert services.hand_over(rest)
    assert said()[-1] == "RestHandedOver"


@pytest.mark.parametrize("state", [State.NEW, State.REFUSED, State.STOPPED])
def test_x2_only_a_parcel_with_a_label_leaves(house, carrier, state):
    row = parcel_of(house)
    Shipment.objects.filter(pk=row.pk).update(state=state)

    assert not services.hand_over(row)

    assert (said("ShipmentHandedOver"), carrier.scans_after(0)) == ([], ())


def test_r32_a_parcel_whose_order_is_being_cancelled_does_not_leave(house, labelled, carrier):
    house.say(wish(house))

    assert not services.hand_over(labelled)

    assert (state_of(labelled), carrier.scans_after(0)) == (State.HELD, ())


def test_g8_a_parcel_of_an_order_that_is_going_back_does_not_leave(labelled, carrier):
    Saga.objects.update(direction="compensating", turned_at="2026-01-05T12:00:00Z")

    assert not services.hand_over(labelled)

    assert (state_of(labelled), carrier.scans_after(0)) == (State.LABELLED, ())


# -- cancelling -------------------------------------------------------------------------------


def test_d12_the_label_of_a_cancelled_order_is_voided(house, labelled, carrier):
    house.say(wish(house))
    house.say(case(OrderCancelled, house.order_id, house.case_id))

    assert said()[-2:] == ["CancelAccepted", "ShipmentStopped"]
    assert state_of(labelled) == State.STOPPED
    assert [known.state for known in carrier.list_parcels()] == ["void"]


def test_a_parcel_that_nobody_booked_is_stopped_with_its_order(house):
    house.say(case(OrderCancelled, house.order_id, house.case_id))

    assert said() == ["ShipmentOpened", "ShipmentStopped"]
    cancel_lines(house, (1, "CUP", 1))
    assert said()[-1] == "PartialCancelRefused"


def test_after_any_hand_over_the_whole_order_is_not_cancelled(house, halves):
    house.say(wish(house))

    assert said()[-1] == "CancelRefused"
    assert state_of(halves[1]) == State.LABELLED


def test_d16_the_rest_of_an_order_is_cancelled_and_its_label_voided(house, halves, carrier):
    _first, rest = halves

    cancel_lines(house, (1, "CUP", 1), (2, "BAG", 1))

    assert state_of(rest) == State.STOPPED
    assert {known.state for known in carrier.list_parcels()} == {"handed_over", "void"}
    assert said("PartialCancelAccepted", "RestHeld", "RestStopped") == [
        "PartialCancelAccepted",
        "RestHeld",
        "RestStopped",
    ]


def test_units_are_cancelled_once(house, labelled):
    cancel_lines(house, (1, "CUP", 2))
    cancel_lines(house, (1, "CUP", 2))

    assert said("PartialCancelAccepted", "PartialCancelRefused") == [
        "PartialCancelAccepted",
        "PartialCancelRefused",
    ]
    assert lines_of(labelled) == [(1, 3, 2, 0), (2, 1, 0, 0)]


# -- disputes ---------------------------------------------------------------------------------


def test_d24_a_disputed_parcel_does_not_leave_and_d25_does_when_the_dispute_is_won(house, labelled):
    open_dispute(house)
    assert not services.hand_over(labelled)

    dispute(house, DisputeWon)
    assert services.hand_over(labelled)
    assert said()[-3:] == ["ParcelHeld", "ParcelReleased", "ShipmentHandedOver"]


def test_d24_a_parcel_that_is_booked_during_a_dispute_does_not_leave(house):
    open_dispute(house)
    house.say(OrderReady(order_id=house.order_id))

    assert not services.hand_over(parcel_of(house))

    assert said("ParcelHeld", "ShipmentLabelled") == ["ParcelHeld", "ShipmentLabelled"]


# -- what the database refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "values", "name"),
    [
        (ShipmentLine, {"sent": 9}, "never_more_than_there_is"),
        (ShipmentLine, {"withdrawn": 9}, "never_more_than_there_is"),
        (ShipmentLine, {"withdrawn": -1}, "counts_not_negative"),
        (ShipmentLine, {"quantity": 0}, "quantity_positive"),
        (Shipment, {"tracking": None}, "with_label_has_tracking"),
        (Shipment, {"state": "handed_over", "disputes": 1}, "dispute_stays_in_the_house"),
        (Shipment, {"answers_for": uuid4()}, "answers_for_its_own_order"),
        (Shipment, {"part": 3}, "of_an_order_or_of_a_case"),
        (Shipment, {"part": None}, "of_an_order_or_of_a_case"),
    ],
)
def test_the_database_refuses_what_must_never_be(labelled, model, values, name):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        model.objects.update(**values)


def test_r32_one_parcel_alone_answers_for_an_order(house, labelled):
    another = Shipment(order_id=house.order_id, answers_for=house.order_id, part=2)

    with pytest.raises(IntegrityError), transaction.atomic():
        another.save(force_insert=True)


def test_a_return_with_a_label_has_a_tracking_number():
    broken = ReturnParcel(case_id=uuid4(), order_id=uuid4(), state=ReturnState.RECEIVED)

    with pytest.raises(IntegrityError, match="with_label_has_tracking"), transaction.atomic():
        broken.save(force_insert=True)
