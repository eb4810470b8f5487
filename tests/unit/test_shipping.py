"""Shipping: what its steps decide, what its gateway asks, and what leaves the house."""

from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from orders.events import Address, CancelRequested, OrderCancelled, OrderReady, ReturnRequested
from sagas import fsm, matrix
from sagas.call import Outcome
from sagas.exceptions import NotSent, PermanentFailure, Unanswered
from sagas.models import Saga, StoredEvent
from sagas.money import Money
from sagas.participant import ABSENT
from shipping import gateway, participant, services
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarrierRefused,
    ReturnLabelled,
    ReturnUnbookable,
    ShipmentLabelled,
    ShipmentStopped,
)
from shipping.models import CarrierCursor, ReturnParcel, Shipment
from shipping.simulated_carrier import SimulatedCarrier

ORDER = UUID(int=1)
CASE = UUID(int=2)
ADDRESS = Address(name="Kim", street="1 Main St", city="Leeds", postcode="LS1", country="GB")
HOME = {"name": "Kim", "street": "1 Main St", "city": "Leeds", "postcode": "LS1", "country": "GB"}
State = Shipment.State


def shipment(state=State.NEW, **values):
    given = {"order_id": ORDER, "number": "1001", "address": HOME}
    return Shipment(state=state, **(given | values))


def parcel(state=ReturnParcel.State.NEW, **values):
    given = {"return_id": CASE, "order_id": ORDER, "number": "1001", "address": HOME}
    return ReturnParcel(state=state, **(given | values))


def ok(tracking):
    return Outcome(ok=True, reference=tracking)


def refused(code):
    return Outcome(ok=False, code=code)


READY = OrderReady(order_id=ORDER, number="1001", ship_to=ADDRESS)
WISH = CancelRequested(order_id=ORDER, case_id=CASE, reason="changed my mind")
CANCELLED = OrderCancelled(order_id=ORDER, case_id=CASE, reason="changed my mind")
RETURN = ReturnRequested(
    return_id=CASE,
    order_id=ORDER,
    number="1001",
    lines=(),
    refund=Money(300, "GBP"),
    ship_from=ADDRESS,
    reason="too small",
)


# -- forward


def test_a_ready_order_is_booked_to_its_address():
    booked = participant.shipment_of(READY)
    booked.start_booking()

    said = participant.book_label(READY, booked, outcome=ok("PX1"))

    assert said == ShipmentLabelled(order_id=ORDER, tracking="PX1")
    assert (booked.state, booked.tracking) == (State.LABELLED, "PX1")
    assert (booked.number, booked.address) == ("1001", HOME)


def test_a_carrier_that_refuses_is_a_fact_with_its_code():
    booked = shipment(State.BOOKING)

    said = participant.book_label(READY, booked, outcome=refused("no_service"))

    assert said == CarrierRefused(order_id=ORDER, code="no_service")
    assert (booked.state, booked.refusal_code) == (State.REFUSED, "no_service")


# -- cancelling


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.NEW, State.STOPPED),
        (State.REFUSED, State.STOPPED),
        (State.LABELLED, State.HELD),
    ],
)
def test_a_parcel_in_the_house_stays_there_when_its_order_is_to_be_cancelled(before, after):
    kept = shipment(before, tracking="PX1" if before == State.LABELLED else None)

    said = participant.answer_cancel(WISH, kept)

    assert said == CancelAccepted(order_id=ORDER, case_id=CASE, reason="changed my mind")
    assert kept.state == after


def test_a_cancellation_before_the_order_was_ready_refuses_every_booking_to_come():
    kept = participant.refused_in_advance(WISH)
    participant.answer_cancel(WISH, kept)

    assert kept.state == State.STOPPED
    assert matrix.answer(participant.book_label, kept.state).reason == "the order is cancelled"


@pytest.mark.parametrize("gone", [State.HANDED_OVER, State.DELIVERED, State.LOST])
def test_a_parcel_that_has_left_refuses_the_cancellation(gone):
    left = shipment(gone, tracking="PX1")

    late = matrix.answer(participant.answer_cancel, gone)

    assert late.step(WISH, left) == CancelRefused(
        order_id=ORDER, case_id=CASE, reason="changed my mind"
    )
    assert left.state == gone


def test_a_cancellation_waits_for_the_carriers_answer_to_a_booking():
    assert matrix.answer(participant.answer_cancel, State.BOOKING).kind == "park"


