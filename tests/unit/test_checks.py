"""Every mistake in the declarations or the settings is named when Django starts (G6, G7)."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.core import checks as django_checks
from django.db.models.signals import post_save

import sagas.checks
from orders.events import (
    OrderCancelled,
    OrderLost,
    OrderPlaced,
    OrderReady,
    OrderStalled,
    PaymentGivenUp,
    PaymentRetryRequested,
)
from orders.models import Order
from payments.events import PaymentAuthorised, PaymentCaptured, PaymentClosed, PaymentDeclined
from payments.models import Payment
from sagas import checks, fsm
from sagas.checks import settings as setting_checks
from sagas.checks import states
from sagas.event import EVENT_TYPES, Event
from sagas.matrix import cells
from sagas.participant import (
    ABSENT,
    PARTICIPANTS,
    Door,
    Kind,
    Step,
    Waiting,
    by,
    hold_for_a_person,
    ignore,
    nothing_to_undo,
    refuse,
)
from sagas.routing import all_steps, routes
from shipping.events import ShipmentHandedOver, ShipmentStopped
from tests.unit.declarations import (
    declared,
    declared_cells,
    held_states,
    timers,
    undo_rows,
    values,
)

__all__ = ["declared"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference" / "checks"


class Unheard(Event):
    order_id: UUID


def shown(state: str) -> str:
    return "ABSENT" if state == ABSENT else repr(state)


def extra(name: str = "extra", consumer: str = "orders", **fields: Any) -> Step:
    """Return a step of the checkout that nobody asked for."""
    return Step(name=name, consumer=consumer, saga="checkout", **fields)


# -- the shop -------------------------------------------------------------------------------------


def test_the_shop_has_no_errors_and_no_warnings():
    found = django_checks.run_checks()

    assert [str(issue) for issue in found if issue.level >= django_checks.WARNING] == []


def test_the_checks_run_when_django_starts():
    check = [sys.executable, "manage.py", "check", "--tag", "sagas"]

    ran = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "sagas.I001" in ran.stderr


def test_check_says_how_many_cells_were_derived_and_declared(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "check"])

    (said,) = checks.say_coverage()

    assert said.id == "sagas.I001"
    assert "0 undecided" in said.msg


def test_other_commands_do_not_say_how_many_cells_there_are(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])

    assert checks.say_coverage() == []


# -- every row, cell and timer --------------------------------------------------------------------


@pytest.mark.parametrize(("table", "state"), undo_rows())
def test_an_undo_table_without_a_row_is_named_with_the_state(declared, table, state):
    declared.without_row(table, state)

    assert f"{table}: Its table has no row for state {shown(state)}." in declared.said("sagas.E011")


@pytest.mark.parametrize(("table", "state"), undo_rows())
def test_a_row_for_an_unknown_state_is_named(declared, table, state):
    declared.row(table, f"{state}ish", nothing_to_undo(PaymentClosed))

    assert any(f"{state}ish" in said for said in declared.said("sagas.E012"))


@pytest.mark.parametrize(("step", "state"), declared_cells())
def test_a_pair_that_nobody_decides_any_more_is_named(declared, step, state):
    declared.answer(step, state, None)

    (said,) = declared.said("sagas.E009")
    assert said.startswith(f"{step}: ")
    assert said.endswith(f"meets state {shown(state)}.")


def _undeclared_cells() -> list[tuple[str, str]]:
    """Return the pairs that a state machine decides: sources and states before them."""
    return [
        (step.full_name, cell.state)
        for step in all_steps()
        if step.events and step.moves
        for cell in cells(step).values()
        if cell.found == "derived" and cell.state != ABSENT and not step.applies_in
    ]


@pytest.mark.parametrize(("step", "state"), _undeclared_cells())
def test_a_pair_is_undecided_once_the_step_can_not_move_from_there(declared, step, state):
    declared.change(step, moves=frozenset(), begins="", applies_in=frozenset(["nowhere"]))

    assert any(f"{step}: " in said and shown(state) in said for said in declared.said("sagas.E009"))


def _waiting_states() -> list[tuple[str, str]]:
    """Return the timers on which a step relies that may say nothing."""
    waited = {
        (step.model, state)
        for step in all_steps()
        if step.events and step.model and routes().announcements[step.full_name].may_be_nothing
        for state in states.runs_in(step)
    }
    return [
        (consumer, name)
        for consumer, name in timers()
        for timer in PARTICIPANTS[consumer].timers
        if timer.name == name and (timer.model, timer.state) in waited
    ]


def test_four_states_of_an_order_are_waited_in():
    assert len(_waiting_states()) == 4


@pytest.mark.parametrize(("consumer", "timer"), _waiting_states())
def test_a_step_that_waits_without_a_timer_is_named_with_the_state(declared, consumer, timer):
    declared.timers(consumer, timer)

    state = timer.split(".")[-1]
    assert any(f"may return None in state {state!r}" in s for s in declared.said("sagas.E018"))


@pytest.mark.parametrize(("consumer", "timer"), timers())
def test_a_timer_that_announces_nothing_known_is_named(declared, consumer, timer):
    declared.timers(consumer, timer, then=lambda row: 1 / 0)

    assert any(said.startswith(f"{consumer}:{timer}: ") for said in declared.said("sagas.E019"))


@pytest.mark.parametrize(("consumer", "timer"), timers())
def test_a_timer_that_nobody_hears_is_named(declared, consumer, timer):
    declared.timers(consumer, timer, then=Unheard)

    said = declared.said("sagas.E019")
    assert f"{consumer}:{timer}: After its time Unheard is announced, which lands nowhere." in said


@pytest.mark.parametrize(("consumer", "timer"), timers())
def test_a_timer_on_an_unknown_state_is_named(declared, consumer, timer):
    declared.timers(consumer, timer, state="nirvana")

    assert any("'nirvana'" in said for said in declared.said("sagas.E012"))


@pytest.mark.parametrize(("consumer", "state"), held_states())
def test_a_state_of_which_nobody_says_what_it_holds_is_named(declared, consumer, state):
    holds = dict(PARTICIPANTS[consumer].holdings[0].holds)
    del holds[state]
    declared.holding(consumer, holds=holds)

    assert any(f"state {state!r}" in said for said in declared.said("sagas.E017"))


@pytest.mark.parametrize(("consumer", "state"), values())
def test_a_state_that_holds_something_and_has_no_way_back_is_named(declared, consumer, state):
    holding = PARTICIPANTS[consumer].holdings[0]
    for step in PARTICIPANTS[consumer].steps.values():
        if step.model is holding.model and step.undo_table:
            declared.row(step.full_name, state, hold_for_a_person("somebody"))
    declared.holding(consumer, way_back={})

    assert any(f"in state {state!r} holds" in said for said in declared.said("sagas.E016"))


def _rows_in_flight() -> list[tuple[str, str]]:
    return [
        (step.full_name, state)
        for step in all_steps()
        for state, entry in (step.undo_table or {}).items()
        if isinstance(entry, Waiting)
        if any(caller.model is step.model and state in _begun(caller) for caller in all_steps())
    ]


def _begun(step: Step) -> set[str]:
    if step.calls is None or step.model is None:
        return set()
    return {e.target for e in fsm.edges(step.model, step.state_field) if e.name == step.begins}


@pytest.mark.parametrize(("table", "state"), _rows_in_flight())
def test_a_row_that_acts_while_a_call_is_out_is_named(declared, table, state):
    declared.row(table, state, nothing_to_undo(ShipmentStopped))

    said = declared.said("sagas.E013")
    assert any(f"{table}: Its row for state {state!r} acts" in found for found in said)


@pytest.mark.parametrize("step", [s.full_name for s in all_steps() if s.undo_table is None])
def test_a_step_without_an_annotation_is_named(declared, step):
    def silent(event):
        return None

    declared.change(step, function=silent)

    assert any(step in said for said in declared.said("sagas.E001"))


@pytest.mark.parametrize("step", [s.full_name for s in all_steps() if s.events])
def test_a_step_of_an_unknown_choreography_is_named(declared, step):
    declared.change(step, saga="checkin")

    assert any(f"{step}: " in s and "'checkin'" in s for s in declared.said("sagas.E002"))


@pytest.mark.parametrize("step", [s.full_name for s in all_steps() if s.events and s.otherwise])
def test_an_answer_for_an_unknown_state_is_named(declared, step):
    declared.answer(step, "nirvana", refuse("no"))

    assert any(f"{step}: " in said for said in declared.said("sagas.E012"))


@pytest.mark.parametrize("step", [s.full_name for s in all_steps() if s.locks and s.events])
def test_rows_from_nowhere_are_named(declared, step):
    locks = {"rows": by(Order, "id", "nothing.id")}
    declared.change(step, locks=locks)

    assert any(f"{step}: " in said and "'nothing'" in said for said in declared.said("sagas.E022"))


# -- one mistake each -----------------------------------------------------------------------------


@pytest.mark.parametrize("annotation", [Event, Any, "Nowhere", int])
def test_an_annotation_that_says_nothing_definite_is_an_error(declared, annotation):
    def vague(event, order):
        return None

    vague.__annotations__["return"] = annotation
    declared.change("orders.confirm", function=vague)

    assert any("orders.confirm" in said for said in declared.said("sagas.E001"))


def test_a_broken_entry_of_an_undo_table_is_an_error(declared):
    def silent(event, payment):
        return None

    table = declared.step("payments.undo_authorise").undo_table
    declared.row("payments.undo_authorise", "captured", replace(table["captured"], function=silent))

    assert any("payments.plan_refund" in said for said in declared.said("sagas.E001"))


def test_a_step_whose_events_occur_in_no_choreography_is_an_error(declared):
    declared.change("orders.confirm", events=(Unheard,))

    assert any(said.startswith("orders.confirm: ") for said in declared.said("sagas.E002"))


def test_an_event_that_is_not_the_registered_class_is_an_error(declared, monkeypatch):
    monkeypatch.setitem(EVENT_TYPES, OrderReady.wire_name, Unheard)

    assert any(said.startswith("orders.OrderReady: ") for said in declared.said("sagas.E003"))


def test_an_event_that_can_not_be_read_back_is_an_error(declared):
    undecodable = type("Undecodable", (Event,), {"__annotations__": {"row": Order | Payment}})
    declared.choreography("checkout", terminal=(undecodable,))
    declared.doors("orders", Door(events=(undecodable, OrderPlaced)))

    assert any("Undecodable" in said for said in declared.said("sagas.E003"))


def test_an_event_that_nobody_hears_is_an_error(declared):
    declared.choreography("checkout", terminal=(OrderStalled,))

    said = declared.said("sagas.E004")
    assert "orders.OrderShipped: Nobody reacts to OrderShipped in 'checkout'." in said


def test_a_step_that_is_never_reached_is_an_error(declared):
    declared.remove("inventory.commit")

    said = declared.said("sagas.E005")
    assert any("orders.collect: It waits for StockCommitted" in found for found in said)


def test_a_circle_without_an_end_is_an_error(declared):
    declared.change("orders.offer_retry", at_most=None, exhausted=None)

    (said,) = declared.said("sagas.E006")
    assert "orders.offer_retry -> payments.authorise -> orders.offer_retry" in said


def test_a_bounded_step_without_an_exhausted_fact_is_an_error(declared):
    declared.change("orders.offer_retry", exhausted=None)

    assert any(said.startswith("orders.offer_retry: ") for said in declared.said("sagas.E007"))


@pytest.mark.parametrize(
    ("undo", "step"),
    [
        ("shipping.undo_book_label", "shipping.book_label"),
        ("payments.undo_authorise", "payments.authorise"),
        ("payments.undo_authorise", "payments.capture"),
        ("inventory.undo_reserve", "inventory.reserve"),
        ("inventory.undo_reserve", "inventory.commit"),
        ("orders.finish_cancel", "orders.confirm"),
    ],
)
def test_a_step_that_nothing_undoes_is_an_error(declared, undo, step):
    declared.remove(undo)

    assert any(said.startswith(f"{step}: ") for said in declared.said("sagas.E008"))


def test_ignoring_an_event_that_moves_money_is_an_error(declared):
    declared.answer("orders.collect", "cancelled", ignore("never mind"))

    said = " ".join(declared.said("sagas.E010"))
    assert "orders.collect: It ignores PaymentCaptured in state 'cancelled'" in said


def test_ignoring_a_parcel_that_leaves_is_an_error(declared):
    declared.answer("orders.ship", "cancelled", ignore("never mind"))

    (said,) = declared.said("sagas.E010")
    assert "ShipmentHandedOver" in said
    assert "parcel" in said


@pytest.mark.parametrize(
    "table", ["shipping.undo_book_label", "payments.undo_authorise", "inventory.undo_reserve"]
)
def test_an_undo_that_no_abort_leads_to_is_an_error(declared, table):
    declared.change(table, events=(OrderReady,))

    assert any(said.startswith(f"{table}: It waits for") for said in declared.said("sagas.E014"))


@pytest.mark.parametrize("place", range(3))
def test_a_way_back_that_ends_halfway_is_an_error(declared, place):
    events = declared.step("inventory.undo_reserve").events
    missing = events[place]
    declared.change("inventory.undo_reserve", events=tuple(e for e in events if e != missing))

    assert any(
        f"After {missing.__name__} the way back ends" in s for s in declared.said("sagas.E014")
    )


def test_money_before_the_parcel_is_an_error(declared):
    declared.change("payments.undo_authorise", events=(OrderCancelled,))

    assert any("it may undo money on OrderCancelled" in s for s in declared.said("sagas.E015"))


@pytest.mark.parametrize("event", [OrderCancelled, ShipmentStopped])
def test_stock_before_the_money_is_an_error(declared, event):
    declared.change("inventory.undo_reserve", events=(event,))

    assert any(f"it may undo stock on {event.__name__}" in s for s in declared.said("sagas.E015"))


def test_one_table_that_undoes_money_and_stock_at_once_is_in_order(declared):
    holds = PARTICIPANTS["payments"].holdings[0].holds
    declared.holding("payments", holds={**holds, "captured": "stock"})

    assert declared.said("sagas.E015") == []


def test_a_way_back_by_an_unknown_choreography_is_an_error(declared):
    declared.holding("inventory", way_back={"out": "rerun"})

    assert any("'out' holds stock" in said for said in declared.said("sagas.E016"))


def _turn_back(event) -> OrderCancelled:
    raise AssertionError(event)


@pytest.mark.parametrize(
    "event",
    [OrderReady, PaymentAuthorised, PaymentCaptured, PaymentDeclined, PaymentRetryRequested],
)
def test_turning_back_while_the_pivot_may_come_is_an_error(declared, event):
    declared.add(extra(function=_turn_back, events=(event,)))

    said = declared.said("sagas.E020")
    assert any(f"turns 'checkout' back after {event.__name__}" in found for found in said)


def test_turning_back_from_outside_is_an_error(declared):
    declared.doors("orders", Door(events=(OrderPlaced, OrderCancelled)))

    assert any("back after OrderCancelled" in said for said in declared.said("sagas.E020"))


def test_turning_back_when_no_card_is_left_is_no_error(declared):
    declared.add(extra(function=_turn_back, events=(PaymentGivenUp,)))

    assert declared.said("sagas.E020") == []


def test_a_pivot_that_nobody_announces_is_an_error(declared):
    declared.doors("shipping")

    assert any(
        "ShipmentHandedOver is announced by nobody" in s for s in declared.said("sagas.E021")
    )


def test_a_pivot_of_two_owners_is_an_error(declared):
    declared.doors("orders", Door(events=(OrderPlaced, ShipmentHandedOver)))

    assert any("orders and shipping" in said for said in declared.said("sagas.E021"))


def test_rows_that_would_be_locked_out_of_order_are_an_error(declared):
    locks = {"paid": by(Payment, "order_id"), "order": by(Order, "id", "paid.order_id")}
    declared.change("orders.mark_returned", locks=locks)

    assert any("orders.mark_returned: Its rows 'order'" in s for s in declared.said("sagas.E022"))


@pytest.mark.parametrize("event", [OrderLost])
def test_an_end_that_nobody_announces_is_an_error(declared, event):
    declared.remove("orders.lose")

    assert any(event.__name__ in said for said in declared.said("sagas.E023"))


def test_a_row_whose_step_can_not_run_there_is_an_error(declared):
    close = declared.step("payments.undo_authorise").undo_table["pending"]
    declared.row("payments.undo_authorise", "captured", close)

    (said,) = declared.said("sagas.E024")
    assert "Its row for state 'captured' is close" in said


def test_a_model_that_is_saved_row_by_row_is_a_warning(declared):
    def listen(**_: Any) -> None: ...

    post_save.connect(listen, sender=Order)
    try:
        said = declared.said("sagas.W001")
    finally:
        post_save.disconnect(listen, sender=Order)

    assert any(found.startswith("orders.Order: ") for found in said)


def test_steps_that_run_one_at_a_time_are_said(declared):
    def note(event) -> None: ...

    declared.add(extra(function=note, events=(OrderReady,), kind=Kind.FORWARD))

    (said,) = states.plain_steps()
    assert "orders.extra" in said.msg


# -- settings -------------------------------------------------------------------------------------


@pytest.fixture
def celery(monkeypatch, settings):
    """Return the configuration of the shop's Celery app, and have hints go through it."""
    settings.SAGAS = {"TRANSPORT": "sagas.transport.CeleryTransport"}
    conf = setting_checks._task().app.conf

    def change(name: str, value: Any) -> None:
        before = conf.get(name)
        conf[name] = value
        undo.append((name, before))

    undo: list[tuple[str, Any]] = []
    yield change
    for name, before in undo:
        conf[name] = before


