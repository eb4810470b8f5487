"""Payments: what its steps decide about an order's money going forward, and what it declares."""

from datetime import timedelta

import pytest

from inventory.events import ReservationExpired, StockCommitted, StockReserved
from orders.events import OrderPlaced, PayBy
from payments.events import (
    CaptureRefused,
    DepositAwaited,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentNotInSight,
    PaymentUnderWay,
)
from payments.models import Payment, Refund
from payments.participant import checkout, payments
from sagas import fsm, matrix
from sagas.participant import ABSENT
from tests.unit.payment_rows import (
    ACCOUNT,
    ADDRESS,
    NOW,
    ORDER,
    State,
    added,
    authorised,
    awaiting,
    done,
    gbp,
    lines,
    payment,
    refused,
    work,
)

RESERVED = StockReserved(order_id=ORDER)
COMMITTED = StockCommitted(order_id=ORDER)
EXPIRED = ReservationExpired(order_id=ORDER)


# -- forward --------------------------------------------------------------------------------------


def placed(pay_by):
    return OrderPlaced(
        order_id=ORDER,
        number="1001",
        customer="kim",
        total=gbp(1000),
        lines=(),
        ship_to=ADDRESS,
        payment_tokens=("tok_a", "tok_b"),
        pay_by=pay_by,
    )


@pytest.mark.parametrize("pay_by", PayBy)
def test_an_order_opens_a_payment_of_its_total_that_is_all_due(pay_by):
    opened = checkout.payment_of(placed(pay_by))

    assert (opened.state, opened.amount_minor, opened.due_minor) == (State.PENDING, 1000, 1000)
    assert (opened.number, opened.tokens, opened.method) == ("1001", ["tok_a", "tok_b"], pay_by)


def test_cards_are_tried_in_their_order_and_the_last_one_again():
    paying = payment()
    tried = []
    for _ in range(3):
        paying.start_authorise()
        tried.append(paying.card_token)
        paying.decline("card_declined")

    assert tried == ["tok_a", "tok_b", "tok_b"]


def test_an_authorised_payment_is_announced_and_entered_under_the_providers_name():
    paying, desk = payment(State.AUTHORISING, attempts=1), work()
    outcome = done("au_1", status="authorised", expires_at="2026-01-08T00:00:00+00:00")

    said = checkout.authorise(RESERVED, paying, outcome=outcome, work=desk)

    assert said == PaymentAuthorised(order_id=ORDER, amount=gbp(1000))
    assert (paying.state, paying.authorised_minor) == (State.AUTHORISED, 1000)
    assert paying.auth_expires_at == NOW + timedelta(days=7)
    assert lines(desk) == [("authorise", "au_1", 1000)]


def test_only_what_is_still_due_is_authorised():
    paying, desk = payment(State.AUTHORISING, due_minor=700), work()

    said = checkout.authorise(RESERVED, paying, outcome=done("au_1"), work=desk)

    assert said.amount == gbp(700)
    assert lines(desk) == [("authorise", "au_1", 700)]


def test_a_provider_that_names_no_end_of_a_reservation_gets_the_shops(settings):
    paying = payment(State.AUTHORISING)

    checkout.authorise(RESERVED, paying, outcome=done("au_1"), work=work())

    assert paying.auth_expires_at == NOW + settings.SHOP["AUTHORISATION_LIFETIME"]


def test_a_declined_card_moves_no_money_and_leaves_no_ledger_entry():
    paying, desk = payment(State.AUTHORISING, attempts=1), work()

    said = checkout.authorise(RESERVED, paying, outcome=refused("card_declined"), work=desk)

    assert said == PaymentDeclined(order_id=ORDER, code="card_declined")
    assert (paying.state, paying.authorised_minor) == (State.DECLINED, 0)
    assert added(desk) == []


def test_an_account_is_opened_for_a_transfer_and_no_money_is_booked():
    paying, desk = awaiting(State.AUTHORISING, deposit_until=None), work()
    until = NOW + timedelta(days=2)
    outcome = done("va_1", status="awaiting_deposit", expires_at=until.isoformat(), account=ACCOUNT)

    said = checkout.authorise(RESERVED, paying, outcome=outcome, work=desk)

    assert said == DepositAwaited(order_id=ORDER, until=until)
    assert (paying.state, paying.deposit_account) == (State.AWAITING_DEPOSIT, ACCOUNT)
    assert added(desk) == []


def test_an_answer_that_says_no_more_means_what_was_asked_for():
    paying = awaiting(State.AUTHORISING, deposit_until=None)

    said = checkout.authorise(RESERVED, paying, outcome=done("va_1"), work=work())

    assert isinstance(said, DepositAwaited)


