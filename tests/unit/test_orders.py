"""Orders' steps, called like the functions they are, and what the commands refuse: no database."""

from datetime import UTC, datetime
from uuid import uuid4, uuid5

import msgspec
import pytest

from inventory.events import (
    OutOfStock,
    ReservationExpired,
    StockCommitted,
    StockReleased,
    StockShipped,
)
from orders import services
from orders.choreography import took_too_long
from orders.events import (
    Address,
    LossOpened,
    OrderCompleted,
    OrderDelivered,
    OrderLost,
    OrderReady,
    PaymentGivenUp,
    ReturnCompleted,
)
from orders.models import Case, Loss, Order, Return, ReturnLine, SoldLine
from orders.participant import (
    cancel,
    cancel_expired,
    cancel_unavailable,
    cancel_uncaptured,
    cancel_unpaid,
    cancel_unshippable,
    collect,
    complete,
    complete_return,
    confirm,
    deliver,
    finish_cancel,
    lose,
    mark_returned,
    offer_retry,
    reject_cancel,
    reject_return,
    settle_loss,
    ship,
)
from orders.services import InvalidOrder, place_order
from payments.events import (
    CaptureRefused,
    LossRefunded,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    ReturnRefunded,
)
from sagas.matrix import answer
from sagas.money import Money
from sagas.participant import AnswerKind
from sagas.work import Work
from shipping.events import (
    CancelAccepted,
    CancelRefused,
    CarrierRefused,
    ReturnUnbookable,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLost,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOME = Address(name="Ada", street="1 Mill Lane", city="Leeds", postcode="LS1", country="GB")
TOTAL = Money(1000, "GBP")
S = Order.State


def an_order(state, **values):
    return Order(
        number="S-1",
        customer="ada",
        total_minor=TOTAL.minor,
        currency=TOTAL.currency,
        ship_to=msgspec.to_builtins(HOME),
        placed_at=NOW,
        state=state,
        **values,
    )


def kind_of(step, state):
    """Return how a step answers in a state; None when nobody decided it."""
    found = answer(step, state)
    return found.kind if found else None


def work():
    return Work("default", NOW)


def added(work):
    return list(work._added.values())


def an_open_case(order):
    return Case(order=order, kind=Case.Kind.CANCEL, reason="changed my mind", opened_at=NOW)


# -- forward ------------------------------------------------------------------------------------


def test_a_declined_card_gets_another_try():
    order = an_order(S.PLACED)

    fact = offer_retry(PaymentDeclined(order_id=order.pk, code="declined"), order)

    assert fact.attempt == 2
    assert order.state == S.PLACED


def test_an_authorised_payment_confirms_the_order():
    order = an_order(S.PLACED)

    confirm(PaymentAuthorised(order_id=order.pk, amount=TOTAL), order)

    assert order.state == S.CONFIRMED


@pytest.mark.parametrize("money_first", [True, False])
def test_an_order_is_ready_once_money_and_stock_are_there_in_either_order(money_first):
    order = an_order(S.CONFIRMED)
    facts = [
        PaymentCaptured(order_id=order.pk, amount=TOTAL),
        StockCommitted(order_id=order.pk),
    ]
    first, second = facts if money_first else reversed(facts)

    assert collect(first, order) is None
    assert order.state == S.CONFIRMED
    ready = collect(second, order)

    assert ready == OrderReady(order_id=order.pk, number="S-1", ship_to=HOME)
    assert order.state == S.FULFILLING


def test_the_same_fact_twice_does_not_make_an_order_ready():
    order = an_order(S.CONFIRMED)
    captured = PaymentCaptured(order_id=order.pk, amount=TOTAL)

    assert collect(captured, order) is None
    assert collect(captured, order) is None


@pytest.mark.parametrize("delivered_first", [True, False])
def test_a_checkout_completes_once_delivered_and_booked_out_in_either_order(delivered_first):
    order = an_order(S.FULFILLING)
    booked_out = StockShipped(order_id=order.pk)
    if not delivered_first:
        assert complete(booked_out, order) is None
    ship(ShipmentHandedOver(order_id=order.pk), order)
    delivered = deliver(ShipmentDelivered(order_id=order.pk), order, work=work())
    assert delivered == OrderDelivered(order_id=order.pk)
    done = complete(delivered, order)
    if delivered_first:
        assert done is None
        done = complete(booked_out, order)

    assert done == OrderCompleted(order_id=order.pk, customer="ada", total=TOTAL)
    assert order.state == S.COMPLETED
    assert order.delivered_at == NOW


def test_a_lost_parcel_ends_the_checkout_and_opens_a_loss_of_the_whole_amount():
    order, unit = an_order(S.SHIPPED), work()

    facts = lose(ShipmentLost(order_id=order.pk), order, work=unit)

    loss_id = uuid5(order.pk, "loss")
    assert facts == (
        OrderLost(order_id=order.pk),
        LossOpened(loss_id=loss_id, order_id=order.pk, refund=TOTAL),
    )
    (loss,) = added(unit)
    assert (loss.pk, loss.refund_minor, loss.opened_at) == (loss_id, TOTAL.minor, NOW)


def test_a_refunded_loss_is_settled():
    order = an_order(S.LOST)
    loss = Loss.of(order, now=NOW)

    settle_loss(LossRefunded(loss_id=loss.pk, order_id=order.pk, amount=TOTAL), loss)

    assert loss.state == Loss.State.SETTLED


# -- cancelling ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "event", "state", "kind", "words"),
    [
        (
            cancel_unpaid,
            PaymentGivenUp(order_id=uuid4()),
            S.PLACED,
            Case.Kind.PAYMENT_FAILED,
            "no card",
        ),
        (
            cancel_uncaptured,
            CaptureRefused(order_id=uuid4(), code="expired"),
            S.CONFIRMED,
            Case.Kind.PAYMENT_FAILED,
            "expired",
        ),
        (
            cancel_unavailable,
            OutOfStock(order_id=uuid4(), skus=("CUP", "BAG")),
            S.PLACED,
            Case.Kind.OOS_CANCEL,
            "CUP, BAG",
        ),
        (
            cancel_unshippable,
            CarrierRefused(order_id=uuid4(), code="no_service"),
            S.FULFILLING,
            Case.Kind.SELLER_CANCEL,
            "no_service",
        ),
    ],
)
def test_what_cannot_be_fulfilled_is_cancelled_with_a_case_that_says_why(
    step, event, state, kind, words
):
    order, unit = an_order(state), work()

    fact = step(event, order, work=unit)

    (case,) = added(unit)
    assert order.state == S.CANCELLING
    assert (case.kind, case.outcome, case.decided_at) == (kind, Case.Outcome.ACCEPTED, NOW)
    assert (fact.order_id, fact.case_id) == (order.pk, case.pk)
    assert words in fact.reason


