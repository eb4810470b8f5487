"""The simulated provider's refunds and disputes: money on its way back, held, and taken."""

import json
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from payments.simulated_provider import InvalidRequest, SimulatedProvider

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
ACCOUNT = {"bank": "Bank", "number": "110-22", "holder": "A. Customer"}


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3", now=lambda: NOW)


@pytest.fixture
def captured(provider):
    authorised = provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    return provider.capture("c-1", authorised.id, 1000)


@pytest.fixture
def pending(provider, captured):
    provider.switch_on("pending_refund")
    return provider.refund("r-1", captured.id, 400)


def told(provider, kind):
    messages = [json.loads(webhook.body) for webhook in provider.due_webhooks()]
    return [message for message in messages if message["data"]["kind"] == kind]


def stated(provider):
    return [(line.kind, line.amount_minor) for line in provider.list_transactions()[2:]]


# -- Which way the money goes -------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["cancel_capture", "partial_cancel"])
def test_a_capture_is_cancelled_while_it_is_reversible_and_refunded_later(
    provider, captured, operation
):
    assert provider.refund("r-1", captured.id, 100, operation=operation).ok

    provider.pass_time(datetime.fromisoformat(captured.reversible_until) - NOW)

    assert provider.refund("r-2", captured.id, 100, operation=operation).code == "not_reversible"
    assert provider.refund("r-3", captured.id, 100).ok


def test_a_refund_elsewhere_needs_an_account(provider, captured):
    refused = provider.refund("r-1", captured.id, 100, operation="refund_elsewhere")
    assert refused.code == "needs_account"

    paid = provider.refund("r-2", captured.id, 100, operation="refund_elsewhere", account=ACCOUNT)
    assert paid.ok


def test_an_unknown_way_to_refund_is_an_error_that_names_the_known_ones(provider, captured):
    with pytest.raises(InvalidRequest, match="no refund 'undo'; choose one of refund, cancel_"):
        provider.refund("r-1", captured.id, 100, operation="undo")


# -- Pending, paid, failed ----------------------------------------------------------------------


def test_a_pending_refund_is_reserved_but_not_paid(provider, captured, pending):
    assert (pending.ok, pending.status) == (True, "pending")
    assert provider.balances()["1001"].kept_minor == 1000
    assert stated(provider) == []
    assert provider.refund("r-2", captured.id, 601).code == "amount_exceeds_captured"
    assert told(provider, "refund")[0]["type"] == "refund.pending"


def test_a_pending_refund_is_paid_later(provider, pending):
    settled = provider.settle_refund(pending.id)

    assert (settled.status, settled.amount_minor) == ("succeeded", 400)
    assert stated(provider) == [("refund", 400)]
    assert provider.balances()["1001"].kept_minor == 600
    assert provider.inquire("r-1").status == "succeeded"


def test_a_pending_refund_may_fail_and_frees_the_money(provider, captured, pending):
    failed = provider.settle_refund(pending.id, ok=False, code="account_closed")

    assert (failed.status, failed.code) == ("failed", "account_closed")
    assert stated(provider) == [("refund", 400), ("refund_failed", 400)]
    assert provider.balances()["1001"].kept_minor == 1000
    assert provider.standing("1001").captures[0].left_minor == 1000


def test_a_paid_refund_may_come_back_days_later(provider, captured):
    paid = provider.refund("r-1", captured.id, 1000)
    provider.pass_time(timedelta(days=3))

    provider.settle_refund(paid.id, ok=False)

    assert stated(provider) == [("refund", 1000), ("refund_failed", 1000)]
    assert provider.list_transactions()[-1].id == paid.id
    assert provider.refund("r-2", captured.id, 1000).ok


def test_a_failing_refund_is_announced_by_kind_reference_and_code(provider, pending):
    provider.settle_refund(pending.id, ok=False, code="account_closed")

    message = told(provider, "refund")[-1]

    assert message["type"] == "refund.failed"
    data = message["data"]
    assert (data["reference"], data["id"], data["key"]) == ("1001", pending.id, "r-1")
    assert (data["ok"], data["status"], data["code"]) == (False, "failed", "account_closed")


