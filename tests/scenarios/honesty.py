"""Honesty: what the customer reads, and what our rows say, held against the provider's own books.

For moments at which everything the provider has done was learned: what nobody told us of, nobody
here can say.
"""

import re
from collections import Counter

from orders.models import Order
from orders.wording import facts_of, told
from payments.models import Refund
from payments.simulated_provider.statement import Balance
from tests.scenarios.endings import said
from tests.world import World, reload

_PAID_BACK = re.compile(r"(\d+)\.(\d\d) GBP was paid back")
_NOTHING = Balance(
    currency="GBP", authorised_minor=0, voided_minor=0, captured_minor=0, refunded_minor=0
)


def balance_of(world: World, order: Order) -> Balance:
    """Return what the provider did for an order; nothing, if it never heard of it."""
    return world.provider.balances().get(order.number, _NOTHING)


def assert_honest(world: World, order: Order) -> None:
    """Nothing is said to be over, paid back or never charged that is not, by the provider."""
    text, balance = said(order), balance_of(world, order)
    if "not charged" in text:
        assert balance.captured_minor == 0, text
    if "will be released" in text:
        assert balance.captured_minor == 0, text
    if "complete" in text.lower():
        assert reload(order).state == Order.State.COMPLETED, text
    told_of = sum(int(f"{pounds}{pence}") for pounds, pence in _PAID_BACK.findall(text))
    assert told_of <= balance.refunded_minor + balance.charged_back_minor, text
    if told(facts_of(reload(order))).is_final:
        assert _on_its_way(order) == 0, text


def _on_its_way(order: Order) -> int:
    unpaid = Refund.objects.filter(order_id=order.pk).exclude(state__in=("paid", "dropped"))
    return sum(refund.amount_minor for refund in unpaid)


def assert_paid_out_once(world: World, order: Order) -> None:
    """Each refund that stands at the provider is one of ours, each of ours stands there once.

    Nothing was taken twice, and no more went back than had come.
    """
    ours = Refund.objects.filter(order_id=order.pk, state=Refund.State.PAID)
    assert Counter(ours.values_list("provider_refund_id", flat=True)) == _standing(world, order)
    lines = world.provider.list_transactions()
    assert sum(x.kind == "capture" and x.reference == order.number for x in lines) <= 1
    assert balance_of(world, order).kept_minor >= 0


def _standing(world: World, order: Order) -> Counter[str]:
    """Return the order's refunds that have not come back, at the provider, by its names."""
    found: Counter[str] = Counter()
    for line in world.provider.list_transactions():
        if line.reference == order.number and line.kind in ("refund", "refund_failed"):
            found[line.id] += 1 if line.kind == "refund" else -1
    return +found
