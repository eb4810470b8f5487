"""Rows of orders for tests without a database: sold, divided and unsaved, as placing makes them."""

from datetime import UTC, datetime

import msgspec

from orders.events import Address
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.reckoning import Books
from sagas.matrix import answer
from sagas.money import Money, allocate
from sagas.work import Work

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOME = Address(name="Ada", street="1 Mill Lane", city="Leeds", postcode="LS1", country="GB")

#: Three mugs at 5.00 and a cup at 1.00.
TWO_LINES = ((3, 500), (1, 100))


def an_order(state=Order.State.PLACED, sold=TWO_LINES, *, shipping=0, coupon=0, points=0, **values):
    """Return an unsaved order for lines of (quantity, unit price)."""
    goods = sum(quantity * price for quantity, price in sold)
    return Order(
        number="S-1",
        customer="ada",
        goods_minor=goods,
        shipping_minor=shipping,
        discount_minor=coupon,
        points_minor=points,
        total_minor=goods + shipping - coupon - points,
        currency="GBP",
        ship_to=msgspec.to_builtins(HOME),
        pay_by="card",
        placed_at=NOW,
        state=state,
        **values,
    )


def lines_of(order, sold=TWO_LINES, **values):
    """Return the order's lines, with what was paid for each."""
    gross = [quantity * price for quantity, price in sold]
    paid = Money(order.goods_minor - order.discount_minor - order.points_minor, "GBP")
    parts = allocate(paid, gross)
    return [
        SoldLine(
            order=order,
            line_no=n,
            sku=f"SKU-{n}",
            quantity=quantity,
            unit_price_minor=price,
            paid_minor=part.minor,
            **values,
        )
        for n, ((quantity, price), part) in enumerate(zip(sold, parts, strict=True), start=1)
    ]


def benefits_of(order):
    used = {Benefit.Kind.COUPON: order.discount_minor, Benefit.Kind.POINTS: order.points_minor}
    return [Benefit(order=order, kind=k, used_minor=minor) for k, minor in used.items() if minor]


def books(state=Order.State.COMPLETED, sold=TWO_LINES, *, lines=None, **values):
    """Return the books of an order: everything paid, captured and shipped unless said otherwise."""
    order = an_order(state, sold, is_captured=True, paid_at=NOW, **values)
    made = lines_of(order, sold, **(lines or {}))
    return Books(order=order, lines=made, benefits=benefits_of(order))


def shipped(state=Order.State.COMPLETED, sold=TWO_LINES, **values):
    """Return the books of an order whose units have all left."""
    found = books(state, sold, **values)
    for line in found.lines:
        line.shipped = line.quantity
    return found


def a_case(order, kind, state=Case.State.OPEN, **values):
    """Return an unsaved case of an order."""
    decided = None if state in (Case.State.OPEN, Case.State.ASKED) else NOW
    return Case(
        order=order,
        kind=kind,
        state=state,
        reason="because",
        opened_at=NOW,
        decided_at=decided,
        currency="GBP",
        **values,
    )


def parts_of(case, *taken):
    """Return a case's lines for (line, units)."""
    return [
        CaseLine(case=case, line=line, quantity=units, amount_minor=line.paid_minor)
        for line, units in taken
    ]


def rows(found, parts=()):
    """Return what a step gets by name when it asks for all books."""
    return {
        "benefits": found.benefits,
        "parts": list(parts),
        "owner": [found.order],
        "lines": found.lines,
        "work": work(),
    }


def work():
    return Work("default", NOW)


def added(unit, model):
    """Return the rows of a model that a step has added to its work."""
    return [row for row in unit._added.values() if isinstance(row, model)]


def kind_of(step, state):
    """Return how a step answers in a state; None when nobody decided it."""
    found = answer(step, state)
    return found.kind if found else None