def test_an_inquiry_about_a_failed_refund_is_not_ok_while_its_key_replays_the_answer(
    provider, captured, pending
):
    provider.settle_refund(pending.id, ok=False, code="account_closed")

    found = provider.inquire("r-1")

    assert (found.ok, found.status, found.code) == (False, "failed", "account_closed")
    assert provider.refund("r-1", captured.id, 400) == pending


def test_a_refund_ends_once(provider, pending):
    provider.settle_refund(pending.id, ok=False)

    assert provider.settle_refund(pending.id, ok=False).status == "failed"
    assert len(stated(provider)) == 2
    with pytest.raises(InvalidRequest, match="has failed for good; ask for a new one"):
        provider.settle_refund(pending.id)
    with pytest.raises(InvalidRequest, match="no refund 're_none'"):
        provider.settle_refund("re_none")


def test_racing_ends_of_a_refund_move_the_money_once(provider, captured, pending):
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda _: provider.settle_refund(pending.id), range(8)))

    assert stated(provider) == [("refund", 400)]
    assert provider.balances()["1001"].refunded_minor == 400


def test_racing_pending_refunds_never_reserve_more_than_was_captured(provider, captured):
    provider.switch_on("pending_refund", share=0.5, seed=3)

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(
            threads.map(lambda n: provider.refund(f"r-{n}", captured.id, 150), range(12))
        )

    assert Counter(answer.ok for answer in answers) == {True: 6, False: 6}
    assert {answer.status for answer in answers if answer.ok} == {"pending", "succeeded"}
    assert provider.standing("1001").captures[0].left_minor == 100


@pytest.mark.parametrize("column", ["pending_minor", "charged_back_minor"])
def test_the_books_count_what_is_pending_and_charged_back(provider, captured, column):
    provider.refund("r-1", captured.id, 600)

    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match="never_refunded_more_than_captured"),
    ):
        books.execute(f"UPDATE capture SET {column} = 401")


# -- Disputes -----------------------------------------------------------------------------------


def test_an_open_dispute_freezes_the_refunds_of_its_capture(provider, captured):
    dispute = provider.open_dispute("1001")

    assert provider.refund("r-1", captured.id, 100).code == "charge_disputed"
    provider.close_dispute(dispute, won=True)
    assert provider.refund("r-2", captured.id, 100).ok


def test_a_lost_dispute_is_charged_back(provider, captured):
    provider.refund("r-1", captured.id, 300)
    dispute = provider.open_dispute("1001")

    provider.close_dispute(dispute, won=False)

    assert stated(provider) == [("refund", 300), ("chargeback", 700)]
    line = provider.list_transactions()[-1]
    assert (line.id, line.parent, line.key) == (dispute, captured.id, "")
    assert provider.balances()["1001"].kept_minor == 0
    assert provider.refund("r-2", captured.id, 1).code == "amount_exceeds_captured"


def test_a_won_dispute_moves_no_money(provider, captured):
    provider.close_dispute(provider.open_dispute("1001", 250), won=True)

    assert stated(provider) == []
    assert provider.standing("1001").disputes[0].status == "won"


def test_disputes_are_announced_by_kind_and_reference(provider, captured):
    dispute = provider.open_dispute("1001", 250, inquiry=True)
    provider.escalate_dispute(dispute)
    provider.close_dispute(dispute, won=False)

    messages = told(provider, "dispute")

    types = [message["type"] for message in messages]
    assert types == ["dispute.opened", "dispute.escalated", "dispute.closed"]
    assert [m["data"]["status"] for m in messages] == ["inquiry", "open", "lost"]
    assert {m["data"]["reference"] for m in messages} == {"1001"}
    assert {m["data"]["id"] for m in messages} == {dispute}
    assert {m["data"]["parent"] for m in messages} == {captured.id}


