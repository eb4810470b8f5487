"""The way back of an order's money: what is only reserved is given up, what was taken goes back."""

import pytest

from payments.events import (
    LateCaptureFound,
    MoneyOp,
    PaymentClosed,
    PaymentRefunded,
    PaymentVoided,
    RefundOwed,
    RefundPaid,
    RefundPlanned,
    RefundRefused,
)
from payments.models import Refund
from payments.participant import back, giving
from tests.unit.payment_rows import (
    CASE,
    NOW,
    ORDER,
    STOPPED,
    State,
    added,
    authorised,
    awaiting,
    captured,
    done,
    gbp,
    lines,
    payment,
    refund,
    refused,
    work,
)


def standing(**values):
    """Return how the provider says that the order stands, as JSON values."""
    held = [{"id": "au_1", "amount_minor": 1000, "open_minor": values.pop("open_minor", 0)}]
    return {"reference": "1001", "currency": "GBP", "authorisations": held, **values}


TAKEN = [{"id": "ch_9", "amount_minor": 1000, "at": "2026-01-01T00:00:00+00:00"}]


def test_a_session_in_which_no_money_moved_is_closed():
    paying = payment(State.CLOSING)

    said = back.close(STOPPED, paying, outcome=done("cs_1"), work=work())

    assert said == PaymentClosed(order_id=ORDER, operation=MoneyOp.CLOSE_SESSION)
    assert paying.state == State.CLOSED


def test_a_reservation_is_voided_so_that_the_customer_sees_no_charge():
    paying, desk = authorised(State.VOIDING), work()

    said = back.void(STOPPED, paying, outcome=done("vo_1", released_minor=1000), work=desk)

    assert said == PaymentVoided(order_id=ORDER, amount=gbp(1000))
    assert (paying.state, paying.voided_minor, paying.open_minor) == (State.VOIDED, 1000, 0)
    assert lines(desk) == [("void", "vo_1", 1000)]


def test_a_reservation_that_has_lapsed_needs_no_void():
    paying, desk = authorised(State.VOIDING), work()
    outcome = refused("authorisation_expired", standing=standing())

    said = back.void(STOPPED, paying, outcome=outcome, work=desk)

    assert said == PaymentVoided(order_id=ORDER, amount=gbp(1000))
    assert (paying.state, paying.open_minor) == (State.VOIDED, 0)
    assert lines(desk) == [("lapse", "au_1", 1000)]


def test_an_account_that_was_closed_by_time_needs_no_closing():
    paying = awaiting(State.CLOSING)
    deposit = {"status": "expired", "until": None, "account": {}}
    outcome = refused("deposit_expired", standing=standing(deposit=deposit))

    said = back.close(STOPPED, paying, outcome=outcome, work=work())

    assert said == PaymentClosed(order_id=ORDER, operation=MoneyOp.CLOSE_SESSION)
    assert paying.state == State.CLOSED


@pytest.mark.parametrize(
    ("step", "paying", "ended"),
    [
        (back.close, awaiting(State.CLOSING), PaymentClosed(order_id=ORDER)),
        (
            back.void,
            authorised(State.VOIDING),
            PaymentVoided(order_id=ORDER, amount=gbp(0), operation=MoneyOp.NONE),
        ),
    ],
)
def test_money_that_was_taken_before_it_could_be_given_up_is_a_case_of_its_own(step, paying, ended):
    desk = work()

    late, said = step(
        STOPPED, paying, outcome=refused("too_late", standing=standing(captures=TAKEN)), work=desk
    )

    assert said == ended
    assert isinstance(late, LateCaptureFound)
    assert (late.amount, late.reference) == (gbp(1000), "ch_9")
    assert (paying.state, paying.captured_minor) == (State.LATE, 1000)
    assert lines(desk) == [("capture", "ch_9", 1000)]


def test_money_that_is_known_already_is_no_news_to_who_gives_up():
    paying = authorised(State.VOIDING, late_captures={str(CASE): "ch_9"})

    said = back.void(
        STOPPED, paying, outcome=refused("gone", standing=standing(captures=TAKEN)), work=work()
    )

    assert said == PaymentVoided(order_id=ORDER, amount=gbp(1000))


@pytest.mark.parametrize(
    ("step", "paying"),
    [(back.close, payment(State.CLOSING)), (back.void, authorised(State.VOIDING))],
)
@pytest.mark.parametrize("said", [{}, {"standing": standing(open_minor=1000)}])
def test_giving_money_up_is_tried_again_when_the_provider_just_refuses(step, paying, said):
    desk, before = work(), paying.state

    with pytest.raises(giving.NotDone, match="busy"):
        step(STOPPED, paying, outcome=refused("busy", **said), work=desk)

    assert (paying.state, added(desk)) == (before, [])


def test_captured_money_is_planned_to_go_back_under_a_name_that_never_changes():
    paying, desk = captured(), work()

    said = back.plan_refund(STOPPED, paying, work=desk)

    (planned,) = added(desk)
    assert said == RefundPlanned(
        refund_id=planned.id,
        order_id=ORDER,
        case_id=CASE,
        amount=gbp(1000),
        operation=MoneyOp.REFUND,
    )
    assert (paying.state, paying.pending_minor) == (State.REFUNDING, 1000)
    assert (planned.capture_id, planned.case, planned.is_whole) == ("ch_1", "cancel", True)
    again = work()
    back.plan_refund(STOPPED, captured(), work=again)
    assert planned.id == added(again)[0].id


