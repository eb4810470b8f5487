"""While a bank disputes a payment nothing goes back; then as much goes back as it leaves (R35)."""

from uuid import UUID

import pytest

from payments import services
from payments.events import DisputeLost, MoneyOp
from payments.gateway import Disputed, Standing
from payments.learning import dispute_case
from payments.models import Dispute, LedgerEntry, Payment, Refund
from payments.participant import disputes as steps
from payments.services.standing import apply
from sagas.models import Saga
from tests.unit.payment_rows import (
    ACCOUNT,
    CASE,
    NOW,
    ORDER,
    State,
    captured,
    dispute,
    gbp,
    open_saga,
    refund,
    said,
)

pytestmark = pytest.mark.django_db
OTHER = UUID(int=3)


@pytest.fixture
def checkout():
    return open_saga("checkout", ORDER)


def saved(row):
    row.save()
    return row


def now_is(row):
    return type(row).objects.get(pk=row.pk)


def tell(paying, *statuses, minor=1000):
    """Have the provider tell of a dispute, once per status."""
    for status in statuses:
        found = Disputed(id="dp_1", capture_id="ch_1", amount_minor=minor, status=status)
        apply(paying.pk, Standing(reference="1001", currency="GBP", disputes=(found,)))


def the_saga():
    return Saga.objects.get(choreography="dispute", key=str(dispute_case(ORDER, "dp_1")))


# -- what the bank does ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "state", "facts"),
    [
        (["open", "open"], Dispute.State.OPEN, ["DisputeOpened"]),
        (["inquiry", "inquiry"], Dispute.State.INQUIRY, ["DisputeOpened"]),
        (["inquiry", "open"], Dispute.State.OPEN, ["DisputeOpened", "DisputeEscalated"]),
        (["open", "won", "won"], Dispute.State.WON, ["DisputeOpened", "DisputeWon"]),
        (["open", "lost", "lost"], Dispute.State.LOST, ["DisputeOpened", "DisputeLost"]),
        (["inquiry", "won"], Dispute.State.WON, ["DisputeOpened", "DisputeWon"]),
        (["inquiry", "lost"], Dispute.State.LOST, ["DisputeOpened", "DisputeLost"]),
        (["lost"], Dispute.State.LOST, ["DisputeOpened", "DisputeLost"]),
        (["open", "won", "open"], Dispute.State.WON, ["DisputeOpened", "DisputeWon"]),
    ],
)
def test_a_dispute_is_what_the_bank_has_made_of_it(checkout, statuses, state, facts):
    paying = saved(captured())

    tell(paying, *statuses)

    assert Dispute.objects.get().state == state
    assert said(the_saga()) == facts
    assert now_is(paying).is_frozen == (state in Dispute.LIVE)


def test_a_dispute_that_began_and_was_won_unseen_is_none(checkout):
    paying = saved(captured())

    tell(paying, "won")

    assert (Dispute.objects.exists(), said(), now_is(paying).is_frozen) == (False, [], False)


def test_what_the_bank_takes_counts_as_given_back(checkout):
    paying = saved(captured(refunded_minor=200))

    tell(paying, "open", "lost", minor=700)

    paying = now_is(paying)
    assert (paying.charged_back_minor, paying.kept_minor) == (700, 100)
    (line,) = LedgerEntry.objects.all()
    assert (line.kind, line.reference, line.amount_minor) == ("chargeback", "dp_1", 700)


@pytest.mark.parametrize(
    ("sums", "error"),
    [
        ({"pending_minor": 300}, services.MoneyOnItsWay),
        ({"refunded_minor": 300}, services.PaidTwice),
    ],
)
def test_a_bank_can_not_take_what_went_back_or_is_on_its_way(checkout, sums, error):
    paying = saved(captured(**sums))
    tell(paying, "open")

    with pytest.raises(error, match=r"took 10\.00 GBP .* only 7\.00 GBP"):
        tell(paying, "lost")

    assert (Dispute.objects.get().state, now_is(paying).charged_back_minor) == ("open", 0)


def test_a_payment_stays_frozen_until_its_last_dispute_is_decided(checkout):
    paying = saved(captured())
    saved(dispute(amount=100, provider_dispute_id="dp_0", case_id=OTHER))

    tell(paying, "open", "won", minor=100)

    assert now_is(paying).is_frozen


@pytest.mark.parametrize(
    ("paying", "state"),
    [
        (captured(charged_back_minor=1000), State.CHARGED_BACK),
        (captured(charged_back_minor=400, refunded_minor=600), State.CHARGED_BACK),
        (captured(charged_back_minor=400), State.CAPTURED),
        (captured(charged_back_minor=400, pending_minor=500), State.CAPTURED),
        (captured(State.REFUNDING, charged_back_minor=1000), State.CHARGED_BACK),
        (captured(State.VOIDED, captured_minor=0), State.VOIDED),
    ],
)
def test_a_payment_of_which_the_bank_left_nothing_is_charged_back(paying, state):
    event = DisputeLost(case_id=CASE, order_id=ORDER, amount=gbp(1))

    steps.charge_back(event, paying)

    assert paying.state == state


