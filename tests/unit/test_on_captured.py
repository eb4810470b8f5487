"""Money that was taken means the same, whoever tells of it and however often (R30, D-4, D-5)."""

from datetime import timedelta

import pytest

from payments.events import (
    DepositReceived,
    LateCaptureFound,
    PaymentAuthorised,
    PaymentCaptured,
)
from payments.learning import Taken, on_captured
from payments.models import Payment
from sagas import fsm
from tests.unit.payment_rows import (
    NOW,
    ORDER,
    State,
    authorised,
    awaiting,
    captured,
    done,
    gbp,
    payment,
)

TAKEN = Taken(id="ch_9", minor=1000)


def rows():
    """Return a payment in each state, with the sums that it has there."""
    return {
        State.PENDING: payment(),
        State.AUTHORISING: payment(State.AUTHORISING),
        State.DECLINED: payment(State.DECLINED),
        State.AWAITING_DEPOSIT: awaiting(),
        State.AUTHORISED: authorised(),
        State.CAPTURING: authorised(State.CAPTURING),
        State.CAPTURED: captured(),
        State.CLOSING: payment(State.CLOSING),
        State.CLOSED: payment(State.CLOSED),
        State.VOIDING: authorised(State.VOIDING),
        State.VOIDED: authorised(State.VOIDED, voided_minor=1000),
        State.REFUNDING: captured(State.REFUNDING, pending_minor=1000),
        State.REFUNDED: captured(State.REFUNDED, refunded_minor=1000),
        State.LATE: captured(
            State.LATE, capture_id="", direct_minor=1000, late_captures={"x": "ch_0"}
        ),
        State.CHARGED_BACK: captured(State.CHARGED_BACK, charged_back_minor=1000),
    }


#: State -> the one that follows, and what is announced.
MEANS = {
    State.PENDING: (State.CAPTURED, [PaymentAuthorised, PaymentCaptured]),
    State.AUTHORISING: (State.AUTHORISING, []),
    State.DECLINED: (State.CAPTURED, [PaymentAuthorised, PaymentCaptured]),
    State.AWAITING_DEPOSIT: (State.CAPTURED, [DepositReceived]),
    State.AUTHORISED: (State.CAPTURED, [PaymentCaptured]),
    State.CAPTURING: (State.CAPTURED, [PaymentCaptured]),
    State.CAPTURED: (State.CAPTURED, [LateCaptureFound]),
    State.CLOSING: (State.LATE, [LateCaptureFound]),
    State.CLOSED: (State.LATE, [LateCaptureFound]),
    State.VOIDING: (State.LATE, [LateCaptureFound]),
    State.VOIDED: (State.LATE, [LateCaptureFound]),
    State.REFUNDING: (State.REFUNDING, [LateCaptureFound]),
    State.REFUNDED: (State.REFUNDED, [LateCaptureFound]),
    State.LATE: (State.LATE, [LateCaptureFound]),
    State.CHARGED_BACK: (State.CHARGED_BACK, [LateCaptureFound]),
}


def test_it_is_decided_for_every_state():
    assert set(MEANS) == set(rows()) == set(fsm.states(Payment, "state"))


@pytest.mark.parametrize(("state", "meaning"), MEANS.items())
def test_what_money_means_depends_on_whether_the_order_waits_for_it(state, meaning):
    paying = rows()[state]

    learned = on_captured(paying, TAKEN, at=NOW)

    assert (paying.state, [type(fact) for fact in learned.facts]) == meaning
    assert all((fact.order_id, fact.amount) == (ORDER, gbp(1000)) for fact in learned.facts)
    assert [(x.kind, x.reference, x.amount_minor) for x in learned.lines] == [
        ("capture", "ch_9", 1000)
    ] * bool(learned.facts)


@pytest.mark.parametrize("state", State)
def test_being_told_twice_changes_nothing(state):
    paying = rows()[state]
    on_captured(paying, TAKEN, at=NOW)
    before = (paying.state, paying.captured_minor, dict(paying.late_captures))

    again = on_captured(paying, TAKEN, at=NOW + timedelta(days=3))

    assert (again.facts, again.lines) == ((), ())
    assert (paying.state, paying.captured_minor, paying.late_captures) == before


@pytest.mark.parametrize("state", State)
def test_no_more_is_taken_than_was_reserved_or_came_directly(state):
    paying = rows()[state]

    on_captured(paying, TAKEN, at=NOW)

    assert paying.captured_minor + paying.voided_minor <= (
        paying.authorised_minor + paying.direct_minor
    )
    assert paying.open_minor >= 0


def test_money_that_comes_late_is_always_the_same_case():
    first, second = (on_captured(payment(State.CLOSED), TAKEN, at=NOW).facts[0] for _ in range(2))
    other = on_captured(payment(State.CLOSED), Taken(id="ch_8", minor=1000), at=NOW).facts[0]

    assert first.case_id == second.case_id != other.case_id
    assert first.reference == "ch_9"


def test_late_money_can_be_found_again_by_its_case():
    paying = captured()

    (late,) = on_captured(paying, TAKEN, at=NOW).facts

    assert paying.capture_for(late.case_id) == "ch_9"
    assert paying.capture_for(ORDER) == "ch_1"


def test_a_reply_says_what_was_let_go_and_until_when_it_can_be_cancelled():
    paying = authorised(State.CAPTURING, due_minor=700)
    until = NOW + timedelta(hours=15)

    taken = Taken.replied(
        paying,
        done(
            "ch_1",
            released_minor=300,
            release_reference="vo_1",
            reversible_until=until.isoformat(),
        ),
    )

    assert taken == Taken(
        id="ch_1", minor=700, released_minor=300, release_id="vo_1", reversible_until=until
    )


def test_a_reply_that_says_nothing_more_is_enough():
    taken = Taken.replied(authorised(State.CAPTURING), done("ch_1", reversible_until=None))

    assert taken == Taken(id="ch_1", minor=1000, release_id="ch_1")
