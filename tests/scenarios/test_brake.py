"""Calls that move money have caps, and over a cap a second person is asked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction

from inventory.models import StockItem
from orders.events import OrderPlaced, ReplacementDue
from orders.models import Order
from orders.services import request_cancel
from payments.models import Payment
from sagas import clock
from sagas.approval import approve
from sagas.brake import Brake
from sagas.case import close_case
from sagas.dead_letter import retry_dead, skip_dead
from sagas.exceptions import CallAgain, SecondPersonNeeded
from sagas.models import (
    BrakeLock,
    Case,
    CaseKind,
    Delivery,
    DeliveryState,
    Intent,
    IntentState,
    StoredEvent,
)
from sagas.money import Money
from sagas.outbox import publish
from sagas.participant import by
from sagas.projection import WaitKind
from sagas.projection import waiting as waits
from sagas.reconciliation import findings
from sagas.retry import Retry
from sagas.worker import Worker
from shipping.models import Shipment
from tests.integration.statements import statements
from tests.scenarios.facts import facts
from tests.scenarios.lines import Line, declare, waiting
from tests.unit.declarations import declared
from tests.world import reload

__all__ = ["declared"]

pytestmark = pytest.mark.both_databases

BRAKED, READY, DEAD = DeliveryState.BRAKED, DeliveryState.READY, DeliveryState.DEAD
BRAKE = "weather.forecast"
HOUR = timedelta(hours=1)
LEE = {"actor": "admin:lee", "reason": "I have looked at the list"}


def pounds(request):
    return Money(request["minor"], "GBP")


@pytest.fixture
def cap(settings):
    """Set the caps of the brake."""

    def set_caps(name=BRAKE, **caps):
        minute = timedelta(minutes=1)
        brakes = {name: Brake(**caps)}
        settings.SAGAS = {**settings.SAGAS, "BATCH_TIME": minute, "BRAKES": brakes}

    return set_caps


@pytest.fixture
def line(world, extras):
    """Return an outside system that every new order pays a pound."""
    line = Line()
    declare(extras, line.call(amount=pounds, brake=BRAKE))
    return line


@pytest.fixture
def caller(line):
    """Return a worker that does nothing but call."""
    worker = Worker({"extras"})
    yield worker
    worker.close()


def place(world, count):
    return [world.place() for _ in range(count)]


def states():
    return [row.state for row in waiting()]


def braked():
    (row,) = Delivery.objects.filter(state=BRAKED)
    return row


# -- over a cap


def test_over_its_cap_a_call_does_not_go_out_and_a_second_person_is_asked(world, line, caller, cap):
    cap(per_hour_count=1)
    _, order = place(world, 2)

    caller.drain()

    assert len(line.sent) == 1
    row = braked()
    assert (row.saga_id, row.attempts) == (world.saga(order).id, 0)
    assert not Intent.objects.filter(key=str(order.pk)).exists()
    assert "CallStarted" not in world.events(order)
    case = Case.objects.get(delivery_id=row.id)
    assert (case.kind, case.amount, case.closed_at) == (CaseKind.BRAKED, Money(100, "GBP"), None)
    for part in ("extras.ask", "1.00 GBP", "per_hour_count=1", BRAKE):
        assert part in case.detail
    (opened,) = facts(order, "CaseOpened")
    assert (opened["kind"], opened["detail"]) == ("braked", case.detail)
    assert findings() == []


@pytest.mark.parametrize(
    "allowed",
    [
        ({}, 5),
        ({"per_hour_count": 4}, 4),
        ({"per_hour_minor": {"GBP": 399}}, 3),
        ({"per_hour_minor": {"EUR": 10**6}}, 0),
        ({"per_run_count": 2}, 2),
        ({"per_run_minor": {"GBP": 100}, "per_hour_count": 4}, 1),
    ],
)
def test_no_more_goes_out_than_the_caps_allow(world, line, caller, cap, allowed):
    caps, sent = allowed
    cap(**caps)
    place(world, 5)

    caller.run_once()

    assert len(line.sent) == sent
    assert states() == [BRAKED] * (5 - sent)


def test_a_run_is_one_batch(world, line, caller, cap, settings):
    cap(per_run_count=1)
    settings.SAGAS = {**settings.SAGAS, "BATCH_SIZE": 2}
    place(world, 4)

    caller.drain()

    assert len(line.sent) == 2


def test_a_brake_without_caps_stops_nothing(world, line, caller):
    place(world, 3)
    caller.drain()

    assert len(line.sent) == 3
    assert not BrakeLock.objects.exists()
    assert {(i.brake, i.amount_minor, i.currency) for i in Intent.objects.all()} == {
        (BRAKE, 100, "GBP")
    }


def test_an_hour_later_calls_go_out_again_but_what_is_braked_stays_so(world, line, caller, cap):
    cap(per_hour_count=1)
    place(world, 2)
    caller.drain()
    line.sent.clear()

    with clock.travel(HOUR):
        (order,) = place(world, 1)
        caller.drain()

    assert line.sent == [str(order.pk)]
    assert states() == [BRAKED]


def test_a_call_that_certainly_did_not_happen_is_not_counted(world, line, caller, cap):
    cap(per_hour_count=1)
    line.is_like = "refuses"
    place(world, 1)
    caller.drain()
    assert Intent.objects.get(brake=BRAKE).state == IntentState.FAILED
    line.is_like = "up"

    place(world, 1)
    caller.drain()

    assert len(line.sent) == 2


def test_a_call_of_which_nobody_knows_is_counted(world, line, caller, cap):
    cap(per_hour_count=1)
    line.is_like = "silent"
    place(world, 1)
    caller.drain()

    place(world, 1)
    caller.drain()

    assert states() == [BRAKED]


def test_nobody_waits_for_what_is_braked(world, line, cap):
    cap(per_hour_count=0)
    order = world.place()
    world.drain()
    world.deliver(order)

    assert reload(order).state == Order.State.COMPLETED
    assert states() == [BRAKED]


def test_in_its_own_lane_a_braked_delivery_steps_aside(world, line, extras, caller, cap):
    done = []

    @extras.on(OrderPlaced, reads={"items": by(StockItem, "sku", "lines.sku")})
    def note(event) -> None:
        done.append(event.order_id)

    cap(per_hour_count=0)
    (order,) = place(world, 1)
    caller.drain()

    assert states() == [BRAKED]
    assert done == [order.pk]


# -- nothing has begun


def test_a_braked_call_has_not_moved_its_subject(world, declared, cap):
    call = declared.step("payments.authorise").calls
    amount = lambda request: Money(request["amount_minor"], request["currency"])  # noqa: E731
    declared.change("payments.authorise", calls=replace(call, amount=amount, brake="payments"))
    cap("payments", per_hour_minor={"GBP": 1499})
    order = world.place()
    world.drain()
    payment = world.payment(order)
    assert (payment.state, payment.attempts) == (Payment.State.PENDING, 0)
    assert not world.provider.list_transactions()

    assert approve(braked().id, **LEE)
    world.drain()

    assert reload(order).state == Order.State.FULFILLING
    assert world.payment(order).attempts == 1


def test_a_braked_call_has_not_made_its_subject(world, declared, cap):
    call = declared.step("shipping.book_replacement").calls
    postage = Money(450, "GBP")
    declared.change(
        "shipping.book_replacement",
        calls=replace(call, amount=lambda request: postage, brake="post"),
    )
    cap("post", per_hour_minor={"GBP": 449})
    order = world.place()
    due = ReplacementDue(
        case_id=clock.new_id(), order_id=order.pk, number="R-1", wanted=(), ship_to=order.address
    )
    with transaction.atomic():
        publish(due, of=order)
    world.drain()
    assert braked().purpose == "book_replacement"
    assert not Shipment.objects.filter(case_id=due.case_id).exists()

    assert approve(braked().id, **LEE)
    world.drain()

    assert Shipment.objects.get(case_id=due.case_id).state == Shipment.State.LABELLED


def test_a_saga_that_goes_back_takes_its_braked_call_along(world, line, cap):
    cap(per_hour_count=0)
    order = world.place()
    world.drain()
    case = Case.objects.get(delivery_id=braked().id)

    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()

    assert waiting("ask") == []
    case.refresh_from_db()
    assert (case.closed_at is not None, case.approved) == (True, False)
    assert [row.state for row in waiting("ask_back")] == [BRAKED]
    world.assert_engine_agrees()


# -- the second person


@pytest.fixture
def asked(world, line, caller, cap):
    """Return an order of kim's whose call is braked."""
    cap(per_hour_count=0)
    (order,) = place(world, 1)
    caller.drain()
    return order


