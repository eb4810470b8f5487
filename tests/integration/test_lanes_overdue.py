"""D4: what is next in its lane and is not taken; what only stands behind somebody may wait."""

from datetime import timedelta

import pytest

from sagas import clock
from sagas.models import Delivery
from tests.integration.reconciling import names, run
from tests.integration.test_engine_invariants import world

__all__ = ["world"]

pytestmark = pytest.mark.both_databases

LONG_AGO = timedelta(hours=1)


@pytest.mark.parametrize(
    ("ahead", "found"),
    [
        ({"state": "braked"}, {"D4"}),
        ({"state": "parked"}, {"D4"}),
        ({"state": "dead"}, set()),
        ({"state": "leased", "lease_until": clock.now() + LONG_AGO}, set()),
        ({"available_at": clock.now() + LONG_AGO}, set()),
    ],
)
def test_what_stands_behind_another_is_overdue_only_if_that_one_steps_aside(world, ahead, found):
    saga = world.saga(world.place())
    first = Delivery.objects.get(saga_id=saga.id, consumer="inventory", rank=1)
    behind = Delivery.objects.get(pk=first.pk)
    behind.pk, behind.purpose, behind.position = clock.new_id(), "later", first.position + 1
    behind.available_at = clock.now() - LONG_AGO
    behind.save(force_insert=True)
    Delivery.objects.filter(pk=first.pk).update(**ahead)

    run(only=["D4"])

    assert names() == found
