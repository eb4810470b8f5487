"""Orders' steps of the checkout going forward, called like the functions they are: no database."""

from uuid import uuid4, uuid5

import pytest

from inventory.events import StockCommitted, StockShipped
from orders.events import CaseKind, OrderCompleted, OrderDelivered, OrderLost, OrderReady
from orders.models import Case, CaseLine, Order
from orders.participant.cancelling import cancel, cancel_expired, cancel_unpaid
from orders.participant.checkout import (
    collect,
    complete,
    confirm,
    deliver,
    intercept,
    lose,
    lose_part,
    offer_retry,
    ship,
    ship_rest,
)
from orders.participant.returning import mark_returned
from payments.events import DepositReceived, PaymentAuthorised, PaymentCaptured, PaymentDeclined
from sagas.money import Money
from sagas.participant import AnswerKind
from shipping.events import (
    ParcelLost,
    RestHandedOver,
    SentLine,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentIntercepted,
    ShipmentLost,
)
from tests.unit.order_rows import NOW, added, an_order, books, kind_of, shipped, work

TOTAL = Money(1600, "GBP")
S = Order.State


def sent(*units):
    return tuple(
        SentLine(line_no=n, sku=f"SKU-{n}", quantity=count)
        for n, count in enumerate(units, start=1)
        if count
    )


# -- money and stock ------------------------------------------------------------------------------


def test_a_declined_card_gets_another_try():
    order = an_order(S.PLACED)

    fact = offer_retry(PaymentDeclined(order_id=order.pk, code="declined"), order)

    assert fact.attempt == 2
    assert order.state == S.PLACED


def test_an_authorised_payment_confirms_the_order_and_is_not_taken_yet():
    order = an_order(S.PLACED)

    confirm(PaymentAuthorised(order_id=order.pk, amount=TOTAL), order, work=work())

    assert (order.state, order.is_captured, order.paid_at) == (S.CONFIRMED, False, None)


def test_a_deposit_confirms_the_order_and_is_the_shops_already():
    order = an_order(S.PLACED)

    confirm(DepositReceived(order_id=order.pk, amount=TOTAL), order, work=work())

    assert (order.state, order.is_captured, order.paid_at) == (S.CONFIRMED, True, NOW)


@pytest.mark.parametrize("money_first", [True, False])
def test_an_order_is_ready_once_money_and_stock_are_there_in_either_order(money_first):
    order = an_order(S.CONFIRMED)
    facts = [PaymentCaptured(order_id=order.pk, amount=TOTAL), StockCommitted(order_id=order.pk)]
    first, second = facts if money_first else reversed(facts)

    assert collect(first, order, work=work()) is None
    assert order.state == S.CONFIRMED
    ready = collect(second, order, work=work())

    assert ready == OrderReady(order_id=order.pk)
    assert order.state == S.FULFILLING


def test_an_order_that_was_paid_by_deposit_is_ready_once_its_stock_is_committed():
    order = an_order(S.CONFIRMED, is_captured=True, paid_at=NOW)

    ready = collect(StockCommitted(order_id=order.pk), order, work=work())

    assert ready is not None


def test_the_same_fact_twice_does_not_make_an_order_ready():
    order = an_order(S.CONFIRMED)
    captured = PaymentCaptured(order_id=order.pk, amount=TOTAL)

    assert collect(captured, order, work=work()) is None
    assert collect(captured, order, work=work()) is None


# -- parcels --------------------------------------------------------------------------------------


def test_exactly_the_units_that_left_are_counted_as_shipped():
    found = books(S.FULFILLING)
    order, lines = found.order, found.lines

    ship(ShipmentHandedOver(order_id=order.pk, lines=sent(2, 0)), order, lines=lines)
    rest = RestHandedOver(order_id=order.pk, shipment_id=uuid4(), lines=sent(1, 1))
    ship_rest(rest, order, lines=lines)

    assert [line.shipped for line in lines] == [3, 1]
    assert (order.state, order.parcels) == (S.SHIPPED, 2)


