"""D1-D8: what is broken by hand is found under its name and nowhere else, and is then resolved."""

from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from orders.models import Order
from orders.services import request_cancel
from sagas import clock
from sagas.dead_letter import record_failure
from sagas.exceptions import PermanentFailure
from sagas.models import Case, CaseKind, Delivery, Saga, StoredEvent
from sagas.reconciliation import PREDICATES, findings
from tests.integration.reconciling import names, open_findings, run
from tests.world import World, reload

pytestmark = pytest.mark.both_databases

Mend = Callable[[], Any]
LONG_AGO = timedelta(hours=1)


def changed(rows, **values) -> Mend:
    """Change rows behind everybody's back; return what puts them back."""
    before = {row.pk: {name: getattr(row, name) for name in values} for row in rows}
    rows.model.objects.filter(pk__in=before).update(**values)

    def mend() -> None:
        for pk, old in before.items():
            rows.model.objects.filter(pk=pk).update(**old)

    return mend


def removed(rows) -> Mend:
    """Delete rows; return what puts them back."""
    gone = list(rows)
    rows.delete()
    return lambda: rows.model.objects.bulk_create(gone)


def events_of(saga: Saga):
    return StoredEvent.objects.filter(saga_id=saga.id)


def deliveries_of(saga: Saga):
    return Delivery.objects.filter(saga_id=saga.id)


def a_lost_delivery(world: World) -> Mend:
    saga = world.saga(world.place())
    return removed(deliveries_of(saga).filter(consumer="inventory", rank=1))


def an_answer_that_is_gone(world: World) -> Mend:
    order = world.place()
    world.drain()
    answers = events_of(world.saga(order)).filter(cause_consumer="inventory", ordinal=0)
    return changed(answers[:1], cause_purpose="nothing")


def a_delivery_that_came_back(world: World) -> Mend:
    saga = world.saga(world.place())
    copy = deliveries_of(saga).get(consumer="inventory", rank=1)
    world.drain()
    copy.available_at = clock.now() + LONG_AGO
    copy.save(force_insert=True)
    mend: Mend = copy.delete
    return mend


def a_wrong_number_of_events(world: World) -> Mend:
    order = world.place()
    world.drain()
    return changed(Saga.objects.filter(id=world.saga(order).id), position=F("position") + 1)


def a_broken_chain(world: World) -> Mend:
    order = world.place()
    world.drain()
    moves = events_of(world.saga(order)).filter(subject_model="orders.Order", subject_seq=2)
    return changed(moves, from_state="elsewhere")


def a_state_that_nothing_led_to(world: World) -> Mend:
    order = world.place()
    world.drain()
    return changed(Order.objects.filter(pk=order.pk), state=Order.State.PLACED)


def a_saga_that_nothing_moves(world: World) -> Mend:
    order = world.place()
    world.drain()
    return removed(deliveries_of(world.saga(order)))


def a_queue_that_nobody_serves(world: World) -> Mend:
    saga = world.saga(world.place())
    waiting = deliveries_of(saga).filter(consumer="inventory", rank=1)
    return changed(waiting, available_at=clock.now() - LONG_AGO)


def a_call_that_is_held_for_ever(world: World) -> Mend:
    saga = world.saga(world.place())
    waiting = deliveries_of(saga).filter(consumer="inventory", rank=1)
    return changed(waiting, state="leased", lease_until=clock.now() - LONG_AGO)


def a_saga_that_goes_forward_again(world: World) -> Mend:
    order = world.place()
    world.drain()
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()
    return changed(Saga.objects.filter(id=world.saga(order).id), direction="forward")


def a_dead_delivery_without_a_case(world: World) -> Mend:
    saga = world.saga(world.place())
    row = deliveries_of(saga).get(consumer="inventory", rank=1)
    record_failure(row, PermanentFailure("the shelf is gone"), using="default")
    return changed(Case.objects.filter(delivery_id=row.id), closed_at=clock.now() + LONG_AGO)


