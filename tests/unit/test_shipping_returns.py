"""Shipping's steps when parcels are disputed, come back, or go to the customer again."""

import pytest

from orders.events import (
    CancelRequested,
    ExchangeAgreed,
    GoodsRefused,
    OrderCancelled,
    OrderReady,
    ReturnRequested,
)
from payments.events import DisputeOpened, DisputeWon
from sagas.money import Money
from shipping.events import (
    GoodsSentBack,
    InterceptFailed,
    ParcelHeld,
    ReturnIntercepted,
    ReturnLabelled,
    ReturnOpened,
    ReturnUnbookable,
    SendBackRefused,
)
from shipping.participant import answers, cases, returns
from tests.unit.house import HOME, case, case_lines
from tests.unit.parcel_steps import (
    CASE,
    ORDER,
    ReturnState,
    State,
    labelled,
    ok,
    parcel,
    refused,
    shipment,
)

WAYS_BACK = (ReturnRequested, ExchangeAgreed)

READY = OrderReady(order_id=ORDER)
WISH = case(CancelRequested, ORDER, CASE)
CANCELLED = case(OrderCancelled, ORDER, CASE)


# -- disputes


def dispute(kind, **values):
    return case(kind, ORDER, CASE, **values)


OPENED = dispute(DisputeOpened, amount=Money(300, "GBP"), reference="dp1", inquiry=False)


def test_d24_a_dispute_keeps_in_the_house_what_is_there():
    here, replacement, gone = labelled(), shipment(), shipment(State.DELIVERED)

    said = cases.hold_parcel(OPENED, here, parcels=[here, replacement, gone])

    assert said == ParcelHeld(case_id=CASE, order_id=ORDER, held=True)
    assert [row.disputes for row in (here, replacement, gone)] == [1, 1, 0]
    assert here.state == State.LABELLED


def test_d24_a_dispute_of_what_has_left_holds_nothing():
    gone = shipment(State.HANDED_OVER)

    assert not cases.hold_parcel(OPENED, gone, parcels=[gone]).held


def test_d25_a_parcel_is_free_when_every_dispute_is_won():
    here = labelled()
    for _ in range(2):
        cases.hold_parcel(OPENED, here, parcels=[here])

    cases.release_parcel(dispute(DisputeWon), here, parcels=[here])
    assert here.is_disputed

    cases.release_parcel(dispute(DisputeWon), here, parcels=[here])
    assert not here.is_disputed


def test_g8_a_parcel_that_is_held_by_a_dispute_can_still_be_cancelled():
    here = labelled(disputes=1)

    answers.answer_cancel(WISH, here)

    assert (here.state, here.is_disputed) == (State.HELD, True)


# -- the way back


@pytest.mark.parametrize("kind", WAYS_BACK)
def test_a_return_is_fetched_from_the_customer(kind):
    event = case(kind, ORDER, CASE, lines=(), intercept=False)
    back = returns.parcel_of(event)
    assert returns.open_return(event, back, parcels=[]) == ReturnOpened(case_id=CASE)
    back.start_booking()

    said = returns.book_return(ReturnOpened(case_id=CASE), back, outcome=ok("PX2", carrier="post"))

    assert said == ReturnLabelled(case_id=CASE, tracking="PX2")
    assert (back.state, back.address["city"]) == (ReturnState.LABELLED, "Leeds")
    assert back.carrier == "post"


def test_d13_a_parcel_that_is_on_its_way_is_stopped():
    event = case(ReturnRequested, ORDER, CASE, lines=(), intercept=True)
    back, under_way = returns.parcel_of(event), shipment(State.HANDED_OVER, tracking="PX1")
    returns.open_return(event, back, parcels=[under_way])
    back.start_booking()

    said = returns.book_return(ReturnOpened(case_id=CASE), back, outcome=ok("PX1"))

    assert said == ReturnIntercepted(case_id=CASE, order_id=ORDER, tracking="PX1")
    assert (back.state, under_way.state) == (ReturnState.INTERCEPTED, State.HANDED_OVER)


@pytest.mark.parametrize("states", [[], [State.DELIVERED], [State.HANDED_OVER] * 2])
def test_d13_only_one_parcel_that_is_on_its_way_can_be_stopped(states):
    event = case(ReturnRequested, ORDER, CASE, lines=(), intercept=True)
    back = returns.parcel_of(event)

    said = returns.open_return(event, back, parcels=[shipment(state) for state in states])

    assert said == InterceptFailed(case_id=CASE, order_id=ORDER, code="not_on_its_way")
    assert back.state == ReturnState.REFUSED


@pytest.mark.parametrize(
    ("is_intercept", "said"), [(True, InterceptFailed), (False, ReturnUnbookable)]
)
def test_what_the_carrier_does_not_bring_back_is_said(is_intercept, said):
    back = parcel(ReturnState.BOOKING, is_intercept=is_intercept, tracking="PX1")

    fact = returns.book_return(ReturnOpened(case_id=CASE), back, outcome=refused("too_late"))

    assert fact == said(case_id=CASE, order_id=ORDER, code="too_late")
    assert (back.state, back.tracking) == (ReturnState.REFUSED, None)


GOODS = case(GoodsRefused, ORDER, CASE, lines=case_lines((1, "CUP", 1)), ship_to=HOME)


@pytest.mark.parametrize(
    ("outcome", "said", "after"),
    [
        (ok("PX9"), GoodsSentBack(case_id=CASE, tracking="PX9"), ReturnState.SENT_BACK),
        (
            refused("no_service"),
            SendBackRefused(case_id=CASE, order_id=ORDER, code="no_service"),
            ReturnState.KEPT,
        ),
    ],
)
def test_d19_what_was_refused_goes_back_to_the_customer(outcome, said, after):
    back = parcel(ReturnState.SENDING_BACK, tracking="PX2")

    assert returns.send_back(GOODS, back, outcome=outcome) == said
    assert (back.state, back.tracking) == (after, "PX2")
