"""Parcels by the doors and the engine: arrive, get lost and come back; admin and API."""

import pytest
from django.urls import reverse

from orders.events import (
    ExchangeRequested,
    GoodsRefused,
    ReplacementDue,
)
from sagas.exceptions import NoSaga
from sagas.models import Saga, StoredEvent
from shipping import services
from shipping.models import CarrierCursor, ReturnParcel, Shipment
from tests.unit.house import HOME, case, case_lines, order_lines
from tests.unit.warehouse import (
    ENDS,
    ask_back,
    cancel_lines,
    carrier,
    halves,
    house,
    labelled,
    parcel_of,
    said,
    state_of,
    wish,
)

__all__ = ["carrier", "halves", "house", "labelled"]

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]
State = Shipment.State
ReturnState = ReturnParcel.State


# -- arriving, or not -------------------------------------------------------------------------


def test_an_order_has_arrived_when_its_only_parcel_has(labelled):
    services.hand_over(labelled)

    assert services.deliver(labelled)

    assert said(*ENDS) == ["ShipmentDelivered"]


def test_an_order_has_arrived_when_both_parcels_have(halves):
    first, rest = halves
    services.deliver(first)
    services.hand_over(rest)

    services.deliver(rest)

    assert said(*ENDS) == ["ParcelDelivered", "ShipmentDelivered"]


@pytest.mark.parametrize("is_delivered_first", [True, False])
def test_d16_an_order_has_arrived_when_its_rest_is_cancelled(house, halves, is_delivered_first):
    first, _rest = halves
    if is_delivered_first:
        services.deliver(first)

    cancel_lines(house, (1, "CUP", 1), (2, "BAG", 1))
    services.deliver(first)

    told = ["ParcelDelivered", "ShipmentDelivered"] if is_delivered_first else ["ShipmentDelivered"]
    assert said(*ENDS) == told


def lost_lines(kind):
    fact = StoredEvent.objects.get(type=f"shipping.{kind}")
    return [(line["line_no"], line["quantity"]) for line in fact.payload["lines"]]


def test_d15_an_order_is_lost_with_its_only_parcel(labelled):
    services.hand_over(labelled)

    assert services.lose(labelled)

    assert said(*ENDS) == ["ShipmentLost"]
    assert lost_lines("ShipmentLost") == [(1, 3), (2, 1)]


def test_d15_a_lost_parcel_does_not_keep_the_order_from_arriving(halves):
    first, rest = halves
    services.lose(first)
    services.hand_over(rest)

    services.deliver(rest)

    assert said(*ENDS) == ["ParcelLost", "ShipmentDelivered"]
    assert lost_lines("ParcelLost") == [(1, 2)]


def test_d15_when_the_last_parcel_is_lost_what_came_has_come(halves):
    first, rest = halves
    services.deliver(first)
    services.hand_over(rest)

    services.lose(rest)

    assert said(*ENDS) == ["ParcelDelivered", "ParcelLost", "ShipmentDelivered"]


def test_d15_when_both_parcels_are_lost_the_order_is(halves):
    first, rest = halves
    services.lose(first)
    services.hand_over(rest)

    services.lose(rest)

    assert said(*ENDS) == ["ParcelLost", "ShipmentLost"]
    assert lost_lines("ShipmentLost") == [(1, 1), (2, 1)]


def test_d15_an_order_of_which_nothing_arrives_is_lost_when_its_rest_is_cancelled(house, halves):
    services.lose(halves[0])

    cancel_lines(house, (1, "CUP", 1), (2, "BAG", 1))

    assert said(*ENDS) == ["ParcelLost", "ShipmentLost"]
    assert lost_lines("ShipmentLost") == []


def test_a_rest_that_no_carrier_took_is_booked_again_when_a_person_says_so(
    house, labelled, carrier
):
    carrier.switch_on("refuse", operation="book")
    services.hand_over(labelled, lines={1: 2})
    house.work()
    rest = parcel_of(house, part=2)
    assert (rest.state, said()[-1]) == (State.REFUSED, "RestRefused")

    carrier.switch_off()
    assert services.book_rest_again(rest, reason="they drive again", actor="admin:lee")
    house.work()

    assert state_of(rest) == State.LABELLED
    assert not services.book_rest_again(rest)


# -- coming back ------------------------------------------------------------------------------


def test_a_returned_parcel_is_received_once(house, labelled, carrier):
    services.hand_over(labelled)
    services.deliver(labelled)
    back = ask_back(house, intercept=False)

    assert [services.receive_return(back) for _ in range(2)] == [True, True]
    services.follow_scans()

    assert state_of(back) == ReturnState.RECEIVED
    assert said("ReturnReceived", "ShipmentIntercepted") == ["ReturnReceived"]


def test_d13_an_intercepted_parcel_ends_the_checkout_and_feeds_the_return(house, labelled, carrier):
    services.hand_over(labelled)
    back = ask_back(house, intercept=True)
    assert (back.state, back.tracking) == (ReturnState.INTERCEPTED, labelled.tracking)

    carrier.receive_return(labelled.tracking)
    services.follow_scans()

    assert (state_of(back), state_of(labelled)) == (ReturnState.RECEIVED, State.INTERCEPTED)
    assert said("ReturnReceived", "ShipmentIntercepted") == [
        "ReturnReceived",
        "ShipmentIntercepted",
    ]


def test_d13_a_parcel_that_is_not_caught_goes_on(house, labelled, carrier):
    services.hand_over(labelled)
    carrier.switch_on("no_intercept")

    back = ask_back(house, intercept=True)

    assert (back.state, said()[-1]) == (ReturnState.REFUSED, "InterceptFailed")
    assert services.deliver(labelled)


