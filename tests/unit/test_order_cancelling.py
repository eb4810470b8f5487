"""Orders' steps of cancellations of whole orders, called like the functions they are."""

from uuid import uuid4

import pytest

from inventory.events import (
    CommitRejected,
    OutOfStock,
    ReservationOverdue,
    ReservationRefused,
    StockReleased,
)
from orders.choreography import took_too_long
from orders.events import (
    CancelRequested,
    CaseKind,
    OrderCancelled,
    OrderUndone,
    PaymentGivenUp,
)
from orders.models import Case, Order
from orders.participant.cancelling import (
    accept_cancel,
    cancel,
    cancel_capped,
    cancel_expired,
    cancel_unauthorised,
    cancel_unavailable,
    cancel_uncaptured,
    cancel_unpaid,
    cancel_unshippable,
    expect_refund,
    finish_cancel,
    refused_case_of,
    reject_cancel,
    settle_cancel,
)
from payments.events import (
    AuthorisationExpiring,
    CaptureRefused,
    DepositExpired,
    MoneyOp,
    PaymentClosed,
    PaymentNotInSight,
    PaymentRefunded,
    PaymentVoided,
    RefundPlanned,
)
from sagas.exceptions import PermanentFailure
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarriersExhausted,
)
from tests.unit.order_rows import (
    NOW,
    a_case,
    added,
    an_order,
    books,
    kind_of,
    work,
)

S, CS = Order.State, Case.State
ID = uuid4()


def a_wish(order, kind=CaseKind.CANCEL, **values):
    return a_case(order, kind, is_whole=True, **values)


# -- the shop turns around, or asks ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "event", "state", "kind", "words"),
    [
        (
            cancel_uncaptured,
            CaptureRefused(order_id=ID, code="expired"),
            S.CONFIRMED,
            "payment_failed",
            "expired",
        ),
        (
            cancel_unavailable,
            OutOfStock(order_id=ID, skus=("CUP", "BAG")),
            S.PLACED,
            "oos_cancel",
            "CUP, BAG",
        ),
        (
            cancel_unavailable,
            CommitRejected(order_id=ID, skus=("CUP",)),
            S.CONFIRMED,
            "oos_cancel",
            "CUP",
        ),
        (
            cancel_capped,
            ReservationRefused(order_id=ID, limit=3),
            S.PLACED,
            "seller_cancel",
            "3 orders",
        ),
        (
            cancel_unshippable,
            CarriersExhausted(order_id=ID),
            S.FULFILLING,
            "seller_cancel",
            "no carrier",
        ),
    ],
)
def test_what_cannot_be_fulfilled_is_cancelled_with_a_case_that_says_why(
    step, event, state, kind, words
):
    order, unit = an_order(state), work()

    fact = step(event, order, cases=[], work=unit)

    (case,) = added(unit, Case)
    assert order.state == S.CANCELLING
    assert (case.kind, case.state, case.is_whole) == (kind, CS.OPEN, True)
    assert (fact.order_id, fact.case_id, fact.case) == (order.pk, case.pk, kind)
    assert words in fact.reason


@pytest.mark.parametrize(
    ("step", "event", "state", "kind"),
    [
        (cancel_unpaid, PaymentGivenUp(order_id=ID), S.PLACED, "payment_failed"),
        (cancel_expired, PaymentNotInSight(order_id=ID), S.PLACED, "payment_failed"),
        (cancel_expired, ReservationOverdue(order_id=ID), S.PLACED, "payment_failed"),
        (cancel_expired, DepositExpired(order_id=ID), S.PLACED, "payment_failed"),
        (cancel_unauthorised, AuthorisationExpiring(order_id=ID), S.CONFIRMED, "seller_cancel"),
    ],
)
def test_an_order_whose_money_does_not_come_asks_to_be_cancelled(step, event, state, kind):
    order, unit = an_order(state), work()

    wish = step(event, order, cases=[], work=unit)

    (case,) = added(unit, Case)
    assert isinstance(wish, CancelRequested)
    assert (wish.case_id, wish.case, case.kind) == (case.pk, kind, kind)
    assert order.state == state


