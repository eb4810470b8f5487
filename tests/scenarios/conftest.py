"""A participant that a test declares for itself and that is gone afterwards."""

import pytest

from sagas.participant import PARTICIPANTS, Participant
from sagas.routing import forget_routes
from sagas.worker import Worker

# What these assert says what it found when it does not hold.
pytest.register_assert_rewrite(
    "tests.scenarios.adversity",
    "tests.scenarios.books",
    "tests.scenarios.endings",
    "tests.scenarios.honesty",
    "tests.scenarios.messages",
    "tests.scenarios.planting",
)


@pytest.fixture
def mounted(settings):
    """Serve payments' own addresses alone."""
    settings.ROOT_URLCONF = "tests.unit.payment_urls"


@pytest.fixture
def extras(world):
    """Return a participant without steps; the world's worker serves it. Declare, then place."""
    participant = Participant("extras")
    forget_routes()
    world.worker.close()
    world.worker = Worker()
    yield participant
    del PARTICIPANTS["extras"]
    forget_routes()
