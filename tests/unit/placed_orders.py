"""Orders in a database, brought to a state as if everything before it had happened."""

import pytest

from orders.models import Order
from orders.services import place_order
from sagas.clock import now
from sagas.models import StoredEvent
from tests.unit.order_rows import HOME

S = Order.State
KIM = "customer:kim"


def given(**changed):
    return {
        "customer": "kim",
        "currency": "GBP",
        "lines": [("MUG", 3, 500), ("CUP", 1, 100)],
        "ship_to": HOME,
        "payment_tokens": ["tok_visa"],
        **changed,
    }


def an_order(state=S.PLACED, **changed):
    """Place an order and bring it to a state, as if everything before had happened."""
    order = place_order(**given(**changed))
    if state != S.PLACED:
        gone = state not in (S.CONFIRMED, S.FULFILLING)
        Order.objects.filter(pk=order.pk).update(
            state=state,
            is_captured=True,
            is_committed=True,
            is_booked_out=gone,
            parcels=int(gone),
            paid_at=now(),
            delivered_at=now() if state in (S.DELIVERED, S.COMPLETED) else None,
        )
        if gone:
            for line in order.lines.all():
                line.shipped = line.quantity
                line.save()
    return Order.objects.get(pk=order.pk)


def told(case):
    """Return the names of what was announced about a case or its order, in order."""
    events = StoredEvent.objects.filter(payload__case_id=str(case.pk)).order_by("recorded_at", "id")
    return [event.type.split(".")[1] for event in events]


def refusal(error, command, *args, **values):
    with pytest.raises(error) as refused:
        command(*args, **values)
    return refused.value.code