@pytest.mark.parametrize("outcome", [ok("PX1"), refused("too_late")])
def test_a_label_is_voided_or_stays_a_cost(outcome):
    kept = shipment(State.VOIDING, tracking="PX1")

    assert participant.void_label(CANCELLED, kept, outcome=outcome) == ShipmentStopped(
        order_id=ORDER
    )
    assert kept.state == State.STOPPED


def test_a_parcel_that_the_carrier_has_against_our_books_waits_for_a_person():
    kept = shipment(State.VOIDING, tracking="PX1")

    with pytest.raises(PermanentFailure, match="PX1 was to stay"):
        participant.void_label(CANCELLED, kept, outcome=refused("handed_over"))


# -- the way back of a return


def test_a_return_is_booked_from_the_customer():
    back = participant.parcel_of(RETURN)
    back.start_booking()

    said = participant.book_return(RETURN, back, outcome=ok("PX2"))

    assert said == ReturnLabelled(return_id=CASE, tracking="PX2")
    assert (back.state, back.address) == (ReturnParcel.State.LABELLED, HOME)


def test_a_return_that_the_carrier_will_not_fetch_says_so():
    back = parcel(ReturnParcel.State.BOOKING)

    said = participant.book_return(RETURN, back, outcome=refused("no_service"))

    assert said == ReturnUnbookable(return_id=CASE, order_id=ORDER, code="no_service")
    assert back.state == ReturnParcel.State.REFUSED


# -- declarations


def test_every_state_has_an_answer_to_every_event():
    reacting = [step for step in participant.shipping.steps.values() if step.events]
    for step in reacting:
        undecided = [cell.state for cell in matrix.cells(step).values() if cell.answer is None]
        assert undecided == [], step.full_name


def test_every_state_of_a_parcel_has_a_way_back():
    undo = participant.shipping.steps["undo_book_label"]

    assert set(undo.undo_table) == {ABSENT, *fsm.states(Shipment, "state")}


@pytest.mark.django_db
@pytest.mark.parametrize("broken", [shipment(State.LABELLED), parcel(ReturnParcel.State.RECEIVED)])
def test_the_database_refuses_a_label_without_a_tracking_number(broken):
    with pytest.raises(IntegrityError, match="with_label_has_tracking"), transaction.atomic():
        broken.save(force_insert=True)


# -- the gateway


@pytest.fixture
def books(settings, tmp_path):
    settings.CARRIER_BOOKS = tmp_path / "carrier.sqlite3"
    return SimulatedCarrier(settings.CARRIER_BOOKS)


def send(call, subject, key=None):
    return call.send(call.request(None, subject), key or uuid4())


def test_the_calls_book_and_void_at_the_carrier(books):
    booked = send(gateway.BOOK, shipment())
    voided = send(gateway.VOID, shipment(tracking=booked.reference))

    assert (booked.ok, voided.ok) == (True, True)
    (known,) = books.list_parcels()
    assert (known.tracking, known.reference, known.state) == (booked.reference, "1001", "void")


def test_the_call_for_a_return_books_the_way_back(books):
    assert send(gateway.BOOK_RETURN, parcel()).ok
    assert [known.direction for known in books.list_parcels()] == ["back"]


def test_a_country_that_is_not_served_is_a_definite_answer(books):
    answer = send(gateway.BOOK, shipment(address=HOME | {"country": "AQ"}))

    assert (answer.ok, answer.code) == (False, "no_service")


def test_a_lost_answer_is_unknown_and_the_inquiry_finds_it(books):
    key, request = uuid4(), gateway.book_request(None, shipment())
    assert gateway.BOOK.inquire(request, key) is None
    books.switch_on("lost_answer", times=1)

    with pytest.raises(Unanswered):
        gateway.BOOK.send(request, key)

    assert gateway.BOOK.send(request, key) == gateway.BOOK.inquire(request, key)
    assert len(books.list_parcels()) == 1


def test_an_inquiry_without_an_answer_is_unknown_too(books):
    books.switch_on("lost_answer", operation="inquire")

    with pytest.raises(Unanswered):
        gateway.BOOK.inquire({}, uuid4())


def test_a_parcel_without_a_number_is_a_definite_no(books):
    answer = send(gateway.BOOK, shipment(number=""))

    assert (answer.ok, answer.code) == (False, "invalid_request")


