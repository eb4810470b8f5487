"""Adversity: orders whose way back the provider spoils, and how such an order is to end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from orders.models import Order
from payments.models import Refund
from payments.services import bring_forward
from tests.scenarios.books import Stand, assert_books_agree, stand
from tests.scenarios.endings import at_most, cancel, said
from tests.scenarios.given import WELCOME
from tests.scenarios.honesty import assert_honest, assert_paid_out_once
from tests.scenarios.reconciled import found
from tests.world import World, kept

ARRIVED: Final = Stand(
    order="completed", payment="captured", reservation="out", shipment="delivered"
)


def _cancelled(payment: str) -> Stand:
    return Stand(order="cancelled", payment=payment, reservation="released", shipment="stopped")


VOIDED: Final = _cancelled("voided")
REFUNDED: Final = _cancelled("refunded")
#: The money came after the order was given up.
LATE: Final = _cancelled("captured_late")
#: The bank took all of it.
TAKEN: Final = _cancelled("charged_back")

GIVEN_BACK: Final = "3.00 GBP of your coupon and points was given back."
CANCELLED: Final = f"Your order is cancelled. {GIVEN_BACK}"
UNCHARGED: Final = f"Your order is cancelled. You were not charged. {GIVEN_BACK}"
PAID_BACK: Final = f"Your order is cancelled. 15.00 GBP was paid back. {GIVEN_BACK}"
OWED: Final = "A refund is still owed to you. 15.00 GBP could not be paid out yet; we see to it."

#: Before which step an order stands whose money goes back by an operation; how it ends, and what
#: its customer reads then.
BACK: Final = {
    "close": "payments.authorise",
    "void": "payments.capture",
    "refund": "shipping.book_label",
}
ENDS: Final = {"close": _cancelled("closed"), "void": VOIDED, "refund": REFUNDED}
WORDS: Final = {"close": UNCHARGED, "void": UNCHARGED, "refund": PAID_BACK}


@contextmanager
def in_the_dark(world: World) -> Iterator[None]:
    """Have questions get no answer inside: what is unknown stays so, however slow the machine."""
    world.provider.switch_on("lost_answer", operation="inquire")
    yield
    world.provider.switch_off("lost_answer")


def find_out(world: World, order: Order) -> None:
    """Ask now what became of the order's calls that got no answer."""
    bring_forward(world.payment(order))
    world.drain()


def cancelled_by(world: World, operation: str, **faults: dict[str, Any]) -> Order:
    """Cancel an order whose money goes back by `operation`, which has these faults then.

    Nobody has asked what became of it yet.
    """
    order = at_most(world, BACK[operation], **WELCOME)
    for fault, how in faults.items():
        world.provider.switch_on(fault, operation=operation, **how)
    with in_the_dark(world):
        cancel(world, order)
    return order


def refund_of(order: Order) -> Refund:
    """Return the only refund of the order."""
    return Refund.objects.get(order_id=order.pk)


def theirs(world: World, order: Order) -> str:
    """Return the provider's name for the order's last refund."""
    return world.provider.standing(order.number).refunds[-1].id


def assert_over(world: World, order: Order, *, end: Stand, keeps: int, words: str) -> None:
    """The order has ended like this everywhere, and its customer reads these words and no others.

    Nobody was paid twice, all books agree, and reconciliation has nothing to say.
    """
    assert stand(order) == end
    assert kept(world.provider, order) == keeps
    assert said(order).strip() == words
    assert_honest(world, order)
    assert_paid_out_once(world, order)
    assert_books_agree(world)
    assert found() == []


def assert_arrives(world: World, order: Order) -> None:
    """The order goes on as if nothing had happened."""
    world.deliver(order)
    words = "Your order is complete. If something is wrong with it, you can send it back."
    assert_over(world, order, end=ARRIVED, keeps=1500, words=words)
