"""Routing: who reacts to what, read from annotations and choreographies."""

from typing import Any, Optional, Union

import pytest

from inventory.events import StockAdjusted, StockReserved
from orders.events import OrderCancelled, OrderConfirmed, OrderPlaced, ReturnRequested
from payments.events import PaymentClosed, PaymentDeclined
from sagas.choreography import CHOREOGRAPHIES
from sagas.event import Event
from sagas.exceptions import ConfigurationError, DuplicateDeclaration
from sagas.participant import PARTICIPANTS, Participant
from sagas.routing import (
    FREE,
    announcement_of,
    forget_routes,
    lookup_fields,
    routes,
    step_named,
    timer_named,
)

#: Types that are made by running code mean nothing to a type checker.
A: Any = OrderConfirmed
B: Any = OrderCancelled
C: Any = PaymentClosed


@pytest.fixture
def tester():
    """Return a participant of this test's own."""
    forget_routes()
    yield Participant("tester")
    del PARTICIPANTS["tester"]
    forget_routes()


def step(tester, annotation, **declared):
    def react(event): ...

    react.__annotations__["return"] = annotation
    return tester.on(OrderPlaced, **declared)(react)


@pytest.mark.parametrize(
    ("annotation", "outcomes"),
    [
        (A, ((A,),)),
        (A | B, ((A,), (B,))),
        (Union[A, B], ((A,), (B,))),  # noqa: UP007  as older code writes it
        (Optional[A], ((A,), ())),  # noqa: UP045  as older code writes it
        (A | None, ((A,), ())),
        (tuple[A, B], ((A, B),)),
        (tuple[A, B] | C, ((A, B), (C,))),
        (tuple[A, B] | None, ((A, B), ())),
        (None, ((),)),
    ],
)
def test_an_annotation_says_what_a_step_announces(tester, annotation, outcomes):
    announced = announcement_of(step(tester, annotation))

    assert announced.outcomes == outcomes
    assert announced.may_be_nothing is (() in outcomes)
    assert set(announced.events) == {event for outcome in outcomes for event in outcome}


@pytest.mark.parametrize("annotation", [Event, Any, int, list[A], A | int, tuple[A, ...], object])
def test_an_annotation_that_names_no_event_is_refused_with_the_cure(tester, annotation):
    with pytest.raises(ConfigurationError, match=r"tester.react .* name the event classes"):
        announcement_of(step(tester, annotation))


def test_a_missing_annotation_is_refused(tester):
    @tester.on(OrderPlaced)
    def react(event): ...

    with pytest.raises(ConfigurationError, match=r"tester.react has no return annotation"):
        announcement_of(react)


def test_a_name_that_does_not_exist_is_refused_with_the_cure(tester):
    with pytest.raises(ConfigurationError, match=r"tester.react: name 'Nowhere' .* TYPE_CHECKING"):
        announcement_of(step(tester, "Nowhere"))


def test_a_name_is_looked_up_where_the_step_is_written(tester):
    assert announcement_of(step(tester, "OrderConfirmed | None")).outcomes == ((A,), ())


def test_a_broken_annotation_is_a_problem_of_the_routes_and_stops_nobody(tester):
    step(tester, Any)

    found = [problem for problem in routes().problems if problem[1] == "tester.react"]
    assert [what for what, _, _ in found] == ["annotation"]
    assert routes().reacting("checkout", "orders.OrderConfirmed")


def test_an_event_reaches_the_steps_of_its_own_choreography_only():
    def reacting(choreography, event):
        return {s.full_name for s in routes().reacting(choreography, event.wire_name)}

    assert reacting("checkout", StockReserved) == {"payments.authorise"}
    assert reacting("return", StockReserved) == set()
    assert reacting("return", ReturnRequested) == {
        "inventory.expect_return",
        "notices.tell_case",
        "shipping.open_return",
    }


def test_a_step_needs_no_choreography_while_its_event_occurs_in_one(tester):
    react = step(tester, None)

    assert routes().choreographies_of[react.full_name] == ("checkout",)


def test_a_step_for_free_events_belongs_to_no_choreography(tester):
    @tester.on(StockAdjusted)
    def note(event) -> None: ...

    assert routes().choreographies_of["tester.note"] == (FREE,)
    assert routes().reacting(FREE, StockAdjusted.wire_name) == (note,)


def test_the_owner_of_a_choreography_announces_its_end():
    owners = dict(routes().owners)

    assert owners.pop("owed_refund") == "payments"
    assert owners.keys() == CHOREOGRAPHIES.keys() - {"owed_refund"}
    assert set(owners.values()) == {"orders"}


def test_an_event_knows_the_choreography_that_it_starts():
    assert routes().starts["orders.OrderPlaced"].name == "checkout"
    assert PaymentDeclined.wire_name not in routes().starts


def test_subjects_are_found_by_the_fields_that_steps_name():
    assert lookup_fields("payments.Payment") == {"id", "order_id"}
    assert lookup_fields("payments.Refund") == {"id"}
    assert lookup_fields("nobody.Nothing") == frozenset()


def test_what_the_code_does_not_know_is_none():
    assert str(step_named("payments", "capture")) == "payments.capture"
    assert step_named("payments", "engrave") is None
    assert step_named("loyalty", "capture") is None
    assert (
        timer_named("inventory", "reservation.state.reserved") in PARTICIPANTS["inventory"].timers
    )
    assert timer_named("inventory", "reservation.engraved") is None


def test_two_steps_of_one_name_are_refused(tester):
    step(tester, None)
    with pytest.raises(DuplicateDeclaration, match=r"tester.react is declared twice"):
        step(tester, None)


def test_two_participants_of_one_name_are_refused():
    with pytest.raises(DuplicateDeclaration, match="'payments' is declared twice"):
        Participant("payments")