def test_d19_refused_goods_leave_under_a_number_of_their_own(house, labelled, carrier):
    services.hand_over(labelled)
    services.deliver(labelled)
    back = ask_back(house, intercept=False)
    services.receive_return(back)

    about = (house.order_id, house.case_id)
    house.say(case(GoodsRefused, *about, lines=case_lines((1, "CUP", 3)), ship_to=HOME))

    back = ReturnParcel.objects.get(case_id=house.case_id)
    assert (back.state, said()[-1]) == (ReturnState.SENT_BACK, "GoodsSentBack")
    carrier.hand_over(back.sent_back_tracking)
    scan = carrier.scans_after(0)[-1]
    assert services.record_scan(scan)


def test_d20_a_replacement_is_booked_leaves_and_arrives_as_its_case(house, labelled):
    about, wanted = (house.order_id, house.case_id), order_lines(("BAG", 1))
    house.say(case(ExchangeRequested, *about, lines=(), wanted=wanted))
    house.say(case(ReplacementDue, *about, wanted=wanted, ship_to=HOME))
    sent = Shipment.objects.get(case_id=house.case_id)

    assert services.hand_over(sent)
    assert services.deliver(sent)

    names = ("ReplacementLabelled", "ReplacementHandedOver", "ReplacementDelivered")
    assert tuple(said(*names)) == names
    assert state_of(labelled) == State.LABELLED


# -- what the carrier saw ---------------------------------------------------------------------


def test_the_carriers_scans_are_followed_and_reading_them_again_does_no_harm(labelled, carrier):
    services.hand_over(labelled)
    carrier.deliver(labelled.tracking)

    assert [services.follow_scans() for _ in range(2)] == [2, 0]
    CarrierCursor.objects.update(position=0)
    assert services.follow_scans() == 2

    assert state_of(labelled) == State.DELIVERED
    assert said(*ENDS) == ["ShipmentDelivered"]
    assert CarrierCursor.objects.get().position == 2


def test_the_scan_of_what_has_left_locks_nothing(labelled, carrier, django_assert_num_queries):
    services.hand_over(labelled)
    (scan,) = carrier.scans_after(0)

    with django_assert_num_queries(1):
        assert services.record_scan(scan)


def test_scans_are_read_again_from_the_one_that_could_not_be_recorded(labelled, carrier):
    services.hand_over(labelled)
    carrier.deliver(labelled.tracking)
    Saga.objects.all().delete()

    with pytest.raises(NoSaga):
        services.follow_scans()

    assert CarrierCursor.objects.get().position == 1


def test_a_scan_at_the_door_counts_as_handing_over(labelled, carrier):
    carrier.hand_over(labelled.tracking)
    carrier.lose(labelled.tracking)

    services.follow_scans()

    assert state_of(labelled) == State.LOST
    assert said("ShipmentHandedOver", "ShipmentLost") == ["ShipmentHandedOver", "ShipmentLost"]


def test_a_scan_that_does_not_fit_is_told_and_stops_nobody(house, labelled, carrier, caplog):
    house.say(wish(house))
    carrier.hand_over(labelled.tracking)

    assert services.follow_scans() == 1

    assert state_of(labelled) == State.HELD
    assert [record.tracking for record in caplog.records] == [labelled.tracking]


# -- admin and API ----------------------------------------------------------------------------


def test_the_admin_shows_parcels_and_moves_none_by_a_form(house, labelled, admin_client):
    services.hand_over(labelled)
    services.deliver(labelled)
    ask_back(house, intercept=False)
    CarrierCursor.objects.create(name="carrier", position=7)

    for model in (Shipment, ReturnParcel, CarrierCursor):
        name = f"admin:shipping_{model._meta.model_name}"
        page = reverse(f"{name}_change", args=[model.objects.get().pk])
        assert admin_client.get(reverse(f"{name}_changelist")).status_code == 200
        assert admin_client.get(page).status_code == 200
        assert admin_client.post(page, {"state": "lost"}).status_code == 403


def test_an_operator_hands_over_and_records_what_no_scan_says(labelled, admin_client):
    for verb, state in (("hand_over", State.HANDED_OVER), ("lose", State.LOST)):
        page = reverse(f"admin:shipping_shipment_{verb}", args=[labelled.pk])
        admin_client.post(page, {"confirmed": "1", "reason": "the driver said so"})
        assert state_of(labelled) == state

    assert StoredEvent.objects.get(type="shipping.ShipmentLost").actor == "admin:admin"


def test_the_warehouse_hands_over_a_part_by_the_api(house, labelled, admin_client):
    listed = admin_client.get(f"/api/shipments/?order_id={house.order_id}").json()["results"]
    address = f"/api/shipments/{labelled.pk}/hand-over/"
    too_much = {"lines": [{"line_no": 1, "quantity": 9}]}
    some = {"lines": [{"line_no": 1, "quantity": 2}]}

    refused = admin_client.post(address, too_much, content_type="application/json")
    answer = admin_client.post(address, some, content_type="application/json")

    assert [(row["state"], len(row["lines"])) for row in listed] == [("labelled", 2)]
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "not_there")
    assert (answer.status_code, answer.json()) == (200, {"left": True})
    assert Shipment.objects.count() == 2


def test_the_warehouse_takes_a_return_in_by_the_api(house, labelled, admin_client):
    services.hand_over(labelled)
    services.deliver(labelled)
    ask_back(house, intercept=False)

    answer = admin_client.post(f"/api/shipments/returns/{house.case_id}/receive/")

    assert (answer.status_code, answer.json()) == (200, {"received": True})
