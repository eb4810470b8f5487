"""What the provider knows of an order is learned in whatever order and however often (R37)."""

from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from payments import services
from payments.events import PaymentHinted, StandingFound
from payments.gateway import Authorised, Captured, Deposit, Refunded, Standing
from payments.models import LedgerEntry, Payment, Refund
from payments.participant import giving, looking
from payments.services.standing import apply
from sagas import clock
from sagas.models import Intent, IntentState, Saga
from tests.unit.payment_rows import (
    CASE,
    NOW,
    ORDER,
    State,
    authorised,
    awaiting,
    captured,
    done,
    gbp,
    lines,
    open_saga,
    payment,
    refund,
    refused,
    said,
    work,
)

pytestmark = pytest.mark.django_db
HELD = Authorised(id="au_1", amount_minor=1000, open_minor=1000)
LAPSED = Authorised(id="au_1", amount_minor=1000, open_minor=0)
STRAY = Authorised(id="au_0", amount_minor=1000, open_minor=1000)
TAKEN = Captured(id="ch_9", amount_minor=1000, at=NOW)


def stands(**values):
    return Standing(reference="1001", currency="GBP", **values)


def deposit(status):
    return Deposit(status=status, until=NOW, account={})


@pytest.fixture
def checkout():
    return open_saga("checkout", ORDER)


def saved(row):
    row.save()
    return row


def now_is(row):
    return type(row).objects.get(pk=row.pk)


def ledger():
    rows = LedgerEntry.objects.order_by("recorded_at", "id")
    return list(rows.values_list("kind", "reference", "amount_minor"))


# -- money that came ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paying", "state", "facts"),
    [
        (awaiting(), State.CAPTURED, ["DepositReceived"]),
        (authorised(), State.CAPTURED, ["PaymentCaptured"]),
        (payment(State.DECLINED), State.CAPTURED, ["PaymentAuthorised", "PaymentCaptured"]),
        (payment(State.CLOSED), State.LATE, ["LateCaptureFound"]),
        (authorised(State.VOIDED, voided_minor=1000), State.LATE, ["LateCaptureFound"]),
        (captured(), State.CAPTURED, ["LateCaptureFound"]),
    ],
)
def test_money_is_learned_once_however_often_it_is_told(checkout, paying, state, facts):
    saved(paying)

    for _ in range(3):
        apply(paying.pk, stands(captures=(TAKEN,)))

    assert now_is(paying).state == state
    assert said() == facts
    assert ledger() == [("capture", "ch_9", 1000)]


def test_late_money_is_a_saga_of_its_own(checkout):
    paying = saved(payment(State.CLOSED))

    apply(paying.pk, stands(captures=(TAKEN,)))

    late = Saga.objects.get(choreography="late_success")
    assert late.key in now_is(paying).late_captures
    assert Saga.objects.get(pk=checkout.pk).position == 0


@pytest.mark.parametrize("state", Payment.IN_FLIGHT)
def test_what_a_call_that_is_out_will_tell_is_left_to_it(checkout, state):
    paying = saved(authorised(state))

    with pytest.raises(services.CallIsOut, match="look again later"):
        apply(paying.pk, stands(captures=(TAKEN,)))

    assert (now_is(paying).state, said(), ledger()) == (state, [], [])


def test_a_provider_that_knows_nothing_changes_nothing(checkout):
    paying = saved(authorised())

    looking.learn(StandingFound(payment_id=paying.pk, reference="1001", standing=None))

    assert (now_is(paying).state, said()) == (State.AUTHORISED, [])


# -- reservations and accounts --------------------------------------------------------------------


def test_a_reservation_that_has_lapsed_is_worth_nothing(checkout):
    paying = saved(authorised())

    for _ in range(2):
        apply(paying.pk, stands(authorisations=(LAPSED,)))

    assert (now_is(paying).state, now_is(paying).open_minor) == (State.VOIDED, 0)
    assert said() == ["AuthorisationExpiring"]
    assert ledger() == [("lapse", "au_1", 1000)]


def test_a_reservation_that_stands_is_no_news(checkout):
    paying = saved(authorised())

    apply(paying.pk, stands(authorisations=(HELD,)))

    assert (now_is(paying).state, said()) == (State.AUTHORISED, [])


@pytest.mark.parametrize("status", ["expired", "closed"])
def test_an_account_that_closed_before_its_time_has_expired(checkout, status):
    until = clock.now() + timedelta(days=1)
    paying = saved(awaiting(deposit_until=until))

    for _ in range(2):
        apply(paying.pk, stands(deposit=deposit(status)))

    assert said() == ["DepositExpired"]
    assert now_is(paying).deposit_until < until


