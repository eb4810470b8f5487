"""How long the shop waits is read when it begins to wait, so that a changed setting counts."""

from datetime import timedelta
from typing import Any

import pytest

from payments.gateway import AUTHORISE
from payments.models import Payment
from sagas import clock
from sagas.models import Delivery
from sagas.routing import routes
from shipping import gateway as carrier

pytestmark = pytest.mark.both_databases

#: No wait of the shop's own choice is as long.
LONG = timedelta(days=400)
#: What is asked of a state, and by which setting it waits.
WAITS = {
    "order.state.confirmed": "CONFIRMED_PATIENCE",
    "order.state.fulfilling": "FULFILLING_PATIENCE",
    "order.state.shipped": "SHIPPED_PATIENCE",
    "order.state.delivered": "DELIVERED_PATIENCE",
    "order.state.cancelling": "CANCELLING_PATIENCE",
    "case.state.accepted": "CASE_PATIENCE",
    "case.state.asked": "LOSS_PATIENCE",
    "refund.state.owed": "OWED_PATIENCE",
    "returnedgoods.state.quarantined": "INSPECTION_PATIENCE",
    "payment.state.closed": "LATE_LOOK_MARGIN",
    "payment.state.voided": "LATE_LOOK_MARGIN",
}


def timer_of(waits: str) -> Any:
    """Return what is declared for a state."""
    declared = (timer for timers in routes().timers.values() for timer in timers)
    return next(timer for timer in declared if timer.name == waits)


@pytest.mark.parametrize(("waits", "name"), WAITS.items())
def test_how_long_a_state_may_last_is_read_when_it_begins(settings, waits, name):
    timer = timer_of(waits)
    row = timer.model(state=waits.rpartition(".")[2])

    settings.SHOP = {**settings.SHOP, name: LONG}

    assert timer.until(row) >= LONG


def test_a_parcel_that_is_packed_waits_as_long_as_the_shop_says_now(world, settings):
    settings.SHOP = {**settings.SHOP, "FULFILLING_PATIENCE": LONG}
    world.ready()

    (timer,) = Delivery.objects.filter(purpose="while_in:order.state.fulfilling")
    assert timer.available_at > clock.now() + LONG - timedelta(days=1)


@pytest.mark.parametrize(
    ("call", "name"),
    [(AUTHORISE, "PAYMENT_HORIZON_SECONDS"), (carrier.BOOK, "CARRIER_HORIZON_SECONDS")],
)
def test_how_long_nobody_knows_a_key_is_read_when_it_is_asked_for(settings, call, name):
    settings.SHOP = {**settings.SHOP, name: 7}

    assert clock.lasting(call.horizon) == timedelta(seconds=7)


def test_a_payment_that_was_given_up_is_looked_at_after_the_horizon_of_today(world, settings):
    settings.SHOP = {**settings.SHOP, "PAYMENT_HORIZON_SECONDS": LONG.total_seconds()}
    order = world.place(cards=("tok_declined",))
    world.drain()

    assert Payment.objects.get(order_id=order.pk).state == Payment.State.CLOSED
    (timer,) = Delivery.objects.filter(purpose="while_in:payment.state.closed")
    assert timer.available_at > clock.now() + LONG
