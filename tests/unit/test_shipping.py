"""Shipping's steps, called like the functions they are: what they decide, and what they declare."""

import pytest

from orders.events import (
    CancelRequested,
    CaseKind,
    OrderCancelled,
    OrderReady,
    PartialCancelRequested,
    ReplacementDue,
)
from sagas import fsm, matrix
from sagas.exceptions import PermanentFailure
from sagas.participant import ABSENT, INQUIRE, WAIT, AnswerKind
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarrierRefused,
    PartialCancelAccepted,
    PartialCancelRefused,
    ReplacementLabelled,
    ReplacementRefused,
    RestHeld,
    RestLabelled,
    RestRefused,
    RestStopped,
    ShipmentLabelled,
    ShipmentOpened,
    ShipmentSplit,
    ShipmentStopped,
)
from shipping.models import Shipment
from shipping.participant import answers, booking, cases, shipping
from tests.unit.house import HOME, case, case_lines, order_lines, placed
from tests.unit.parcel_steps import CASE, ORDER, State, in_it, labelled, ok, refused, shipment, work

READY = OrderReady(order_id=ORDER)
WISH = case(CancelRequested, ORDER, CASE)
CANCELLED = case(OrderCancelled, ORDER, CASE)


# -- booking


def test_an_order_opens_a_parcel_that_answers_for_it():
    event, unit = placed(ORDER, ("CUP", 2), ("BAG", 1)), work()
    opened = booking.shipment_of(event)

    said = booking.open_shipment(event, opened, unit)

    assert said == ShipmentOpened(order_id=ORDER)
    assert (opened.answers_for, opened.part, opened.number) == (ORDER, 1, event.number)
    assert opened.address["city"] == "Leeds"
    lines = [(line.line_no, line.sku, line.quantity) for line in unit._added.values()]
    assert lines == [(1, "CUP", 2), (2, "BAG", 1)]


def test_an_order_that_was_cancelled_before_it_came_opens_no_parcel():
    assert matrix.answer(booking.open_shipment, State.STOPPED).kind is AnswerKind.LATE


def test_d14_each_carrier_is_asked_a_few_times_and_then_the_next(settings):
    settings.SHOP = {**settings.SHOP, "CARRIERS": ("swift", "post"), "CARRIER_TRIES": 2}
    asked, row = [], shipment()

    for _ in range(5):
        row.start_booking()
        asked.append(row.carrier)
        row.refuse("no_service")

    assert asked == ["swift", "swift", "post", "post", "swift"]


@pytest.mark.parametrize("step", [booking.book_label, booking.try_next_carrier])
def test_d14_a_carrier_that_refuses_is_a_fact_with_its_code(step):
    row = shipment()
    row.start_booking()

    said = step(READY, row, outcome=refused("no_service"))

    assert said == CarrierRefused(order_id=ORDER, carrier="swift", code="no_service")
    assert (row.state, row.refusal_code) == (State.REFUSED, "no_service")


@pytest.mark.parametrize(("tries", "again"), [(1, 1), (2, 3), (5, 9)])
def test_d14_the_carriers_are_asked_as_often_as_the_shop_says_by_now(settings, tries, again):
    settings.SHOP = {**settings.SHOP, "CARRIERS": ("swift", "post"), "CARRIER_TRIES": tries}

    assert booking.try_next_carrier.most == again


