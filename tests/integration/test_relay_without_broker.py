"""G9: while the broker is down, one relay pass does what is due and all that follows from it."""

from collections.abc import Sequence
from uuid import UUID

from orders.models import Order
from sagas.relay import relay_once
from sagas.transport import wake_all


class NoBroker:
    """A transport whose broker is gone."""

    def __init__(self) -> None:
        self.lost = 0

    def wake(self, queue: str, ids: Sequence[UUID]) -> bool:
        self.lost += 1
        return False


def test_one_pass_leads_an_order_to_its_label_without_any_worker(world, settings):
    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": f"{__name__}.{NoBroker.__name__}"}
    order = world.place()

    report = relay_once()

    assert Order.objects.get(pk=order.pk).state == Order.State.FULFILLING
    assert report.drained > 0


def test_with_a_broker_a_pass_leaves_fresh_work_to_the_workers(world):
    order = world.place()

    report = relay_once()

    assert Order.objects.get(pk=order.pk).state == Order.State.PLACED
    assert report.drained == 0


def test_waking_names_the_queues_that_could_not_be_told(world, settings):
    assert wake_all({"orders": []}) == frozenset()

    settings.SAGAS = {**settings.SAGAS, "TRANSPORT": f"{__name__}.{NoBroker.__name__}"}

    assert wake_all({"orders": [], "payments": []}) == {"orders", "payments"}