def test_only_what_is_left_goes_back_when_an_order_is_cancelled():
    paying = captured(refunded_minor=100, pending_minor=200)

    said = back.plan_refund(STOPPED, paying, work=work())

    assert said.amount == gbp(700)
    assert paying.pending_minor == 900


def test_an_order_of_which_nothing_is_left_is_over_at_once():
    paying, desk = captured(refunded_minor=600, charged_back_minor=400), work()

    said = back.plan_refund(STOPPED, paying, work=desk)

    assert said == PaymentClosed(order_id=ORDER, was_charged=True)
    assert (paying.state, added(desk)) == (State.REFUNDED, [])


def test_an_order_of_which_the_bank_took_everything_was_charged_all_the_same():
    paying = captured(charged_back_minor=1000)
    paying.charge_back()

    assert back.note_gone(STOPPED, paying) == PaymentClosed(order_id=ORDER, was_charged=True)


def test_a_disputed_payments_refund_waits_and_reserves_nothing_that_a_bank_may_take():
    paying, desk = captured(is_frozen=True), work()

    said = back.plan_refund(STOPPED, paying, work=desk)

    (held,) = added(desk)
    assert said.operation is MoneyOp.HOLD
    assert (held.state, paying.held_minor, paying.pending_minor) == (Refund.State.HELD, 1000, 0)
    assert paying.refundable_minor == 0


def test_a_deposit_without_an_account_to_pay_back_to_is_owed_from_the_start():
    paying, desk = captured(method="virtual_account"), work()

    planned, owed = back.plan_refund(STOPPED, paying, work=desk)

    (row,) = added(desk)
    assert planned.operation is MoneyOp.REFUND_ELSEWHERE
    assert owed == RefundOwed(
        refund_id=row.id,
        case_id=CASE,
        order_id=ORDER,
        amount=gbp(1000),
        code="needs_account",
        operation=MoneyOp.REFUND_ELSEWHERE,
    )
    assert (row.state, paying.pending_minor) == (Refund.State.FAILED, 1000)


def planned_event(going, operation=MoneyOp.REFUND):
    return RefundPlanned(
        refund_id=going.id,
        order_id=ORDER,
        case_id=CASE,
        amount=going.amount,
        operation=operation,
    )


@pytest.mark.parametrize("how", [MoneyOp.CANCEL_CAPTURE, MoneyOp.REFUND])
def test_a_paid_refund_moves_from_pending_to_refunded_and_settles_the_payment(how):
    paying, desk = captured(State.REFUNDING, pending_minor=1000), work()
    going = refund(amount=1000, case="cancel", is_whole=True, operation=how)

    paid = back.send_refund(
        planned_event(going), going, paid=[paying], outcome=done("re_1"), work=desk
    )
    said = back.settle_refund(paid, paying)

    assert paid == RefundPaid(refund_id=going.id, order_id=ORDER, amount=gbp(1000), operation=how)
    assert said == PaymentRefunded(order_id=ORDER, amount=gbp(1000), operation=how)
    assert (going.state, going.provider_refund_id, going.paid_at) == ("paid", "re_1", NOW)
    assert (paying.state, paying.pending_minor, paying.refunded_minor) == (State.REFUNDED, 0, 1000)
    assert lines(desk) == [("refund", "re_1", 1000)]


@pytest.mark.parametrize("operation", [MoneyOp.CANCEL_CAPTURE, MoneyOp.REFUND])
def test_a_refused_refund_stays_owed_and_is_refunded_where_it_can_not_be_cancelled(operation):
    paying, desk = captured(State.REFUNDING, pending_minor=1000), work()
    going = refund(amount=1000, operation=operation)

    said = back.send_refund(
        planned_event(going), going, paid=[paying], outcome=refused("not_reversible"), work=desk
    )

    assert said == RefundRefused(
        refund_id=going.id, order_id=ORDER, case_id=CASE, amount=gbp(1000), code="not_reversible"
    )
    assert (going.state, going.operation) == (Refund.State.FAILED, MoneyOp.REFUND)
    assert (paying.pending_minor, paying.refunded_minor, added(desk)) == (1000, 0, [])


def test_a_refund_that_a_dispute_stops_in_its_middle_is_held_back():
    paying = captured(State.REFUNDING, pending_minor=1000, is_frozen=True)
    going = refund(amount=1000)

    said = back.send_refund(
        planned_event(going), going, paid=[paying], outcome=refused("charge_disputed"), work=work()
    )

    assert isinstance(said, RefundRefused)
    assert (going.state, going.operation) == (Refund.State.HELD, MoneyOp.HOLD)
    assert (paying.pending_minor, paying.held_minor) == (0, 1000)


def test_an_order_that_is_settled_already_is_told_again():
    said = back.settle_refund(
        RefundPaid(refund_id=CASE, order_id=ORDER, amount=gbp(5)), captured(State.REFUNDED)
    )

    assert said == PaymentRefunded(order_id=ORDER, amount=gbp(5))