def test_a_paid_refund_closes_an_inquiry(provider, captured):
    provider.open_dispute("1001", inquiry=True)

    assert provider.refund("r-1", captured.id, 1000).ok

    assert provider.standing("1001").disputes[0].status == "won"
    assert told(provider, "dispute")[-1]["type"] == "dispute.closed"


def test_an_inquiry_stays_open_until_the_refund_is_paid(provider, captured, pending):
    provider.open_dispute("1001", inquiry=True)
    assert provider.standing("1001").disputes[0].status == "inquiry"

    provider.settle_refund(pending.id)

    assert provider.standing("1001").disputes[0].status == "won"


@pytest.mark.parametrize("by", ["opening", "escalating"])
def test_a_dispute_lets_the_refund_under_way_fail(provider, captured, pending, by):
    dispute = provider.open_dispute("1001", inquiry=by == "escalating")
    if by == "escalating":
        provider.escalate_dispute(dispute)

    (refund,) = provider.standing("1001").refunds
    assert (refund.status, refund.code) == ("failed", "charge_disputed")
    assert told(provider, "refund")[-1]["type"] == "refund.failed"
    provider.close_dispute(dispute, won=False)
    assert provider.balances()["1001"].kept_minor == 0


def test_a_fully_refunded_capture_cannot_be_disputed(provider, captured):
    provider.refund("r-1", captured.id, 1000)

    with pytest.raises(InvalidRequest, match="1001 has no capture, not fully refunded, left"):
        provider.open_dispute("1001")


@pytest.mark.parametrize("amount", [0, 701])
def test_never_more_is_disputed_than_is_left(provider, captured, amount):
    provider.refund("r-1", captured.id, 300)

    with pytest.raises(InvalidRequest, match=f"700 can be disputed, not {amount}"):
        provider.open_dispute("1001", amount)


def test_a_capture_has_one_live_dispute(provider, captured):
    first = provider.open_dispute("1001")
    with pytest.raises(InvalidRequest, match="has no capture"):
        provider.open_dispute("1001")

    provider.close_dispute(first, won=True)

    assert provider.open_dispute("1001") != first


def test_racing_disputes_of_a_capture_open_one(provider, captured):
    def dispute(_):
        try:
            return provider.open_dispute("1001")
        except InvalidRequest:
            return None

    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = set(threads.map(dispute, range(8)))

    assert len(answers - {None}) == 1
    assert len(provider.standing("1001").disputes) == 1


def test_the_books_refuse_two_live_disputes(provider, captured):
    provider.open_dispute("1001", inquiry=True)

    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match=r"dispute\.capture"),
    ):
        books.execute(
            "INSERT INTO dispute SELECT 'dp_2', capture, reference, currency, 1, 'open'"
            " FROM dispute"
        )


def test_a_refund_and_a_dispute_at_once_never_overdraw_the_capture(provider, captured):
    provider.switch_on("pending_refund", share=0.5)

    def lose(_):
        try:
            provider.close_dispute(provider.open_dispute("1001"), won=False)
        except InvalidRequest:
            return False
        return True

    with ThreadPoolExecutor(max_workers=8) as threads:
        refunds = [threads.submit(provider.refund, f"r-{n}", captured.id, 300) for n in range(4)]
        losses = [threads.submit(lose, n) for n in range(2)]
        assert all(refund.exception() is None for refund in refunds)

    assert any(loss.result() for loss in losses)
    assert provider.balances()["1001"].kept_minor == 0


def test_an_inquiry_is_never_lost_and_an_ended_dispute_stays_ended(provider, captured):
    dispute = provider.open_dispute("1001", inquiry=True)

    with pytest.raises(InvalidRequest, match="is inquiry; this can be done while it is open"):
        provider.close_dispute(dispute, won=False)
    provider.close_dispute(dispute, won=True)
    with pytest.raises(InvalidRequest, match="is won; this can be done while it is inquiry or"):
        provider.close_dispute(dispute, won=True)
    with pytest.raises(InvalidRequest, match="is won"):
        provider.escalate_dispute(dispute)
    with pytest.raises(InvalidRequest, match="no dispute 'dp_none'"):
        provider.escalate_dispute("dp_none")
