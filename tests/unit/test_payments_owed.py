"""A refund that was not paid stays owed until a person, or two, have seen to it (D-26, R34)."""

import pytest
from django.db import IntegrityError, transaction

from payments import services
from payments.events import (
    MoneyOp,
    OwedRefundOrdered,
    OwedRefundPaid,
    OwedRefundRefused,
    RefundOwed,
)
from payments.models import LedgerEntry, Payment, Refund
from payments.participant import owed as steps
from sagas.models import SagaStatus, StoredEvent
from tests.unit.payment_rows import (
    ACCOUNT,
    CASE,
    NOW,
    ORDER,
    State,
    captured,
    done,
    gbp,
    lines,
    open_saga,
    refund,
    refused,
    said,
    work,
)

OWED = RefundOwed(
    refund_id=refund().id, case_id=CASE, order_id=ORDER, amount=gbp(300), code="closed"
)
ORDERED = OwedRefundOrdered(refund_id=refund().id, case_id=CASE, order_id=ORDER)
PAID = OwedRefundPaid(refund_id=refund().id, case_id=CASE, order_id=ORDER, amount=gbp(300))


# -- steps ----------------------------------------------------------------------------------------


def test_an_owed_refund_is_not_tried_again_by_itself():
    going = refund(Refund.State.FAILED, failure_code="closed")

    steps.owe(OWED, going)

    assert (going.state, going.failure_code) == (Refund.State.OWED, "closed")


@pytest.mark.parametrize(
    ("state", "after"), [(State.REFUNDED, State.REFUNDING), (State.CAPTURED, State.CAPTURED)]
)
def test_an_order_whose_money_came_back_is_not_settled_any_more(state, after):
    paying = captured(state, refunded_minor=700, pending_minor=300)

    steps.owe_again(OWED, paying)

    assert paying.state == after


def test_what_a_person_has_ordered_is_paid():
    paying, going, desk = captured(pending_minor=300), refund(), work()

    answer = steps.send_owed(ORDERED, going, paid=[paying], outcome=done("re_3"), work=desk)

    assert answer == PAID
    assert (going.state, paying.refunded_minor, paying.pending_minor) == ("paid", 300, 0)
    assert lines(desk) == [("refund", "re_3", 300)]


def test_what_is_refused_once_more_goes_back_to_its_person():
    paying, going, desk = captured(pending_minor=300), refund(), work()

    answer = steps.send_owed(ORDERED, going, paid=[paying], outcome=refused("closed"), work=desk)

    assert isinstance(answer, OwedRefundRefused)
    assert (going.state, going.failure_code) == (Refund.State.OWED, "closed")
    assert (paying.pending_minor, lines(desk)) == (300, [])


@pytest.mark.parametrize(
    ("sums", "after"),
    [
        ({"refunded_minor": 1000}, State.REFUNDED),
        ({"refunded_minor": 700, "pending_minor": 300}, State.REFUNDING),
        ({"refunded_minor": 700, "charged_back_minor": 300}, State.REFUNDED),
    ],
)
def test_a_cancelled_order_is_settled_when_nothing_of_it_is_kept(sums, after):
    paying = captured(State.REFUNDING, **sums)

    steps.settle_owed(PAID, paying)

    assert paying.state == after


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_whole", "status", "told"),
    [
        (True, SagaStatus.RUNNING, ["RefundPaid"]),
        (True, SagaStatus.COMPENSATED, []),
        (False, SagaStatus.RUNNING, ["CaseRefunded"]),
        (False, SagaStatus.COMPLETED, []),
    ],
)
def test_whoever_still_waits_for_the_money_is_told(is_whole, status, told):
    captured().save()
    refund(Refund.State.PAID, is_whole=is_whole, provider_refund_id="re_3").save()
    origin = open_saga("checkout", ORDER) if is_whole else open_saga("return", CASE)
    origin.status = status
    origin.ended_at = None if status == SagaStatus.RUNNING else NOW
    origin.save()

    steps.tell_origin(PAID)

    assert said(origin) == told


# -- people ---------------------------------------------------------------------------------------


@pytest.fixture
def going(db):
    """A refund of 3.00 GBP that the provider would not pay."""
    captured(pending_minor=300).save()
    row = refund(Refund.State.OWED, failure_code="closed")
    row.save()
    open_saga("owed_refund", row.pk)
    return row


def now_is(row):
    return type(row).objects.get(pk=row.pk)


def test_a_person_has_it_tried_again_and_says_why(going):
    services.order_refund_again(going, actor="admin:kim", reason="the card works again")

    (fact,) = StoredEvent.objects.all()
    assert fact.type == "payments.OwedRefundOrdered"
    assert (fact.actor, fact.reason) == ("admin:kim", "the card works again")


