"""What can't be written: by the doors of the outbox, and by the database whoever tries."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from orders.events import OrderConfirmed
from orders.models import Order
from sagas import clock
from sagas.exceptions import NoSaga, OutsideTransaction, PublishError, WrongDatabase
from sagas.models import Case, Delivery, Intent, Saga, StoredEvent
from sagas.outbox import publish, saga_transaction
from tests.scenarios.facts import say
from tests.world import reload

pytestmark = pytest.mark.both_databases


@pytest.fixture
def order(world):
    """Return an order with everything done that can be."""
    placed = world.place()
    world.drain()
    return placed


# -- the doors


def test_g1_an_event_outside_of_a_transaction_is_refused(world, order):
    with pytest.raises(OutsideTransaction, match="was published outside a transaction"):
        publish(OrderConfirmed(order_id=order.pk), of=order)


def test_r16_an_event_of_a_row_on_another_database_is_refused(world, order):
    elsewhere = reload(order)
    elsewhere._state.db = "elsewhere"
    before = world.events(order)

    with pytest.raises(WrongDatabase, match="must commit together"), saga_transaction(order):
        publish(OrderConfirmed(order_id=order.pk), of=elsewhere)
    assert world.events(order) == before


def test_a_move_of_which_nothing_is_published_is_refused(world):
    order = world.place()

    refused = pytest.raises(PublishError, match="moved from placed to confirmed and nothing was")
    with refused, saga_transaction(order) as row:
        row.confirm()
    assert reload(order).state == Order.State.PLACED


def test_an_event_of_no_saga_is_refused(world, order):
    with pytest.raises(NoSaga, match="of which 0 sagas exist"):
        say(OrderConfirmed(order_id=clock.new_id()), of=order)


def test_a_stale_row_is_read_again_under_the_lock(world):
    order = world.place()
    stale = reload(order)
    world.drain()
    assert stale.state == Order.State.PLACED

    with saga_transaction(stale) as row:
        assert row.state == Order.State.FULFILLING
        row.payment_attempts = 7
    stored = reload(order)
    assert (stored.state, stored.payment_attempts) == (Order.State.FULFILLING, 7)


def confirm_and_fail(order):
    with saga_transaction(order) as row:
        row.confirm()
        publish(OrderConfirmed(order_id=order.pk), of=row)
        raise ZeroDivisionError


def test_g1_a_failing_block_leaves_neither_state_nor_event(world):
    order = world.place()
    before = world.events(order)

    with pytest.raises(ZeroDivisionError):
        confirm_and_fail(order)
    assert reload(order).state == Order.State.PLACED
    assert world.events(order) == before


def test_a_publication_records_who_moved_what_from_where_to_where(world):
    order = world.place()

    with saga_transaction(order, actor="admin:lee") as row:
        row.confirm()
        publish(OrderConfirmed(order_id=order.pk), of=row, reason="paid in cash")

    stored = StoredEvent.objects.get(type="orders.OrderConfirmed")
    assert (stored.transition, stored.from_state, stored.to_state) == (
        "confirm",
        "placed",
        "confirmed",
    )
    assert (stored.actor, stored.reason) == ("admin:lee", "paid in cash")
    assert (stored.subject_model, stored.subject_key) == ("orders.Order", str(order.pk))


# -- the database


def refused(name):
    """Expect the constraint's own name where the database says it; SQLite does for CHECK alone."""
    says = connection.vendor == "postgresql" or name.startswith(CHECKS)
    return pytest.raises(IntegrityError, match=name if says else "UNIQUE constraint failed")


CHECKS = ("saga_never", "saga_ended", "delivery_leased", "case_closed")


def copy(row, **changed):
    """Insert the row once more, under a new id."""
    row.pk = clock.new_id()
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def a_saga():
    return Saga.objects.get(choreography="checkout")


def an_event():
    return StoredEvent.objects.get(type="payments.PaymentAuthorised")


def a_case():
    return Case.objects.create(kind="overdue", saga_id=a_saga().id, opened_at=clock.now())


BROKEN = {
    "saga_never_back_after_pivot": lambda: Saga.objects.update(
        direction="compensating", pivoted_at=clock.now()
    ),
    "saga_ended_iff_not_running": lambda: Saga.objects.update(status="completed", ended_at=None),
    "saga_once_per_key": lambda: copy(a_saga()),
    "event_once_per_cause": lambda: copy(an_event(), position=1000, subject_seq=1000),
    "event_order_in_saga": lambda: copy(an_event(), ordinal=5, subject_seq=1000),
    "event_order_of_subject": lambda: copy(an_event(), ordinal=5, position=1000),
    "delivery_once_per_purpose": lambda: copy(Delivery.objects.first()),
    "delivery_leased_iff_lease": lambda: Delivery.objects.update(state="leased"),
    "intent_once_per_attempt": lambda: copy(Intent.objects.first(), idempotency_key=clock.new_id()),
    "intent_once_per_key": lambda: copy(Intent.objects.first(), n=99),
    "case_open_once": lambda: [a_case(), a_case()],
    "case_closed_after_opened": lambda: (
        a_case(),
        Case.objects.update(closed_at=clock.now() - timedelta(hours=1)),
    ),
}


@pytest.mark.parametrize("constraint", BROKEN)
def test_the_database_refuses_what_must_never_be(world, order, constraint):
    with refused(constraint), transaction.atomic():
        BROKEN[constraint]()
