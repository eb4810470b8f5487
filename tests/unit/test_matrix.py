"""The matrix: what is derived from a state machine, what is declared, what nobody decided."""

import pytest

from orders.events import OrderConfirmed
from payments.models import Payment
from sagas import matrix
from sagas.participant import (
    ABSENT,
    PARTICIPANTS,
    AnswerKind,
    Participant,
    by,
    ignore,
    park,
    refuse,
)

State = Payment.State
APPLY, IGNORE, PARK, LATE = AnswerKind.APPLY, AnswerKind.IGNORE, AnswerKind.PARK, AnswerKind.LATE
OF_ORDER = by(Payment, "order_id")


@pytest.fixture
def tester():
    """Return a participant of this test's own."""
    yield Participant("tester")
    del PARTICIPANTS["tester"]


def declare(tester, **declared):
    declared.setdefault("subject", OF_ORDER)

    @tester.on(OrderConfirmed, **declared)
    def react(event, payment) -> None: ...

    return react


def kinds(step):
    return {s: cell.answer.kind if cell.answer else None for s, cell in matrix.cells(step).items()}


def found(step, state):
    return matrix.cells(step)[state].found


def test_the_sources_of_a_move_apply(tester):
    step = declare(tester, moves=(Payment.start_capture,))

    assert (kinds(step)[State.AUTHORISED], found(step, State.AUTHORISED)) == (APPLY, "derived")


def test_states_before_a_source_park_and_say_what_they_wait_for(tester):
    step = declare(tester, moves=(Payment.start_capture,))
    assert {s for s, kind in kinds(step).items() if kind is PARK} == {
        ABSENT,
        State.PENDING,
        State.AUTHORISING,
        State.DECLINED,
        State.CAPTURING,
    }
    reasons = {s: cell.answer.reason for s, cell in matrix.cells(step).items() if cell.answer}
    assert reasons[State.PENDING] == "its subject is still pending"
    assert reasons[ABSENT] == "its subject is not there yet"


def test_states_behind_every_source_are_undecided(tester):
    step = declare(tester, moves=(Payment.start_capture,))

    assert matrix.answer(step, State.CLOSED) is None
    assert (kinds(step)[State.REFUNDED], found(step, State.REFUNDED)) == (None, "undecided")


@pytest.mark.parametrize(
    ("answer", "kind"), [(ignore("done"), IGNORE), (refuse("late"), LATE), (park("soon"), PARK)]
)
def test_a_declared_answer_goes_before_a_derived_one(tester, answer, kind):
    states = (State.PENDING, State.CLOSED)
    step = declare(tester, moves=(Payment.start_capture,), otherwise={states: answer})

    assert {kinds(step)[state] for state in states} == {kind}
    assert {found(step, state) for state in states} == {"declared"}


def test_a_step_that_creates_its_subject_applies_where_there_is_none(tester):
    step = declare(tester, moves=(Payment.start_authorise,), creates=Payment)

    assert matrix.applying_states(step) == {ABSENT, State.PENDING, State.DECLINED}


def test_a_call_begins_where_its_first_move_may_start(tester):
    step = declare(
        tester, begins=Payment.start_capture, moves=(Payment.capture, Payment.refuse_capture)
    )

    assert matrix.applying_states(step) == {State.AUTHORISED}


def test_a_step_without_moves_applies_in_every_state_but_absent(tester):
    step = declare(tester)

    assert matrix.applying_states(step) == set(State.values)
    assert kinds(step)[ABSENT] is PARK


def test_named_states_stand_for_the_sources_of_moves(tester):
    step = declare(tester, applies_in=(State.CLOSED,), moves=(Payment.capture,))

    assert matrix.applying_states(step) == {State.CLOSED}


def test_a_step_without_a_subject_always_applies(tester):
    @tester.on(OrderConfirmed)
    def look(event) -> None: ...

    assert matrix.cells(look) == {}
    assert matrix.answer(look, "anything") == matrix.APPLY


def test_every_pair_of_the_shop_is_decided():
    undecided = [
        (step.full_name, cell.state)
        for participant in PARTICIPANTS.values()
        for step in participant.steps.values()
        if step.events
        for cell in matrix.cells(step).values()
        if cell.answer is None
    ]
    assert undecided == []
