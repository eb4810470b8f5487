"""A guest in the shop, and a floor of real processes, of which the summary says who did what."""

import pytest

from sagas.participant import PARTICIPANTS, Participant, Step
from sagas.routing import forget_routes
from sagas.worker import Worker
from tests.integration.workers import floor_in, shares

SHARES = "deliveries handled"


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


@pytest.fixture
def floor(transactional_db, outside, tmp_path, request):
    """Return a place to run workers and relays on this test's database, broker and books."""
    with floor_in(tmp_path) as floor:
        yield floor
        request.node.user_properties.append((SHARES, shares()))


def pytest_terminal_summary(terminalreporter):
    """Say which worker processes handled what."""
    done = {
        report.nodeid: share
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, share in getattr(report, "user_properties", ())
        if name == SHARES and share
    }
    if not done:
        return
    terminalreporter.section("deliveries handled, by worker process")
    for test, share in done.items():
        terminalreporter.line(test)
        for worker, handled in sorted(share.items()):
            terminalreporter.line(f"  {handled:6}  {worker}")
