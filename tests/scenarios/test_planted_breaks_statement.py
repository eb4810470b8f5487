"""S1, S2, S4: what the statement says otherwise than our ledger is found line by line."""

import pytest

from orders.events import PayBy
from payments.models import LedgerEntry, Payment, Refund
from sagas import clock
from sagas.models import Case as EngineCase
from sagas.models import CaseKind
from sagas.reconciliation import reconcile
from tests.scenarios.planting import DAYS, SOON, cancel, found, payment_of
from tests.world import reload

pytestmark = pytest.mark.both_databases

#: The predicates that have their planted break here.
BREAKS = ("S1", "S1-amount", "S2", "S4")


@pytest.fixture
def order(world):
    """Return a paid order, beside one that was cancelled and refunded."""
    cancelled = world.place()
    paid = world.place()
    world.drain()
    cancel(world, cancelled)
    return paid


def test_a_deposit_that_nobody_told_us_of_is_learned(world):
    order = world.place(cards=(), pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    paid = world.provider.pay_deposit(order.number)

    assert found() == [("S1", f"capture {paid.id}")]
    assert found(repairs=True) == []
    world.pass_time(SOON)
    assert reload(order).is_captured
    assert found() == []


def test_a_deposit_for_an_order_that_was_given_up_goes_back_as_a_case_of_its_own(world):
    """D-5: the reconciler tells it like anybody else, and once."""
    order = world.place(cards=(), pay_by=PayBy.VIRTUAL_ACCOUNT)
    world.drain()
    paid = world.provider.pay_deposit(order.number)
    payment_of(order).update(state=Payment.State.CLOSED)

    assert ("S1", f"capture {paid.id}") in found()
    found(repairs=True)
    found(repairs=True)
    assert list(payment_of(order).get().late_captures.values()) == [paid.id]


def test_a_chargeback_that_nobody_told_us_of_is_learned(world, order):
    dispute = world.provider.open_dispute(order.number)
    world.provider.close_dispute(dispute, won=False)

    assert found() == [("S1", f"chargeback {dispute}")]
    assert found(repairs=True) == []
    assert payment_of(order).get().charged_back_minor == 1500


def test_a_refund_that_came_back_without_a_word_is_owed_again(world):
    order = world.place()
    world.drain()
    cancel(world, order)
    refund = Refund.objects.get(order_id=order.pk)
    world.provider.settle_refund(refund.provider_refund_id, ok=False)

    assert found() == [("S1", f"refund_failed {refund.provider_refund_id}")]
    assert found(repairs=True) == []
    assert Refund.objects.get(pk=refund.pk).state == Refund.State.FAILED


def test_a_line_of_another_amount_is_found(world, order):
    line = world.provider.plant_in_settlement("wrong_amount", order.number, amount_minor=1499)

    assert found(repairs=True) == [("S1-amount", f"capture {line.id}")]
    assert EngineCase.objects.get(kind=CaseKind.RECONCILIATION).owner == "finance"


def test_a_line_of_another_currency_is_found(world, order):
    line = world.provider.plant_in_settlement("wrong_currency", order.number, currency="EUR")

    assert found() == [("S1-amount", f"capture {line.id}")]


def test_a_line_that_is_there_twice_is_found(world, order):
    line = world.provider.plant_in_settlement("duplicate", order.number)

    assert found() == [("S1-amount", f"capture {line.id}")]


def test_a_line_that_is_missing_is_found_once_the_settlement_is_late(world, order):
    line = world.provider.plant_in_settlement("missing", order.number)

    assert found() == []
    assert found(later=DAYS, repairs=True) == [("S2", f"capture {line.id}")]


def test_an_entry_of_ours_that_nobody_ever_made_is_found(world, order):
    """The payment says the same, so that only the provider can tell."""
    LedgerEntry.objects.filter(payment_id=payment_of(order).get().pk, kind="capture").update(
        reference="ours"
    )

    first = payment_of(order).get().capture_id
    assert found() == [("S1", f"capture {first}")]
    assert found(later=DAYS) == [("S1", f"capture {first}"), ("S2", "capture ours")]


@pytest.mark.parametrize("kind", ["capture", "refund"])
def test_a_line_for_an_order_that_nobody_knows_is_found(world, order, kind):
    line = world.provider.plant_in_settlement("unknown_reference", "NOBODY", line=kind)

    assert found(repairs=True) == [("S4", f"{kind} {line.id}")]


def test_a_statement_that_was_not_read_says_so_instead_of_missing_everything(world, order):
    with clock.travel(DAYS):
        unread = reconcile(only=["S2"], sources=[], full=True)

    assert unread.found == 0
    assert "NotReadSoFar" in unread.passes.get().error
