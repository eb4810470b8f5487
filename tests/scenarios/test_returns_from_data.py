"""Real invoices and their real credit notes, replayed: what came back is what was credited."""

from collections import Counter
from pathlib import Path

import pytest

from inventory.services import set_stock
from orders.models import Order, Return, SoldLine
from orders.services import request_return
from shipping.models import ReturnParcel
from shipping.services import receive_return
from shop.invoices import read_credit_notes, read_invoices
from tests.scenarios.books import assert_books_agree
from tests.world import kept, reload

pytestmark = pytest.mark.both_databases

DATA = Path(__file__).resolve().parents[2] / "shop" / "data"
ORDERS = 8


@pytest.fixture(scope="module")
def replayed():
    """Return the orders with most credit notes, each with its notes in their order."""
    invoices = {
        order.number: order for order in read_invoices(DATA / "online_retail_sample.csv.gz")
    }
    notes = read_credit_notes(DATA / "returns_sample.csv.gz")
    known = Counter(note.order_number for note in notes if note.order_number in invoices)
    chosen = sorted(known, key=lambda number: (-known[number], len(invoices[number].lines)))
    return [
        (invoices[number], [note for note in notes if note.order_number == number])
        for number in chosen[:ORDERS]
    ]


def stocked(replayed):
    """Have exactly what was ordered; return how many of each article that is."""
    units: Counter[str] = Counter()
    for invoice, _ in replayed:
        for line in invoice.lines:
            units[line.sku] += line.quantity
    for sku, count in units.items():
        set_stock(sku, count)
    return units


def spread(order, note):
    """Return the order's lines that a note is about: articles may have several lines."""
    wanted = {line.sku: line.quantity for line in note.lines}
    found = []
    for sold in SoldLine.objects.filter(order=order, sku__in=wanted):
        units = min(sold.returnable, wanted[sold.sku])
        wanted[sold.sku] -= units
        if units:
            found.append((sold.line_no, units))
    assert not any(wanted.values())
    return found


def credit(world, order, note):
    returned = request_return(reload(order), lines=spread(order, note), reason=note.number)
    world.drain()
    receive_return(ReturnParcel.objects.get(return_id=returned.pk))
    world.drain()
    return Return.objects.get(pk=returned.pk)


def test_real_orders_come_back_as_their_credit_notes_say(world, replayed):
    units = stocked(replayed)
    for invoice, notes in replayed:
        lines = [(line.sku, line.quantity, line.unit_price_minor) for line in invoice.lines]
        order = world.place(lines, number=invoice.number)
        world.drain()
        world.deliver(order)
        assert kept(world.provider, order) == invoice.total_minor

        credited = [credit(world, order, note) for note in notes]

        assert {returned.state for returned in credited} == {Return.State.COMPLETED}
        back = sum(returned.refund_minor for returned in credited)
        assert kept(world.provider, order) == invoice.total_minor - back
        came_back = sum(line.returned for line in SoldLine.objects.filter(order=order))
        assert came_back == sum(line.quantity for note in notes for line in note.lines)
        is_all = came_back == sum(line.quantity for line in invoice.lines)
        assert reload(order).state == (Order.State.RETURNED if is_all else Order.State.COMPLETED)
    assert max(len(notes) for _, notes in replayed) > 1
    assert_books_agree(world, stock=units)
