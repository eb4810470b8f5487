"""Every mistake in the declarations or the settings is named when Django starts (G6, G7)."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from django.db.models.signals import post_save

import sagas.checks
from inventory.events import CommitRejected, OutOfStock
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
from payments.events import PaymentAuthorised, PaymentCaptured, PaymentDeclined
from payments.models import Payment
from sagas import checks
from sagas.checks import states
from sagas.event import EVENT_TYPES, Event
from sagas.participant import (
    PARTICIPANTS,
    Door,
    Kind,
    Step,
    by,
    ignore,
)
from shipping.events import CarriersExhausted, ShipmentHandedOver, ShipmentStopped
from tests.unit.declarations import (
    Unheard,
    declared,
    forget,
)

__all__ = ["declared"]

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference" / "checks"


def extra(name: str = "extra", consumer: str = "orders", **fields: Any) -> Step:
    """Return a step of the checkout that nobody asked for."""
    return Step(name=name, consumer=consumer, sagas=("checkout",), **fields)


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

    said, plain = checks.say_coverage()

    assert (said.id, plain.id) == ("sagas.I001", "sagas.I002")
    assert "0 undecided" in said.msg


def test_other_commands_do_not_say_how_many_cells_there_are(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])

    assert checks.say_coverage() == []


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


def test_a_question_in_a_choreography_that_does_not_exist_is_an_error(declared, monkeypatch):
    (asked,) = PARTICIPANTS["payments"].questions
    monkeypatch.setattr(PARTICIPANTS["payments"], "questions", [replace(asked, saga="refund")])
    forget()

    (said,) = declared.said("sagas.E002")
    assert said == "Refund.state, 'owed': It asks in no choreography: none is called 'refund'."


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
    assert "payments.PaymentOpened: Nobody reacts to PaymentOpened in 'checkout'." in said


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


def test_a_way_back_that_goes_on_elsewhere_has_to_come_back_through_a_door(declared):
    told = [Door(events=(PaymentAuthorised,), after=(PaymentDeclined,))]
    assert declared.said("sagas.E014") == []

    declared.doors("payments", *told)

    said = declared.said("sagas.E014")
    assert any("payments.retry_refund: After RefundOwed the way back ends" in s for s in said)


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
    [
        OrderReady,
        PaymentAuthorised,
        PaymentCaptured,
        PaymentDeclined,
        PaymentGivenUp,  # what the cards said last may not be what the bank has done (R29)
        PaymentRetryRequested,
    ],
)
def test_turning_back_while_the_pivot_may_come_is_an_error(declared, event):
    declared.add(extra(function=_turn_back, events=(event,)))

    said = declared.said("sagas.E020")
    assert any(f"turns 'checkout' back after {event.__name__}" in found for found in said)


def test_turning_back_from_outside_is_an_error(declared):
    declared.doors("orders", Door(events=(OrderPlaced, OrderCancelled)))

    assert any("back after OrderCancelled" in said for said in declared.said("sagas.E020"))


@pytest.mark.parametrize("event", [OutOfStock, CommitRejected, CarriersExhausted])
def test_turning_back_on_what_is_said_instead_of_a_needed_fact_is_no_error(declared, event):
    declared.add(extra(function=_turn_back, events=(event,)))

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


def test_a_braked_call_that_does_not_say_what_it_moves_is_an_error(declared):
    calls = declared.step("payments.capture").calls
    declared.change("payments.capture", calls=replace(calls, brake="payments.capture", amount=None))

    (said,) = declared.said("sagas.E025")
    assert "payments.capture: " in said
    assert "does not say what it moves" in said


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
    files = Path(__file__).parent.glob("test_checks*.py")
    own = "".join(file.read_text(encoding="utf-8") for file in files)

    assert [identity for identity in identities() if f'"{identity}"' not in own] == []
