"""Settings of different contexts that contradict each other are named when Django starts."""

from datetime import timedelta

import pytest
from django.core.checks import run_checks

LONGEST = {
    "PAYMENT_HORIZON_SECONDS": 300,
    "WEBHOOK_DELAY": timedelta(minutes=10),
    "RESERVATION_TTL": timedelta(minutes=15, seconds=4),
}


@pytest.fixture
def problems(settings):
    """Return a function that says what is wrong when the shop chooses so."""
    settings.SAGAS = {**settings.SAGAS, "RELAY_INTERVAL": timedelta(seconds=2)}

    def ask(**values):
        settings.SHOP = {**settings.SHOP, **LONGEST, **values}
        return [(found.id, found.obj) for found in run_checks(tags=["shop"])]

    return ask


def test_e3_stock_that_is_kept_until_every_payment_is_known_of_is_fine(problems):
    assert problems() == []


@pytest.mark.parametrize(
    "values",
    [
        {"RESERVATION_TTL": timedelta(minutes=15)},
        {"PAYMENT_HORIZON_SECONDS": 301},
        {"WEBHOOK_DELAY": timedelta(minutes=11)},
    ],
)
def test_e3_stock_that_is_free_before_a_payment_is_known_of_is_an_error(problems, values):
    assert problems(**values) == [("shop.E001", 'SHOP["RESERVATION_TTL"]')]


def test_e3_the_reference_shop_keeps_stock_for_long_enough():
    assert run_checks(tags=["shop"]) == []
