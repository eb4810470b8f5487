"""Clock: aware times that tests can move, and identifiers in the order of time."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest

from sagas import clock

pytestmark = pytest.mark.both_databases


@pytest.mark.django_db
def test_now_is_aware_and_in_utc():
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.django_db
def test_time_is_moved_inside_the_block_only():
    before = clock.now()
    with clock.travel(timedelta(days=2)), clock.travel(timedelta(days=1)):
        assert clock.now() - before >= timedelta(days=3)
    assert clock.now() - before < timedelta(days=1)


def test_identifiers_come_in_the_order_of_time():
    made = [clock.new_id() for _ in range(5000)]

    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(found.version, found.variant) for found in made} == {(7, "specified in RFC 4122")}


def test_identifiers_of_several_threads_never_meet():
    made: list[list[UUID]] = [[], [], [], []]
    threads = [
        threading.Thread(target=lambda own=own: own.extend(clock.new_id() for _ in range(2000)))
        for own in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({found for own in made for found in own}) == 8000
    assert all(own == sorted(own) for own in made)
