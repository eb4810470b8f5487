"""A provider at its worst, at random: bad days in any order, and an end that is always the same.

Whatever happened, once everybody has had their say: nothing is unknown, no money is held of a
cancelled order or missing of a sent one, nobody was paid twice, and nobody reads what is not so.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.models import Order
from orders.services import InvalidCancel, request_cancel
from payments.models import Dispute, Refund
from payments.services import order_refund_again
from payments.simulated_provider import InvalidRequest
from sagas.models import Intent, IntentState
from tests.scenarios.adversity import find_out
from tests.scenarios.books import assert_books_agree
from tests.scenarios.endings import ANNA, CUSTOMER
from tests.scenarios.given import WELCOME
from tests.scenarios.honesty import assert_honest, assert_paid_out_once, balance_of
from tests.scenarios.messages import post_messages
from tests.scenarios.reconciled import found
from tests.world import World, reload

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("mounted")]

SOON, LATER = timedelta(seconds=30), timedelta(minutes=20)
PLENTY = 3000
#: An order takes a second or two; more are for who looks for something.
EXAMPLES = 5
Act = Callable[[World, Order], object]


def spoil(fault: str, operation: str) -> Act:
    """Have the next such operation go wrong."""

    def act(world: World, order: Order) -> None:
        world.provider.switch_on(fault, operation=operation, times=1)

    act.__name__ = f"{fault}_{operation}"
    return act


def go_on(world: World, order: Order) -> None:
    world.drain()


def wait(world: World, order: Order) -> None:
    world.pass_time(SOON)


def cancel(world: World, order: Order) -> None:
    with suppress(InvalidCancel):
        request_cancel(reload(order), reason="changed my mind", actor=CUSTOMER)


def post(world: World, order: Order) -> None:
    post_messages(world)


def contradict(world: World, order: Order) -> None:
    world.provider.switch_on("contradictory_webhooks", times=2)


def execute_late(world: World, order: Order) -> None:
    world.provider.execute_late()


def dispute(world: World, order: Order) -> None:
    with suppress(InvalidRequest):
        world.provider.open_dispute(order.number)


def win(world: World, order: Order) -> None:
    decide(world, order, won=True)


def lose(world: World, order: Order) -> None:
    decide(world, order, won=False)


def decide(world: World, order: Order, *, won: bool) -> None:
    for found_there in world.provider.standing(order.number).disputes:
        if found_there.status == "open":
            world.provider.close_dispute(found_there.id, won)


def fail_refund(world: World, order: Order) -> None:
    settle(world, order, ok=False)


def pay_refund(world: World, order: Order) -> None:
    settle(world, order, ok=True)


def settle(world: World, order: Order, *, ok: bool) -> None:
    for refund in world.provider.standing(order.number).refunds:
        with suppress(InvalidRequest):
            world.provider.settle_refund(refund.id, ok=ok)


def spoilt(*operations: str) -> list[Act]:
    """Return everything that can go wrong with these operations."""
    faults = (
        "stored_error",
        "lost_answer",
        "lost_request",
        "late_request",
        "not_found_then_executes",
        "decline",
    )
    return [spoil(fault, operation) for operation in operations for fault in faults]


#: What comes first, as an order is placed, and what comes while its money goes back.
FORWARD: Final = spoilt("authorise", "capture")
BACK: Final = [*spoilt("void", "refund", "close"), spoil("pending_refund", "refund")]
#: What may come at any time, and when there is money to quarrel about.
EVER: Final = [go_on, wait, post, contradict, execute_late]
MONEY: Final = [dispute, win, lose, fail_refund, pay_refund, go_on]
stories = st.tuples(
    st.lists(st.sampled_from(FORWARD), max_size=2),
    st.lists(st.sampled_from([*EVER, *MONEY]), max_size=3),
    st.lists(st.sampled_from(BACK), max_size=2),
    st.sampled_from([cancel, cancel, cancel, go_on]),
    st.lists(st.sampled_from([*EVER, *MONEY, *MONEY, *BACK]), max_size=7),
)


def come_to_rest(world: World, order: Order) -> None:
    """Let everybody have their say: no more faults, a bank that decides, a person who pays."""
    world.provider.switch_off()
    for _ in range(4):
        world.provider.execute_late()
        decide(world, order, won=True)
        for on_its_way in world.provider.standing(order.number).refunds:
            if on_its_way.status == "pending":
                world.provider.settle_refund(on_its_way.id)
        post_messages(world)
        world.learn(order)
        find_out(world, order)
        world.pass_time(LATER)
        for refund in Refund.objects.filter(order_id=order.pk, state=Refund.State.OWED):
            order_refund_again(refund, actor=ANNA, reason="the bank is well again")
        world.drain()


def assert_at_rest(world: World, order: Order) -> None:
    unknown = Intent.objects.filter(state__in=(IntentState.UNKNOWN, IntentState.OUT))
    assert not unknown.exists()
    assert not Dispute.objects.filter(state__in=Dispute.LIVE).exists()
    balance, state = balance_of(world, order), reload(order).state
    assert state in (Order.State.FULFILLING, Order.State.CANCELLED)
    held = (balance.kept_minor, balance.open_minor)
    assert held == ((0, 0) if state == Order.State.CANCELLED else (1500, 0))
    assert_honest(world, order)
    assert_paid_out_once(world, order)


@pytest.fixture
def full(world):
    """Return the shop with more than enough in stock."""
    world.stock(MUG=PLENTY)
    return world


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories)
def test_however_the_provider_misbehaves_everything_ends_where_it_belongs(full, story):
    forward, meanwhile, back, turn, later = story
    for act in forward:
        act(full, None)
    order = full.place(**WELCOME)
    for act in (*meanwhile, *back, turn, *later, go_on):
        act(full, order)

    come_to_rest(full, order)

    assert_at_rest(full, order)
    assert_books_agree(full, stock={"MUG": PLENTY})
    assert found() == []
