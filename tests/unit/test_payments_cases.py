"""The money of one case: reserved first, then given back, or not taken at all (R31, R38)."""

from datetime import timedelta

import pytest

from orders.events import CaseKind, LinesCancelled, RefundDue
from payments.events import (
    AmountReduced,
    CaseRefunded,
    CaseRefundPlanned,
    CaseRefundRefused,
    MoneyOp,
    RefundImpossible,
    RefundOwed,
)
from payments.models import Dispute, Refund
from payments.participant import cases
from sagas.exceptions import PermanentFailure
from tests.unit.payment_rows import (
    CASE,
    NOW,
    ORDER,
    State,
    added,
    authorised,
    captured,
    dispute,
    done,
    gbp,
    lines,
    payment,
    refund,
    refused,
    work,
)


def due(minor=300, case=CaseKind.RETURN):
    return RefundDue(case_id=CASE, order_id=ORDER, case=case, amount=gbp(minor), reason="")


def cancelled(minor=300):
    return LinesCancelled(
        case_id=CASE, order_id=ORDER, case=CaseKind.CANCEL_PARTIAL, lines=(), amount=gbp(minor)
    )


def plan(paying, event=None, *, planned=(), disputes=(), desk=None):
    return cases.plan_case_refund(
        event or due(),
        paying,
        planned=list(planned),
        disputes=list(disputes),
        work=desk or work(),
    )


def reduce(paying, event=None, desk=None):
    return cases.reduce_or_refund(event or cancelled(), paying, planned=[], work=desk or work())


# -- planning -------------------------------------------------------------------------------------


def test_a_cases_amount_is_reserved_and_says_how_it_goes_back():
    paying, desk = captured(reversible_until=NOW + timedelta(hours=1)), work()

    said = plan(paying, desk=desk)

    (row,) = added(desk)
    assert said == CaseRefundPlanned(
        refund_id=row.id,
        case_id=CASE,
        order_id=ORDER,
        amount=gbp(300),
        operation=MoneyOp.PARTIAL_CANCEL,
    )
    assert (row.case, row.is_whole, row.state) == ("return", False, Refund.State.PLANNED)
    assert (paying.pending_minor, paying.refundable_minor) == (300, 700)


def test_two_cases_can_not_have_the_same_money():
    paying, desk = captured(pending_minor=500, held_minor=300), work()

    said = plan(paying, desk=desk)

    assert said == RefundImpossible(case_id=CASE, order_id=ORDER, left=gbp(200))
    assert (paying.pending_minor, added(desk)) == (500, [])


@pytest.mark.parametrize("state", [State.AUTHORISED, State.CLOSED, State.VOIDED, State.DECLINED])
def test_what_was_never_taken_can_not_be_given_back(state):
    said = plan(authorised(state))

    assert said == RefundImpossible(case_id=CASE, order_id=ORDER, left=gbp(0))


def test_a_case_that_is_owed_nothing_is_settled_at_once():
    said = plan(captured(), due(0))

    assert said == CaseRefunded(case_id=CASE, order_id=ORDER, amount=gbp(0), operation=MoneyOp.NONE)


def test_a_case_has_one_refund():
    with pytest.raises(PermanentFailure, match="has its refund already"):
        plan(captured(), planned=[refund()])


def test_a_case_waits_while_a_dispute_is_open():
    paying, desk = captured(is_frozen=True), work()

    said = plan(paying, disputes=[dispute()], desk=desk)

    assert said.operation is MoneyOp.HOLD
    assert added(desk)[0].state == Refund.State.HELD


@pytest.mark.parametrize(
    ("case", "states", "operation"),
    [
        (CaseKind.CHARGEBACK, ["inquiry"], MoneyOp.REFUND),
        (CaseKind.CHARGEBACK, ["inquiry", "won"], MoneyOp.REFUND),
        (CaseKind.CHARGEBACK, ["open"], MoneyOp.HOLD),
        (CaseKind.CHARGEBACK, ["inquiry", "open"], MoneyOp.HOLD),
        (CaseKind.RETURN, ["inquiry"], MoneyOp.HOLD),
    ],
)
def test_only_a_refund_that_answers_an_inquiry_goes_through(case, states, operation):
    asked = [dispute(Dispute.State(state)) for state in states]

    said = plan(captured(is_frozen=True), due(case=case), disputes=asked)

    assert said.operation is operation


