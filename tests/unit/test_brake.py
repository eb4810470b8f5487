"""Brakes: the caps on what calls move, and which of them one more call would go over."""

import pytest

from sagas.brake import Brake, Tally
from sagas.money import Money

NOTHING = Tally()


def reached(brake, *, minor=100, currency="EUR", hour=NOTHING, run=NOTHING):
    return brake.reached(Money(minor, currency), hour=hour, run=run)


@pytest.mark.parametrize(
    ("brake", "hour", "run", "cap"),
    [
        (Brake(), Tally(count=10**6), NOTHING, ""),
        (Brake(per_hour_count=3), Tally(count=2), NOTHING, ""),
        (Brake(per_hour_count=3), Tally(count=3), NOTHING, "per_hour_count=3"),
        (Brake(per_hour_count=0), NOTHING, NOTHING, "per_hour_count=0"),
        (Brake(per_run_count=1), Tally(count=9), NOTHING, ""),
        (Brake(per_run_count=1), NOTHING, Tally(count=1), "per_run_count=1"),
        (Brake(per_hour_minor={"EUR": 500}), Tally(minor={"EUR": 400}), NOTHING, ""),
        (
            Brake(per_hour_minor={"EUR": 500}),
            Tally(minor={"EUR": 401}),
            NOTHING,
            "per_hour_minor['EUR']=500",
        ),
        (Brake(per_hour_minor={"EUR": 500}), Tally(minor={"USD": 10**6}), NOTHING, ""),
        (
            Brake(per_run_minor={"EUR": 99}),
            NOTHING,
            NOTHING,
            "per_run_minor['EUR']=99",
        ),
    ],
)
def test_a_call_that_would_go_over_a_cap_is_told_which(brake, hour, run, cap):
    assert reached(brake, hour=hour, run=run) == cap


def test_a_currency_without_a_cap_moves_nothing_once_another_has_one():
    brake = Brake(per_hour_minor={"EUR": 500})

    assert reached(brake, minor=1, currency="KRW") == "per_hour_minor['KRW']=0"
    assert reached(Brake(per_hour_count=5), minor=10**9, currency="KRW") == ""


def test_a_tally_counts_calls_and_adds_up_each_currency():
    tally = NOTHING.plus(Money(5, "EUR")).plus(Money(7, "USD")).plus(Money(2, "EUR"))

    assert tally == Tally(count=3, minor={"EUR": 7, "USD": 7})


@pytest.mark.parametrize(
    "caps", [{"per_hour_count": -1}, {"per_run_count": -1}, {"per_hour_minor": {"EUR": -5}}]
)
def test_a_cap_below_zero_is_refused(caps):
    with pytest.raises(ValueError, match="a cap below zero"):
        Brake(**caps)