def test_an_approved_call_goes_out_although_its_cap_is_reached(world, line, caller, asked):
    row = braked()

    assert approve(row.id, **LEE) is True
    caller.drain()

    assert line.sent == [str(asked.pk)]
    (fact,) = facts(asked, "CallApproved")
    assert fact == {
        "delivery_id": str(row.id),
        "consumer": "extras",
        "step": "ask",
        "amount": {"minor": 100, "currency": "GBP"},
    }
    stored = StoredEvent.objects.get(type="sagas.CallApproved")
    assert (stored.actor, stored.reason) == ("admin:lee", LEE["reason"])
    case = Case.objects.get(kind=CaseKind.BRAKED)
    assert (case.approved, case.closed_by, case.note) == (True, "admin:lee", LEE["reason"])
    assert findings() == []


def test_approving_twice_does_no_harm(asked):
    row = braked()

    assert [approve(row.id, **LEE), approve(row.id, **LEE)] == [True, False]
    assert len(facts(asked, "CallApproved")) == 1


@pytest.mark.parametrize("actor", ["customer:kim", "admin:kim", "kim"])
def test_who_asked_for_the_money_can_not_approve_it(asked, actor):
    with pytest.raises(SecondPersonNeeded, match="customer:kim has a hand in this already"):
        approve(braked().id, actor=actor, reason="it is mine")
    assert states() == [BRAKED]
    assert facts(asked, "CallApproved") == []