# -- what waited for it ---------------------------------------------------------------------------


def held(amount=300, **values):
    return saved(refund(Refund.State.HELD, amount, operation=MoneyOp.HOLD, **values))


def test_what_waited_goes_on_when_the_money_stays(checkout):
    paying, going = saved(captured(held_minor=300)), held()
    origin = open_saga("return", CASE)

    assert services.release_held(ORDER) == 1

    going, paying = now_is(going), now_is(paying)
    assert (going.state, going.operation) == (Refund.State.PLANNED, MoneyOp.REFUND)
    assert (paying.held_minor, paying.pending_minor) == (0, 300)
    assert said(origin) == ["CaseRefundReleased"]
    assert services.release_held(ORDER) == 0


def test_a_cancelled_orders_refund_goes_on_in_its_checkout(checkout):
    saved(captured(State.REFUNDING, held_minor=1000))
    held(1000, is_whole=True)

    services.release_held(ORDER)

    assert said(checkout) == ["RefundReleased"]


def test_nothing_goes_on_while_another_dispute_is_open(checkout):
    saved(captured(held_minor=300, is_frozen=True))
    going = held()

    assert services.release_held(ORDER) == 0
    assert now_is(going).state == Refund.State.HELD


def test_what_waited_gets_as_much_as_the_bank_has_left(checkout):
    paying = saved(captured(held_minor=1000, charged_back_minor=700))
    going = held(1000)
    open_saga("return", CASE)

    services.release_held(ORDER)

    going, paying = now_is(going), now_is(paying)
    assert (going.amount_minor, going.state) == (300, Refund.State.PLANNED)
    assert (paying.held_minor, paying.pending_minor, paying.left_minor) == (0, 300, 0)


def test_the_oldest_comes_first_and_who_gets_nothing_is_told_so(checkout):
    saved(captured(held_minor=600, charged_back_minor=700))
    first = held(300)
    second = held(300, id=OTHER, case_id=OTHER, planned_at=NOW.replace(year=2027))
    sagas = [open_saga("return", case) for case in (CASE, OTHER)]

    services.release_held(ORDER)

    assert [now_is(row).state for row in (first, second)] == ["planned", "dropped"]
    assert [said(saga) for saga in sagas] == [["CaseRefundReleased"], ["CaseRefunded"]]


def test_a_cancelled_order_ends_when_the_bank_took_everything(checkout):
    paying = saved(captured(State.REFUNDING, held_minor=1000, charged_back_minor=1000))
    going = held(1000, is_whole=True)

    services.release_held(ORDER)

    assert (now_is(going).state, said(checkout)) == (Refund.State.DROPPED, ["PaymentRefunded"])
    assert now_is(paying).held_minor == 0


@pytest.fixture
def owed(checkout):
    """A refund of 3.00 GBP that is a person's to decide, of a case that waits for it."""
    saved(captured(pending_minor=300))
    open_saga("return", CASE)
    row = saved(refund(Refund.State.OWED))
    return row, open_saga("owed_refund", row.pk)


def test_what_was_owed_waits_for_the_bank_too_and_goes_back_to_its_person(owed):
    going, saga = owed
    tell(Payment.objects.get(), "open")
    assert now_is(going).state == Refund.State.HELD
    assert Payment.objects.get().pending_minor == 0

    tell(Payment.objects.get(), "won")
    services.release_held(ORDER)

    assert now_is(going).state == Refund.State.OWED
    assert Payment.objects.get().pending_minor == 300
    assert said(saga) == ["OwedRefundRefused", "OwedRefundRefused", "CaseOpened"]


def test_what_was_owed_and_paid_by_the_bank_is_owed_no_more(owed):
    going, saga = owed
    tell(Payment.objects.get(), "open", "lost")

    services.release_held(ORDER)

    assert now_is(going).state == Refund.State.DROPPED
    assert said(saga) == ["OwedRefundRefused", "OwedRefundPaid"]
    assert services.tell_origin(going.pk)
    assert said()[-1] == "CaseRefunded"


@pytest.mark.parametrize(("account", "fact"), [(None, "RefundOwed"), (ACCOUNT, "Released")])
def test_a_deposit_that_waited_needs_an_account_all_the_same(checkout, account, fact):
    values = {"method": "virtual_account", "refund_account": account, "held_minor": 300}
    saved(captured(**values))
    going = held()
    open_saga("return", CASE)

    services.release_held(ORDER)

    assert said()[0].endswith(fact)
    assert (now_is(going).state == Refund.State.FAILED) == (account is None)
    assert Payment.objects.get().pending_minor == 300