def test_a_carrier_that_takes_the_parcel_gives_it_a_number():
    row = shipment()
    row.start_booking()

    said = booking.book_label(READY, row, outcome=ok("PX1"))

    assert said == ShipmentLabelled(order_id=ORDER, tracking="PX1")
    assert (row.state, row.tracking, row.carrier) == (State.LABELLED, "PX1", "swift")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (ok("PX2", carrier="post"), RestLabelled),
        (refused("no_service"), RestRefused),
    ],
)
def test_the_rest_is_booked_with_whoever_takes_it(outcome, said):
    rest = shipment(State.BOOKING, part=2)
    event = ShipmentSplit(order_id=ORDER, shipment_id=rest.pk)

    fact = booking.book_rest(event, rest, outcome=outcome)

    assert (type(fact), fact.shipment_id) == (said, rest.pk)
    assert rest.carrier == ("post" if outcome.ok else "")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (ok("PX3", carrier="post"), ReplacementLabelled(case_id=CASE, tracking="PX3")),
        (
            refused("no_service"),
            ReplacementRefused(case_id=CASE, order_id=ORDER, code="no_service"),
        ),
    ],
)
def test_d20_a_replacement_is_a_parcel_of_its_case(outcome, said):
    event = case(ReplacementDue, ORDER, CASE, wanted=order_lines(("CUP", 2)), ship_to=HOME)
    row, unit = booking.replacement_of(event), work()
    row.start_booking()

    assert booking.book_replacement(event, row, outcome, unit) == said
    assert (row.case_id, row.answers_for, row.part) == (CASE, None, None)
    assert [line.quantity for line in unit._added.values()] == [2]


# -- cancelling: only the parcel's row knows (R32)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.NEW, State.STOPPED),
        (State.REFUSED, State.STOPPED),
        (State.LABELLED, State.HELD),
    ],
)
def test_a_parcel_in_the_house_stays_there_when_its_order_is_to_be_cancelled(before, after):
    kept = shipment(before, tracking="PX1" if before == State.LABELLED else None)

    said = answers.answer_cancel(WISH, kept)

    assert said == CancelAccepted(
        order_id=ORDER, case_id=CASE, case=CaseKind.CANCEL, reason="because"
    )
    assert kept.state == after


def test_r28_a_cancellation_before_the_order_came_refuses_every_booking_to_come():
    kept = answers.refused_in_advance(WISH)
    answers.answer_cancel(WISH, kept)

    assert (kept.state, kept.answers_for) == (State.STOPPED, ORDER)
    assert matrix.answer(booking.book_label, kept.state).kind is AnswerKind.LATE
    assert matrix.answer(booking.open_shipment, kept.state).kind is AnswerKind.LATE


@pytest.mark.parametrize("gone", Shipment.LEFT)
def test_a_parcel_that_has_left_refuses_the_cancellation(gone):
    left = shipment(gone, tracking="PX1")

    said = answers.answer_cancel(WISH, left)

    assert said == CancelRefused(order_id=ORDER, case_id=CASE, reason=answers.HAS_LEFT)
    assert left.state == gone


@pytest.mark.parametrize("state", [State.NEW, State.REFUSED, State.LABELLED])
def test_the_rest_of_an_order_is_too_late_for_a_cancellation_of_the_whole(state):
    rest = shipment(state, part=2, tracking="PX2")

    assert isinstance(answers.answer_cancel(WISH, rest), CancelRefused)
    assert rest.state == state


@pytest.mark.parametrize("state", [State.HELD, State.VOIDING, State.STOPPED])
@pytest.mark.parametrize(("part", "said"), [(1, CancelAccepted), (2, CancelRefused)])
def test_r33_a_second_wish_gets_the_first_ones_answer(state, part, said):
    kept = shipment(state, part=part, tracking="PX1")

    assert isinstance(answers.answer_cancel(WISH, kept), said)
    assert kept.state == state
    assert matrix.answer(answers.answer_cancel, state) is matrix.APPLY


def test_a_cancellation_waits_for_the_carriers_answer_to_a_booking():
    assert matrix.answer(answers.answer_cancel, State.BOOKING).kind is AnswerKind.PARK
    assert matrix.answer(cases.answer_partial, State.BOOKING).kind is AnswerKind.PARK


@pytest.mark.parametrize("outcome", [ok("PX1"), refused("too_late")])
def test_a_label_is_voided_or_stays_a_cost(outcome):
    kept = shipment(State.VOIDING, tracking="PX1")

    said = answers.void_label(CANCELLED, kept, outcome=outcome)

    assert said == ShipmentStopped(
        order_id=ORDER, case_id=CASE, case=CaseKind.CANCEL, reason="because"
    )
    assert kept.state == State.STOPPED


