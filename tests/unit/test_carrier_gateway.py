"""Shipping's gateway: what it asks of the carriers, one or all in turn, and what it makes of it."""

from uuid import uuid4

import pytest

from orders.events import GoodsRefused
from sagas.exceptions import NotSent, Unanswered
from shipping import gateway
from shipping.simulated_carrier import SimulatedCarrier
from tests.unit.house import HOME, case, case_lines
from tests.unit.parcel_steps import ADDRESS, CASE, ORDER, parcel, shipment

GOODS = case(GoodsRefused, ORDER, CASE, lines=case_lines((1, "CUP", 1)), ship_to=HOME)


@pytest.fixture
def books(settings, tmp_path):
    settings.CARRIER_BOOKS = tmp_path / "carrier.sqlite3"
    return SimulatedCarrier(settings.CARRIER_BOOKS)


def send(call, subject, event=None, key=None):
    return call.send(call.request(event, subject), key or uuid4())


def booked(**values):
    row = shipment(**values)
    row.start_booking()
    return row


def test_the_calls_book_and_void_at_the_carrier_whose_turn_it_is(books):
    label = send(gateway.BOOK, booked(bookings=2))
    voided = send(gateway.VOID, shipment(tracking=label.reference))

    assert (label.ok, voided.ok) == (True, True)
    (known,) = books.list_parcels()
    assert (known.tracking, known.reference, known.state) == (label.reference, "1001", "void")
    assert known.carrier == "post"


def test_the_carriers_are_asked_in_turn_until_one_takes_the_parcel(books):
    books.switch_on("refuse", operation="book", carrier="swift")
    key, request = uuid4(), gateway.BOOK_WITH_ANY.request(None, shipment(part=2))
    assert gateway.BOOK_WITH_ANY.inquire(request, key) is None

    answer = gateway.BOOK_WITH_ANY.send(request, key)

    assert (answer.ok, answer.data) == (True, {"carrier": "post"})
    assert gateway.BOOK_WITH_ANY.inquire(request, key) == answer
    assert gateway.BOOK_WITH_ANY.send(request, key) == answer
    assert [known.carrier for known in books.list_parcels()] == ["post"]


def test_a_carrier_that_did_not_answer_in_its_turn_is_asked_again_before_the_next(books):
    books.switch_on("lost_request", operation="book", carrier="post", times=1)
    books.switch_on("refuse", operation="book", carrier="swift")
    key, request = uuid4(), gateway.BOOK_WITH_ANY.request(None, shipment(part=2))

    with pytest.raises(Unanswered):
        gateway.BOOK_WITH_ANY.send(request, key)

    assert gateway.BOOK_WITH_ANY.inquire(request, key) is None
    assert gateway.BOOK_WITH_ANY.send(request, key).data == {"carrier": "post"}


def test_what_no_carrier_takes_is_refused_with_the_last_ones_reason(books):
    books.switch_on("refuse", operation="book", code="too_heavy")
    key, request = uuid4(), gateway.BOOK_WITH_ANY.request(None, shipment(part=2))

    answer = gateway.BOOK_WITH_ANY.send(request, key)

    assert (answer.ok, answer.code) == (False, "too_heavy")
    assert gateway.BOOK_WITH_ANY.inquire(request, key).code == "too_heavy"


def test_goods_are_fetched_stopped_and_sent_back_at_the_carrier(books):
    fetched = send(gateway.TAKE_BACK, parcel())
    label = send(gateway.BOOK, booked())
    books.hand_over(label.reference)
    stopped = send(gateway.TAKE_BACK, parcel(is_intercept=True, tracking=label.reference))
    sent_back = send(gateway.SEND_BACK, parcel(), GOODS)

    assert (fetched.ok, stopped.ok, sent_back.ok) == (True, True, True)
    assert stopped.reference == label.reference
    assert sorted(known.direction for known in books.list_parcels()) == ["back", "back", "out"]


def test_a_parcel_that_was_not_caught_is_a_definite_no(books):
    label = send(gateway.BOOK, booked())
    books.hand_over(label.reference)
    books.switch_on("no_intercept")
    request = gateway.TAKE_BACK.request(None, parcel(is_intercept=True, tracking=label.reference))
    key = uuid4()

    answer = gateway.TAKE_BACK.send(request, key)

    assert (answer.ok, answer.code) == (False, "not_intercepted")
    assert gateway.TAKE_BACK.inquire(request, key) == answer


def test_a_country_that_is_not_served_is_a_definite_answer(books):
    answer = send(gateway.BOOK, booked(address=ADDRESS | {"country": "AQ"}))

    assert (answer.ok, answer.code) == (False, "no_service")


def test_a_lost_answer_is_unknown_and_the_inquiry_finds_it(books):
    key, request = uuid4(), gateway.book_request(None, booked())
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
    answer = send(gateway.BOOK, booked(number=""))

    assert (answer.ok, answer.code) == (False, "invalid_request")


def test_a_carrier_that_can_not_be_reached_was_not_asked(settings, tmp_path):
    (tmp_path / "file").touch()
    settings.CARRIER_BOOKS = tmp_path / "file" / "carrier.sqlite3"

    with pytest.raises(NotSent, match="can't be reached"):
        send(gateway.BOOK, booked())