@pytest.mark.parametrize("delivered_first", [True, False])
def test_a_checkout_completes_once_delivered_and_booked_out_in_either_order(delivered_first):
    order = an_order(S.SHIPPED)
    booked_out = StockShipped(order_id=order.pk)
    if not delivered_first:
        assert complete(booked_out, order) is None
    delivered = deliver(ShipmentDelivered(order_id=order.pk), order, work=work())
    assert delivered == OrderDelivered(order_id=order.pk)
    done = complete(delivered, order)
    if delivered_first:
        assert done is None
        done = complete(booked_out, order)

    assert done == OrderCompleted(order_id=order.pk, customer="ada", total=TOTAL)
    assert (order.state, order.delivered_at) == (S.COMPLETED, NOW)


def test_a_lost_parcel_ends_the_checkout_and_opens_a_loss_of_all_that_was_in_it():
    found, unit = shipped(S.SHIPPED), work()
    order = found.order

    lost, opened = lose(ShipmentLost(order_id=order.pk), order, lines=found.lines, work=unit)

    (case,) = added(unit, Case)
    assert lost == OrderLost(order_id=order.pk)
    assert (case.pk, case.kind, case.refund_minor) == (uuid5(order.pk, "loss"), "lost", 1600)
    assert [(line.line_no, line.quantity, line.amount_minor) for line in opened.lines] == [
        (1, 3, 1500),
        (2, 1, 100),
    ]
    assert [line.lost_pending for line in found.lines] == [3, 1]


def test_one_lost_parcel_of_several_opens_a_loss_and_the_order_goes_on():
    found, unit = shipped(S.SHIPPED), work()
    event = ParcelLost(order_id=found.order.pk, shipment_id=uuid4(), lines=sent(1, 0))

    opened = lose_part(event, found.order, lines=found.lines, work=unit)

    (part,) = added(unit, CaseLine)
    assert found.order.state == S.SHIPPED
    assert opened.case_id == uuid5(event.shipment_id, "loss")
    assert (part.quantity, part.amount_minor) == (1, 500)


def test_goods_that_were_to_come_back_and_got_lost_are_only_lost():
    found = shipped(S.SHIPPED)
    for line in found.lines:
        line.return_pending = line.quantity

    lose(ShipmentLost(order_id=found.order.pk), found.order, lines=found.lines, work=work())

    assert [(line.return_pending, line.lost_pending) for line in found.lines] == [(0, 3), (0, 1)]


def test_a_parcel_that_was_stopped_ends_the_checkout():
    order = an_order(S.SHIPPED)

    intercept(ShipmentIntercepted(order_id=order.pk), order)

    assert order.state == S.INTERCEPTED


# -- answers --------------------------------------------------------------------------------------

FORWARD = [confirm, collect, ship, ship_rest, deliver, intercept, lose, lose_part, complete]
ASKING = [offer_retry, cancel, cancel_expired, cancel_unpaid, mark_returned]


@pytest.mark.parametrize("step", [*FORWARD, *ASKING])
def test_every_state_of_an_order_has_an_answer_and_none_is_ignored(step):
    answers = [kind_of(step, state) for state in ("", *S.values)]

    assert None not in answers
    assert AnswerKind.IGNORE not in answers


@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.parametrize("state", [S.CANCELLING, S.CANCELLED, S.REINSTATED])
def test_nothing_moves_a_cancelled_order_forward(step, state):
    assert kind_of(step, state) is AnswerKind.LATE


@pytest.mark.parametrize(
    "state", [S.SHIPPED, S.DELIVERED, S.COMPLETED, S.LOST, S.INTERCEPTED, S.RETURNED]
)
def test_nothing_cancels_an_order_that_has_left_the_house(state):
    assert kind_of(cancel, state) is AnswerKind.LATE


def test_a_delivery_that_is_seen_before_the_hand_over_waits_for_it():
    assert kind_of(deliver, S.FULFILLING) is AnswerKind.PARK


def test_the_rest_that_is_seen_before_the_first_parcel_waits_for_it():
    assert kind_of(ship_rest, S.FULFILLING) is AnswerKind.PARK


def test_the_kinds_of_a_case_are_those_of_the_contract():
    kinds = {value for value, _ in Case._meta.get_field("kind").choices}

    assert kinds == set(CaseKind)