def test_what_is_due_is_captured():
    paying, desk = authorised(State.CAPTURING), work()
    outcome = done("ch_1", reversible_until="2026-01-01T15:00:00+00:00")

    said = checkout.capture(COMMITTED, paying, outcome=outcome, work=desk)

    assert said == PaymentCaptured(order_id=ORDER, amount=gbp(1000))
    assert (paying.state, paying.captured_minor, paying.open_minor) == (State.CAPTURED, 1000, 0)
    assert (paying.captured_at, paying.reversible_until) == (NOW, NOW + timedelta(hours=15))
    assert lines(desk) == [("capture", "ch_1", 1000)]


def test_a_capture_of_less_lets_go_of_the_rest():
    paying, desk = authorised(State.CAPTURING, due_minor=700), work()
    outcome = done("ch_1", released_minor=300, release_reference="vo_1")

    said = checkout.capture(COMMITTED, paying, outcome=outcome, work=desk)

    assert said.amount == gbp(700)
    assert (paying.captured_minor, paying.voided_minor, paying.open_minor) == (700, 300, 0)
    assert lines(desk) == [("capture", "ch_1", 700), ("void", "vo_1", 300)]


def test_a_refused_capture_leaves_the_reservation_to_be_voided():
    paying = authorised(State.CAPTURING)

    said = checkout.capture(COMMITTED, paying, outcome=refused("expired"), work=work())

    assert said == CaptureRefused(order_id=ORDER, code="expired")
    assert (paying.state, paying.open_minor) == (State.AUTHORISED, 1000)


UNDER_WAY = {State.AUTHORISING, State.AUTHORISED, State.CAPTURING, State.CAPTURED}


@pytest.mark.parametrize("state", State)
def test_stock_is_kept_for_a_payment_that_may_yet_come(state):
    said = checkout.answer_expiry(EXPIRED, payment(state), work=work())

    expected = PaymentUnderWay if state in UNDER_WAY else PaymentNotInSight
    assert said == expected(order_id=ORDER)


def test_stock_is_kept_for_a_transfer_until_its_account_is_closed():
    closes = NOW + timedelta(hours=1)
    paying = awaiting(deposit_until=closes)

    said = checkout.answer_expiry(EXPIRED, paying, work=work())

    assert said == PaymentUnderWay(order_id=ORDER, until=closes)


@pytest.mark.parametrize("hours", [0, -1])
def test_no_stock_is_kept_for_a_transfer_whose_time_is_over(hours):
    paying = awaiting(deposit_until=NOW + timedelta(hours=hours))

    said = checkout.answer_expiry(EXPIRED, paying, work=work())

    assert said == PaymentNotInSight(order_id=ORDER)


# -- declarations ---------------------------------------------------------------------------------


def test_every_state_has_an_answer_to_every_event():
    reacting = [step for step in payments.steps.values() if step.events]
    for step in reacting:
        undecided = [cell.state for cell in matrix.cells(step).values() if cell.answer is None]
        assert undecided == [], step.full_name


def test_every_state_of_the_money_has_a_way_back():
    undo = payments.steps["undo_authorise"]

    assert set(undo.undo_table) == {ABSENT, *fsm.states(Payment, "state")}


def test_of_every_state_is_said_what_it_holds():
    (money, refunds) = payments.holdings

    assert set(money.holds) == set(fsm.states(Payment, "state"))
    assert set(refunds.holds) == set(fsm.states(Refund, "state"))


def test_the_deposit_of_an_order_is_not_captured_once_more():
    answers = matrix.cells(payments.steps["capture"])

    assert "deposit" in answers[State.CAPTURED].answer.reason


@pytest.mark.parametrize("state", [State.AWAITING_DEPOSIT, State.AUTHORISING, State.CAPTURING])
def test_cancelled_units_wait_until_it_is_known_what_is_taken(state):
    answer = matrix.cells(payments.steps["reduce_or_refund"])[state].answer

    assert answer.kind == "park"


@pytest.mark.parametrize("name", ["send_refund", "send_case_refund", "retry_refund", "send_owed"])
def test_no_refund_is_sent_while_a_dispute_holds_it_back(name):
    assert "dispute" in matrix.cells(payments.steps[name])[Refund.State.HELD].answer.reason


@pytest.mark.parametrize("state", Payment.IN_FLIGHT)
def test_a_look_waits_for_the_call_that_is_out(state):
    assert matrix.cells(payments.steps["look"])[state].answer.kind == "park"
