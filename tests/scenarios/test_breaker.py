"""A gateway that does not answer is left alone, and gone back to little by little (decision 20)."""

from datetime import datetime, timedelta

import pytest

from orders.services import request_cancel
from sagas import clock
from sagas.breaker import Breakers, Reply, record
from sagas.models import Breaker, BreakerState, Delivery, DeliveryState, Intent, StoredEvent
from sagas.pause import pause, resume
from sagas.projection import WaitKind
from sagas.projection import waiting as waits
from sagas.worker import Worker
from tests.integration.statements import statements
from tests.scenarios.lines import GATEWAY, Line, breaker, declare, is_closed, waiting
from tests.world import reload

pytestmark = pytest.mark.both_databases

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
PAUSE = timedelta(seconds=30)
LONGEST = timedelta(minutes=3)
MOMENT = timedelta(seconds=3)


@pytest.fixture
def line(world, extras, settings):
    """Return an outside system that every new order calls; five calls in vain open its breaker."""
    settings.SAGAS = {
        **settings.SAGAS,
        "BATCH_TIME": timedelta(minutes=1),
        "BREAKER_FAILURES": 5,
        "BREAKER_PAUSE": PAUSE,
        "BREAKER_LONGEST_PAUSE": LONGEST,
    }
    line = Line()
    declare(extras, line.call())
    return line


@pytest.fixture
def caller(line):
    """Return a worker that does nothing but call."""
    worker = Worker({"extras"})
    yield worker
    worker.close()


@pytest.fixture
def later(world):
    """Let time pass and nothing happen."""
    return lambda distance: world._time.enter_context(clock.travel(distance))


def retry_at() -> datetime:
    row = breaker()
    assert row.retry_at is not None
    return row.retry_at


def its_pause() -> timedelta:
    """Return for how long the breaker was opened the last time."""
    opened = breaker().changed_at
    assert opened is not None
    return retry_at() - opened


def place(world, count):
    return [world.place() for _ in range(count)]


def said(name):
    rows = StoredEvent.objects.filter(type=f"sagas.{name}").order_by("recorded_at", "id")
    return [row.payload for row in rows]


def fail(world, line, caller, count=5, how="silent"):
    """Have so many calls get no answer, in one batch."""
    line.is_like = how
    place(world, count)
    caller.run_once()
    line.sent.clear()


def hang_up():
    """Have nobody ask what came of those calls, however slow this machine is."""
    Delivery.objects.filter(purpose="inquire:ask").delete()


# -- opening


def test_calls_in_a_row_without_an_answer_open_the_breaker_of_their_gateway(world, line, caller):
    fail(world, line, caller, count=4)
    hang_up()
    assert (breaker().state, breaker().failures) == (CLOSED, 4)

    fail(world, line, caller, count=1)

    assert (breaker().state, breaker().failures) == (OPEN, 5)
    (fact,) = said("BreakerOpened")
    assert (fact["gateway"], fact["failures"]) == (GATEWAY, 5)
    lane = StoredEvent.objects.get(type="sagas.BreakerOpened")
    assert (lane.subject_model, lane.subject_key, lane.actor) == ("sagas.Breaker", GATEWAY, "sagas")


def test_while_it_is_open_nothing_goes_out_and_nothing_counts(world, line, caller):
    fail(world, line, caller)
    (order,) = place(world, 1)
    caller.drain()

    (row,) = waiting()
    assert line.sent == []
    assert (row.state, row.attempts) == (DeliveryState.READY, 0)
    assert row.available_at >= retry_at()
    assert row.reason.startswith(f"the breaker of {GATEWAY} is open until ")
    assert f"{retry_at():%Y-%m-%d %H:%M:%S}" in row.reason
    assert not Intent.objects.filter(key=str(order.pk)).exists()
    assert "CallStarted" not in world.events(order)


def test_calls_that_were_certainly_not_sent_open_it_too(world, line, caller):
    fail(world, line, caller, how="gone")

    assert breaker().state == OPEN
    assert {row.attempts for row in waiting()} == {1}


def test_a_definite_no_is_an_answer(world, line, caller):
    fail(world, line, caller, count=8, how="refuses")

    assert not Breaker.objects.exists()


def test_an_answer_makes_the_count_begin_anew(world, line, caller):
    fail(world, line, caller, count=4)
    hang_up()
    line.is_like = "up"
    place(world, 1)
    caller.run_once()
    assert breaker().failures == 0

    fail(world, line, caller, count=4)

    assert breaker().state == CLOSED


