"""Stock whose time is up, in somebody else's hands: it is left to them, and nobody waits (E1)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, transaction

from inventory.models import Reservation
from sagas import clock
from sagas.locks import for_update
from sagas.models import Delivery
from tests.unit.house import placed
from tests.unit.stock_house import house

__all__ = ["house"]

pytestmark = pytest.mark.django_db(transaction=True)
State = Reservation.State
#: In seconds: longer than an order waits for nobody.
PATIENCE = 10


@contextmanager
def in_other_hands(holder_id) -> Iterator[None]:
    """Have another connection hold the reservation of an order meanwhile."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            for_update(Reservation.objects.filter(holder_id=holder_id)).get()
            is_held.set()
            is_over.wait(PATIENCE)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert is_held.wait(PATIENCE)
    yield
    is_over.set()
    other.join()


def test_e1_overdue_stock_that_is_being_decided_about_is_left_to_who_decides(house):
    house.say(placed(house.order_id, ("CUP", 10)))
    Delivery.objects.filter(kind="timer").delete()  # which would wait for those rows

    with clock.travel(settings.SHOP["RESERVATION_TTL"]):
        with in_other_hands(house.order_id):
            meanwhile = house.place(("CUP", 1), customer="lee")
        afterwards = house.place(("CUP", 1), customer="lee")

    assert house.state(meanwhile) == State.REFUSED
    assert house.state(afterwards) == State.RESERVED
