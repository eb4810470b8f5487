"""A guest: a participant that joins the shop for one test."""

import pytest

from sagas.participant import PARTICIPANTS, Participant, Step
from sagas.routing import forget_routes
from sagas.worker import Worker


class Guest(Participant):
    """May declare steps while the shop is open."""

    def _add(self, step: Step) -> Step:
        forget_routes()
        return super()._add(step)


@pytest.fixture
def guest(world):
    """Return a participant without steps; those that a test declares are gone after it."""
    joined = Guest("guest")
    yield joined
    del PARTICIPANTS[joined.name]
    forget_routes()


@pytest.fixture
def host(guest):
    """Return a worker that serves the guest alone."""
    worker = Worker({guest.name})
    yield worker
    worker.close()
