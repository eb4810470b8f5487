"""Steps that fail: tried again, given up, left to a person; and nobody else waits for them."""

from datetime import timedelta

import pytest

from orders.events import OrderCompleted, OrderPlaced, OrderShipped
from orders.models import Order
from orders.services import request_cancel
from sagas import claim, clock
from sagas.dead_letter import edit_dead, retry_dead, skip_dead
from sagas.exceptions import PermanentFailure, UndecodableEvent
from sagas.models import Case, CaseKind, Delivery, DeliveryState, SagaStatus, StoredEvent
from sagas.pause import pause, resume
from sagas.retry import Retry
from tests.scenarios.books import assert_quiet, stand
from tests.scenarios.facts import facts
from tests.world import reload

pytestmark = pytest.mark.both_databases

READY, DEAD = DeliveryState.READY, DeliveryState.DEAD
MINUTE = timedelta(minutes=1)


def waiting(step):
    return Delivery.objects.get(purpose=step)


@pytest.fixture
def moody(extras):
    """Have a step fail with what stands in the first list, and note its successes in the second."""
    errors: list[Exception] = []
    done: list[str] = []

    @extras.on(OrderPlaced, retry=Retry(attempts=3, base=MINUTE, factor=2.0))
    def greet(event) -> None:
        if errors and event.customer == "kim":
            raise errors[0]
        done.append(event.number)

    @extras.on(OrderCompleted)
    def thank(event) -> None:
        done.append("thanks")

    return errors, done


# -- trying again


def test_a_failing_step_is_tried_again_later_and_then_succeeds(world, moody):
    errors, done = moody
    errors.append(OSError("not now"))
    order = world.place()
    world.drain()

    row = waiting("greet")
    assert (row.state, row.attempts) == (READY, 1)
    assert row.available_at - clock.now() <= MINUTE
    assert "OSError: not now" in row.error
    errors.clear()
    world.pass_time(MINUTE)

    assert done == [order.number]
    world.assert_engine_agrees()


def test_a_step_that_used_up_its_attempts_dies_and_opens_a_case(world, moody):
    errors, _ = moody
    errors.append(OSError("never"))
    order = world.place()
    world.drain()
    world.pass_time(MINUTE)
    assert (waiting("greet").state, waiting("greet").attempts) == (READY, 2)

    world.pass_time(2 * MINUTE)

    dead = waiting("greet")
    assert (dead.state, dead.attempts) == (DEAD, 3)
    assert Case.objects.get(delivery_id=dead.id).kind == CaseKind.DEAD_LETTER
    (died,) = facts(order, "DeliveryDied")
    assert (died["step"], died["error"]) == ("greet", "OSError: never")
    world.assert_engine_agrees()


@pytest.mark.parametrize("error", [PermanentFailure("hopeless"), UndecodableEvent("no")])
def test_only_a_permanent_failure_dies_at_once(world, moody, error):
    errors, _ = moody
    errors.append(error)
    world.place()
    world.drain()

    assert waiting("greet").state == (DEAD if isinstance(error, PermanentFailure) else READY)


def test_a_step_that_returns_what_it_does_not_announce_dies_at_once(world, extras):
    @extras.on(OrderPlaced)
    def lie(event) -> None:
        return OrderShipped(order_id=event.order_id)  # type: ignore[return-value]  # that it lies

    world.place()
    world.drain()

    assert waiting("lie").state == DEAD
    assert "extras.lie returned OrderShipped" in waiting("lie").error


def test_a_failing_step_leaves_nothing_behind(world, extras):
    @extras.on(OrderPlaced)
    def scribble(event) -> None:
        Order.objects.filter(id=event.order_id).update(customer="nobody")
        raise OSError

    order = world.place()
    world.drain()

    assert reload(order).customer == "kim"


def test_a_dead_delivery_blocks_its_own_lane_only(world, moody):
    errors, done = moody
    errors.append(PermanentFailure("hopeless"))
    order = world.place()
    world.drain()
    world.deliver(order)

    assert reload(order).state == Order.State.COMPLETED
    assert (waiting("greet").state, waiting("thank").state) == (DEAD, READY)
    assert done == []
    errors.clear()
    retry_dead(waiting("greet").id, actor="admin:lee", reason="mended")
    world.drain()
    assert done == [order.number, "thanks"]


def test_other_orders_do_not_wait_for_a_failing_one(world, moody):
    errors, done = moody
    errors.append(OSError("not for kim"))
    world.place()
    lee = world.place(customer="lee")
    world.drain()

    assert done == [lee.number]


def test_a_dead_forward_step_does_not_block_its_own_compensation(world):
    pause("inventory.commit", actor="test", reason="the payload is to be damaged")
    order = world.place()
    world.drain()
    StoredEvent.objects.filter(type="orders.OrderConfirmed").update(payload={"order_id": "?"})
    resume("inventory.commit", actor="test")
    world.drain()
    dead = waiting("commit")
    assert dead.state == DEAD
    assert "orders.OrderConfirmed v1 does not fit its schema" in dead.error

    request_cancel(reload(order))
    world.drain()

    assert (stand(order).order, stand(order).reservation) == ("cancelled", "released")
    assert Case.objects.get(delivery_id=dead.id).closed_at is not None
    assert_quiet(world, order, status=SagaStatus.COMPENSATED, keeps=0)


# -- what a person may do


def edit_nothing(row, **said):
    return edit_dead(row, {}, **said)


@pytest.fixture
def dead(world, moody):
    """Return an order with a dead delivery that would succeed now."""
    errors, _ = moody
    errors.append(PermanentFailure("hopeless"))
    order = world.place()
    world.drain()
    errors.clear()
    return order, waiting("greet").id


