"""Retry: how often and how far apart."""

from datetime import timedelta

import pytest

from sagas.exceptions import PermanentFailure
from sagas.retry import DEFAULT_RETRY, INQUIRY, Retry

SECOND = timedelta(seconds=1)


def test_waits_double_up_to_the_cap():
    policy = Retry(base=SECOND, factor=2.0, cap=10 * SECOND)

    longest = [policy.ceiling(attempt).total_seconds() for attempt in range(1, 8)]

    assert longest == [1, 2, 4, 8, 10, 10, 10]


@pytest.mark.parametrize("attempt", [1, 2, 5, 61, 1_000_000])
def test_a_wait_is_anywhere_between_nothing_and_its_ceiling(attempt):
    waits = [DEFAULT_RETRY.wait(attempt) for _ in range(200)]

    assert min(waits) >= timedelta(0)
    assert max(waits) <= DEFAULT_RETRY.ceiling(attempt) <= DEFAULT_RETRY.cap
    assert len(set(waits)) > 1


def test_a_policy_is_exhausted_after_its_last_attempt():
    policy = Retry(attempts=3)

    assert [policy.is_exhausted(made) for made in (1, 2, 3, 4)] == [False, False, True, True]


def test_the_first_matching_exception_decides_the_policy():
    never, often = Retry(attempts=1), Retry(attempts=50)
    policy = Retry(per_exception={ConnectionError: often, OSError: never})

    assert policy.policy_for(ConnectionResetError()) is often
    assert policy.policy_for(FileNotFoundError()) is never
    assert policy.policy_for(PermanentFailure()) is policy


def test_inquiries_do_not_give_up():
    assert not INQUIRY.is_exhausted(100_000)
    assert INQUIRY.ceiling(100_000) == timedelta(minutes=5)


def test_a_policy_can_not_be_changed():
    with pytest.raises(AttributeError):
        DEFAULT_RETRY.attempts = 1  # that it is refused
