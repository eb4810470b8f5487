"""Events: named, registered, encoded, lifted and filled."""

import json
import types
from uuid import UUID

import pytest

from orders.events import OrderPlaced
from orders.models import Order
from sagas import codec
from sagas.event import EVENT_TYPES, UPCASTERS, Event, fill, upcast
from sagas.exceptions import (
    DuplicateDeclaration,
    MalformedEvent,
    PayloadTooLarge,
    UndecodableEvent,
    UnknownEvent,
)
from sagas.money import Money

ID = UUID(int=7)


@pytest.fixture
def forgetting():
    """Declare events that are forgotten afterwards."""
    known, lifts = dict(EVENT_TYPES), dict(UPCASTERS)
    yield
    EVENT_TYPES.clear()
    EVENT_TYPES.update(known)
    UPCASTERS.clear()
    UPCASTERS.update(lifts)


@pytest.fixture
def priced(forgetting):
    class Priced(Event):
        version = 3

        order_id: UUID
        price: Money
        tags: tuple[str, ...] = ()

    @upcast(Priced, from_version=1)
    def name_the_currency(payload):
        payload["price"] = {"minor": payload.pop("pence"), "currency": "GBP"}
        return payload

    @upcast(Priced, from_version=2)
    def allow_tags(payload):
        return {**payload, "tags": [payload.pop("tag")]}

    return Priced


def test_an_event_is_named_by_its_context_and_its_class(priced):
    assert (priced.context, priced.wire_name) == ("unit", "unit.Priced")
    assert OrderPlaced.wire_name == "orders.OrderPlaced"


def test_two_modules_can_not_declare_the_same_event(priced):
    with pytest.raises(DuplicateDeclaration, match=r"unit.Priced is declared in .*rename one"):
        types.new_class(
            "Priced", (Event,), exec_body=lambda body: body.update(__module__="other.unit.events")
        )


def test_an_event_comes_back_as_it_went(priced):
    said = priced(order_id=ID, price=Money(1250, "EUR"), tags=("a", "b"))
    payload = codec.encode(said)

    assert payload == {
        "order_id": str(ID),
        "price": {"minor": 1250, "currency": "EUR"},
        "tags": ("a", "b"),
    }
    assert codec.decode("unit.Priced", 3, json.loads(json.dumps(payload))) == said


def test_an_event_can_not_be_changed(priced):
    with pytest.raises(AttributeError):
        priced(order_id=ID, price=Money(1, "EUR")).order_id = UUID(int=8)


def test_old_versions_are_lifted_one_after_the_other(priced):
    old = {"order_id": str(ID), "pence": 5, "tag": "red"}

    lifted = codec.decode("unit.Priced", 1, old)

    assert lifted == priced(order_id=ID, price=Money(5, "GBP"), tags=("red",))
    assert old == {"order_id": str(ID), "pence": 5, "tag": "red"}


@pytest.mark.parametrize(
    ("name", "version", "error", "message"),
    [
        ("unit.Nothing", 1, UnknownEvent, "No event class is called 'unit.Nothing'"),
        ("unit.Priced", 4, UnknownEvent, "v4 is newer than v3, which this code knows"),
        ("unit.Priced", 0, UndecodableEvent, "v0 has no upcaster to v1: declare one"),
        ("unit.Priced", 3, UndecodableEvent, "v3 does not fit its schema"),
    ],
)
def test_what_can_not_be_read_says_why(priced, name, version, error, message):
    with pytest.raises(error, match=message):
        codec.decode(name, version, {"order_id": "no id"})


@pytest.mark.parametrize("currency", ["", "eur", "EURO"])
def test_money_in_a_payload_needs_a_currency(priced, currency):
    payload = {"order_id": str(ID), "price": {"minor": 1, "currency": currency}, "tags": []}
    with pytest.raises(UndecodableEvent):
        codec.decode("unit.Priced", 3, payload)


def test_a_payload_may_be_as_large_as_the_limit_and_no_larger(priced, settings):
    said = priced(order_id=ID, price=Money(1, "EUR"), tags=("x" * 500,))
    settings.SAGAS = {**settings.SAGAS, "MAX_PAYLOAD_BYTES": 700}
    codec.encode(said)

    settings.SAGAS = {**settings.SAGAS, "MAX_PAYLOAD_BYTES": 500}
    with pytest.raises(PayloadTooLarge, match=r"takes \d+ bytes.*announce ids"):
        codec.encode(said)


def test_an_event_is_filled_from_whatever_has_its_fields(priced):
    order = Order(pk=ID, number="1")
    first = priced(order_id=UUID(int=8), price=Money(1, "EUR"))

    assert fill(priced, first, order) == first
    assert fill(priced, order, first) == priced(order_id=ID, price=Money(1, "EUR"))
    with pytest.raises(TypeError, match="price"):
        fill(priced, order)


def test_a_fraction_of_a_minor_unit_is_refused(priced):
    payload = {"order_id": str(ID), "price": {"minor": 1.5, "currency": "EUR"}, "tags": []}
    with pytest.raises(UndecodableEvent):
        codec.decode("unit.Priced", 3, payload)


def test_a_value_of_another_type_is_refused_before_anything_is_written(priced):
    with pytest.raises(MalformedEvent, match=r"unit\.Priced was made with a value of another type"):
        codec.encode(priced(order_id="no uuid", price=Money(1, "GBP")))
