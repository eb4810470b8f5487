import json
from datetime import timedelta

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import translation

from orders.services import request_cancel, request_return
from sagas import clock
from sagas.dead_letter import record_failure
from sagas.exceptions import PermanentFailure
from sagas.models import Delivery, DeliveryState
from sagas.pause import pause
from sagas.projection import WaitKind, as_dict, find, overview, timeline, waiting
from sagas.projection.words import sentence_of, state_label, title_of
from tests.world import reload

pytestmark = pytest.mark.both_databases


def kinds(saga):
    return [wait.kind for wait in waiting(saga)]


def open_at(saga, consumer):
    return Delivery.objects.filter(saga_id=saga.id, consumer=consumer, rank=1)[0]


def kill(saga, consumer):
    row = open_at(saga, consumer)
    record_failure(row, PermanentFailure("the shelf is gone"), using="default")
    return Delivery.objects.get(id=row.id)


def test_a_timeline_says_who_did_what_and_why(world):
    order = world.place()
    world.drain()

    entries = timeline(world.saga(order))

    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    placed = entries[0]
    assert (placed.service, placed.what, placed.actor) == ("orders", "Order placed", "customer:kim")
    reserved = next(e for e in entries if e.type == "inventory.StockReserved")
    assert reserved.to_state
    assert reserved.change == f"{reserved.from_state} → {reserved.to_state}"
    assert reserved.cause == "inventory.reserve, after #1 Order placed"


def test_a_cancellation_shows_its_reason(world):
    order = world.place()
    world.drain()
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()

    wish = next(e for e in timeline(world.saga(order)) if e.type == "orders.CancelRequested")

    assert wish.reason == "changed my mind"
    assert wish.actor == "customer:kim"


def test_a_new_order_waits_for_a_worker_and_for_its_deadline(world):
    order = world.place()

    found = kinds(world.saga(order))

    assert set(found) == {WaitKind.READY, WaitKind.TIMER}


def test_an_ended_saga_waits_for_nothing(world):
    order = world.place()
    world.drain()
    world.deliver(order)

    assert waiting(world.saga(order)) == ()


def test_a_dead_delivery_comes_first_and_says_what_an_operator_can_do(world):
    order = world.place()
    dead = kill(world.saga(order), "inventory")

    wait = waiting(world.saga(order))[0]

    assert wait.kind == WaitKind.DEAD
    assert wait.delivery_id == dead.id
    assert wait.case_id is not None
    assert "the shelf is gone" in wait.what
    assert "Traceback" in wait.error or "PermanentFailure" in wait.error
    assert "skip" in wait.who


def test_a_dead_delivery_and_its_case_are_one_wait(world):
    order = world.place()
    kill(world.saga(order), "inventory")

    assert WaitKind.PERSON not in kinds(world.saga(order))


def test_a_paused_consumer_says_who_paused_it_and_why(world):
    order = world.place()
    pause("inventory", actor="admin:lee", reason="stocktaking")

    wait = waiting(world.saga(order))[0]

    assert wait.kind == WaitKind.PAUSED
    assert "admin:lee" in wait.what
    assert "stocktaking" in wait.what


def test_a_paused_choreography_holds_up_all_of_its_sagas(world):
    order = world.place()
    pause("choreography:checkout", actor="admin:lee", reason="stocktaking")

    assert WaitKind.READY not in kinds(world.saga(order))


def test_a_failed_attempt_says_when_it_is_tried_again(world):
    order = world.place()
    row = open_at(world.saga(order), "inventory")
    Delivery.objects.filter(id=row.id).update(
        attempts=2, error="ValueError: no shelf", available_at=clock.now() + timedelta(minutes=3)
    )

    wait = next(w for w in waiting(world.saga(order)) if w.delivery_id == row.id)

    assert wait.kind == WaitKind.RETRY
    assert "2 of 8" in wait.what
    assert "no shelf" in wait.what
    assert wait.until is not None


def test_a_call_that_is_out_is_waited_for_until_its_lease_ends(world):
    order = world.place()
    row = open_at(world.saga(order), "inventory")
    until = clock.now() + timedelta(minutes=2)
    Delivery.objects.filter(id=row.id).update(state=DeliveryState.LEASED, lease_until=until)

    wait = next(w for w in waiting(world.saga(order)) if w.delivery_id == row.id)

    assert (wait.kind, wait.until) == (WaitKind.CALL, until)


