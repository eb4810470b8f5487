"""D4: what is next in its lane and is not taken; what only stands behind somebody may wait."""

from datetime import timedelta

import pytest

from sagas import clock
from sagas.models import Delivery
from tests.integration.reconciling import names, run
from tests.integration.test_engine_invariants import world

__all__ = ["world"]

pytestmark = pytest.mark.both_databases

HOUR = timedelta(hours=1)
#: What is said of a time to come, which nobody knows before the test runs.
SOON = "soon"


@pytest.mark.parametrize(
    ("ahead", "found"),
    [
        ({"state": "braked"}, {"D4"}),
        ({"state": "parked"}, {"D4"}),
        ({"state": "dead"}, set()),
        ({"state": "leased", "lease_until": SOON}, set()),
        ({"available_at": SOON}, set()),
    ],
)
def test_what_stands_behind_another_is_overdue_only_if_that_one_steps_aside(world, ahead, found):
    saga = world.saga(world.place())
    first = Delivery.objects.get(saga_id=saga.id, consumer="inventory", rank=1)
    behind = Delivery.objects.get(pk=first.pk)
    behind.pk, behind.purpose, behind.position = clock.new_id(), "later", first.position + 1
    behind.available_at = clock.now() - HOUR
    behind.save(force_insert=True)
    then = {name: clock.now() + HOUR for name, value in ahead.items() if value == SOON}
    Delivery.objects.filter(pk=first.pk).update(**{**ahead, **then})

    run(only=["D4"])

    assert names() == found
