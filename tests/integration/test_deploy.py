"""Before a deploy: can the new code finish what is under way, and what has it missed?"""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders.events import OrderConfirmed, OrderPlaced
from sagas import choreography
from sagas.deploy import DeliveryBackfilled, unfinished
from sagas.event import EVENT_TYPES
from sagas.models import Delivery, Direction, Saga, StoredEvent
from sagas.participant import Kind, Step
from tests.unit.declarations import declared
from tests.world import World

__all__ = ["declared"]


def checked(*arguments: str) -> tuple[int, str]:
    """Return the exit code of the gate, and what it said."""
    out = StringIO()
    try:
        call_command("saga_check_deploy", *arguments, stdout=out)
    except SystemExit as stopped:
        return int(stopped.code or 0), out.getvalue()
    return 0, out.getvalue()


def found() -> set[tuple[str, str, int]]:
    return {(row.kind, row.name, row.count) for row in unfinished()}


def test_the_running_code_can_finish_what_it_began(world: World):
    world.place()
    world.drain()

    code, said = checked()

    assert code == 0
    assert "everything" in said


def test_a_step_that_is_gone_is_named_with_what_waits_for_it(world: World, declared):
    world.place()
    world.place()
    declared.remove("inventory.reserve")

    assert ("handler", "inventory.reserve", 2) in found()


def test_a_timer_that_is_gone_is_named(world: World, declared):
    world.place()
    world.drain()
    declared.timers("orders", "order.state.fulfilling")

    assert ("handler", "orders.while_in:order.state.fulfilling", 1) in found()


def test_an_inquiry_whose_step_is_gone_is_named(world: World, declared):
    order = world.place()
    Delivery.objects.create(
        event=StoredEvent.objects.get(saga_id=world.saga(order).id, position=1),
        consumer="payments",
        purpose="inquire:charge",
        kind=Kind.TIMER,
        saga_id=world.saga(order).id,
        position=1,
        available_at=world.saga(order).started_at,
        created_at=world.saga(order).started_at,
    )

    assert found() == {("handler", "payments.inquire:charge", 1)}


def test_a_choreography_that_is_gone_is_named(world: World, declared, monkeypatch):
    world.place()
    monkeypatch.delitem(choreography.CHOREOGRAPHIES, "checkout")

    assert ("choreography", "checkout", 1) in found()


def test_an_event_that_this_code_does_not_know_is_named(world: World, monkeypatch):
    world.place()
    monkeypatch.delitem(EVENT_TYPES, OrderPlaced.wire_name)

    assert any(kind == "schema" and name == "orders.OrderPlaced v1" for kind, name, _ in found())


def test_a_payload_that_does_not_fit_is_named(world: World):
    world.place()
    StoredEvent.objects.update(payload={"order_id": "none"})

    assert any(kind == "schema" for kind, _, _ in found())


def test_the_gate_fails_and_says_what_as_json(world: World, declared):
    world.place()
    declared.remove("inventory.reserve")

    code, said = checked("--json")

    assert code == 1
    assert {"kind": "handler", "name": "inventory.reserve", "count": 1} in json.loads(said)


# -- steps that came later -------------------------------------------------------------------------


def greet(event) -> None:
    """A step that only had to run."""


@pytest.fixture
def later(declared):
    """Declare the checkout's second version: a step of it reacts to what is long past."""

    def declare(event) -> Step:
        step = Step(
            name="greet",
            consumer="orders",
            sagas=("checkout",),
            events=(event,),
            function=greet,
            since=2,
        )
        declared.add(step)
        declared.choreography("checkout", version=2)
        return step

    return declare


def backfilled(*arguments: str) -> str:
    out = StringIO()
    call_command("saga_backfill", *arguments, stdout=out)
    return out.getvalue()


APPLY = ("--apply", "--reason", "the greeting is new", "--actor", "admin:kim")


def test_what_a_later_step_has_missed_is_only_counted(world: World, later):
    world.place()
    world.drain()
    later(OrderPlaced)

    assert "orders.greet missed 1" in backfilled()
    assert Delivery.objects.filter(purpose="greet").count() == 0


def test_a_later_step_is_given_what_it_has_missed_and_the_log_says_who(world: World, later):
    order = world.place()
    world.drain()
    later(OrderPlaced)

    backfilled(*APPLY)
    world.drain()

    facts = StoredEvent.objects.filter(type=DeliveryBackfilled.wire_name)
    assert [(fact.actor, fact.reason) for fact in facts] == [("admin:kim", "the greeting is new")]
    assert StoredEvent.objects.filter(saga_id=world.saga(order).id, cause_purpose="greet").exists()
    world.assert_engine_agrees()


def test_giving_it_twice_gives_it_once(world: World, later):
    world.place()
    world.drain()
    later(OrderPlaced)
    backfilled(*APPLY)

    assert "greet" not in backfilled(*APPLY)
    assert Delivery.objects.filter(purpose="greet").count() == 1


def test_a_saga_that_has_caught_up_follows_the_new_version(world: World, later):
    order = world.place()
    later(OrderConfirmed)

    backfilled(*APPLY)
    world.drain()

    assert world.saga(order).route_version == 2
    assert StoredEvent.objects.filter(cause_purpose="greet").count() == 1


def test_a_saga_that_began_later_has_missed_nothing(world: World, later):
    later(OrderPlaced)
    world.place()

    assert "greet" not in backfilled()


def test_a_saga_that_goes_back_is_not_led_forward(world: World, later):
    world.place()
    Saga.objects.update(direction=Direction.COMPENSATING)
    later(OrderPlaced)

    assert "greet" not in backfilled(*APPLY)


def test_an_ended_saga_is_left_alone(world: World, later):
    order = world.place()
    world.drain()
    world.deliver(order)
    later(OrderPlaced)

    assert "greet" not in backfilled(*APPLY)
    assert Saga.objects.get(choreography="checkout").route_version == 1


def test_changing_something_takes_a_reason(world: World):
    with pytest.raises(CommandError, match="--reason"):
        backfilled("--apply")
