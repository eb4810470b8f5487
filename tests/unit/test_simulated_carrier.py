"""The simulated carrier knows where every parcel is, whatever happens on the line."""

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from shipping.simulated_carrier import (
    CarrierTimeout,
    IdempotencyConflict,
    InvalidRequest,
    SimulatedCarrier,
)

LONDON = {"name": "A. Customer", "city": "London", "country": "United Kingdom"}
BOOK_IN_A_PROCESS = """
import sys
from shipping.simulated_carrier import SimulatedCarrier
SimulatedCarrier(sys.argv[1]).book("b-1", "1001", {"country": "United Kingdom"})
"""


@pytest.fixture
def carrier(tmp_path):
    return SimulatedCarrier(tmp_path / "carrier.sqlite3")


@pytest.fixture
def tracking(carrier):
    return carrier.book("b-1", "1001", LONDON).tracking


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came true"
        time.sleep(0.005)


def states(carrier):
    return [parcel.state for parcel in carrier.list_parcels()]


def test_a_parcel_is_booked_handed_over_and_delivered(carrier, tracking):
    assert tracking.startswith("PX")
    assert carrier.hand_over(tracking).ok
    assert carrier.deliver(tracking).ok

    assert states(carrier) == ["delivered"]
    assert [(scan.kind, scan.reference) for scan in carrier.scans_after(0)] == [
        ("handed_over", "1001"),
        ("delivered", "1001"),
    ]


def test_the_same_key_and_body_book_one_parcel(carrier, tracking):
    assert carrier.book("b-1", "1001", dict(reversed(LONDON.items()))).tracking == tracking
    assert len(carrier.list_parcels()) == 1


def test_the_same_key_with_another_body_is_a_conflict(carrier, tracking):
    with pytest.raises(IdempotencyConflict, match="Key b-1 was used for another request"):
        carrier.book("b-1", "1001", LONDON | {"city": "Leeds"})


def test_a_country_that_is_not_served_is_refused_for_good(carrier):
    refused = carrier.book("b-1", "1001", {"country": "Antarctica"})

    assert (refused.ok, refused.code, refused.tracking) == (False, "no_service", "")
    assert carrier.inquire("b-1") == refused
    assert carrier.list_parcels() == ()


def test_an_address_without_a_country_is_refused(carrier):
    assert carrier.book("b-1", "1001", {"city": "London"}).code == "address_incomplete"


def test_a_switch_refuses_one_booking_and_the_next_key_is_accepted(carrier):
    carrier.switch_on("refuse", reference="1001", times=1, code="depot_full")

    assert carrier.book("b-1", "1001", LONDON).code == "depot_full"
    assert carrier.book("b-1", "1001", LONDON).code == "depot_full"
    assert carrier.book("b-2", "1001", LONDON).ok


def test_a_label_can_be_voided_and_is_then_refused_by_the_driver(carrier, tracking):
    assert carrier.void("v-1", tracking).ok

    assert carrier.hand_over(tracking).code == "void"
    assert carrier.scans_after(0) == ()


def test_a_scanned_parcel_cannot_be_voided(carrier, tracking):
    carrier.hand_over(tracking)

    refused = carrier.void("v-1", tracking)

    assert (refused.ok, refused.code) == (False, "handed_over")
    assert carrier.void("v-1", tracking) == refused


def test_a_repeated_void_replays_its_success(carrier, tracking):
    assert carrier.void("v-1", tracking) == carrier.void("v-1", tracking)
    assert carrier.void("v-2", tracking).code == "void"


@pytest.mark.parametrize("last", ["deliver", "lose"])
def test_a_parcel_ends_once(carrier, tracking, last):
    carrier.hand_over(tracking)
    getattr(carrier, last)(tracking)

    assert not carrier.deliver(tracking).ok
    assert not carrier.lose(tracking).ok
    assert not carrier.hand_over(tracking).ok
    assert len(carrier.scans_after(0)) == 2


def test_a_label_cannot_be_delivered_or_lost(carrier, tracking):
    assert carrier.deliver(tracking).code == "label"
    assert carrier.lose(tracking).code == "label"


def test_an_unknown_parcel_is_refused(carrier):
    assert carrier.hand_over("PX0").code == "unknown_parcel"
    assert carrier.void("v-1", "PX0").code == "unknown_parcel"


@pytest.mark.parametrize("scanned_on_the_way", [True, False])
def test_a_return_is_booked_and_received(carrier, scanned_on_the_way):
    label = carrier.book_return("rb-1", "1001", LONDON).tracking
    if scanned_on_the_way:
        carrier.hand_over(label)

    assert carrier.receive_return(label).ok

    assert not carrier.receive_return(label).ok
    assert carrier.scans_after(0)[-1].kind == "received"


def test_a_return_is_never_delivered_to_the_customer_nor_a_parcel_received_back(carrier, tracking):
    back = carrier.book_return("rb-1", "1001", LONDON).tracking
    carrier.hand_over(back)
    carrier.hand_over(tracking)

    assert not carrier.deliver(back).ok
    assert not carrier.receive_return(tracking).ok