def test_a_carrier_that_can_not_be_reached_was_not_asked(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.CARRIER_BOOKS = tmp_path / "file" / "carrier.sqlite3"

    with pytest.raises(NotSent, match="can't be reached"):
        send(gateway.BOOK, shipment())


# -- the doors


def saga(choreography, key, **values):
    return Saga.objects.create(
        choreography=choreography, key=str(key), started_at=timezone.now(), **values
    )


def facts():
    return list(StoredEvent.objects.order_by("position").values_list("type", flat=True))


@pytest.fixture
def labelled(db, books):
    saga("checkout", ORDER)
    booked = send(gateway.BOOK, shipment())
    row = shipment(State.LABELLED, tracking=booked.reference)
    row.save()
    return row


def state_of(row):
    return type(row).objects.values_list("state", flat=True).get(pk=row.pk)


def test_a_handed_over_parcel_is_announced_and_the_carrier_is_told(labelled, books):
    assert services.hand_over(labelled, actor="warehouse:lee")

    assert state_of(labelled) == State.HANDED_OVER
    assert [scan.kind for scan in books.scans_after(0)] == ["handed_over"]
    said = StoredEvent.objects.get()
    assert (said.type, said.actor) == ("shipping.ShipmentHandedOver", "warehouse:lee")


def test_handing_over_again_announces_nothing_more(labelled, books):
    assert [services.hand_over(labelled) for _ in range(2)] == [True, True]

    assert facts() == ["shipping.ShipmentHandedOver"]
    assert len(books.scans_after(0)) == 1


def test_a_held_parcel_is_not_handed_over(labelled, books):
    Shipment.objects.filter(pk=labelled.pk).update(state=State.HELD)

    assert not services.hand_over(labelled)

    assert (facts(), books.scans_after(0)) == ([], ())


def test_a_parcel_of_an_order_that_is_going_back_is_not_handed_over(labelled, books):
    Saga.objects.update(direction="compensating", turned_at=timezone.now())

    assert not services.hand_over(labelled)

    assert (state_of(labelled), facts(), books.scans_after(0)) == (State.LABELLED, [], ())


def test_the_carriers_scans_are_followed_and_reading_them_again_does_no_harm(labelled, books):
    services.hand_over(labelled)
    books.deliver(labelled.tracking)

    assert [services.follow_scans() for _ in range(2)] == [2, 0]
    CarrierCursor.objects.update(position=0)
    assert services.follow_scans() == 2

    assert state_of(labelled) == State.DELIVERED
    assert facts() == ["shipping.ShipmentHandedOver", "shipping.ShipmentDelivered"]
    assert CarrierCursor.objects.get().position == 2


def test_a_scan_at_the_door_counts_as_handing_over(labelled, books):
    books.hand_over(labelled.tracking)
    books.lose(labelled.tracking)

    services.follow_scans()

    assert state_of(labelled) == State.LOST
    assert facts() == ["shipping.ShipmentHandedOver", "shipping.ShipmentLost"]


def test_a_scan_that_does_not_fit_is_told_and_stops_nobody(labelled, books, caplog):
    Shipment.objects.filter(pk=labelled.pk).update(state=State.HELD)
    books.hand_over(labelled.tracking)

    assert services.follow_scans() == 1

    assert state_of(labelled) == State.HELD
    assert [record.tracking for record in caplog.records] == [labelled.tracking]


def test_a_returned_parcel_is_received_once(db, books):
    saga("return", CASE)
    back = parcel(
        ReturnParcel.State.LABELLED, tracking=send(gateway.BOOK_RETURN, parcel()).reference
    )
    back.save()

    assert [services.receive_return(back) for _ in range(2)] == [True, True]
    services.follow_scans()

    assert state_of(back) == ReturnParcel.State.RECEIVED
    assert facts() == ["shipping.ReturnReceived"]
    assert [known.state for known in books.list_parcels()] == ["received"]


# -- the admin


@pytest.mark.parametrize("model", [Shipment, ReturnParcel, CarrierCursor])
def test_the_admin_shows_parcels_and_moves_none(admin_client, model):
    shipment().save()
    parcel().save()
    CarrierCursor.objects.create(name="carrier", position=7)
    pages = reverse(f"admin:shipping_{model._meta.model_name}_changelist")
    page = reverse(f"admin:shipping_{model._meta.model_name}_change", args=[model.objects.get().pk])

    assert admin_client.get(pages).status_code == 200
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"state": "lost"}).status_code == 403