def test_a_call_without_an_answer_is_unknown_not_failed(world):
    order = world.place()
    row = open_at(world.saga(order), "payments")
    Delivery.objects.filter(id=row.id).update(
        purpose="inquire:authorise", kind="timer", rank=0,
        available_at=clock.now() + timedelta(seconds=4),
    )  # fmt: skip

    wait = next(w for w in waiting(world.saga(order)) if w.delivery_id == row.id)

    assert wait.kind == WaitKind.UNKNOWN
    assert "payments.authorise" in wait.what


def test_a_parked_delivery_says_for_whom_it_waits(world):
    order = world.place()
    row = open_at(world.saga(order), "inventory")
    Delivery.objects.filter(id=row.id).update(
        state=DeliveryState.PARKED,
        reason="its stock is not counted yet",
        waits_model="inventory.Reservation",
        waits_key="order_id=7",
        deadline_at=clock.now() + timedelta(hours=1),
    )

    wait = next(w for w in waiting(world.saga(order)) if w.delivery_id == row.id)

    assert wait.kind == WaitKind.PARKED
    assert "its stock is not counted yet" in wait.what
    assert "inventory.Reservation" in wait.who


def test_what_comes_later_in_a_lane_waits_its_turn(world):
    order = world.place()
    saga = world.saga(order)
    row = open_at(saga, "inventory")
    later = Delivery.objects.create(
        event=row.event, consumer="inventory", purpose="commit", kind="forward", saga_id=saga.id,
        position=row.position + 1, available_at=row.available_at, created_at=row.created_at,
    )  # fmt: skip

    wait = next(w for w in waiting(saga) if w.delivery_id == later.id)

    assert wait.kind == WaitKind.QUEUED
    assert f"inventory.{row.purpose}" in wait.what


def test_a_state_deadline_says_what_is_announced_then(world):
    order = world.place()
    world.drain()

    timers = [w for w in waiting(world.saga(order)) if w.kind == WaitKind.TIMER]

    assert timers
    assert all(timer.until for timer in timers)
    assert any("is announced" in timer.then for timer in timers)


@pytest.mark.parametrize("name", ["id", "key", "number"])
def test_a_saga_is_found_by_id_key_or_order_number(world, name):
    order = world.place(number="A-17")
    saga = world.saga(order)
    text = {"id": str(saga.id), "key": saga.key, "number": "A-17"}[name]

    assert saga in find(f" {text} ")


def test_nothing_is_found_under_a_name_nobody_has(world):
    world.place(number="A-17")

    assert find("A-18") == []
    assert find("") == []


def test_a_return_and_its_checkout_know_each_other(world):
    order = world.place()
    world.drain()
    world.deliver(order)
    request_return(reload(order), lines=[(1, 1)], reason="too blue", actor="customer:kim")
    world.drain()

    checkout = overview(world.saga(order))
    [back] = checkout.related
    returned = overview(find(str(back.id))[0])

    assert (back.choreography, back.relation) == ("return", "consequence")
    assert [(r.id, r.relation) for r in returned.related] == [(checkout.saga.id, "origin")]


def test_an_overview_costs_the_same_whatever_the_length(world, django_assert_max_num_queries):
    order = world.place()
    world.drain()
    world.deliver(order)

    with django_assert_max_num_queries(12):
        overview(world.saga(order))


def test_an_overview_is_plain_values_for_programs(world):
    order = world.place(number="A-17")
    world.drain()

    told = json.loads(json.dumps(as_dict(overview(world.saga(order))), cls=DjangoJSONEncoder))

    assert told["saga"]["label"] == "A-17"
    assert told["timeline"][0]["type"] == "orders.OrderPlaced"
    assert told["waiting"]


def test_event_names_read_as_words():
    assert title_of("payments.PaymentCaptured") == "Payment captured"
    assert sentence_of("sagas.StepDone", {"step": "orders.collect"}).startswith(
        "orders.collect ran"
    )
    assert state_label("no.Model", "state", "x") == "x"


def test_sentences_are_translated(world):
    order = world.place()

    with translation.override("ko"):
        korean = waiting(world.saga(order))

    assert korean[0].then != waiting(world.saga(order))[0].then
