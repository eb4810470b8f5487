"""A batch says the same to the database for one order and for eight, on every new way, too."""

from uuid import UUID, uuid4

import pytest
from django.db import transaction

from inventory.models import StockItem
from orders.events import (
    CaseKind,
    ExchangeRequested,
    LinesCancelled,
    LossOpened,
    OrderConfirmed,
    PartialCancelRequested,
    ReturnRequested,
)
from payments.events import DisputeOpened, PaymentUnderWay
from sagas.money import Money
from sagas.outbox import publish
from sagas.worker import Worker
from shipping.events import SentLine, ShipmentHandedOver
from tests.integration.statements import statements
from tests.unit.house import case, case_lines, order_lines, placed

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db]

LINES = (("CUP", 2), ("BAG", 1))
ONE_CUP = case_lines((1, "CUP", 1))
TWO_CUPS = (SentLine(line_no=1, sku="CUP", quantity=2),)


def of_order(kind, **values):
    return lambda order_id: kind(order_id=order_id, **values)


def of_case(kind, **values):
    return lambda order_id: case(kind, order_id, UUID(int=order_id.int ^ 1), **values)


def place(order_id):
    return placed(order_id, *LINES)


CONFIRMED = of_order(OrderConfirmed)
UNDER_WAY = of_order(PaymentUnderWay)
LEFT = of_order(ShipmentHandedOver, lines=TWO_CUPS)
PARTIAL = of_case(PartialCancelRequested, case=CaseKind.CANCEL_PARTIAL, lines=ONE_CUP)
CANCELLED = of_case(
    LinesCancelled, case=CaseKind.CANCEL_PARTIAL, lines=ONE_CUP, amount=Money(100, "GBP")
)
BACK = of_case(ReturnRequested, lines=ONE_CUP, intercept=True)
EXCHANGE = of_case(ExchangeRequested, lines=ONE_CUP, wanted=order_lines(("BAG", 1)))
LOST = of_case(LossOpened, lines=ONE_CUP)
DISPUTE = of_case(DisputeOpened, amount=Money(100, "GBP"), reference="d", inquiry=False)


@pytest.mark.parametrize(
    ("consumer", "before", "event"),
    [
        ("inventory", (), place),
        ("inventory", (place,), CONFIRMED),
        ("inventory", (place,), UNDER_WAY),
        ("inventory", (place, CONFIRMED), LEFT),
        ("inventory", (place, CONFIRMED, PARTIAL), CANCELLED),
        ("inventory", (place, CONFIRMED, LEFT), BACK),
        ("inventory", (place,), EXCHANGE),
        ("inventory", (place, CONFIRMED, LEFT), LOST),
        ("shipping", (), place),
        ("shipping", (place,), PARTIAL),
        ("shipping", (place,), DISPUTE),
        ("shipping", (place,), BACK),
    ],
)
def test_a_batch_says_the_same_for_one_order_and_for_eight(consumer, before, event):
    StockItem.objects.bulk_create(StockItem(sku=sku, available=1000) for sku in ("CUP", "BAG"))

    alone, many = (said_of(consumer, before, event, size) for size in (1, 8))

    assert alone == many


def said_of(consumer, before, event, size):
    """Return the statements of one batch that answers an event of `size` orders."""
    orders, worker = [uuid4() for _ in range(size)], Worker({consumer})
    for earlier in before:
        announce(earlier, orders)
        worker.drain()
    announce(event, orders)
    with statements() as said:
        batch = worker._take(worker._look(()), alone=False)
    assert len(batch.members) == size
    worker.drain()
    worker.close()
    # The test's own transaction is around all, so a batch begins with a savepoint of some name.
    return [statement for statement in said if "SAVEPOINT" not in statement]


def announce(event, orders):
    item = StockItem.objects.first()
    with transaction.atomic():
        for order_id in orders:
            publish(event(order_id), of=item)