def ids() -> list[str | None]:
    return [issue.id for issue in (*checks.check_settings(), *checks.check_deploy_settings())]


def test_an_unknown_setting_is_an_error(settings):
    settings.SAGAS = {"BATCHSIZE": 5}

    assert "sagas.E100" in ids()


def test_an_old_celery_is_an_error(monkeypatch):
    monkeypatch.setattr(setting_checks, "version", lambda name: "5.5.3")

    assert "sagas.E101" in ids()


def test_times_without_a_zone_are_an_error(settings):
    settings.USE_TZ = False

    assert "sagas.E104" in ids()


@pytest.mark.parametrize(
    ("name", "value", "identity"),
    [
        ("task_acks_late", True, "sagas.E102"),
        ("task_always_eager", True, "sagas.E103"),
        ("CELERY_DB_REUSE_MAX", None, "sagas.W101"),
        ("task_time_limit", 60, "sagas.W102"),
        ("task_soft_time_limit", 60, "sagas.W102"),
        ("broker_transport_options", {"visibility_timeout": 10}, "sagas.W103"),
    ],
)
def test_a_setting_of_celery_that_loses_messages_is_named(celery, name, value, identity):
    before = ids()
    celery(name, value)

    assert identity not in before
    assert identity in ids()


def test_workers_of_nobody_are_a_warning_in_production(settings):
    settings.DEBUG = False
    settings.SAGAS = {"TRANSPORT": "sagas.transport.InProcessTransport"}

    assert "sagas.W104" in ids()


SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
}


def _database(engine: str, **options: Any) -> dict[str, Any]:
    return {"default": {"ENGINE": f"django.db.backends.{engine}", "OPTIONS": options}}


def test_sqlite_with_every_option_is_fine(monkeypatch):
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **SQLITE))

    assert "sagas.W111" not in ids()


@pytest.mark.parametrize("option", SQLITE)
def test_sqlite_without_an_option_is_a_warning_that_names_it(monkeypatch, option):
    options = {name: value for name, value in SQLITE.items() if name != option}
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **options))

    (issue,) = setting_checks.sqlite_options()

    assert f'"{option}"' in str(issue.hint)


def test_sqlite_in_production_is_a_warning(monkeypatch, settings):
    settings.DEBUG = False
    monkeypatch.setattr(django_settings, "DATABASES", _database("sqlite3", **SQLITE))

    assert "sagas.W112" in ids()


def test_mysql_with_gap_locks_is_an_error(monkeypatch):
    changed = _database("mysql", isolation_level="repeatable read")
    monkeypatch.setattr(django_settings, "DATABASES", changed)

    assert "sagas.E113" in ids()


class OrdersElsewhere:
    """A router that keeps orders where no outbox is."""

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == "orders" else None

    def allow_migrate(self, db, app_label, **hints):
        return db != "elsewhere"