@pytest.mark.parametrize("state", ["received", "in_a_ditch"])
def test_the_books_themselves_refuse_a_wrong_state(carrier, tracking, state):
    with (
        closing(sqlite3.connect(carrier.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match="a_parcel_ends_where_its_direction_leads"),
    ):
        books.execute("UPDATE parcel SET state = ?", [state])


def test_scans_can_be_followed_from_a_number_on(carrier, tracking):
    carrier.hand_over(tracking)
    seen = carrier.scans_after(0)[-1].number
    carrier.deliver(tracking)

    (news,) = carrier.scans_after(seen)

    assert (news.kind, news.tracking) == ("delivered", tracking)
    assert news.at.utcoffset() is not None
    assert carrier.scans_after(news.number) == ()


def test_parcels_can_be_listed_by_reference(carrier, tracking):
    carrier.book("b-2", "1002", LONDON)

    assert [parcel.tracking for parcel in carrier.list_parcels(reference="1001")] == [tracking]


def test_a_lost_answer_leaves_a_parcel_that_an_inquiry_finds(carrier):
    carrier.switch_on("lost_answer", times=1)

    with pytest.raises(CarrierTimeout, match="book with key b-1"):
        carrier.book("b-1", "1001", LONDON)

    assert carrier.inquire("b-1") == carrier.book("b-1", "1001", LONDON)
    assert len(carrier.list_parcels()) == 1


def test_a_lost_request_leaves_nothing(carrier):
    carrier.switch_on("lost_request", times=1)

    with pytest.raises(CarrierTimeout):
        carrier.book("b-1", "1001", LONDON)

    assert carrier.inquire("b-1") is None
    assert carrier.book("b-1", "1001", LONDON).ok


def test_a_late_void_loses_against_the_driver(carrier, tracking):
    carrier.switch_on("late_request", operation="void")
    with pytest.raises(CarrierTimeout):
        carrier.void("v-1", tracking)
    carrier.hand_over(tracking)

    (late,) = carrier.execute_late()

    assert (late.ok, late.code) == (False, "handed_over")


def test_a_void_that_lost_its_reference_in_the_call_is_still_matched_by_its_parcel(
    carrier, tracking
):
    carrier.switch_on("lost_answer", reference="1001", operation="void")

    with pytest.raises(CarrierTimeout):
        carrier.void("v-1", tracking)
    assert states(carrier) == ["void"]


def test_an_inquiry_is_disturbed_only_by_name(carrier, tracking):
    carrier.switch_on("lost_request")
    assert carrier.inquire("b-1")

    carrier.switch_on("lost_request", operation="inquire")

    with pytest.raises(CarrierTimeout, match="inquiry about key b-1"):
        carrier.inquire("b-1")


def test_latency_is_really_waited_for(carrier):
    carrier.switch_on("latency", seconds=0.05)
    began = time.monotonic()

    carrier.book("b-1", "1001", LONDON)

    assert time.monotonic() - began >= 0.05


def test_a_share_chooses_the_same_calls_in_every_run(tmp_path):
    def refused(name):
        carrier = SimulatedCarrier(tmp_path / name)
        carrier.switch_on("refuse", share=0.4, seed=7)
        return [n for n in range(50) if not carrier.book(f"b-{n}", str(n), LONDON).ok]

    assert refused("first") == refused("again")
    assert 8 <= len(refused("third")) <= 32


def test_switches_can_be_listed_and_removed(carrier):
    carrier.switch_on("refuse", reference="1001")
    carrier.switch_on("refuse")
    assert [switch.reference for switch in carrier.switches()] == ["1001", ""]

    carrier.switch_off("refuse", reference="1001")
    assert [switch.reference for switch in carrier.switches()] == [""]
    carrier.switch_off()
    assert carrier.switches() == ()


def test_a_wrong_request_or_switch_is_an_error_that_names_it(carrier):
    with pytest.raises(InvalidRequest, match="book needs reference as text, not ''"):
        carrier.book("b-1", "", LONDON)
    with pytest.raises(InvalidRequest, match="no switch 'decline'; choose one of refuse, "):
        carrier.switch_on("decline")
    with pytest.raises(InvalidRequest, match="no operation 'deliver'; choose book, "):
        carrier.switch_on("latency", operation="deliver")


def test_a_hanging_call_gives_in_after_a_while(tmp_path):
    carrier = SimulatedCarrier(tmp_path / "carrier.sqlite3", hang_seconds=0.05)
    carrier.switch_on("hang")

    assert carrier.book("b-1", "1001", LONDON).ok


def test_a_process_killed_while_the_carrier_hangs_loses_only_the_answer(carrier):
    carrier.switch_on("hang", times=1)
    with subprocess.Popen([sys.executable, "-c", BOOK_IN_A_PROCESS, str(carrier.path)]) as process:
        until(lambda: carrier.inquire("b-1"))
        process.kill()

    assert process.returncode != 0
    assert carrier.book("b-1", "1001", {"country": "United Kingdom"}).ok
    assert len(carrier.list_parcels()) == 1


def test_a_driver_and_a_void_never_both_win(carrier):
    labels = [carrier.book(f"b-{n}", str(n), LONDON).tracking for n in range(20)]

    with ThreadPoolExecutor(max_workers=8) as threads:
        voids = [threads.submit(carrier.void, f"v-{label}", label) for label in labels]
        scans = [threads.submit(carrier.hand_over, label) for label in labels]

    pairs = zip(voids, scans, strict=True)
    assert all(void.result().ok != scan.result().ok for void, scan in pairs)


def test_first_users_at_the_same_time_share_one_file(tmp_path):
    def first_use(n):
        return SimulatedCarrier(tmp_path / "carrier.sqlite3").book(f"b-{n}", "1001", LONDON).ok

    with ThreadPoolExecutor(max_workers=8) as threads:
        assert all(threads.map(first_use, range(8)))

    assert len(SimulatedCarrier(tmp_path / "carrier.sqlite3").list_parcels()) == 8