PLANTED = {
    "a lost delivery": ("D1", a_lost_delivery),
    "an answer that is gone": ("D1", an_answer_that_is_gone),
    "a delivery that came back": ("D1", a_delivery_that_came_back),
    "a wrong number of events": ("D2", a_wrong_number_of_events),
    "a broken chain": ("D2.state", a_broken_chain),
    "a state that nothing led to": ("D2.state", a_state_that_nothing_led_to),
    "a saga that nothing moves": ("D3", a_saga_that_nothing_moves),
    "a queue that nobody serves": ("D4", a_queue_that_nobody_serves),
    "a call that is held for ever": ("D5", a_call_that_is_held_for_ever),
    "a saga that goes forward again": ("D7", a_saga_that_goes_forward_again),
    "a dead delivery without a case": ("D8", a_dead_delivery_without_a_case),
}
planted = pytest.mark.parametrize("what", PLANTED)


@pytest.fixture
def world(db, outside, settings):
    """The shop inside one transaction: what is looked at here needs no commit, and is fast."""
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": "sagas.transport.InProcessTransport"}
    shop = World(*outside)
    shop.stock(MUG=100)
    yield shop
    shop.back_to_now()
    shop.worker.close()


@planted
def test_what_is_broken_is_found_under_its_name_and_no_other(world, what):
    name, plant = PLANTED[what]
    plant(world)

    found = run()

    assert names() == {name}
    assert (found.state, found.found, found.asked) == ("done", 1, 1)
    assert {finding.invariant for finding in findings()} == {name}


@planted
def test_what_is_mended_is_resolved_and_its_case_is_closed(world, what):
    mend = PLANTED[what][1](world)
    run()
    mend()

    found = run()

    assert names() == set()
    assert found.resolved == 1
    assert not Case.objects.filter(kind=CaseKind.RECONCILIATION, closed_at=None).exists()


def test_a_sound_shop_has_no_findings(world):
    for end in (lambda order: None, world.deliver, world.lose):
        order = world.place()
        world.drain()
        end(order)

    found = run()

    assert (names(), found.found) == (set(), 0)
    assert found.looked >= 3


@pytest.mark.parametrize("what", ["a saga that nothing moves", "a dead delivery without a case"])
def test_what_is_ownerless_is_repaired_by_asking_a_person(world, what):
    PLANTED[what][1](world)

    found = run(repairs=True)

    assert (found.found, found.repaired, found.resolved, found.asked) == (1, 1, 1, 0)
    opened = Case.objects.get(closed_at=None)
    assert opened.kind in (CaseKind.NO_NEXT_MOVE, CaseKind.DEAD_LETTER)


def test_a_case_of_reconciliation_is_no_next_move(world):
    a_saga_that_nothing_moves(world)
    run()

    again = run()

    assert names() == {"D3"}
    assert again.resolved == 0


@contextmanager
def without_constraint(name):
    every = StoredEvent._meta.constraints
    (constraint,) = (each for each in every if each.name == name)
    with pytest.MonkeyPatch.context() as patch, connection.schema_editor() as editor:
        patch.setattr(StoredEvent._meta, "constraints", [c for c in every if c is not constraint])
        editor.remove_constraint(StoredEvent, constraint)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.add_constraint(StoredEvent, constraint)


def test_an_effect_that_is_there_twice_is_found_where_no_constraint_forbids_it(transactional_db):
    saga = Saga.objects.create(choreography="gone", key="7", started_at=clock.now(), position=2)
    with without_constraint("event_once_per_cause"):
        for position in (1, 2):
            StoredEvent.objects.create(
                type="gone.Event", payload={}, context="gone", saga_id=saga.id, position=position,
                subject_model="gone", subject_key="7", subject_seq=position, cause=saga.id,
                cause_consumer="gone", cause_purpose="go", ordinal=0, recorded_at=clock.now(),
            )  # fmt: skip

        run(only=["D6"])

        (finding,) = open_findings()
        assert finding.predicate == "D6"
        assert finding.detail["times"] == 2
        StoredEvent.objects.all().delete()


def test_every_invariant_of_the_engine_is_broken_by_a_test():
    broken = {name for name, _ in PLANTED.values()} | {"D6"}

    assert broken == {name for name in PREDICATES if name.startswith("D")}