def said(order, name):
    rows = StoredEvent.objects.filter(
        saga_id__in=[Case.objects.get().saga_id], type=f"sagas.{name}"
    )
    return [(row.actor, row.reason) for row in rows]


def test_a_person_sends_a_dead_delivery_back_to_work_once(world, moody, dead):
    order, row = dead

    assert retry_dead(row, actor="admin:lee", reason="mended") is True
    assert retry_dead(row, actor="admin:lee", reason="mended") is False
    world.drain()

    assert moody[1] == [order.number]
    assert said(order, "DeliveryRetried") == [("admin:lee", "mended")]
    assert Case.objects.get().closed_by == "admin:lee"
    world.assert_engine_agrees()


def test_a_person_skips_a_dead_delivery_and_the_log_says_why(world, moody, dead):
    order, row = dead

    assert skip_dead(row, actor="admin:lee", reason="greeted by phone") is True
    world.drain()

    assert moody[1] == []
    assert not Delivery.objects.filter(id=row).exists()
    assert said(order, "DeliverySkipped") == [("admin:lee", "greeted by phone")]
    with pytest.raises(Delivery.DoesNotExist):
        skip_dead(row, actor="admin:lee", reason="again")
    world.assert_engine_agrees()


def test_a_person_corrects_the_event_for_this_consumer_only(world, moody, dead):
    order, row = dead
    moody[0].append(PermanentFailure("not for kim"))
    before = Delivery.objects.exclude(id=row).count()

    replacement = edit_dead(row, {"customer": "Kim"}, actor="admin:lee", reason="name")
    assert Delivery.objects.exclude(id=row).count() == before + 1
    world.drain()

    assert moody[1] == [order.number]
    stored = StoredEvent.objects.get(id=replacement)
    assert (stored.payload["customer"], stored.actor) == ("Kim", "admin:lee")
    assert said(order, "DeliverySuperseded") == [("admin:lee", "name")]
    assert reload(order).customer == "kim"
    world.assert_engine_agrees()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"total": {"minor": 1, "currency": "GBP"}}, ValueError, "'total' is money"),
        ({"colour": "blue"}, ValueError, "has no field 'colour'"),
        ({"customer": 7}, UndecodableEvent, "does not fit its schema"),
    ],
)
def test_money_unknown_fields_and_wrong_types_are_not_editable(
    world, dead, changes, error, message
):
    with pytest.raises(error, match=message):
        edit_dead(dead[1], changes, actor="admin:lee", reason="name")
    assert waiting("greet").state == DEAD


@pytest.mark.parametrize("act", [retry_dead, skip_dead, edit_nothing])
def test_a_person_has_to_say_why(world, dead, act):
    with pytest.raises(ValueError, match="Say why"):
        act(dead[1], actor="admin:lee", reason=" ")
    assert waiting("greet").state == DEAD


# -- pausing


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("payments", Order.State.PLACED),
        ("payments.capture", Order.State.CONFIRMED),
        ("choreography:checkout", Order.State.PLACED),
    ],
)
def test_what_is_paused_waits_and_goes_on_when_resumed(world, name, state):
    assert pause(name, actor="admin:lee", reason="maintenance") is True
    assert pause(name, actor="admin:lee", reason="maintenance") is False
    order = world.place()
    world.drain()
    assert reload(order).state == state

    assert resume(name, actor="admin:lee") is True
    assert resume(name, actor="admin:lee") is False
    world.drain()

    assert reload(order).state == Order.State.FULFILLING
    assert Delivery.objects.filter(attempts__gt=0).count() == 0
    said = StoredEvent.objects.filter(type__in=["sagas.Paused", "sagas.Resumed"])
    assert [row.actor for row in said] == ["admin:lee", "admin:lee"]


@pytest.mark.parametrize("name", ["payment", "payments.captured"])
def test_only_what_exists_can_be_paused(world, name):
    with pytest.raises(ValueError, match=f"'{name}' is no consumer, no step"):
        pause(name, actor="admin:lee", reason="maintenance")


@pytest.mark.parametrize("name", ["payments", "payments.authorise", "choreography:checkout"])
def test_what_is_paused_is_not_even_looked_at(world, name):
    pause("payments.authorise", actor="admin:lee", reason="maintenance")
    world.place()
    world.drain()
    resume("payments.authorise", actor="admin:lee")

    def due(*paused):
        return claim.due(
            "default",
            consumers=world.worker.consumers,
            ids=(),
            paused=claim.Paused(names=frozenset(paused)),
            limit=10,
            now=clock.now(),
        )

    assert [row.purpose for row in due()] == ["authorise"]
    assert due(name) == []


def test_what_is_paused_does_not_keep_a_worker_from_later_work(world, settings):
    settings.SAGAS = {**settings.SAGAS, "BATCH_SIZE": 3}
    pause("payments.authorise", actor="admin:lee", reason="maintenance")
    for _ in range(5):
        world.place()
        world.drain()
    late = world.place()
    world.drain()

    assert stand(late).reservation == "reserved"


def test_what_is_held_up_in_its_lane_does_not_keep_a_worker_from_later_work(world, moody, settings):
    errors, _ = moody
    errors.append(PermanentFailure("hopeless"))
    for _ in range(5):
        order = world.place()
        world.drain()
        world.deliver(order)
    assert Delivery.objects.filter(purpose="thank", state=READY).count() == 5

    settings.SAGAS = {**settings.SAGAS, "BATCH_SIZE": 3}
    late = world.place()
    world.drain()

    assert reload(late).state == Order.State.FULFILLING
