"""M1-M8, E26 and E29: money that is broken by hand is found under its name and nowhere else."""

import pytest
from django.db.models import F

from orders.models import Benefit, CaseLine, Order
from payments.models import Evidence, LedgerEntry, Refund
from payments.services import FINANCE, order_refund_again
from sagas import clock
from sagas.models import Case as EngineCase
from sagas.models import CaseKind as EngineCaseKind
from sagas.models import Saga
from tests.scenarios.planting import (
    Orders,
    Plant,
    assert_found,
    found,
    orders_of,
    owed_order,
    payment_of,
)
from tests.world import World

pytestmark = pytest.mark.both_databases


def more_taken_directly_than_taken(_: World, orders: Orders) -> str:
    payment_of(orders["kept"]).update(direct_minor=F("captured_minor") + 1)
    return orders["kept"].number


def a_promise_without_a_refund(_: World, orders: Orders) -> str:
    payment_of(orders["kept"]).update(pending_minor=100)
    return orders["kept"].number


def a_refund_that_is_held_by_nothing(_: World, orders: Orders) -> str:
    payment_of(orders["paid"]).update(held_minor=100)
    return orders["paid"].number


def a_refund_of_another_kind_than_its_case(_: World, orders: Orders) -> str:
    refund = Refund.objects.get(order_id=orders["called_off"].pk)
    Refund.objects.filter(pk=refund.pk).update(case="goodwill")
    return f"{orders['called_off'].number} refund {refund.pk}"


def a_case_whose_lines_do_not_add_up(_: World, orders: Orders) -> str:
    line = CaseLine.objects.get(case__order=orders["part"])
    CaseLine.objects.filter(pk=line.pk).update(amount_minor=F("amount_minor") + 1)
    return f"{orders['part'].number} case {line.case_id}"


def a_line_that_was_refunded_for_no_case(_: World, orders: Orders) -> str:
    line = orders["kept"].lines.get()
    orders["kept"].lines.update(refunded_minor=1)
    return f"{orders['kept'].number} line {line.pk}"


def money_of_a_cancelled_order(_: World, orders: Orders) -> str:
    payment = payment_of(orders["declined"]).get()
    payment_of(orders["declined"]).update(captured_minor=500, direct_minor=500)
    kind = LedgerEntry.Kind.CAPTURE
    LedgerEntry.of(payment, kind, minor=500, reference="ours", at=clock.now()).save()
    return str(payment.number)


def an_order_that_was_dearer(_: World, orders: Orders) -> str:
    orders_row(orders["kept"]).update(
        goods_minor=F("goods_minor") - 1, total_minor=F("total_minor") - 1
    )
    return orders["kept"].number


def an_order_that_is_not_all_paid(_: World, orders: Orders) -> str:
    orders_row(orders["paid"]).update(
        goods_minor=F("goods_minor") + 1, total_minor=F("total_minor") + 1
    )
    return orders["paid"].number


def a_captured_order_that_still_waits(_: World, orders: Orders) -> str:
    orders_row(orders["paid"]).update(state=Order.State.PLACED)
    return orders["paid"].number


def points_that_came_back_for_nothing(_: World, orders: Orders) -> str:
    benefits = Benefit.objects.filter(order=orders["part"], kind="points")
    benefits.update(restored_minor=F("restored_minor") + 1)
    return f"{orders['part'].number} points"


def a_payment_that_says_more_than_its_ledger(_: World, orders: Orders) -> str:
    payment_of(orders["kept"]).update(authorised_minor=F("authorised_minor") + 1)
    return orders["kept"].number


def an_entry_less_in_the_ledger(_: World, orders: Orders) -> str:
    payment_of(orders["called_off"]).update(
        voided_minor=1, authorised_minor=F("authorised_minor") + 1
    )
    return orders["called_off"].number


def evidence_of_what_the_provider_does_not_know(_: World, orders: Orders) -> str:
    return str(vouch(orders["kept"], "never-heard-of").pk)


def orders_row(order: Order):
    return Order.objects.filter(pk=order.pk)


def vouch(order: Order, reference: str) -> Evidence:
    """Have a person vouch for a capture, to be verified at once."""
    now = clock.now()
    return Evidence.objects.create(
        payment_id=payment_of(order).get().pk, step="payments.capture", reference=reference,
        actor="admin:anna", reason="seen there", recorded_at=now,
        verify_by=now,
    )  # fmt: skip


def an_owed_refund_about_which_nobody_is_asked(_: World, orders: Orders) -> str:
    refund = Refund.objects.get(order_id=orders["owed"].pk)
    forget_the_question(refund)
    return str(refund.pk)


def forget_the_question(refund: Refund) -> None:
    """Leave an owed refund as it was before anybody was asked about one."""
    saga = Saga.objects.get(choreography="owed_refund", key=str(refund.pk))
    EngineCase.objects.filter(saga_id=saga.pk).delete()


BREAKS: list[tuple[str, Plant]] = [
    ("M1", more_taken_directly_than_taken),
    ("M2", a_promise_without_a_refund),
    ("M2", a_refund_that_is_held_by_nothing),
    ("M3", a_refund_of_another_kind_than_its_case),
    ("M3", a_case_whose_lines_do_not_add_up),
    ("M3", a_line_that_was_refunded_for_no_case),
    ("M4", money_of_a_cancelled_order),
    ("M5", an_order_that_was_dearer),
    ("M6", an_order_that_is_not_all_paid),
    ("M6", a_captured_order_that_still_waits),
    ("M7", points_that_came_back_for_nothing),
    ("M8", a_payment_that_says_more_than_its_ledger),
    ("M8", an_entry_less_in_the_ledger),
    ("E26", an_owed_refund_about_which_nobody_is_asked),
    ("E29", evidence_of_what_the_provider_does_not_know),
]


def test_each_planted_break_of_money_is_found_and_nothing_else(world):
    orders = orders_of(world, owed=True)
    undamaged = found()

    assert undamaged == []
    assert_found(world, orders, BREAKS)


def test_finance_is_asked_about_a_refund_that_became_owed_before_anybody_was(world):
    refund = Refund.objects.get(order_id=owed_order(world).pk)
    forget_the_question(refund)

    assert found() == [("E26", refund.pk.hex)]
    asked = EngineCase.objects.get(closed_at=None)
    assert (asked.kind, asked.owner) == (EngineCaseKind.RECONCILIATION, FINANCE)
    assert f"{refund.number}: a refund is owed (closed_account), and nobody is asked" in (
        asked.detail
    )
    order_refund_again(refund, actor="admin:anna", reason="the account is open again")
    world.drain()
    assert found() == []
    asked.refresh_from_db()
    assert asked.closed_at is not None


def test_evidence_that_the_provider_confirms_is_verified_by_the_reconciler(world):
    order = world.place()
    world.drain()
    evidence = vouch(order, payment_of(order).get().capture_id)

    assert found() == [("E29", evidence.pk.hex)]
    assert found(repairs=True) == []
    evidence.refresh_from_db()
    assert evidence.verified_at is not None


def test_evidence_that_the_provider_does_not_confirm_stays_a_case(world):
    order = world.place()
    world.drain()
    evidence = vouch(order, "never-heard-of")

    assert found(repairs=True) == [("E29", evidence.pk.hex)]
