"""The simulated provider's deposits: an account that waits, a transfer, and what may go wrong."""

import json
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from payments.simulated_provider import InvalidRequest, SimulatedProvider

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
ACCOUNT = {"bank": "Bank", "number": "110-22", "holder": "A. Customer"}


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3", now=lambda: NOW)


@pytest.fixture
def deposit(provider):
    return provider.open_deposit("d-1", "1001", 9000, "KRW", TOMORROW)


def told(provider):
    return [json.loads(webhook.body) for webhook in provider.due_webhooks()]


def test_a_deposit_names_the_account_it_waits_at(provider, deposit):
    assert (deposit.ok, deposit.id[:3], deposit.status) == (True, "va_", "waiting")
    assert deposit.account.keys() == {"bank", "number", "holder"}
    assert datetime.fromisoformat(deposit.expires_at) == TOMORROW
    assert provider.open_deposit("d-1", "1001", 9000, "KRW", TOMORROW.isoformat()) == deposit
    assert provider.balances() == {}


def test_a_paid_deposit_is_a_capture(provider, deposit):
    paid = provider.pay_deposit("1001")

    assert (paid.ok, paid.kind, paid.id[:3], paid.amount_minor) == (True, "capture", "ch_", 9000)
    line = provider.list_transactions()[-1]
    assert (line.kind, line.id, line.parent) == ("capture", paid.id, deposit.id)
    balance = provider.balances()["1001"]
    assert (balance.kept_minor, balance.deposited_minor, balance.open_minor) == (9000, 9000, 0)
    assert provider.inquire("d-1").status == "paid"


def test_a_paid_deposit_is_announced_with_its_capture(provider, deposit):
    paid = provider.pay_deposit("1001")

    opened, message = told(provider)

    assert opened["type"] == "open_deposit.waiting"
    assert message["type"] == "deposit.paid"
    data = message["data"]
    assert (data["kind"], data["reference"], data["id"]) == ("deposit", "1001", deposit.id)
    assert (data["capture_id"], data["status"]) == (paid.id, "paid")


def test_a_deposit_is_paid_once_however_many_transfer_at_once(provider, deposit):
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(threads.map(lambda _: provider.pay_deposit("1001"), range(8)))

    assert Counter(answer.code for answer in answers) == {"": 1, "deposit_paid": 7}
    assert provider.balances()["1001"].kept_minor == 9000


def test_the_books_refuse_a_second_capture_of_a_deposit(provider, deposit):
    provider.pay_deposit("1001")

    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match=r"capture\.deposit"),
    ):
        books.execute(
            "INSERT INTO capture (id, key, reference, currency, deposit, at, amount_minor)"
            " SELECT 'ch_2', key, reference, currency, deposit, at, 1 FROM capture"
        )


def test_a_deposit_that_nobody_paid_expires_and_is_announced_once(provider, deposit):
    provider.pass_time(timedelta(days=1))

    assert provider.standing("1001").deposit.status == "expired"
    messages = [m for m in told(provider) if m["type"] == "deposit.expired"]
    assert [m["data"]["reference"] for m in messages] == ["1001"]
    assert messages[0]["data"]["ok"] is False
    refused = provider.pay_deposit("1001")
    assert (refused.ok, refused.code) == (False, "deposit_expired")


def test_an_expiry_is_due_as_a_webhook_without_any_call(provider, deposit):
    provider.pass_time(timedelta(days=1))

    assert told(provider)[-1]["type"] == "deposit.expired"


def test_closing_the_session_closes_the_deposit(provider, deposit):
    assert provider.close("s-1", "1001").ok

    assert provider.standing("1001").deposit.status == "closed"
    assert provider.pay_deposit("1001").code == "deposit_closed"
    provider.pass_time(timedelta(days=2))
    assert provider.standing("1001").deposit.status == "closed"