@pytest.fixture
def cancelled(world, line, cap):
    """Have mallory cancel an order of kim's, whose undo call is braked."""
    cap(per_hour_count=0)
    order = world.place()
    world.drain()
    request_cancel(reload(order), reason="a gift to myself", actor="admin:mallory")
    world.drain()


def test_nor_can_anybody_whose_doing_led_to_it(cancelled):
    with pytest.raises(SecondPersonNeeded, match="admin:mallory"):
        approve(braked().id, actor="user:mallory", reason="looks fine to me")


def test_a_context_that_had_a_hand_in_it_is_no_person(cancelled):
    assert approve(braked().id, actor="admin:shipping", reason="that is my name") is True


def test_an_approval_needs_a_reason(asked):
    with pytest.raises(ValueError, match="Say why"):
        approve(braked().id, actor="admin:lee", reason=" ")
    assert states() == [BRAKED]


def test_nothing_can_be_approved_that_is_not_there(world, line):
    with pytest.raises(Delivery.DoesNotExist):
        approve(clock.new_id(), **LEE)


def test_what_was_approved_does_not_use_up_the_cap(world, line, caller, cap, asked):
    approve(braked().id, **LEE)
    caller.drain()
    cap(per_hour_count=1)

    place(world, 1)
    caller.drain()

    assert len(line.sent) == 2


def test_an_approval_is_for_the_amount_that_was_asked_for(world, line, caller, asked):
    approve(braked().id, **LEE)
    line.price = 101
    caller.drain()
    assert line.sent == []
    assert [case.amount for case in Case.objects.order_by("opened_at")] == [
        Money(100, "GBP"),
        Money(101, "GBP"),
    ]

    approve(braked().id, **LEE)
    caller.drain()

    assert line.sent == [str(asked.pk)]


def test_an_approved_call_that_fails_is_tried_again_without_asking_again(world, extras, cap):
    line = Line()

    @extras.on(
        OrderPlaced,
        reads={"items": by(StockItem, "sku", "lines.sku")},
        calls=line.call(amount=pounds, brake=BRAKE),
        retry=Retry(attempts=1),
    )
    def ask(event, outcome) -> None:
        if not outcome.ok:
            raise CallAgain

    cap(per_hour_count=0)
    line.is_like = "refuses"
    world.place()
    world.drain()
    approve(braked().id, **LEE)
    world.drain()
    assert states() == [DEAD]

    line.is_like = "up"
    retry_dead(waiting()[0].id, **LEE)
    world.drain()

    assert len(line.sent) == 2
    assert waiting() == []


def test_a_braked_call_can_be_skipped(world, line, asked):
    row = braked()

    assert skip_dead(row.id, **LEE) is True

    assert waiting() == []
    assert Case.objects.get(delivery_id=row.id).approved is False
    assert len(facts(asked, "DeliverySkipped")) == 1
    assert findings() == []


def test_a_braked_call_is_not_dead(asked):
    assert retry_dead(braked().id, **LEE) is False
    assert states() == [BRAKED]


def test_its_case_can_not_just_be_closed(asked):
    with pytest.raises(ValueError, match="still braked"):
        close_case(Case.objects.get(kind=CaseKind.BRAKED), **LEE)


def test_a_braked_delivery_without_a_case_is_a_finding(asked):
    Case.objects.filter(kind=CaseKind.BRAKED).delete()

    assert [str(found) for found in findings()] == [
        f"D8 {braked().id}: extras.ask is braked and nobody was asked"
    ]


def test_a_saga_says_that_it_waits_for_a_second_person(world, asked):
    found = waits(world.saga(asked))

    assert found[0].kind == WaitKind.BRAKED
    assert "1.00 GBP" in found[0].what
    assert found[0].needs_a_person
    assert found[0].case_id == Case.objects.get(kind=CaseKind.BRAKED).id
    assert WaitKind.PERSON not in {wait.kind for wait in found}


# -- what it costs


@pytest.mark.parametrize("caps", [{"per_hour_count": 200}, {"per_hour_count": 0}])
def test_a_batch_of_braked_calls_says_the_same_whatever_its_size(world, line, caller, cap, caps):
    cap(**caps)
    place(world, 1)
    caller.run_once()
    said = {}
    for size in (1, 8):
        place(world, size)
        heads = caller._look(())
        with statements() as said[size]:
            caller._take(heads, alone=False)
        caller.drain()

    assert said[1] == said[8]


def test_a_batch_without_braked_calls_says_nothing_about_brakes(world, line, cap):
    cap(per_hour_count=0)
    place(world, 1)
    worker = Worker({"inventory"})
    with statements() as said:
        worker.drain()
    worker.close()

    assert [sql for sql in said if "sagas_brakelock" in sql or "sagas_case" in sql] == []