def test_a_parcel_that_the_carrier_has_against_our_books_waits_for_a_person():
    kept = shipment(State.VOIDING, tracking="PX1")

    with pytest.raises(PermanentFailure, match="PX1 was to stay"):
        answers.void_label(CANCELLED, kept, outcome=refused("handed_over"))


@pytest.mark.parametrize("state", [State.NEW, State.REFUSED])
def test_a_parcel_without_a_label_is_stopped_when_its_order_is_cancelled(state):
    kept = shipment(state)

    assert isinstance(answers.stop_unbooked(CANCELLED, kept), ShipmentStopped)
    assert kept.state == State.STOPPED


# -- some units are cancelled


def partial(*lines, kind=CaseKind.CANCEL_PARTIAL):
    chosen = case_lines(*lines)
    return case(PartialCancelRequested, ORDER, CASE, case=kind, lines=chosen)


@pytest.mark.parametrize("state", [State.NEW, State.REFUSED, State.LABELLED])
def test_cancelled_units_are_taken_out_of_the_parcel(state):
    row = shipment(state)
    first, second = in_it(row, 3, 1)
    event = partial((1, "S1", 2))

    said = cases.answer_partial(event, row, [first, second])

    assert isinstance(said, PartialCancelAccepted)
    assert said.lines == event.lines
    assert (first.withdrawn, first.left, second.left) == (2, 1, 1)
    assert row.state == state


@pytest.mark.parametrize("wanted", [(1, "S1", 3), (2, "S2", 1), (3, "S3", 1)])
def test_more_than_is_left_in_the_parcel_is_not_cancelled(wanted):
    row = labelled()
    lines = [*in_it(row, 4, withdrawn=1, sent=1), *in_it(row, 1, withdrawn=1)]
    lines[1].line_no = 2

    said = cases.answer_partial(partial(wanted), row, lines)

    assert isinstance(said, PartialCancelRefused)
    assert [line.withdrawn for line in lines] == [1, 1]


def test_all_of_an_order_is_never_cancelled_in_part():
    row = labelled()
    lines = in_it(row, 2, 1)

    said = cases.answer_partial(partial((1, "S1", 2), (2, "S2", 1)), row, lines)

    assert isinstance(said, PartialCancelRefused)
    assert row.state == State.LABELLED


@pytest.mark.parametrize(
    ("state", "then", "after"),
    [
        (State.LABELLED, RestHeld, State.HELD),
        (State.NEW, RestStopped, State.STOPPED),
        (State.REFUSED, RestStopped, State.STOPPED),
    ],
)
def test_d16_an_emptied_rest_stays_in_the_house(state, then, after):
    rest = shipment(state, part=2)

    accepted, stays = cases.answer_partial(partial((1, "S1", 2)), rest, in_it(rest, 2))

    assert isinstance(accepted, PartialCancelAccepted)
    assert stays == then(case_id=CASE, order_id=ORDER, shipment_id=rest.pk)
    assert rest.state == after


@pytest.mark.parametrize("state", [*Shipment.LEFT, State.HELD, State.VOIDING, State.STOPPED])
def test_nothing_is_cancelled_of_what_left_or_is_being_cancelled(state):
    row = shipment(state, tracking="PX1")

    said = cases.answer_partial(partial((1, "S1", 1)), row, in_it(row, 2))

    assert isinstance(said, PartialCancelRefused)
    assert matrix.answer(cases.answer_partial, state) is matrix.APPLY


# -- declarations


def test_every_state_has_an_answer_to_every_event():
    for step in shipping.steps.values():
        undecided = [cell.state for cell in matrix.cells(step).values() if cell.answer is None]
        assert not (step.events and undecided), step.full_name


def test_nothing_that_moves_a_parcel_is_ever_ignored():
    for step in shipping.steps.values():
        kinds = {found.kind for found in step.otherwise.values()}
        assert AnswerKind.IGNORE not in kinds, step.full_name


def test_every_state_of_a_parcel_has_a_way_back():
    table = shipping.steps["undo_book_label"].undo_table or {}

    assert set(table) == {ABSENT, *fsm.states(Shipment, "state")}
    assert (table[State.BOOKING], table[State.VOIDING]) == (INQUIRE, WAIT)
