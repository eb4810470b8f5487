"""Planting: a shop whose orders have ended in different ways, and what is then broken by hand."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction

from inventory.inspection import Verdict
from inventory.models import ReturnedGoods
from inventory.services import inspect
from orders.models import Case, Order
from orders.services import request_cancel, request_return
from payments.models import Payment
from sagas import clock
from sagas.reconciliation import PREDICATES
from sagas.reconciliation.survey import survey
from shipping.models import ReturnParcel
from shipping.services import receive_return
from tests.scenarios.endings import at_most
from tests.scenarios.reconciled import SHOP, SOON, as_stored, found
from tests.world import World, reload

__all__ = [
    "DAYS",
    "SHOP",
    "SOON",
    "Orders",
    "Plant",
    "as_stored",
    "assert_found",
    "cancel",
    "found",
    "orders_of",
    "owed_order",
    "payment_of",
    "planted",
    "send_back",
]

#: Longer than the settlement may take.
DAYS = timedelta(days=3)

Orders = Mapping[str, Order]
#: What breaks something, and returns the business key under which it is to be found.
Plant = Callable[[World, Orders], str]


def orders_of(world: World, *, waiting: bool = False, owed: bool = False) -> dict[str, Order]:
    """Return orders with different endings, by what became of them.

    One may wait for its card, and of one the refund may be owed.
    """
    kept = world.place()
    world.drain()
    world.deliver(kept)
    part = world.place((("MUG", 2, 500),), coupon=("SPRING", 100), points_minor=50)
    world.drain()
    world.deliver(part)
    send_back(world, part, 1)
    called_off = world.place(points_minor=200)
    world.drain()
    cancel(world, called_off)
    declined = world.place(cards=("tok_declined",))
    world.drain()
    refused = world.place((("MUG", 1000, 500),))
    world.drain()
    paid = world.place()
    world.drain()
    sent = world.place()
    world.drain()
    world.hand_over(sent)
    more = {"owed": owed_order(world)} if owed else {}
    if waiting:
        more["waiting"] = at_most(world, "payments.authorise")
    return {
        **more,
        "kept": kept, "part": part, "called_off": called_off, "declined": declined,
        "refused": refused, "paid": paid, "sent": sent,
    }  # fmt: skip


def owed_order(world: World) -> Order:
    """Return an order that is being cancelled, whose refund the provider will not pay."""
    order = world.place()
    world.drain()
    world.provider.switch_on("decline", operation="refund", code="closed_account")
    cancel(world, order)
    world.provider.switch_off()
    return order


def cancel(world: World, order: Order) -> Case:
    case = request_cancel(reload(order), reason="changed my mind", actor="customer:kim")
    world.drain()
    return case


def send_back(world: World, order: Order, quantity: int, *, refused: int = 0) -> Case:
    """Have the customer send units of the first line back, sellable but for the refused ones."""
    case = request_return(reload(order), lines=((1, quantity),), actor="customer:kim")
    world.drain()
    receive_return(ReturnParcel.objects.get(case_id=case.pk))
    world.drain()
    goods = ReturnedGoods.objects.get(case_id=case.pk)
    verdict = Verdict(sellable=quantity - refused, refused=refused)
    inspect(goods, {1: verdict}, actor="admin:anna")
    world.drain()
    return case


def payment_of(order: Order) -> Any:
    """Return the row of an order's payment, to be changed behind everybody's back."""
    return Payment.objects.filter(order_id=order.pk)


def planted(world: World, orders: Orders, plant: Plant) -> tuple[str, list[tuple[str, str]]]:
    """Break something, see what is found by the statements as read, and take it back."""
    with transaction.atomic(), clock.travel(SOON):
        key = plant(world, orders)
        seen = survey([PREDICATES[name] for name in SHOP])
        breaks = sorted((finding.invariant, as_stored(finding.where)) for finding in seen)
        transaction.set_rollback(True)
    return as_stored(key), breaks


def assert_found(world: World, orders: Orders, breaks: Sequence[tuple[str, Plant]]) -> None:
    """Each break, one after the other, is found under its name and key, and nothing else is."""
    wrong = {}
    for name, plant in breaks:
        key, seen = planted(world, orders, plant)
        if seen != [(name, key)]:
            wrong[plant.__name__] = {"wanted": (name, key), "found": seen}
    assert wrong == {}, wrong