def test_who_comes_second_joins_the_case_that_is_open():
    order, unit = an_order(S.PLACED), work()
    case = a_wish(order, CaseKind.ABANDON)

    fact = cancel_unavailable(
        OutOfStock(order_id=order.pk, skus=("CUP",)), order, cases=[case], work=unit
    )

    assert (fact.case_id, fact.case, fact.reason) == (case.pk, CaseKind.ABANDON, "because")
    assert added(unit, Case) == []


def test_a_case_that_was_rejected_does_not_stand_for_a_new_one():
    order, unit = an_order(S.PLACED), work()
    rejected = a_wish(order, state=CS.REJECTED)

    cancel_expired(PaymentNotInSight(order_id=order.pk), order, cases=[rejected], work=unit)

    assert len(added(unit, Case)) == 1


# -- the answers ----------------------------------------------------------------------------------


def test_an_accepted_wish_turns_the_order_around_for_its_own_reason():
    order = an_order(S.FULFILLING, is_captured=True, is_committed=True)
    case = a_wish(order)
    accepted = CancelAccepted(
        order_id=order.pk, case_id=case.pk, case=CaseKind.CANCEL, reason="because"
    )

    fact = cancel(accepted, order, cases=[case], work=work())

    assert fact == OrderCancelled(
        order_id=order.pk, case_id=case.pk, case=CaseKind.CANCEL, reason="because"
    )
    assert order.state == S.CANCELLING


def test_a_wish_that_came_from_a_deadline_gets_its_case_when_it_is_accepted():
    order, unit = an_order(S.CONFIRMED), work()
    wish = took_too_long(str(order.pk))
    accepted = CancelAccepted(
        order_id=order.pk, case_id=wish.case_id, case=wish.case, reason=wish.reason
    )

    cancel(accepted, order, cases=[], work=unit)

    (case,) = added(unit, Case)
    assert (case.pk, case.kind, case.reason) == (wish.case_id, "seller_cancel", "took too long")


def test_the_wish_of_a_deadline_is_the_same_however_often_it_is_made():
    key = str(uuid4())

    assert took_too_long(key) == took_too_long(key)


def test_a_refused_wish_is_closed_and_leaves_the_order_as_it_is():
    order = an_order(S.SHIPPED)
    case = a_wish(order)

    refused = CancelRefused(order_id=order.pk, case_id=case.pk, reason="handed over")
    reject_cancel(refused, case, owner=[order], work=work())

    assert (order.state, case.state, case.decided_at) == (S.SHIPPED, CS.REJECTED, NOW)


def test_the_wish_of_a_deadline_that_is_refused_leaves_a_rejected_case():
    order = an_order(S.SHIPPED)
    wish = took_too_long(str(order.pk))
    refused = CancelRefused(order_id=order.pk, case_id=wish.case_id, reason="handed over")
    case = refused_case_of(refused)

    reject_cancel(refused, case, owner=[order], work=work())

    assert (case.pk, case.kind, case.reason) == (wish.case_id, wish.case, wish.reason)
    assert (case.state, case.currency, case.opened_at) == (CS.REJECTED, "GBP", NOW)


# -- back -----------------------------------------------------------------------------------------


def back(case, found, event):
    return finish_cancel(
        event,
        found.order,
        benefits=found.benefits,
        cases=[case],
        lines=found.lines,
        work=work(),
    )


def undone(order, case):
    return OrderUndone(order_id=order.pk, case_id=case.pk, case=case.why)


def test_a_case_is_granted_with_what_it_comes_to_and_by_when():
    found = books(S.CANCELLING, shipping=300)
    case = a_wish(found.order)
    event = OrderCancelled(
        order_id=found.order.pk, case_id=case.pk, case=case.why, reason="because"
    )

    accept_cancel(
        event,
        case,
        benefits=found.benefits,
        owner=[found.order],
        lines=found.lines,
        work=work(),
    )

    assert (case.state, case.refund_minor, case.postage_minor) == (CS.ACCEPTED, 1900, 300)
    assert case.due_at > NOW


