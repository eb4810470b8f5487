"""Steps: inventory's own functions are called with rows that nobody saved."""

from datetime import UTC, datetime
from uuid import uuid4

from inventory.models import Reservation, ReservationLine
from sagas.matrix import answer
from sagas.work import Work

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
ORDER, CASE = uuid4(), uuid4()


def kind_of(step, state):
    """Return how a step answers in a state; None when nobody decided it."""
    found = answer(step, state)
    return found.kind if found else None


def work():
    return Work("default", NOW)


def added(work):
    return list(work._added.values())


def kept(state, item, quantity, **counts):
    """Return a reservation of one line, and the lines."""
    reservation = Reservation(holder_id=ORDER, order_id=ORDER, state=state)
    line = ReservationLine(reservation=reservation, item=item, quantity=quantity, **counts)
    return reservation, [line]
