"""How money goes back follows from the payment alone, in every state, in whole and in part."""

from datetime import timedelta

import pytest

from payments.events import MoneyOp
from payments.models import Payment, Refund
from payments.operation import money_op, plan, refund_op
from sagas import fsm
from tests.unit.payment_rows import (
    ACCOUNT,
    CASE,
    NOW,
    ORDER,
    State,
    captured,
    gbp,
    payment,
)

SOON = NOW + timedelta(hours=1)

#: State -> how the whole amount and how a part of it goes back, long after it was taken.
BY_STATE = {
    State.PENDING: (MoneyOp.CLOSE_SESSION, MoneyOp.CLOSE_SESSION),
    State.AUTHORISING: (MoneyOp.WAIT, MoneyOp.WAIT),
    State.DECLINED: (MoneyOp.CLOSE_SESSION, MoneyOp.CLOSE_SESSION),
    State.AWAITING_DEPOSIT: (MoneyOp.CLOSE_SESSION, MoneyOp.CLOSE_SESSION),
    State.AUTHORISED: (MoneyOp.VOID, MoneyOp.VOID),
    State.CAPTURING: (MoneyOp.WAIT, MoneyOp.WAIT),
    State.CAPTURED: (MoneyOp.REFUND, MoneyOp.REFUND),
    State.CLOSING: (MoneyOp.WAIT, MoneyOp.WAIT),
    State.CLOSED: (MoneyOp.NONE, MoneyOp.NONE),
    State.VOIDING: (MoneyOp.WAIT, MoneyOp.WAIT),
    State.VOIDED: (MoneyOp.NONE, MoneyOp.NONE),
    State.REFUNDING: (MoneyOp.REFUND, MoneyOp.REFUND),
    State.REFUNDED: (MoneyOp.NONE, MoneyOp.NONE),
    State.LATE: (MoneyOp.REFUND, MoneyOp.REFUND),
    State.CHARGED_BACK: (MoneyOp.NONE, MoneyOp.NONE),
}
HOLDS_MONEY = (State.CAPTURED, State.REFUNDING, State.LATE)


def test_the_table_names_every_state():
    assert set(BY_STATE) == set(fsm.states(Payment, "state"))


@pytest.mark.parametrize(("state", "operations"), BY_STATE.items())
def test_money_goes_back_by_the_state_of_its_payment(state, operations):
    paying = captured(state) if state in HOLDS_MONEY else payment(state)

    found = tuple(money_op(paying, gbp(minor), now=NOW) for minor in (1000, 300))

    assert found == operations


@pytest.mark.parametrize("state", HOLDS_MONEY)
@pytest.mark.parametrize(
    ("minor", "operation"), [(1000, MoneyOp.CANCEL_CAPTURE), (300, MoneyOp.PARTIAL_CANCEL)]
)
def test_what_was_taken_today_is_cancelled_without_a_trace(state, minor, operation):
    paying = captured(state, reversible_until=SOON)

    assert money_op(paying, gbp(minor), now=NOW) is operation
    assert money_op(paying, gbp(minor), now=SOON) is MoneyOp.REFUND


def test_the_rest_of_a_capture_is_cancelled_in_part():
    paying = captured(reversible_until=SOON, refunded_minor=400)

    assert money_op(paying, gbp(600), now=NOW) is MoneyOp.PARTIAL_CANCEL


@pytest.mark.parametrize(
    ("account", "operation"), [(ACCOUNT, MoneyOp.REFUND), (None, MoneyOp.REFUND_ELSEWHERE)]
)
def test_a_deposit_goes_back_to_an_account(account, operation):
    paying = captured(method="virtual_account", refund_account=account, reversible_until=SOON)

    assert money_op(paying, gbp(1000), now=NOW) is operation


@pytest.mark.parametrize("state", State)
def test_a_dispute_holds_back_whatever_was_taken(state):
    paying = captured(state, is_frozen=True, reversible_until=SOON)

    assert money_op(paying, gbp(1000), now=NOW) is MoneyOp.HOLD


def test_a_dispute_does_not_keep_what_was_never_taken():
    assert money_op(payment(State.CLOSED, is_frozen=True), gbp(5), now=NOW) is MoneyOp.NONE


@pytest.mark.parametrize("paying", [captured(), captured(refunded_minor=1000)])
def test_nothing_needs_no_operation(paying):
    minor = 0 if paying.left_minor else 300

    assert refund_op(paying, gbp(minor), NOW) is MoneyOp.NONE


# -- planning -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "state", "pending", "held"),
    [
        (MoneyOp.REFUND, Refund.State.PLANNED, 300, 0),
        (MoneyOp.PARTIAL_CANCEL, Refund.State.PLANNED, 300, 0),
        (MoneyOp.HOLD, Refund.State.HELD, 0, 300),
        (MoneyOp.REFUND_ELSEWHERE, Refund.State.FAILED, 300, 0),
    ],
)
def test_a_planned_refund_is_promised_so_that_no_other_can_take_it(operation, state, pending, held):
    paying = captured()

    refund = plan(paying, gbp(300), operation, case_id=CASE, case="return", now=NOW)

    assert (refund.state, refund.amount, refund.capture_id) == (state, gbp(300), "ch_1")
    assert (refund.order_id, refund.case_id, refund.planned_at) == (ORDER, CASE, NOW)
    assert (paying.pending_minor, paying.held_minor) == (pending, held)
    assert paying.refundable_minor == 700


def test_a_deposits_refund_knows_the_account_and_a_cards_needs_none():
    by_transfer = captured(method="virtual_account", refund_account=ACCOUNT)
    by_card = captured(refund_account=ACCOUNT)

    accounts = [
        plan(paying, gbp(1), MoneyOp.REFUND, case_id=CASE, case="return", now=NOW).account
        for paying in (by_transfer, by_card)
    ]

    assert accounts == [ACCOUNT, None]


def test_late_money_goes_back_from_the_capture_that_came_late():
    paying = captured(State.LATE, late_captures={str(CASE): "ch_9"})

    refund = plan(paying, gbp(1), MoneyOp.REFUND, case_id=CASE, case="late_success", now=NOW)

    assert refund.capture_id == "ch_9"