@pytest.mark.parametrize("status", ["waiting", "paid"])
def test_an_account_that_waits_or_was_paid_has_not_expired(checkout, status):
    paying = saved(awaiting(deposit_until=clock.now() + timedelta(days=1)))

    apply(paying.pk, stands(deposit=deposit(status)))

    assert (now_is(paying).state, said()) == (State.AWAITING_DEPOSIT, [])


def look(paying, *held):
    """Return what a look at the provider announces."""
    hint = PaymentHinted(payment_id=paying.pk, reference="1001")
    standing = msgspec.to_builtins(stands(authorisations=held))
    return looking.look(hint, paying, outcome=done("", standing=standing))


@pytest.mark.parametrize("paying", [payment(State.DECLINED), captured(), payment(State.CLOSED)])
def test_what_is_reserved_for_nothing_is_found(paying):
    found, stray = look(paying, LAPSED, STRAY)

    assert isinstance(found, StandingFound)
    assert (stray.authorisation_id, stray.amount) == ("au_0", gbp(1000))


def test_the_payments_own_reservation_is_no_stray():
    assert isinstance(look(authorised(), HELD), StandingFound)


@pytest.mark.parametrize("state", Payment.IN_FLIGHT)
def test_what_a_call_that_is_out_may_have_reserved_is_no_stray(state):
    assert isinstance(look(payment(state), STRAY), StandingFound)


def stray_event(paying):
    return look(paying, STRAY)[1]


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (done("vo_1"), ("void", "vo_1", 1000)),
        (
            refused(
                "expired",
                standing={
                    "reference": "1001",
                    "currency": "GBP",
                    "authorisations": [{"id": "au_0", "amount_minor": 1000, "open_minor": 0}],
                    "captures": [
                        {"id": "ch_1", "amount_minor": 1000, "at": "2026-01-01T00:00:00+00:00"}
                    ],
                },
            ),
            ("lapse", "au_0", 1000),
        ),
    ],
)
def test_what_is_reserved_for_nothing_is_given_up(outcome, line):
    paying, desk = saved(captured()), work()

    answer = looking.void_stray(stray_event(paying), paying, outcome=outcome, work=desk)

    assert answer.amount == gbp(1000)
    assert lines(desk) == [("authorise", "au_0", 1000), line]
    assert (paying.authorised_minor, paying.voided_minor, paying.open_minor) == (2000, 1000, 0)


def test_giving_up_is_tried_again_when_the_provider_refuses():
    paying = saved(captured())

    with pytest.raises(giving.NotDone, match="busy"):
        looking.void_stray(stray_event(paying), paying, outcome=refused("busy"), work=work())


# -- refunds --------------------------------------------------------------------------------------


def told(status, *, name="re_1", key="", code=""):
    return stands(
        refunds=(
            Refunded(
                id=name, key=key, capture_id="ch_1", amount_minor=300, status=status, code=code
            ),
        )
    )


def asked(going, key):
    """Write down that `going` was asked for under `key`, and refused."""
    Intent.objects.create(
        saga_id=uuid4(),
        event_id=uuid4(),
        choreography="return",
        key=str(CASE),
        step="payments.send_case_refund",
        subject_key=str(going.pk),
        n=1,
        idempotency_key=key,
        state=IntentState.FAILED,
        started_at=NOW,
    )


def test_a_refund_that_comes_back_days_later_is_owed_again(checkout):
    paying = saved(captured(refunded_minor=300))
    going = saved(refund(Refund.State.PAID, provider_refund_id="re_1", paid_at=NOW))

    for _ in range(2):
        apply(paying.pk, told("failed", code="account_closed"))

    going, paying = now_is(going), now_is(paying)
    assert (going.state, going.failure_code) == (Refund.State.FAILED, "account_closed")
    assert (going.provider_refund_id, going.paid_at) == (None, None)
    assert (paying.refunded_minor, paying.pending_minor) == (0, 300)
    assert said() == ["RefundOwed"]
    assert ledger() == [("refund_failed", "re_1", 300)]
    assert Saga.objects.filter(choreography="owed_refund", key=str(going.pk)).exists()


def test_a_refund_that_comes_back_a_second_time_goes_back_to_its_person(checkout):
    paying = saved(captured(refunded_minor=300))
    going = saved(refund(Refund.State.PAID, provider_refund_id="re_2"))
    owed = open_saga("owed_refund", going.pk)

    apply(paying.pk, told("failed", name="re_2"))

    assert now_is(going).state == Refund.State.OWED
    assert said(owed) == ["OwedRefundRefused", "CaseOpened"]


