import io
import json
import os
import signal
from datetime import timedelta

import pytest
from django.core.management import (
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)

from sagas import clock
from sagas.dead_letter import record_failure
from sagas.exceptions import PermanentFailure
from sagas.models import (
    Case,
    Delivery,
    DeliveryState,
    IdempotentRequest,
    Intent,
    Pause,
    RelayTick,
    Saga,
    Slot,
    StoredEvent,
)
from sagas.retention import prune

pytestmark = pytest.mark.both_databases

WHY = ("--reason", "the shelf was put back", "--actor", "shell:lee")


def run(name, *arguments):
    """Return what a command prints."""
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, no_color=True)
    return out.getvalue()


class StopsWhenToldAbout(io.StringIO):
    """A terminal whose reader sends a signal on reading a word."""

    def __init__(self, word, number):
        super().__init__()
        self.word, self.number = word, number

    def write(self, text):
        written = super().write(text)
        if self.word in text:
            os.kill(os.getpid(), self.number)
        return written


@pytest.fixture
def dead(world):
    """A delivery of an order that gave up."""
    saga = world.saga(world.place(number="A-17"))
    row = Delivery.objects.filter(saga_id=saga.id, consumer="inventory", rank=1).get()
    record_failure(row, PermanentFailure("the shelf is gone"), using="default")
    return Delivery.objects.get(id=row.id)


@pytest.mark.parametrize(
    "command", sorted(name for name, app in get_commands().items() if app == "sagas")
)
def test_every_command_explains_itself(capsys, command):
    parser = load_command_class("sagas", command).create_parser("manage.py", command)

    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])

    assert "usage:" in capsys.readouterr().out


# -- relay and embedded worker


def test_one_pass_of_the_relay_says_whom_it_woke(world):
    world.place()

    said = run("saga_relay", "--once")

    assert "woken: inventory, payments" in said
    assert RelayTick.objects.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["saga_relay", "saga_run"])
def test_a_long_command_stops_cleanly_on_a_signal(world, command, number):
    before = signal.getsignal(number)
    out = StopsWhenToldAbout("default", number)

    call_command(command, stdout=out)

    assert "topped" in out.getvalue()
    assert signal.getsignal(number) == before


def test_an_unknown_database_is_named(db):
    with pytest.raises(CommandError, match=r"nowhere.*default"):
        run("saga_relay", "--once", "--using", "nowhere")


# -- show


@pytest.mark.parametrize("by", ["number", "id"])
def test_show_tells_what_happened_and_what_is_waited_for(world, by):
    order = world.place(number="A-17")
    world.drain()

    said = run("saga_show", "A-17" if by == "number" else str(world.saga(order).id))

    assert "checkout A-17" in said
    assert "Order placed" in said
    assert "What it waits for" in said
    assert "\x1b[" not in said


def test_show_keeps_within_the_terminal(world, monkeypatch):
    world.place(number="A-17")
    world.drain()
    monkeypatch.setenv("COLUMNS", "60")

    lines = run("saga_show", "A-17").splitlines()

    assert max(len(line) for line in lines) <= 75


def test_show_speaks_json_for_programs(world):
    world.place(number="A-17")

    [told] = json.loads(run("saga_show", "A-17", "--json"))

    assert told["saga"]["choreography"] == "checkout"
    assert told["timeline"][0]["what"] == "Order placed"


def test_show_says_when_nothing_is_found(db):
    with pytest.raises(CommandError, match="A-18"):
        run("saga_show", "A-18")


# -- dead letters


def test_dead_deliveries_are_listed_with_their_error(dead):
    said = run("saga_dead", "list")

    assert str(dead.id) in said
    assert "the shelf is gone" in said
    assert "1 dead" in said


def test_a_retried_delivery_goes_on_and_its_case_is_closed(world, dead):
    run("saga_dead", "retry", str(dead.id), *WHY)
    world.drain()

    assert not Delivery.objects.filter(id=dead.id).exists()
    assert Case.objects.get(delivery_id=dead.id).closed_by == "shell:lee"
    told = StoredEvent.objects.get(type="sagas.DeliveryRetried")
    assert (told.actor, told.reason) == ("shell:lee", "the shelf was put back")


def test_all_dead_deliveries_of_a_consumer_are_retried_at_once(dead):
    run("saga_dead", "retry", "--consumer", "inventory", *WHY)

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.READY


def test_a_skipped_delivery_is_gone_and_the_log_says_why(dead):
    run("saga_dead", "skip", "--saga", str(dead.saga_id), *WHY)

    assert not Delivery.objects.filter(id=dead.id).exists()
    assert StoredEvent.objects.get(type="sagas.DeliverySkipped").reason == "the shelf was put back"


def test_an_edited_event_goes_to_its_consumer_only(dead):
    run("saga_dead", "edit", str(dead.id), "--set", "customer=lee", *WHY)

    replacement = StoredEvent.objects.get(replaces=dead.event_id)
    assert replacement.payload["customer"] == "lee"
    assert [d.consumer for d in replacement.deliveries.all()] == ["inventory"]


