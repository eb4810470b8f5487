"""S3: payouts that are not what they are made of, that never come, or that no bank has."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sagas import clock
from sagas.reconciliation import Line, reconcile
from tests.scenarios.planting import SOON, cancel, found
from tests.world import World

pytestmark = pytest.mark.both_databases

#: The predicates that have their planted break here.
BREAKS = ("S3", "S3-late", "S3-bank")

#: When a day's money has been paid out, and when nothing of it may be on its way any more.
PAID_OUT = timedelta(days=3)
LATE = timedelta(days=10)

#: What the shop's bank says, as `SHOP["BANK_STATEMENT"]` names it.
CREDITS: list[Line] = []


def credits_after(after: str) -> Iterator[Line]:
    """Yield what reached the shop's account behind a position."""
    yield from CREDITS[int(after or 0) :]


@pytest.fixture
def payout(world):
    """Return the payout of a paid order and a refunded one."""
    return _paid_out(world)


@pytest.fixture
def bank(settings):
    """Have a bank that tells of each payout; return what it says."""
    settings.SHOP = {**settings.SHOP, "BANK_STATEMENT": f"{__name__}.credits_after"}
    yield CREDITS
    CREDITS.clear()


def _paid_out(world: World) -> str:
    refunded = world.place(number="refunded")
    world.place(number="kept")
    world.drain()
    cancel(world, refunded)
    world.provider.pass_time(PAID_OUT)
    return str(world.provider.payouts()[0].id)


def _credited(world: World, **changes) -> Line:
    """Return the bank's line about the first payout."""
    paid = world.provider.payouts()[0]
    said = {
        "position": "1", "kind": "credit", "their_id": "bank-1", "at": paid.at,
        "amount_minor": paid.amount_minor, "currency": paid.currency, "payout": paid.id,
    }  # fmt: skip
    return Line(**(said | changes))


def test_a_payout_that_is_the_sum_of_its_lines_is_no_break(world, payout):
    assert found() == []


def test_a_fee_that_the_payout_does_not_know_is_found(world, payout):
    """Fees are in no ledger of ours, so that only the payout can tell."""
    world.provider.plant_in_settlement("wrong_amount", "kept", line="fee")

    assert found(repairs=True) == [("S3", payout)]


def test_a_payout_for_a_line_that_the_statement_leaves_out_is_found(world, payout):
    world.provider.plant_in_settlement("missing", "kept", line="fee")

    assert found() == [("S3", payout)]


def test_a_payout_that_counts_a_line_of_another_currency_is_found(world, payout):
    world.provider.plant_in_settlement("wrong_currency", "kept", line="fee", currency="EUR")

    assert found() == [("S3", payout)]


def test_a_payout_is_compared_when_it_comes_later_than_its_lines(world):
    world.place(number="kept")
    world.drain()
    world.provider.plant_in_settlement("wrong_amount", "kept", line="fee")
    before = found()
    world.provider.pass_time(PAID_OUT)
    still_new = found(full=False, later=2 * SOON)

    assert before == still_new == []
    assert found(full=False, later=3 * SOON) == [("S3", world.provider.payouts()[0].id)]


def test_money_that_is_settled_and_never_paid_out_is_found_once_it_is_late(world):
    world.place(number="kept")
    world.drain()
    (owed,) = {line.payout_id for line in world.provider.settlement() if line.payout_id}

    assert found() == []
    assert found(later=LATE) == [("S3-late", owed)]


def test_of_a_provider_that_lists_no_payouts_none_is_missed(world, settings, monkeypatch):
    world.place()
    world.drain()
    found()
    settings.PAYMENT_PROVIDER = "toss"
    monkeypatch.setenv("TOSS_SECRET_KEY", "test_sk")

    with clock.travel(LATE):
        run = reconcile(only=["S3-late"], sources=[], full=True)

    assert (run.found, run.passes.get().error) == (0, "")


@pytest.mark.parametrize(
    "changes", [{"amount_minor": 1}, {"currency": "EUR"}, {"payout": "po_of_somebody_else"}]
)
def test_a_payout_that_the_bank_does_not_have_so_is_found_once_it_is_late(
    world, payout, bank, changes
):
    bank.append(_credited(world, **changes))

    assert found() == []
    assert found(later=LATE) == [("S3-bank", payout)]


def test_a_payout_that_reached_the_bank_is_no_break(world, payout, bank):
    bank.append(_credited(world))

    assert found(later=LATE) == []


def test_payouts_that_were_not_read_say_so_instead_of_missing_all_of_them(world, payout):
    found()

    with clock.travel(LATE):
        unread = reconcile(only=["S3", "S3-late"], sources=[], full=True)

    assert unread.found == 0
    assert all("NotReadSoFar" in passed.error for passed in unread.passes.all())