def test_a_deposit_that_has_nowhere_to_go_is_owed():
    planned, owed = plan(captured(method="virtual_account"))

    assert isinstance(planned, CaseRefundPlanned)
    assert isinstance(owed, RefundOwed)
    assert (owed.refund_id, owed.code) == (planned.refund_id, "needs_account")


# -- cancelled units ------------------------------------------------------------------------------

UNTAKEN = [
    State.PENDING,
    State.DECLINED,
    State.AUTHORISED,
    State.CLOSING,
    State.CLOSED,
    State.VOIDING,
    State.VOIDED,
    State.LATE,
]


@pytest.mark.parametrize("state", UNTAKEN)
def test_units_that_were_not_paid_yet_are_not_paid_for(state):
    paying, desk = authorised(state), work()

    said = reduce(paying, desk=desk)

    how = MoneyOp.VOID if state == State.AUTHORISED else MoneyOp.NONE
    assert said == AmountReduced(case_id=CASE, order_id=ORDER, amount=gbp(300), operation=how)
    assert (paying.due_minor, paying.amount_minor, added(desk)) == (700, 1000, [])


def test_no_more_can_be_cancelled_than_is_due():
    said = reduce(payment(due_minor=200))

    assert said == RefundImpossible(case_id=CASE, order_id=ORDER, left=gbp(200))


def test_units_that_were_paid_for_are_given_back():
    paying, desk = captured(), work()

    said = reduce(paying, desk=desk)

    assert isinstance(said, CaseRefundPlanned)
    assert (added(desk)[0].case, paying.pending_minor) == ("cancel_partial", 300)


@pytest.mark.parametrize("state", [State.REFUNDING, State.REFUNDED])
def test_units_of_an_order_whose_money_all_goes_back_need_nothing_more(state):
    said = reduce(captured(state, pending_minor=1000))

    assert (type(said), said.amount) == (CaseRefunded, gbp(0))


def test_units_of_which_the_bank_took_the_money_can_not_be_given_back():
    said = reduce(captured(State.CHARGED_BACK, charged_back_minor=1000))

    assert said == RefundImpossible(case_id=CASE, order_id=ORDER, left=gbp(0))


# -- paying ---------------------------------------------------------------------------------------


def event_of(going):
    return CaseRefundPlanned(
        refund_id=going.id,
        case_id=CASE,
        order_id=ORDER,
        amount=going.amount,
        operation=MoneyOp.REFUND,
    )


def test_a_case_is_paid_back_in_part_and_the_payment_stays_captured():
    paying, going, desk = captured(pending_minor=300), refund(), work()

    said = cases.send_case_refund(
        event_of(going), going, paid=[paying], outcome=done("re_1"), work=desk
    )

    assert said == CaseRefunded(
        case_id=CASE, order_id=ORDER, amount=gbp(300), operation=MoneyOp.REFUND
    )
    assert (paying.state, paying.refunded_minor, paying.pending_minor) == (State.CAPTURED, 300, 0)
    assert lines(desk) == [("refund", "re_1", 300)]


def test_a_refused_case_keeps_its_amount_and_is_tried_again():
    paying, going, desk = captured(pending_minor=300), refund(), work()

    said = cases.send_case_refund(
        event_of(going), going, paid=[paying], outcome=refused("busy"), work=desk
    )
    going.send()
    again = cases.retry_case_refund(said, going, paid=[paying], outcome=done("re_2"), work=desk)

    assert isinstance(said, CaseRefundRefused)
    assert isinstance(again, CaseRefunded)
    assert (going.state, paying.refunded_minor) == (Refund.State.PAID, 300)
    assert lines(desk) == [("refund", "re_2", 300)]