def test_what_failed_before_a_refund_was_paid_is_old_news(checkout):
    key = uuid4()
    paying = saved(captured(refunded_minor=300))
    going = saved(refund(Refund.State.PAID, provider_refund_id="re_2"))
    asked(going, key)

    apply(paying.pk, told("failed", name="re_1", key=str(key)))

    assert (now_is(going).state, said()) == (Refund.State.PAID, [])


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_refund_that_was_given_up_for_lost_and_paid_late_is_attached_by_its_key(is_whole):
    key = uuid4()
    paying = saved(captured(pending_minor=300))
    going = saved(refund(Refund.State.FAILED, is_whole=is_whole))
    asked(going, key)
    origin = open_saga("checkout", ORDER) if is_whole else open_saga("return", CASE)

    for _ in range(2):
        apply(paying.pk, told("paid", key=str(key)))

    going, paying = now_is(going), now_is(paying)
    assert (going.state, going.provider_refund_id) == (Refund.State.PAID, "re_1")
    assert (paying.refunded_minor, paying.pending_minor) == (300, 0)
    assert said(origin) == ["RefundPaid" if is_whole else "CaseRefunded"]
    assert ledger() == [("refund", "re_1", 300)]


def test_an_owed_refund_that_was_paid_after_all_ends_what_was_owed():
    key = uuid4()
    paying, going = saved(captured(pending_minor=300)), saved(refund(Refund.State.OWED))
    asked(going, key)
    owed = open_saga("owed_refund", going.pk)

    apply(paying.pk, told("paid", key=str(key)))

    assert now_is(going).state == Refund.State.PAID
    assert said(owed) == ["OwedRefundPaid"]


@pytest.mark.parametrize("status", ["pending", "paid"])
def test_a_refund_that_is_out_is_left_to_its_call(checkout, status):
    key = uuid4()
    paying, going = saved(captured(pending_minor=300)), saved(refund(Refund.State.SENT))
    asked(going, key)

    apply(paying.pk, told(status, key=str(key)))

    assert (now_is(going).state, said(), ledger()) == (Refund.State.SENT, [], [])


def test_a_refund_that_has_failed_while_its_call_is_out_is_looked_at_again_after_that(checkout):
    key = uuid4()
    paying, going = saved(captured(pending_minor=300)), saved(refund(Refund.State.SENT))
    asked(going, key)

    with pytest.raises(services.CallIsOut, match="has failed: look again later"):
        apply(paying.pk, told("failed", key=str(key)))

    assert (now_is(going).state, said(), ledger()) == (Refund.State.SENT, [], [])


def test_a_refund_that_left_and_came_back_unheard_is_booked_as_both_once():
    key = uuid4()
    paying, going = saved(captured(pending_minor=300)), saved(refund(Refund.State.OWED))
    asked(going, key)

    for _ in range(2):
        apply(paying.pk, told("failed", key=str(key)))

    assert now_is(going).state == Refund.State.OWED
    assert ledger() == [("refund", "re_1", 300), ("refund_failed", "re_1", 300)]


@pytest.mark.parametrize("status", ["pending", "paid", "failed"])
def test_a_refund_that_nobody_here_asked_for_is_left_to_the_reconciler(checkout, status):
    paying = saved(captured())

    apply(paying.pk, told(status))

    assert (said(), ledger(), now_is(paying).refunded_minor) == ([], [], 0)


# -- looking --------------------------------------------------------------------------------------


def test_what_was_found_is_kept_as_it_was_said():
    paying = captured()

    found = looking.look(
        PaymentHinted(payment_id=paying.pk, reference="1001"),
        paying,
        outcome=done("", standing={"reference": "1001", "currency": "GBP"}),
    )

    assert found == StandingFound(
        payment_id=paying.pk,
        reference="1001",
        standing={"reference": "1001", "currency": "GBP"},
    )


def test_what_was_found_is_learned_from(checkout):
    paying = saved(payment(State.CLOSED))
    said_then = {
        "reference": "1001",
        "currency": "GBP",
        "captures": [{"id": "ch_9", "amount_minor": 1000, "at": "2026-01-01T00:00:00+00:00"}],
    }

    looking.learn(StandingFound(payment_id=paying.pk, reference="1001", standing=said_then))

    assert now_is(paying).state == State.LATE


def test_a_payment_is_looked_at_once_however_often_it_is_hinted_at():
    paying = saved(captured())

    assert [services.ask(paying) for _ in range(3)] == [True, False, False]
    assert said() == ["PaymentHinted"]