@pytest.mark.parametrize(
    ("change", "said"),
    [("total=5", "money"), ("shoes=5", "no field"), ("lines=5", "schema"), ("oops", "field=value")],
)
def test_an_edit_that_does_not_fit_is_refused(dead, change, said):
    with pytest.raises(CommandError, match=said):
        run("saga_dead", "edit", str(dead.id), "--set", change, *WHY)

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry", *WHY), "Say which"),
        (("retry", "--consumer", "payments", *WHY), "Nothing of that is dead"),
        (("retry", "--all"), "--reason"),
        (("skip", "--all", "--reason", " "), "Say why"),
    ],
)
def test_acting_on_the_dead_needs_a_choice_and_a_reason(dead, arguments, said):
    with pytest.raises(CommandError, match=said):
        run("saga_dead", *arguments)

    assert Delivery.objects.get(id=dead.id).state == DeliveryState.DEAD


# -- pause and resume


def test_pausing_and_resuming_are_kept_in_the_log(db):
    run("saga_pause", "payments.capture", *WHY)
    again = run("saga_pause", "payments.capture", *WHY)
    run("saga_resume", "payments.capture", *WHY)

    assert "before" in again
    assert not Pause.objects.exists()
    told = StoredEvent.objects.filter(type__in=["sagas.Paused", "sagas.Resumed"])
    assert [event.actor for event in told] == ["shell:lee", "shell:lee"]


def test_only_what_exists_can_be_paused(db):
    with pytest.raises(CommandError, match="paymints"):
        run("saga_pause", "paymints", *WHY)


def test_only_what_is_paused_can_be_resumed(db):
    run("saga_pause", "payments", *WHY)

    with pytest.raises(CommandError, match="paused: payments"):
        run("saga_resume", "inventory", *WHY)


# -- pruning


@pytest.fixture
def months(settings):
    """Let the shop keep its events for some months only."""
    settings.SAGAS = {**settings.SAGAS, "KEEP_EVENTS": timedelta(days=100)}


@pytest.fixture
def ended(months, world):
    """A delivered order, a year ago, and the world in which it was."""
    order = world.place()
    world.drain()
    world.deliver(order)
    world.pass_time(timedelta(days=365))
    return world.saga(order)


def test_old_events_of_ended_sagas_are_deleted(ended):
    before = StoredEvent.objects.filter(saga_id=ended.id).count()

    said = run("saga_prune", "--older-than", "300")

    assert StoredEvent.objects.filter(saga_id=ended.id).count() < before
    assert not Intent.objects.filter(saga_id=ended.id).exists()
    assert said.startswith("Deleted")


def test_no_subject_loses_its_newest_event(ended):
    newest = {
        (event.subject_model, event.subject_key): event.subject_seq
        for event in StoredEvent.objects.order_by("subject_seq")
    }

    run("saga_prune", "--older-than", "300")

    kept = {
        (event.subject_model, event.subject_key): event.subject_seq
        for event in StoredEvent.objects.order_by("subject_seq")
    }
    assert kept == newest


def test_a_dry_run_deletes_nothing_and_counts_the_same(ended):
    before = StoredEvent.objects.count()
    foreseen = prune(older_than=timedelta(days=300), dry_run=True)

    assert StoredEvent.objects.count() == before
    assert prune(older_than=timedelta(days=300)) == foreseen
    assert StoredEvent.objects.count() == before - foreseen.events


def test_young_events_stay(ended):
    assert prune(older_than=timedelta(days=400), dry_run=True).total == 0


def test_the_newest_rows_stay_whatever_their_age(ended):
    assert prune(older_than=timedelta(days=300), keep=10_000).events == 0


def test_events_of_running_sagas_stay(months, world):
    order = world.place()
    world.drain()
    saga = world.saga(order)
    before = StoredEvent.objects.filter(saga_id=saga.id).count()

    with clock.travel(timedelta(days=500)):
        prune(older_than=timedelta(days=100))

    assert StoredEvent.objects.filter(saga_id=saga.id).count() == before


def test_an_event_with_an_open_delivery_stays(ended):
    event = StoredEvent.objects.filter(saga_id=ended.id).order_by("position")[0]
    Delivery.objects.create(
        event=event, consumer="orders", purpose="late", kind="timer", saga_id=ended.id,
        position=1, available_at=clock.now(), created_at=clock.now(),
    )  # fmt: skip

    prune(older_than=timedelta(days=300))

    assert StoredEvent.objects.filter(id=event.id).exists()


def test_saga_rows_stay_so_that_no_key_begins_anew(ended):
    prune(older_than=timedelta(days=300))

    assert Saga.objects.filter(id=ended.id).exists()


def test_closed_cases_dead_workers_and_old_answers_go(db):
    long_ago = clock.now() - timedelta(days=500)
    saga = Saga.objects.create(choreography="checkout", key="7", started_at=long_ago)
    for closed_at in (long_ago, None):
        Case.objects.create(kind="held", saga_id=saga.id, opened_at=long_ago, closed_at=closed_at)
    for claimed in ([], ["7"]):
        Slot.objects.create(worker="host:1", claimed=claimed, seen_at=long_ago)
    IdempotentRequest.objects.create(
        scope="orders", key="7", fingerprint="f", status=202, body={}, created_at=long_ago
    )

    pruned = prune(older_than=timedelta(days=400))

    assert (pruned.cases, pruned.slots, pruned.requests) == (1, 1, 1)
    assert Case.objects.get().closed_at is None
    assert Slot.objects.get().claimed == ["7"]


def test_pruning_what_the_settings_keep_is_refused(db):
    with pytest.raises(CommandError, match="KEEP_EVENTS"):
        run("saga_prune", "--older-than", "30")


def test_keeping_fewer_than_no_rows_is_refused(db):
    with pytest.raises(CommandError, match="from 0 on"):
        run("saga_prune", "--keep", "-1")
