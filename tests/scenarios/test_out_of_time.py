"""Calls whose lease is over before their turn comes: given up, and never sent by the way (R6)."""

import threading
from datetime import timedelta

import pytest

from sagas.exceptions import Unanswered
from sagas.models import Intent, IntentState
from sagas.worker import Worker
from tests.scenarios.lines import Line, declare

pytestmark = pytest.mark.both_databases

#: In seconds: longer than any test lets a call hang.
PATIENCE = 60


class Held(Line):
    """The other end takes a call and says nothing, until the test lets go."""

    def __init__(self):
        super().__init__()
        self.is_like = "silent"
        self.let_go = threading.Event()

    def send(self, request, key):
        self.sent.append(request["order"])
        self.let_go.wait(PATIENCE)
        raise Unanswered


@pytest.fixture
def narrow(world, extras, settings):
    """Return a line behind one thread, on which a lease lasts a second."""
    settings.SAGAS = {
        **settings.SAGAS,
        "CALL_THREADS": 1,
        "CALL_DEADLINE": timedelta(seconds=1),
    }
    line = Held()
    declare(extras, line.call(gateway=""))
    world.worker.close()
    world.worker = Worker({"extras"})
    yield line
    line.let_go.set()


def test_a_call_that_waits_for_a_thread_beyond_its_lease_is_not_sent_any_more(world, narrow):
    first, second = (str(world.place().pk) for _ in range(2))
    world.worker.drain()
    (sent,) = narrow.sent
    assert set(Intent.objects.values_list("state", flat=True)) == {IntentState.UNKNOWN}

    narrow.let_go.set()
    third = str(world.place().pk)
    world.worker.drain()

    # The third has passed through the only thread, behind whatever waited there.
    assert narrow.sent == [sent, third]
    assert {sent, third} < {first, second, third}