def test_an_order_that_is_not_paid_in_time_asks_to_be_cancelled():
    order, unit = an_order(S.PLACED), work()

    wish = cancel_expired(ReservationExpired(order_id=order.pk), order, cases=[], work=unit)

    (case,) = added(unit)
    assert (wish.case_id, case.kind) == (case.pk, Case.Kind.PAYMENT_FAILED)
    assert case.outcome == Case.Outcome.OPEN
    assert order.state == S.PLACED


def test_an_expired_reservation_repeats_the_wish_that_is_open():
    order, unit = an_order(S.PLACED), work()
    case = an_open_case(order)

    wish = cancel_expired(ReservationExpired(order_id=order.pk), order, cases=[case], work=unit)

    assert wish.case_id == case.pk
    assert added(unit) == []


def test_an_accepted_wish_cancels_the_order_and_closes_its_case():
    order = an_order(S.FULFILLING)
    case = an_open_case(order)
    accepted = CancelAccepted(order_id=order.pk, case_id=case.pk, reason="changed my mind")

    fact = cancel(accepted, order, cases=[case], work=work())

    assert fact.case_id == case.pk
    assert order.state == S.CANCELLING
    assert (case.outcome, case.decided_at) == (Case.Outcome.ACCEPTED, NOW)


def test_a_wish_that_came_from_a_deadline_gets_its_case_when_it_is_accepted():
    order, unit = an_order(S.CONFIRMED), work()
    wish = took_too_long(str(order.pk))
    accepted = CancelAccepted(order_id=order.pk, case_id=wish.case_id, reason=wish.reason)

    cancel(accepted, order, cases=[], work=unit)

    (case,) = added(unit)
    assert (case.pk, case.kind) == (wish.case_id, Case.Kind.SELLER_CANCEL)
    assert case.outcome == Case.Outcome.ACCEPTED


def test_a_refused_wish_leaves_the_order_as_it_is():
    order = an_order(S.SHIPPED)
    case = an_open_case(order)
    refused = CancelRefused(order_id=order.pk, case_id=case.pk, reason="handed over")

    reject_cancel(refused, order, cases=[case], work=work())

    assert order.state == S.SHIPPED
    assert case.outcome == Case.Outcome.REJECTED


def test_the_end_of_the_way_back_grants_a_wish_that_was_overtaken():
    order = an_order(S.CANCELLING)
    case = an_open_case(order)

    finish_cancel(StockReleased(order_id=order.pk), order, cases=[case], work=work())

    assert order.state == S.CANCELLED
    assert case.outcome == Case.Outcome.ACCEPTED


def test_the_wish_of_a_deadline_is_the_same_however_often_it_is_made():
    key = str(uuid4())

    assert took_too_long(key) == took_too_long(key)


# -- returning ----------------------------------------------------------------------------------


