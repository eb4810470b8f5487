"""D-29: a person settles what is owed or unknown by the provider's reference."""

from datetime import timedelta

import pytest

from orders.models import Order
from payments.models import Evidence, Payment, Refund
from payments.services import NotPossible, ask, settle_by_evidence
from sagas.intent import stored_outcome
from sagas.models import Case as EngineCase
from sagas.models import CaseKind as EngineCaseKind
from sagas.models import Intent, IntentState, StoredEvent
from tests.scenarios.books import Stand
from tests.scenarios.endings import ANNA, again, assert_row, at_most, cancel
from tests.scenarios.reconciled import found
from tests.world import reload

pytestmark = pytest.mark.both_databases

REFUNDED = Stand(order="cancelled", payment="refunded", reservation="released", shipment="stopped")
PACKED = Stand(order="fulfilling", payment="captured", reservation="committed", shipment="labelled")
#: Longer than a person's word counts unverified.
A_DAY = timedelta(hours=25)


def never_captured(world, fault):
    """Return an order of whose capture nobody knows what came, and the provider does not say."""
    world.provider.switch_on(fault, operation="capture", times=1)
    world.provider.switch_on("lost_answer", operation="inquire")
    order = world.ready()
    assert world.payment(order).state == Payment.State.CAPTURING
    return order


def vouch(world, subject, reference):
    """Have a person settle it by the provider's reference; return the evidence."""
    evidence = settle_by_evidence(subject, reference=reference, actor=ANNA, reason="seen there")
    world.drain()
    return evidence


def refund_by_hand(world, order):
    """Have somebody give the money back in the provider's own pages; return its name for that."""
    capture = world.payment(order).capture_id
    return world.provider.refund("by-hand", capture, 1500).id


def owed(world):
    """Return the refund of a cancelled order that the provider would not pay."""
    order = at_most(world, "shipping.book_label")
    world.provider.switch_on("decline", operation="refund", code="closed_account")
    cancel(world, order)
    world.provider.switch_off()
    return Refund.objects.get(order_id=order.pk, state=Refund.State.OWED)


def asked_of_finance():
    """Return whether the case about what nobody verified is still open."""
    case = EngineCase.objects.get(kind=EngineCaseKind.RECONCILIATION)
    assert case.owner == "finance"
    return case.closed_at is None


@pytest.mark.parametrize("repairs", [False, True])
def test_d29_a_call_without_an_answer_goes_on_by_the_providers_reference_and_is_verified_in_a_day(
    world, repairs
):
    order = never_captured(world, "lost_answer")
    (capture,) = (done for done in world.provider.list_transactions() if done.kind == "capture")

    evidence = vouch(world, world.payment(order), capture.id)
    assert reload(order).state == Order.State.FULFILLING
    world.provider.switch_off()
    world.pass_time(timedelta(hours=1))

    (intent,) = Intent.objects.filter(step="payments.capture", n=1)
    assert (intent.state, stored_outcome(intent).reference) == (IntentState.DONE, capture.id)
    fact = StoredEvent.objects.get(type="payments.OutcomeAttested")
    assert (fact.actor, fact.reason, fact.payload["reference"]) == (ANNA, "seen there", capture.id)
    assert found(later=A_DAY, repairs=repairs) == []
    assert again(evidence).verified_at is not None
    actions = ("CallUnanswered", "OutcomeAttested", "PaymentCaptured")
    words = "Your order is being packed."
    assert_row(
        world,
        29,
        order,
        end=PACKED,
        actions=actions,
        keeps=1500,
        words=words,
        open_sagas=["checkout"],
    )


@pytest.mark.parametrize("repairs", [False, True])
def test_d29_what_the_provider_does_not_say_is_asked_of_finance_after_a_day(world, repairs):
    order = never_captured(world, "lost_request")

    evidence = vouch(world, world.payment(order), "never-heard-of")
    world.provider.switch_off()

    assert reload(order).state == Order.State.FULFILLING
    assert found(repairs=repairs) == []
    assert found(later=A_DAY, repairs=repairs) == [("E29", evidence.pk.hex)]
    assert again(evidence).verified_at is None
    assert asked_of_finance()


def test_d29_an_owed_refund_counts_as_paid_by_the_providers_reference_and_the_order_ends(world):
    refund = owed(world)
    order = Order.objects.get(pk=refund.order_id)
    reference = refund_by_hand(world, order)

    evidence = vouch(world, refund, reference)

    assert (again(refund).state, again(refund).provider_refund_id) == ("paid", reference)
    assert (evidence.actor, evidence.reason) == (ANNA, "seen there")
    assert found(later=A_DAY) == []
    assert again(evidence).verified_at is not None
    actions = ("RefundOwed", "OwedRefundPaid", "RefundPaid", "OrderUndone")
    paid = "Your order is cancelled. 15.00 GBP was paid back."
    assert_row(world, 29, order, end=REFUNDED, actions=actions, keeps=0, words=paid)


def test_d29_a_person_asks_the_provider_where_nothing_repairs_itself(world):
    refund = owed(world)
    order = Order.objects.get(pk=refund.order_id)
    world.provider.switch_on("pending_refund", times=1)
    reference = refund_by_hand(world, order)
    evidence = vouch(world, refund, reference)
    assert found(later=A_DAY) == [("E29", evidence.pk.hex)]
    assert asked_of_finance()

    world.provider.settle_refund(reference)
    ask(world.payment(order))
    world.drain()

    assert again(evidence).verified_at is not None
    assert found(later=A_DAY) == []
    assert not asked_of_finance()


def test_d29_nothing_is_settled_by_evidence_that_is_neither_owed_nor_unknown(world):
    order = world.delivered()

    with pytest.raises(NotPossible, match="No call about it is without an answer"):
        settle_by_evidence(world.payment(order), reference="ch_1", actor=ANNA, reason="seen")
    with pytest.raises(NotPossible, match="takes the provider's reference"):
        settle_by_evidence(owed(world), reference="", actor=ANNA, reason="seen")

    assert not Evidence.objects.exists()