def test_inquiries_wait_as_well(world, line, caller, later):
    fail(world, line, caller)
    later(MOMENT)
    caller.drain()

    assert line.asked == []
    (first, *_) = asking = waiting("inquire:ask")
    assert (len(asking), first.state, first.attempts) == (5, DeliveryState.READY, 0)
    assert first.available_at >= retry_at()
    assert {intent.inquiries for intent in Intent.objects.all()} == {0}


def test_a_batch_that_is_postponed_does_not_keep_a_worker_from_what_is_behind_it(
    world, line, caller, settings
):
    fail(world, line, caller)
    settings.SAGAS = {**settings.SAGAS, "BATCH_SIZE": 2}
    place(world, 6)

    caller.drain()

    assert len([row for row in waiting() if row.reason]) == 6


def test_other_gateways_are_called_as_ever(world, line, caller):
    fail(world, line, caller)
    order = world.place()

    world.drain()

    assert reload(order).state == "fulfilling"


# -- finding out


def test_after_the_pause_one_probe_goes_out_of_one_worker(world, line, caller, later):
    fail(world, line, caller)
    place(world, 3)
    later(PAUSE + MOMENT)
    now = clock.now()
    here, there = (Breakers("default", {GATEWAY}, now=now) for _ in range(2))

    assert here.hold(GATEWAY, patience=PAUSE) is None
    assert here.hold(GATEWAY, patience=PAUSE) == now + PAUSE
    assert there.hold(GATEWAY, patience=PAUSE) == now + PAUSE
    assert breaker().state == HALF_OPEN


def test_a_probe_that_never_comes_back_is_followed_by_another(world, line, caller, later):
    fail(world, line, caller)
    place(world, 1)
    later(PAUSE + MOMENT)
    now = clock.now()
    assert Breakers("default", {GATEWAY}, now=now).hold(GATEWAY, patience=PAUSE) is None

    again = Breakers("default", {GATEWAY}, now=now + PAUSE)

    assert again.hold(GATEWAY, patience=PAUSE) is None


def test_an_unanswered_probe_opens_it_again_for_longer_up_to_a_limit(world, line, caller, later):
    fail(world, line, caller)
    pauses = []
    for _ in range(5):
        pauses.append(its_pause())
        later(pauses[-1] + MOMENT)
        before = len(line.sent + line.asked)
        caller.drain()
        assert len(line.sent + line.asked) == before + 1

    assert pauses[0] == PAUSE
    assert pauses == sorted(pauses)
    assert pauses[1] > PAUSE
    assert pauses[-1] == LONGEST
    assert len(said("BreakerOpened")) == 6


def test_recovery_is_ramped_until_it_closes(world, line, caller, later):
    fail(world, line, caller, count=5, how="gone")
    Delivery.objects.filter(consumer="extras").delete()
    place(world, 40)
    caller.drain()
    line.is_like = "up"
    later(PAUSE + MOMENT)

    rounds = []
    while waiting():
        before = len(line.sent)
        assert caller.run_once().count
        rounds.append(len(line.sent) - before)

    assert [count for count in rounds if count] == [1, 2, 4, 8, 16, 9]
    assert is_closed()
    assert breaker().opened_at is None
    (closed,) = said("BreakerClosed")
    assert closed == {"gateway": GATEWAY}


def test_a_failure_in_the_ramp_opens_it_again(world, line, caller, later):
    fail(world, line, caller)
    place(world, 8)
    caller.drain()
    line.is_like = "up"
    later(PAUSE + MOMENT)
    caller.run_once()
    assert (breaker().state, breaker().ramp) == (HALF_OPEN, 2)

    line.is_like = "silent"
    caller.run_once()

    assert breaker().state == OPEN
    assert its_pause() > PAUSE


@pytest.fixture
def cancelled(world, line, caller):
    """Return the last of four orders that wait for the gateway: its undo call waits, too."""
    fail(world, line, caller, how="gone")
    order = place(world, 4)[-1]
    world.drain()
    request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()
    assert (len(waiting("ask")), len(waiting("ask_back"))) == (8, 1)
    line.sent.clear()
    line.is_like = "up"
    return order


