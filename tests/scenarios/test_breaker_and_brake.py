"""A gateway that is left alone, and caps on what calls move, do not get in each other's way."""

from datetime import timedelta

import pytest

from sagas import clock
from sagas.approval import approve
from sagas.brake import Brake
from sagas.models import BreakerState, Case, CaseKind, DeliveryState
from sagas.money import Money
from sagas.reconciliation import findings
from sagas.reconciliation.ownerless import ask_about_dead
from sagas.worker import Worker
from tests.scenarios.lines import Line, breaker, declare, is_closed, waiting
from tests.scenarios.test_breaker import hang_up

pytestmark = pytest.mark.both_databases

BRAKED, READY = DeliveryState.BRAKED, DeliveryState.READY
BRAKE = "weather.forecast"
PAUSE = timedelta(seconds=30)
#: Longer than a pause, and than a probe may be out.
LONG = timedelta(minutes=10)
LEE = {"actor": "admin:lee", "reason": "I have looked at the list"}


@pytest.fixture
def line(world, extras, settings):
    """Return an outside system that every new order pays a pound, and that one call may go to."""
    settings.SAGAS = {
        **settings.SAGAS,
        "BATCH_TIME": timedelta(minutes=1),
        "BREAKER_FAILURES": 1,
        "BREAKER_PAUSE": PAUSE,
        "BREAKER_LONGEST_PAUSE": 4 * PAUSE,
        "BRAKES": {BRAKE: Brake(per_hour_count=1)},
    }
    line = Line()
    amount = Money(100, "GBP")
    declare(extras, line.call(amount=lambda request: amount, brake=BRAKE))
    return line


@pytest.fixture
def caller(line):
    worker = Worker({"extras"})
    yield worker
    worker.close()


@pytest.fixture
def opened(world, line, caller):
    """Have the one call that was allowed get no answer, and two more wait for the breaker."""
    line.is_like = "silent"
    world.place()
    caller.run_once()
    hang_up()
    for _ in range(2):
        world.place()
    caller.drain()
    line.sent.clear()
    return line


def cases():
    return list(Case.objects.filter(kind=CaseKind.BRAKED, closed_at=None).order_by("id"))


def states():
    return [row.state for row in waiting()]


def later(world):
    world._time.enter_context(clock.travel(LONG))


def test_what_waits_for_its_breaker_is_not_counted_and_nobody_is_asked_about_it(opened):
    assert breaker().state == BreakerState.OPEN
    assert states()[-2:] == [READY, READY]
    assert (opened.sent, cases()) == ([], [])


def test_the_brake_is_asked_once_the_breaker_lets_calls_out_again(world, opened, caller):
    opened.is_like = "up"
    later(world)
    caller.drain()

    assert states().count(BRAKED) == len(cases()) == 2
    assert opened.sent == []


def test_an_approved_call_is_the_probe_after_one_that_was_braked_instead(world, opened, caller):
    opened.is_like = "up"
    later(world)
    caller.drain()
    approved = cases()[0]
    approve(approved.delivery_id, **LEE)
    later(world)

    caller.drain()

    assert len(opened.sent) == 1
    assert is_closed()
    assert [case.delivery_id for case in cases()] != [approved.delivery_id]


def test_an_approved_call_waits_for_its_breaker_and_stays_approved(world, opened, caller):
    opened.is_like = "up"
    later(world)
    caller.drain()
    first, second = cases()
    opened.is_like = "silent"
    approve(first.delivery_id, **LEE)
    later(world)
    caller.drain()
    hang_up()
    assert breaker().state == BreakerState.OPEN

    approve(second.delivery_id, **LEE)
    caller.drain()
    held = len(opened.sent)
    opened.is_like = "up"
    later(world)
    caller.drain()

    assert (held, len(opened.sent)) == (1, 2)
    assert cases() == []


def test_a_braked_call_that_nobody_was_asked_about_asks_its_brake_once_more(world, line, caller):
    for _ in range(2):
        world.place()
        caller.drain()
    (row,) = (row for row in waiting() if row.state == BRAKED)
    Case.objects.filter(delivery_id=row.id).delete()

    assert ask_about_dead(row.id) is True
    assert not cases()
    caller.drain()

    (case,) = cases()
    assert (case.delivery_id, case.amount) == (row.id, Money(100, "GBP"))
    assert findings() == []
    assert ask_about_dead(row.id) is False
