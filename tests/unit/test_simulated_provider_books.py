"""What the simulated provider says of itself: standing, settlement and payouts."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from payments.simulated_provider import (
    Authorisation,
    Capture,
    Deposit,
    Dispute,
    InvalidRequest,
    Payout,
    ProviderTimeout,
    Refund,
    SimulatedProvider,
    Standing,
    lapses,
)

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3", now=lambda: NOW)


@pytest.fixture
def captured(provider):
    authorised = provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    return provider.capture("c-1", authorised.id, 700)


def positions(lines):
    return [line.position for line in lines]


# -- what has expired ---------------------------------------------------------------------------


def test_what_has_expired_is_looked_for_by_an_index_however_many_orders_there_are(provider):
    with closing(sqlite3.connect(provider.path)) as books:
        plan = [row[-1] for row in books.execute(f"EXPLAIN QUERY PLAN {lapses.DUE}", ["2026"])]

    assert [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step] == []
    assert sum("USING" in step and "INDEX" in step for step in plan) == 2, plan


# -- Standing -----------------------------------------------------------------------------------


def test_everything_known_of_an_order_is_found_by_its_reference(provider, captured):
    provider.switch_on("pending_refund", times=1)
    pending = provider.refund("r-1", captured.id, 100)
    paid = provider.refund("r-2", captured.id, 50)
    dispute = provider.open_dispute("1001", 200, inquiry=True)

    standing = provider.standing("1001")

    assert standing == Standing(
        reference="1001",
        closed=False,
        authorisations=(
            Authorisation(
                id=standing.authorisations[0].id,
                key="a-1",
                amount_minor=1000,
                open_minor=300,
                currency="GBP",
                expires_at=NOW + timedelta(days=7),
            ),
        ),
        captures=(
            Capture(
                id=captured.id,
                key="c-1",
                amount_minor=700,
                left_minor=550,
                currency="GBP",
                at=NOW,
                reversible_until=datetime(2026, 3, 2, 15, 0, tzinfo=UTC),
            ),
        ),
        refunds=(
            Refund(
                id=pending.id,
                key="r-1",
                capture_id=captured.id,
                amount_minor=100,
                currency="GBP",
                status="pending",
                code="",
            ),
            Refund(
                id=paid.id,
                key="r-2",
                capture_id=captured.id,
                amount_minor=50,
                currency="GBP",
                status="succeeded",
                code="",
            ),
        ),
        disputes=(
            Dispute(
                id=dispute,
                capture_id=captured.id,
                amount_minor=200,
                currency="GBP",
                status="inquiry",
            ),
        ),
        deposit=None,
    )


def test_the_standing_of_a_deposit_names_its_account_and_time(provider):
    until = NOW + timedelta(days=1)
    opened = provider.open_deposit("d-1", "1001", 9000, "KRW", until)

    assert provider.standing("1001").deposit == Deposit(
        id=opened.id,
        key="d-1",
        amount_minor=9000,
        currency="KRW",
        status="waiting",
        until=until,
        account=opened.account,
    )


def test_the_standing_says_that_a_session_is_closed_and_that_time_is_over(provider, captured):
    provider.close("s-1", "1001")
    provider.pass_time(timedelta(days=7))

    standing = provider.standing("1001")

    assert standing.closed
    assert standing.authorisations[0].open_minor == 0


def test_nothing_is_known_of_an_unknown_order(provider, captured):
    standing = provider.standing("1002")

    assert (standing.authorisations, standing.captures, standing.refunds) == ((), (), ())
    assert (standing.disputes, standing.deposit, standing.closed) == ((), None, False)
    with pytest.raises(FrozenInstanceError):
        standing.closed = True


def test_a_question_by_reference_is_disturbed_by_name_only(provider, captured):
    provider.switch_on("lost_answer")
    assert provider.standing("1001").captures

    provider.switch_on("lost_answer", operation="inquire", reference="1001")

    with pytest.raises(ProviderTimeout, match="inquiry about reference 1001"):
        provider.standing("1001")
    assert provider.standing("1002").captures == ()


# -- Settlement ---------------------------------------------------------------------------------


def test_the_settlement_says_what_was_authorised_moved_and_charged(provider, captured):
    refund = provider.refund("r-1", captured.id, 200)
    provider.settle_refund(refund.id, ok=False)
    dispute = provider.open_dispute("1001", 500)
    provider.close_dispute(dispute, won=False)
    provider.close("s-1", "1001")

    lines = provider.settlement()

    assert [(line.kind, line.amount_minor) for line in lines] == [
        ("authorise", 1000),
        ("capture", 700),
        ("fee", 20),
        ("refund", 200),
        ("refund_failed", 200),
        ("chargeback", 500),
    ]
    assert {line.reference for line in lines} == {"1001"}
    assert {(line.currency, line.at) for line in lines} == {("GBP", NOW)}
    assert lines[1].id == lines[2].parent == lines[3].parent == captured.id
    assert [line.payout_id for line in lines] == ["", *["po_20260302_gbp"] * 5]


def test_a_fee_is_in_the_settlement_but_nothing_that_the_shop_asked_for(provider, captured):
    kinds = [line.kind for line in provider.list_transactions()]

    assert kinds == ["authorise", "capture"]


def test_the_settlement_is_read_page_by_page(provider, captured):
    for n in range(4):
        provider.refund(f"r-{n}", captured.id, 10)
    everything = provider.settlement()

    read, after = [], 0
    while page := provider.settlement(after, limit=3):
        assert len(page) <= 3
        read += page
        after = page[-1].position

    assert tuple(read) == everything
    assert positions(read) == sorted(positions(read))


def test_a_payout_is_the_sum_of_its_day_and_currency(provider, captured):
    provider.refund("r-1", captured.id, 200)
    provider.pass_time(timedelta(days=1))
    other = provider.authorise("a-2", "1002", 500, "EUR", "tok_visa")
    provider.capture("c-2", other.id, 500)
    provider.settle_refund(provider.standing("1001").refunds[0].id, ok=False)

    provider.pass_time(timedelta(days=2))

    first, second = (datetime(2026, 3, day, 15, tzinfo=UTC) for day in (3, 4))
    paid = (
        Payout(id="po_20260302_gbp", amount_minor=480, currency="GBP", at=first),
        Payout(id="po_20260303_eur", amount_minor=486, currency="EUR", at=second),
        Payout(id="po_20260303_gbp", amount_minor=200, currency="GBP", at=second),
    )
    assert provider.payouts() == paid
    assert provider.payouts(since="po_20260303_eur") == paid[1:]


def test_the_money_of_a_day_is_paid_out_on_the_second_day_after_it(provider, captured):
    before = provider.payouts()
    provider.pass_time(datetime(2026, 3, 3, 15, tzinfo=UTC) - NOW - timedelta(seconds=1))
    still = provider.payouts()
    provider.pass_time(timedelta(seconds=1))

    assert before == still == ()
    assert [payout.id for payout in provider.payouts()] == ["po_20260302_gbp"]


def test_a_line_can_be_missing(provider, captured):
    gone = provider.plant_in_settlement("missing", "1001")

    assert (gone.kind, gone.id) == ("capture", captured.id)
    assert [line.kind for line in provider.settlement()] == ["authorise", "fee"]


def test_a_line_can_say_a_wrong_amount_or_currency(provider, captured):
    refund = provider.refund("r-1", captured.id, 200)

    wrong = [
        provider.plant_in_settlement("wrong_amount", "1001"),
        provider.plant_in_settlement("wrong_amount", "1001", line="refund", amount_minor=150),
        provider.plant_in_settlement("wrong_currency", "1001", line="refund", currency="USD"),
        provider.plant_in_settlement("wrong_currency", "1001", line="authorise"),
    ]

    assert [line.amount_minor for line in wrong] == [701, 150, 150, 1000]
    assert [line.currency for line in wrong] == ["GBP", "GBP", "USD", "XXX"]
    assert wrong[2].id == refund.id
    assert wrong[2] in provider.settlement()


def test_a_break_is_planted_in_the_newest_line(provider, captured):
    refunds = [provider.refund(f"r-{n}", captured.id, 10) for n in range(2)]

    assert provider.plant_in_settlement("missing", "1001", line="refund").id == refunds[1].id


def test_a_line_can_be_there_twice(provider, captured):
    again = provider.plant_in_settlement("duplicate", "1001")

    named = Counter((line.kind, line.id) for line in provider.settlement())
    assert named["capture", captured.id] == 2
    assert again == provider.settlement()[-1]


def test_a_line_can_be_about_an_order_that_nobody_knows(provider, captured):
    stray = provider.plant_in_settlement("unknown_reference", "NOBODY", amount_minor=77)

    assert (stray.kind, stray.reference, stray.amount_minor) == ("capture", "NOBODY", 77)
    assert provider.settlement()[-1] == stray
    assert provider.standing("NOBODY").captures == ()


def test_planted_breaks_leave_statement_payouts_and_standing_alone(provider, captured):
    provider.pass_time(timedelta(days=2))
    before = provider.list_transactions(), provider.payouts(), provider.standing("1001")
    assert before[1]

    for kind in ("wrong_amount", "wrong_currency", "duplicate", "missing", "unknown_reference"):
        provider.plant_in_settlement(kind, "1001")

    assert (provider.list_transactions(), provider.payouts(), provider.standing("1001")) == before


def test_a_break_that_cannot_be_planted_is_an_error_that_says_why(provider, captured):
    with pytest.raises(InvalidRequest, match="no break 'burnt'; choose one of missing, "):
        provider.plant_in_settlement("burnt", "1001")
    with pytest.raises(InvalidRequest, match="no line 'refund' of 1001 to make wrong"):
        provider.plant_in_settlement("missing", "1001", line="refund")