def test_money_that_was_taken_unheard_is_expected_back():
    found = books(S.CANCELLING, shipping=300)
    found.order.is_captured = False
    case = a_wish(found.order, state=CS.ACCEPTED)
    planned = RefundPlanned(
        refund_id=uuid4(),
        order_id=found.order.pk,
        case_id=case.pk,
        amount=found.order.total,
        operation=MoneyOp.REFUND,
    )

    expect_refund(planned, case, benefits=found.benefits, owner=[found.order], lines=found.lines)

    assert (found.order.is_captured, case.refund_minor, case.postage_minor) == (True, 1900, 300)


@pytest.mark.parametrize("was_charged", [True, False])
def test_an_order_whose_session_is_closed_was_charged_only_if_that_is_said(was_charged):
    found = books(S.CANCELLING)
    found.order.is_captured = False
    case = a_wish(found.order, state=CS.ACCEPTED)
    closed = PaymentClosed(order_id=found.order.pk, was_charged=was_charged)

    back(case, found, closed)
    back(case, found, StockReleased(order_id=found.order.pk))

    assert found.order.is_captured is was_charged
    assert case.refund_minor == 0


@pytest.mark.parametrize("stock_first", [True, False])
@pytest.mark.parametrize("is_refunded", [True, False])
def test_an_order_is_cancelled_once_money_and_stock_are_back_in_either_order(
    stock_first, is_refunded
):
    found = books(S.CANCELLING, coupon=100, shipping=300)
    order = found.order
    case = a_wish(order, state=CS.ACCEPTED)
    money = (
        PaymentRefunded(order_id=order.pk, amount=order.total)
        if is_refunded
        else PaymentVoided(order_id=order.pk, amount=order.total)
    )
    facts = [StockReleased(order_id=order.pk), money]
    first, second = facts if stock_first else reversed(facts)

    assert back(case, found, first) is None
    assert order.state == S.CANCELLING
    fact = back(case, found, second)

    assert fact == undone(order, case)
    assert (order.state, order.given_back_minor) == (S.CANCELLED, order.total_minor)
    assert case.refund_minor == (order.total_minor if is_refunded else 0)
    assert [line.cancelled for line in found.lines] == [3, 1]
    assert [b.restored_minor for b in found.benefits] == [100]


def test_an_order_is_not_over_while_its_refund_is_not_paid():
    found = books(S.CANCELLING)
    case = a_wish(found.order, state=CS.ACCEPTED)

    back(case, found, StockReleased(order_id=found.order.pk))

    assert (found.order.state, case.is_goods_done, case.is_money_done) == (
        S.CANCELLING,
        True,
        False,
    )


def test_units_that_were_cancelled_before_are_not_cancelled_twice():
    found = books(S.CANCELLING)
    first = found.lines[0]
    first.cancelled, first.refunded_minor = 1, 500
    found.order.given_back_minor = 500
    case = a_wish(found.order, state=CS.ACCEPTED)

    back(case, found, StockReleased(order_id=found.order.pk))
    back(case, found, PaymentRefunded(order_id=found.order.pk, amount=Money(1100, "GBP")))

    assert case.refund_minor == 1100
    assert [line.refunded_minor for line in found.lines] == [1500, 100]
    assert [line.cancelled for line in found.lines] == [3, 1]


def test_an_order_that_is_cancelled_without_a_case_goes_to_a_person():
    found = books(S.CANCELLING)

    with pytest.raises(PermanentFailure, match="no case"):
        finish_cancel(
            PaymentClosed(order_id=found.order.pk),
            found.order,
            benefits=[],
            cases=[],
            lines=found.lines,
            work=work(),
        )


def test_the_end_of_the_way_back_settles_the_case():
    case = a_wish(an_order(S.CANCELLED), state=CS.ACCEPTED)

    settle_cancel(undone(case.order, case), case, work=work())

    assert (case.state, case.settled_at) == (CS.SETTLED, NOW)


STEPS = [accept_cancel, expect_refund, reject_cancel, settle_cancel]


@pytest.mark.parametrize("step", STEPS)
def test_every_state_of_a_case_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *CS.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers
