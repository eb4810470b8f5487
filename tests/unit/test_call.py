"""Calls: the idempotency key is made of business things only (R19)."""

from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from sagas.call import Outcome, idempotency_key

PARTS: dict[str, Any] = {
    "choreography": "checkout",
    "key": "42",
    "step": "payments.capture",
    "subject_key": "7",
    "n": 1,
}


def test_the_same_attempt_has_the_same_key_in_every_process_and_release():
    assert idempotency_key(**PARTS) == idempotency_key(**PARTS)
    assert idempotency_key(**PARTS) == UUID("861f178a-6189-50cb-8dba-340ed933696f")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_makes_another_key(part):
    other = 2 if part == "n" else "other"

    assert idempotency_key(**{**PARTS, part: other}) != idempotency_key(**PARTS)


def test_ten_attempts_have_ten_keys():
    keys = [idempotency_key(**{**PARTS, "n": n}) for n in range(10)]

    assert all(one != other for one, other in combinations(keys, 2))


def test_an_outcome_is_a_definite_answer_that_can_not_be_changed():
    refused = Outcome(ok=False, code="card_declined")

    assert (refused.reference, refused.data) == ("", {})
    with pytest.raises(AttributeError):
        refused.ok = True  # that it is refused
