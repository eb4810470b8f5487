"""Two relays and four workers on five thousand due deliveries: each is done once, and in order."""

from uuid import UUID

import pytest
from django.db.models import Count, Q

from inventory.events import StockAdjusted
from inventory.models import StockItem
from sagas import clock, codec
from sagas.models import Case, Delivery, Saga, SagaStatus, Slot, StoredEvent
from tests.integration.workers import shares, wait_until

LANES, EACH = 1250, 4
DUE = LANES * EACH


@pytest.fixture
def due(transactional_db) -> None:
    """Have four adjustments in each of many lanes, all due and none hinted at."""
    now = clock.now()
    lanes = [
        Saga(key=f"lane {n}", status=SagaStatus.FREE, started_at=now, position=EACH)
        for n in range(LANES)
    ]
    events = [_event(lane, n, position) for n, lane in enumerate(lanes) for position in range(EACH)]
    for event in events:
        event.recorded_at = now
    Saga.objects.bulk_create(lanes)
    StoredEvent.objects.bulk_create(events)
    Delivery.objects.bulk_create(_delivery(event) for event in events)


def _event(lane: Saga, n: int, place: int) -> StoredEvent:
    fact = StockAdjusted(item_id=UUID(int=n), sku="MUG", delta=n * EACH + place, reason="counted")
    return StoredEvent(
        type=fact.wire_name,
        payload=codec.encode(fact),
        context=fact.context,
        saga_id=lane.id,
        position=place + 1,
        subject_model="lane",
        subject_key=lane.key,
        subject_seq=place + 1,
    )


def _delivery(event: StoredEvent) -> Delivery:
    return Delivery(
        event=event,
        consumer="counting",
        purpose="count",
        kind="forward",
        saga_id=event.saga_id,
        position=event.position,
        available_at=event.recorded_at,
        created_at=event.recorded_at,
    )


@pytest.mark.slow
def test_two_relays_and_four_workers_do_everything_once(floor, due):
    counting = {"DJANGO_SETTINGS_MODULE": "tests.integration.counting.settings"}
    two = ("-P", "prefork", "-c", "2")
    pairs = [floor.worker(*two, queues=["counting"], **counting) for _ in range(2)]
    for pair in pairs:
        pair.wait_for("ready")
    relays = [floor.relay(**counting) for _ in range(2)]

    wait_until(everything_is_done, "nothing is due", seconds=60)
    assert [process.stop() for process in (*relays, *pairs)] == [0, 0, 0, 0]

    assert StockItem.objects.filter(sku__startswith="adjustment").count() == DUE
    assert sum(shares().values()) == DUE
    assert all("Traceback" not in process.words for process in (*relays, *pairs))
    assert not Case.objects.exists()
    assert Slot.objects.exclude(claimed=[]).count() == 0
    assert_in_order()


def everything_is_done() -> bool:
    """Whether nothing is left; an attempt that failed on the way is an error."""
    left = Delivery.objects.aggregate(
        due=Count("id"), failed=Count("id", filter=Q(attempts__gt=0) | Q(alone=True))
    )
    assert left["failed"] == 0
    return not left["due"]


def assert_in_order() -> None:
    """In each lane the causes were handled in the order in which they had happened."""
    known = StoredEvent.objects.filter(subject_model="lane").values_list("id", "position")
    place = {str(event_id): position for event_id, position in known}
    handled = StoredEvent.objects.filter(type="sagas.StepDone").order_by("saga_id", "position")
    order = [(s, place[str(cause)]) for s, cause in handled.values_list("saga_id", "cause")]
    assert order == sorted(order)
    assert len(order) == DUE
