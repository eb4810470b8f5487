"""Every row, cell and timer of the shop counts: one taken away is named (G6, G7)."""

import pytest

from orders.models import Order
from payments.events import PaymentClosed
from sagas import fsm
from sagas.checks import flow, states
from sagas.matrix import cells
from sagas.participant import (
    ABSENT,
    PARTICIPANTS,
    Step,
    Waiting,
    by,
    hold_for_a_person,
    nothing_to_undo,
    refuse,
)
from sagas.routing import all_steps
from shipping.events import ShipmentStopped
from tests.unit.declarations import (
    Unheard,
    declared,
    declared_cells,
    held_states,
    overruling_cells,
    shown,
    timers,
    undo_rows,
    values,
)

__all__ = ["declared"]


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


@pytest.mark.parametrize(("step", "state"), overruling_cells())
def test_a_declared_answer_says_something_else_than_the_state_machine(declared, step, state):
    said = declared.step(step).otherwise[state]
    declared.answer(step, state, None)

    derived = cells(declared.step(step))[state].answer
    assert (said.kind, said.patience) != (derived.kind, derived.patience)


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
        if flow.waits(step)
        for state in states.runs_in(step)
        if states.leaves(step, state)
    }
    return [
        (consumer, name)
        for consumer, name in timers()
        for timer in PARTICIPANTS[consumer].timers
        if timer.name == name and (timer.model, timer.state) in waited
    ]


def test_orders_cases_and_returned_goods_are_what_is_waited_for():
    assert _waiting_states() == [
        ("orders", "case.state.accepted"),
        ("orders", "order.state.confirmed"),
        ("orders", "order.state.fulfilling"),
        ("orders", "order.state.shipped"),
        ("orders", "order.state.delivered"),
        ("orders", "order.state.cancelling"),
        ("inventory", "returnedgoods.state.quarantined"),
    ]


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


@pytest.mark.parametrize(("consumer", "place", "state"), held_states())
def test_a_state_of_which_nobody_says_what_it_holds_is_named(declared, consumer, place, state):
    holds = dict(PARTICIPANTS[consumer].holdings[place].holds)
    del holds[state]
    declared.holding(consumer, place, holds=holds)

    assert any(f"state {state!r}" in said for said in declared.said("sagas.E017"))


@pytest.mark.parametrize(("consumer", "place", "state"), values())
def test_a_state_that_holds_something_and_has_no_way_back_is_named(
    declared, consumer, place, state
):
    holding = PARTICIPANTS[consumer].holdings[place]
    for step in PARTICIPANTS[consumer].steps.values():
        if step.model is holding.model and step.undo_table:
            declared.row(step.full_name, state, hold_for_a_person("somebody"))
    declared.holding(consumer, place, way_back={})

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
    declared.change(step, sagas=("checkin",))

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