def test_an_expiry_leaves_what_was_paid_or_closed_as_it_is(provider, deposit):
    provider.open_deposit("d-2", "1002", 9000, "KRW", TOMORROW)
    provider.open_deposit("d-3", "1003", 9000, "KRW", TOMORROW)
    provider.pay_deposit("1001")
    provider.close("s-1", "1002")

    provider.pass_time(timedelta(days=1))

    statuses = [provider.standing(number).deposit.status for number in ("1001", "1002", "1003")]
    assert statuses == ["paid", "closed", "expired"]


def test_closing_the_session_keeps_what_was_paid_before(provider, deposit):
    provider.pay_deposit("1001")

    assert provider.close("s-1", "1001").ok
    assert provider.standing("1001").deposit.status == "paid"


@pytest.mark.parametrize("end", ["closed", "expired"])
def test_a_late_deposit_arrives_all_the_same(provider, deposit, end):
    provider.switch_on("late_deposit", reference="1001")
    if end == "closed":
        provider.close("s-1", "1001")
    else:
        provider.pass_time(timedelta(days=2))

    assert provider.pay_deposit("1001").ok

    standing = provider.standing("1001")
    assert standing.deposit.status == "paid"
    assert [capture.amount_minor for capture in standing.captures] == [9000]
    assert provider.pay_deposit("1001").code == "deposit_paid"


def test_a_late_deposit_is_not_used_up_by_one_in_time(provider, deposit):
    provider.switch_on("late_deposit", times=1)
    provider.pay_deposit("1001")

    assert provider.switches()[0].times == 1


def test_one_deposit_waits_for_a_reference(provider, deposit):
    assert provider.open_deposit("d-2", "1001", 5, "KRW", TOMORROW).code == "deposit_waits_already"

    provider.pass_time(timedelta(days=1))

    later = TOMORROW + timedelta(days=1)
    assert provider.open_deposit("d-3", "1001", 5, "KRW", later).ok
    assert provider.standing("1001").deposit.amount_minor == 5


def test_the_books_refuse_two_waiting_deposits(provider, deposit):
    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match=r"deposit\.reference"),
    ):
        books.execute(
            "INSERT INTO deposit SELECT 'va_2', key, reference, currency, amount_minor, until,"
            " account, status FROM deposit"
        )


def test_a_deposit_needs_an_open_session_its_currency_and_time(provider, deposit):
    provider.close("s-1", "1002")

    refusals = [
        provider.open_deposit("d-2", "1002", 5, "KRW", TOMORROW),
        provider.open_deposit("d-3", "1001", 5, "USD", TOMORROW),
        provider.open_deposit("d-4", "1003", 5, "KRW", NOW),
    ]

    codes = [refusal.code for refusal in refusals]
    assert codes == ["session_closed", "currency_mismatch", "until_has_passed"]
    assert provider.pay_deposit("1002").code == "unknown_deposit"


@pytest.mark.parametrize(
    ("until", "message"),
    [("soon", "'soon' is not a time"), ("2026-03-02T10:00:00", "does not say in which zone")],
)
def test_a_time_that_makes_no_sense_is_an_error_that_names_it(provider, until, message):
    with pytest.raises(InvalidRequest, match=message):
        provider.open_deposit("d-1", "1001", 9000, "KRW", until)


@pytest.mark.parametrize("account", [None, {}, {"bank": "Bank", "number": "110-22"}])
def test_money_of_a_deposit_goes_back_to_an_account_only(provider, deposit, account):
    paid = provider.pay_deposit("1001")

    assert provider.refund("r-1", paid.id, 4000, account=account).code == "needs_account"
    assert provider.refund("r-2", paid.id, 4000, account=ACCOUNT).ok
    assert provider.balances()["1001"].kept_minor == 5000


def test_a_deposit_is_refunded_but_never_cancelled(provider, deposit):
    paid = provider.pay_deposit("1001")

    refused = provider.refund("r-1", paid.id, 9000, account=ACCOUNT, operation="cancel_capture")

    assert refused.code == "not_reversible"
    assert provider.standing("1001").captures[0].reversible_until is None
