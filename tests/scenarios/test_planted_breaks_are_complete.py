"""Every predicate of the shop has a break that is planted, and says what it is about."""

import pytest

from sagas.reconciliation import PREDICATES
from tests.scenarios import (
    test_planted_breaks_money,
    test_planted_breaks_parcels,
    test_planted_breaks_payouts,
    test_planted_breaks_statement,
    test_planted_breaks_stock,
)
from tests.scenarios.planting import SHOP

PLANTED = {
    *(name for name, _ in test_planted_breaks_money.BREAKS),
    *(name for name, _ in test_planted_breaks_stock.BREAKS),
    *(name for name, _ in test_planted_breaks_parcels.BREAKS),
    *test_planted_breaks_statement.BREAKS,
    *test_planted_breaks_payouts.BREAKS,
}


#: Money, stock, what is between contexts, the engine, and the provider.
PROMISED = {
    f"{part}{number}"
    for part, last in {"M": 8, "I": 6, "X": 6, "D": 8, "S": 4}.items()
    for number in range(1, last + 1)
}


@pytest.mark.parametrize("name", SHOP)
def test_every_predicate_has_its_planted_break_and_an_owner(name):
    predicate = PREDICATES[name]

    assert name in PLANTED
    assert predicate.owner
    assert str(predicate.sentence).endswith(".")


def test_every_invariant_that_the_shop_promises_has_its_predicate():
    assert PROMISED - {name.partition("-")[0].partition(".")[0] for name in PREDICATES} == set()
