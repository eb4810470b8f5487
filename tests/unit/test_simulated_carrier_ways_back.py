"""The simulated carrier under several names, and every way a parcel may turn or stay behind."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from shipping.simulated_carrier import (
    CarrierTimeout,
    IdempotencyConflict,
    InvalidRequest,
    OutdatedBooks,
    SimulatedCarrier,
)

LONDON = {"name": "A. Customer", "city": "London", "country": "United Kingdom"}


@pytest.fixture
def carrier(tmp_path):
    return SimulatedCarrier(tmp_path / "carrier.sqlite3")


@pytest.fixture
def tracking(carrier):
    return carrier.book("b-1", "1001", LONDON).tracking


@pytest.fixture
def under_way(carrier, tracking):
    carrier.hand_over(tracking)
    return tracking


def scanned(carrier):
    return [scan.kind for scan in carrier.scans_after(0)]


# -- Several carriers ---------------------------------------------------------------------------


def test_a_parcel_names_its_carrier_and_the_order_that_booked_it(carrier, tracking):
    carrier.book("b-2", "1001", LONDON, carrier="steady")
    carrier.book_return("rb-1", "1001", LONDON, carrier="steady")
    carrier.send_back("sb-1", "1001", LONDON)

    parcels = [(p.kind, p.carrier, p.direction) for p in carrier.list_parcels()]

    assert parcels == [
        ("book", "swift", "out"),
        ("book", "steady", "out"),
        ("book_return", "steady", "back"),
        ("send_back", "swift", "out"),
    ]


def test_another_carrier_is_another_request(carrier, tracking):
    with pytest.raises(IdempotencyConflict):
        carrier.book("b-1", "1001", LONDON, carrier="steady")
    with pytest.raises(InvalidRequest, match="book needs carrier as text, not ''"):
        carrier.book("b-2", "1001", LONDON, carrier="")


def test_one_carrier_may_refuse_while_another_drives(carrier):
    carrier.switch_on("refuse", carrier="swift", code="depot_full")

    assert carrier.book("b-1", "1001", LONDON).code == "depot_full"
    assert carrier.book("b-2", "1001", LONDON, carrier="steady").ok


def test_a_switch_of_one_carrier_knows_its_parcels(carrier):
    swift = carrier.book("b-1", "1001", LONDON).tracking
    steady = carrier.book("b-2", "1001", LONDON, carrier="steady").tracking
    carrier.switch_on("lost_answer", carrier="steady")
    carrier.switch_on("lost_answer", carrier="steady", operation="inquire")

    assert carrier.void("v-1", swift).ok
    assert carrier.inquire("b-1").ok
    with pytest.raises(CarrierTimeout):
        carrier.void("v-2", steady)
    with pytest.raises(CarrierTimeout):
        carrier.inquire("b-2")


def test_a_switch_for_one_carrier_wins_over_one_for_all(carrier):
    carrier.switch_on("refuse", carrier="swift", code="narrow")
    carrier.switch_on("refuse", code="wide")

    assert carrier.book("b-1", "1001", LONDON).code == "narrow"
    assert carrier.book("b-2", "1001", LONDON, carrier="steady").code == "wide"
    assert [switch.carrier for switch in carrier.switches()] == ["swift", ""]


# -- Pickup -------------------------------------------------------------------------------------


def test_a_failed_pickup_leaves_the_label_and_is_scanned_each_time(carrier, tracking):
    carrier.switch_on("pickup_failed", times=2)

    missed = [carrier.hand_over(tracking) for _ in range(2)]

    assert [(answer.ok, answer.code) for answer in missed] == [(False, "pickup_failed")] * 2
    assert carrier.list_parcels()[0].state == "label"
    assert carrier.hand_over(tracking).ok
    assert scanned(carrier) == ["pickup_failed", "pickup_failed", "handed_over"]


def test_after_a_failed_pickup_the_label_is_voided_and_another_carrier_drives(carrier, tracking):
    carrier.switch_on("pickup_failed", carrier="swift")
    carrier.hand_over(tracking)

    assert carrier.void("v-1", tracking).ok
    other = carrier.book("b-2", "1001", LONDON, carrier="steady").tracking
    assert carrier.hand_over(other).ok


def test_a_pickup_that_cannot_be_does_not_use_the_switch_up(carrier, under_way):
    carrier.switch_on("pickup_failed", times=1)

    assert carrier.hand_over(under_way).code == "handed_over"
    assert carrier.hand_over("PX0").code == "unknown_parcel"
    assert carrier.switches()[0].times == 1


def test_only_a_pickup_may_be_scanned_twice(carrier, under_way):
    with (
        closing(sqlite3.connect(carrier.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match=r"scan\.tracking, scan\.kind"),
    ):
        books.execute(
            "INSERT INTO scan (tracking, reference, kind, at)"
            " SELECT tracking, reference, kind, at FROM scan"
        )


# -- Interception -------------------------------------------------------------------------------


def test_a_parcel_under_way_is_intercepted_and_received_again(carrier, under_way):
    assert carrier.intercept("i-1", under_way).ok

    (parcel,) = carrier.list_parcels()
    assert (parcel.direction, parcel.state, parcel.intercepted) == ("back", "handed_over", True)
    assert not carrier.deliver(under_way).ok
    assert carrier.receive_return(under_way).ok
    assert scanned(carrier) == ["handed_over", "intercepted", "received"]


def test_a_repeated_interception_replays_its_success(carrier, under_way):
    first = carrier.intercept("i-1", under_way)

    assert carrier.intercept("i-1", under_way) == first == carrier.inquire("i-1")
    assert carrier.intercept("i-2", under_way).code == "returning"


def test_a_delivered_parcel_is_intercepted_too_late(carrier, under_way):
    carrier.deliver(under_way)

    refused = carrier.intercept("i-1", under_way)

    assert (refused.ok, refused.code, refused.reference) == (False, "too_late", "1001")
    assert scanned(carrier) == ["handed_over", "delivered"]


def test_an_interception_may_fail_and_the_parcel_arrives(carrier, under_way):
    carrier.switch_on("no_intercept", reference="1001")

    assert carrier.intercept("i-1", under_way).code == "not_intercepted"
    assert carrier.deliver(under_way).ok


def test_only_an_interception_that_could_be_uses_the_switch_up(carrier, tracking):
    carrier.switch_on("no_intercept", times=1)

    assert carrier.intercept("i-1", tracking).code == "label"
    assert carrier.intercept("i-2", "PX0").code == "unknown_parcel"
    assert carrier.switches()[0].times == 1


def test_a_return_is_on_its_way_back_already(carrier):
    label = carrier.book_return("rb-1", "1001", LONDON).tracking
    carrier.hand_over(label)

    assert carrier.intercept("i-1", label).code == "returning"


def test_what_is_lost_cannot_be_intercepted_but_what_is_intercepted_can_be_lost(carrier, under_way):
    carrier.intercept("i-1", under_way)

    assert carrier.lose(under_way).ok
    assert carrier.intercept("i-2", under_way).code == "lost"


def test_a_driver_and_an_interception_never_both_win(carrier):
    parcels = [carrier.book(f"b-{n}", str(n), LONDON).tracking for n in range(20)]
    for parcel in parcels:
        carrier.hand_over(parcel)

    with ThreadPoolExecutor(max_workers=8) as threads:
        stops = [threads.submit(carrier.intercept, f"i-{parcel}", parcel) for parcel in parcels]
        drops = [threads.submit(carrier.deliver, parcel) for parcel in parcels]

    pairs = zip(stops, drops, strict=True)
    assert all(stop.result().ok != drop.result().ok for stop, drop in pairs)


@pytest.mark.parametrize("wrong", ["direction = 'out'", "state = 'label'"])
def test_the_books_refuse_an_intercepted_parcel_that_does_not_come_back(carrier, under_way, wrong):
    carrier.intercept("i-1", under_way)

    with (
        closing(sqlite3.connect(carrier.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match="an_intercepted_parcel_was_under_way"),
    ):
        books.execute(f"UPDATE parcel SET {wrong}")


# -- Sending back -------------------------------------------------------------------------------


def test_what_was_not_accepted_goes_back_to_the_customer(carrier):
    label = carrier.send_back("sb-1", "1001", LONDON).tracking

    carrier.hand_over(label)

    assert carrier.deliver(label).ok
    assert carrier.send_back("sb-1", "1001", LONDON).tracking == label


def test_sending_back_is_refused_as_booking_is(carrier):
    assert carrier.send_back("sb-1", "1001", {"country": "Antarctica"}).code == "no_service"
    assert carrier.send_back("sb-2", "1001", {}).code == "address_incomplete"


# -- The file -----------------------------------------------------------------------------------


def test_books_of_another_version_are_refused_by_name(tmp_path):
    path = tmp_path / "carrier.sqlite3"
    with closing(sqlite3.connect(path)) as books:
        books.execute("CREATE TABLE parcel (tracking TEXT)")

    with pytest.raises(OutdatedBooks, match=r"carrier\.sqlite3 are of version 0, and version 2"):
        SimulatedCarrier(path).list_parcels()