def test_paying_elsewhere_takes_two_people(going):
    services.propose_elsewhere(going, ACCOUNT, actor="admin:kim", reason="customer wrote")
    with pytest.raises(services.NotPossible, match="ask a colleague"):
        services.approve_elsewhere(going, number=ACCOUNT["number"], actor="admin:kim")
    assert said() == ["RefundElsewhereProposed"]

    services.approve_elsewhere(going, number=ACCOUNT["number"], actor="admin:lee", reason="checked")

    going = now_is(going)
    assert (going.proposed_by, going.approved_by) == ("admin:kim", "admin:lee")
    assert (going.operation, going.account) == (MoneyOp.REFUND_ELSEWHERE, ACCOUNT)
    assert said() == ["RefundElsewhereProposed", "OwedRefundOrdered"]


def test_nobody_approves_an_account_that_was_proposed_after_they_looked(going):
    services.propose_elsewhere(going, ACCOUNT, actor="admin:kim")
    seen = ACCOUNT["number"]
    services.propose_elsewhere(going, {**ACCOUNT, "number": "9"}, actor="customer:kim")

    with pytest.raises(services.NotPossible, match="proposed by now"):
        services.approve_elsewhere(going, number=seen, actor="admin:lee")

    assert now_is(going).approved_by == ""


def test_a_new_proposal_takes_the_approval_back(going):
    services.propose_elsewhere(going, ACCOUNT, actor="admin:kim")
    services.approve_elsewhere(going, number=ACCOUNT["number"], actor="admin:lee")

    services.propose_elsewhere(going, {**ACCOUNT, "number": "9"}, actor="admin:lee")

    assert (now_is(going).approved_by, now_is(going).account["number"]) == ("", "9")
    with pytest.raises(services.NotPossible, match="proposed and approved first"):
        services.order_refund_again(going, actor="admin:kim", reason="")


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (
            lambda row: services.approve_elsewhere(
                row, number=ACCOUNT["number"], actor="admin:lee"
            ),
            "Nobody has proposed",
        ),
        (lambda row: services.propose_elsewhere(row, ACCOUNT, actor=""), "who does this"),
        (
            lambda row: services.approve_elsewhere(row, number=ACCOUNT["number"], actor=""),
            "who does this",
        ),
        (
            lambda row: services.propose_elsewhere(row, {"bank": "B", "number": ""}, actor="a"),
            "number, holder",
        ),
    ],
)
def test_what_a_person_can_not_decide_is_said(going, act, why):
    with pytest.raises(services.NotPossible, match=why):
        act(going)

    assert (said(), now_is(going).proposed_by) == ([], "")


@pytest.mark.parametrize("state", [s for s in Refund.State if s != Refund.State.OWED])
def test_there_is_nothing_to_decide_about_a_refund_that_is_not_owed(db, state):
    row = refund(state, provider_refund_id="re_1" if state == Refund.State.PAID else None)
    row.save()
    deeds = (
        lambda: services.order_refund_again(row, actor="a", reason=""),
        lambda: services.propose_elsewhere(row, ACCOUNT, actor="a"),
        lambda: services.approve_elsewhere(row, number=ACCOUNT["number"], actor="a"),
    )

    for deed in deeds:
        with pytest.raises(services.NotPossible, match="nothing to decide"):
            deed()


@pytest.mark.parametrize(
    ("people", "constraint"),
    [
        ({"proposed_by": "kim", "approved_by": "kim"}, "second_person"),
        ({"approved_by": "kim"}, "second_person"),
        ({"operation": MoneyOp.REFUND_ELSEWHERE}, "only_with_approval"),
    ],
)
def test_the_database_wants_a_second_person_too(db, people, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        refund(Refund.State.SENT, **people).save()


def test_a_customer_who_paid_by_transfer_says_where_money_goes_back_to(db):
    paying = captured(method="virtual_account")
    paying.save()

    services.give_account(paying, {**ACCOUNT, "more": "ignored"}, actor="customer:kim")

    assert Payment.objects.get().refund_account == ACCOUNT
    assert said() == ["RefundAccountGiven"]


def test_an_owed_refund_is_settled_by_the_providers_reference(going):
    evidence = services.settle_by_evidence(
        going, reference="re_9", actor="admin:kim", reason="seen in its dashboard"
    )

    assert (now_is(going).state, now_is(going).provider_refund_id) == ("paid", "re_9")
    assert Payment.objects.get().refunded_minor == 300
    assert LedgerEntry.objects.get().reference == "re_9"
    assert said() == ["OwedRefundPaid", "PaymentHinted"]
    assert StoredEvent.objects.get(type="payments.OwedRefundPaid").actor == "admin:kim"
    assert (evidence.refund_id, evidence.reference) == (going.pk, "re_9")


def test_evidence_does_not_replace_the_second_person(going):
    going.operation = MoneyOp.REFUND_ELSEWHERE
    going.save()

    with pytest.raises(services.NotPossible, match="proposed and approved first"):
        services.settle_by_evidence(going, reference="re_9", actor="admin:kim", reason="")