def a_return(*quantities):
    """Return a return of (sold, coming back) units per line, with its lines."""
    order = an_order(S.COMPLETED)
    returned = Return(order=order, currency="GBP", requested_at=NOW)
    sold = [
        SoldLine(order=order, line_no=n, quantity=whole, return_pending=part, unit_price_minor=50)
        for n, (whole, part) in enumerate(quantities, start=1)
    ]
    parts = [
        ReturnLine(parent=returned, line=line, quantity=line.return_pending)
        for line in sold
        if line.return_pending
    ]
    return returned, parts, sold


@pytest.mark.parametrize(
    ("quantities", "everything"),
    [([(2, 2), (1, 1)], True), ([(2, 1), (1, 1)], False), ([(2, 2), (1, 0)], False)],
)
def test_a_return_says_whether_everything_is_back(quantities, everything):
    returned, parts, sold = a_return(*quantities)
    refunded = ReturnRefunded(return_id=returned.pk, order_id=returned.order_id, amount=TOTAL)

    fact = complete_return(refunded, returned, return_lines=parts, lines=sold)

    assert fact.everything_returned is everything
    assert returned.state == Return.State.COMPLETED
    assert [(line.returned, line.return_pending) for line in sold] == [
        (part, 0) for _, part in quantities
    ]


def test_a_rejected_return_may_be_tried_again():
    returned, parts, sold = a_return((3, 2))
    unbookable = ReturnUnbookable(
        return_id=returned.pk, order_id=returned.order_id, code="no_service"
    )

    fact = reject_return(unbookable, returned, return_lines=parts, lines=sold)

    assert "no_service" in fact.reason
    assert returned.state == Return.State.REJECTED
    assert sold[0].returnable == 3


@pytest.mark.parametrize(("everything", "state"), [(True, S.RETURNED), (False, S.COMPLETED)])
def test_an_order_is_returned_when_nothing_of_it_is_left(everything, state):
    order = an_order(S.COMPLETED)
    back = ReturnCompleted(return_id=uuid4(), order_id=order.pk, everything_returned=everything)

    fact = mark_returned(back, order)

    assert (fact is not None) is everything
    assert order.state == state


# -- answers ------------------------------------------------------------------------------------


FORWARD = [confirm, collect, ship, deliver, lose, complete]


@pytest.mark.parametrize("step", [*FORWARD, offer_retry, cancel, cancel_expired, mark_returned])
def test_every_state_of_an_order_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *S.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers


@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.parametrize("state", [S.CANCELLING, S.CANCELLED])
def test_nothing_moves_a_cancelled_order_forward(step, state):
    assert kind_of(step, state) is AnswerKind.LATE


@pytest.mark.parametrize("state", [S.SHIPPED, S.DELIVERED, S.COMPLETED, S.LOST, S.RETURNED])
def test_nothing_cancels_an_order_that_has_left_the_house(state):
    assert kind_of(cancel, state) is AnswerKind.LATE


def test_a_delivery_that_is_seen_before_the_hand_over_waits_for_it():
    assert kind_of(deliver, S.FULFILLING) is AnswerKind.PARK


# -- what can't be ordered ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"lines": []}, "empty", "lines"),
        ({"lines": [("CUP", 0, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", -1, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", 1_000_001, 100)]}, "bad_quantity", "lines[0].quantity"),
        ({"lines": [("CUP", 1, 1), ("", 1, 100)]}, "bad_sku", "lines[1].sku"),
        ({"lines": [("CUP", 1, -1)]}, "bad_price", "lines[0].unit_price"),
        (
            {"lines": [("CUP", 1, Money(1, "EUR"))]},
            "currency_mismatch",
            "lines[0].unit_price",
        ),
        ({"lines": [("CUP", 1_000_000, 9_000_000_001)]}, "bad_total", "lines"),
        ({"lines": [("CUP", 1, 0)]}, "bad_total", "lines"),
        ({"lines": [("CUP", 1, 1)] * 10_001}, "too_many_lines", "lines"),
        ({"currency": "gbp"}, "bad_currency", "currency"),
        ({"customer": ""}, "bad_customer", "customer"),
        ({"payment_tokens": []}, "no_payment_token", "payment_tokens"),
        ({"payment_tokens": ["tok_visa", ""]}, "no_payment_token", "payment_tokens"),
    ],
)
def test_a_bad_order_is_refused_and_the_error_says_where(changed, code, field):
    given = {
        "customer": "ada",
        "currency": "GBP",
        "lines": [("CUP", 1, 100)],
        "ship_to": HOME,
        "payment_tokens": ["tok_visa"],
        **changed,
    }

    with pytest.raises(InvalidOrder) as refused:
        place_order(**given)

    assert (refused.value.code, refused.value.field) == (code, field)
    assert refused.value.message


def test_a_price_may_be_money_of_the_orders_currency():
    line = services._sold_line(1, ("CUP", 2, Money(250, "GBP")), "GBP")

    assert line.unit_price_minor == 250