def test_an_undo_call_is_the_probe(world, line, caller, later, cancelled):
    later(PAUSE + 2 * MOMENT)
    caller.run_once()

    assert line.sent == [str(cancelled.pk)]


def test_undo_calls_are_the_first_to_be_let_go(world, line, cancelled):
    Delivery.objects.filter(purpose="ask_back").update(available_at=retry_at() + MOMENT)
    Breaker.objects.update(state=HALF_OPEN, retry_at=None)
    before = {row.id: row.available_at for row in waiting("ask")}

    probe = Reply(gateway=GATEWAY, is_reply=True, began_at=clock.now())
    record([probe], watched={GATEWAY}, using="default")

    assert waiting("ask_back")[0].available_at <= clock.now()
    assert len([row for row in waiting("ask") if row.available_at != before[row.id]]) == 1


def test_calls_begun_before_it_opened_say_nothing_any_more(world, line, caller):
    fail(world, line, caller)
    before = breaker().opened_at - MOMENT  # type: ignore[operator]  # it is open
    Breaker.objects.update(state=HALF_OPEN, retry_at=None, ramp=4)

    for is_reply in (True, False):
        late = Reply(gateway=GATEWAY, is_reply=is_reply, began_at=before)
        record([late], watched={GATEWAY}, using="default")

    assert (breaker().state, breaker().ramp) == (HALF_OPEN, 4)


def test_what_waits_is_done_in_the_end_and_the_books_agree(world, line, later):
    line.is_like = "silent"
    orders = place(world, 12)
    world.drain()
    line.is_like = "up"
    for _ in range(8):
        world.pass_time(PAUSE)

    assert is_closed()
    assert waiting() == waiting("inquire:ask") == []
    assert {str(order.pk) for order in orders} <= set(line.sent)
    world.assert_engine_agrees()


# -- what it costs


def breaker_statements(said):
    return [sql for sql in said if "sagas_breaker" in sql]


@pytest.mark.parametrize("count", [1, 8])
def test_a_batch_reads_the_breakers_once_and_writes_nothing_while_all_is_well(
    world, line, caller, count
):
    place(world, count)
    with statements() as said:
        caller.drain()

    assert len(line.sent) == count
    (read,) = breaker_statements(said)
    assert read.startswith("SELECT")


def test_a_batch_without_calls_does_not_read_them(world, line):
    place(world, 1)
    worker = Worker({"inventory"})
    with statements() as said:
        worker.drain()
    worker.close()

    assert breaker_statements(said) == []


# -- people


def test_a_paused_gateway_is_not_called_and_goes_on_when_resumed(world, line, caller):
    name = f"gateway:{GATEWAY}"
    assert pause(name, actor="admin:lee", reason="maintenance") is True
    place(world, 2)
    assert caller.drain() == 0
    assert line.sent == []
    assert {(row.attempts, row.reason) for row in waiting()} == {(0, "")}

    assert resume(name, actor="admin:lee") is True
    caller.drain()

    assert len(line.sent) == 2


def test_inquiries_of_a_paused_gateway_wait(world, line, caller, later):
    fail(world, line, caller, count=1)
    pause(f"gateway:{GATEWAY}", actor="admin:lee", reason="maintenance")
    later(MOMENT)

    assert caller.drain() == 0
    assert line.asked == []


@pytest.mark.parametrize("name", ["gateway:", "gateway:nobody", "checkout", "choreography:"])
def test_only_gateways_that_are_called_can_be_paused(world, line, name):
    with pytest.raises(ValueError, match="no gateway of this shop"):
        pause(name, actor="admin:lee", reason="maintenance")


def test_a_saga_says_that_it_waits_for_a_gateway(world, line, caller):
    fail(world, line, caller)
    (order,) = place(world, 1)
    caller.drain()

    (wait,) = [w for w in waits(world.saga(order)) if w.kind == WaitKind.BREAKER]

    assert GATEWAY in wait.what
    assert "extras.ask" in wait.what
    assert wait.since == breaker().opened_at
    assert wait.until == waiting()[0].available_at
    assert not wait.needs_a_person


def test_a_saga_says_that_its_paused_gateway_holds_it_up(world, line):
    pause(f"gateway:{GATEWAY}", actor="admin:lee", reason="maintenance")
    order = world.place()

    kinds = {w.kind for w in waits(world.saga(order)) if "extras.ask" in w.what}

    assert kinds == {WaitKind.PAUSED}