def test_state_without_its_outbox_is_an_error(settings):
    settings.DATABASE_ROUTERS = [OrdersElsewhere()]

    found = [issue for issue in checks.check_settings() if issue.id == "sagas.E114"]
    assert "orders.Order" in [issue.obj for issue in found]


def test_a_pool_in_workers_is_a_warning(celery, monkeypatch):
    monkeypatch.setattr(django_settings, "DATABASES", _database("postgresql", pool=True))

    assert "sagas.W115" in ids()


# -- pages ----------------------------------------------------------------------------------------


def identities() -> set[str]:
    """Return every id that the code may say, read off its calls."""
    kinds = {"error": "E", "warning": "W", "info": "I"}
    found = set()
    for file in Path(sagas.checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                number = node.args[0]
                if node.func.id in kinds and isinstance(number, ast.Constant):
                    found.add(f"sagas.{kinds[node.func.id]}{int(str(number.value)):03}")
    return found


def test_every_check_has_a_page_and_every_page_a_check():
    pages = {page.stem for page in PAGES.glob("sagas.*.md")}

    assert pages == identities()


def test_the_index_names_every_check():
    index = PAGES.with_suffix(".md").read_text(encoding="utf-8")

    assert [
        identity for identity in sorted(identities()) if f"(checks/{identity}.md)" not in index
    ] == []


def test_every_check_is_seen_by_a_test():
    own = Path(__file__).read_text(encoding="utf-8")

    unseen = {identity for identity in identities() if f'"{identity}"' not in own}
    assert unseen <= {"sagas.I002"}
