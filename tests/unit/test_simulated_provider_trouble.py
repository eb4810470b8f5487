"""The simulated provider at its worst: what it stores, forgets, delays and says twice over."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from payments.simulated_provider import (
    ProviderError,
    ProviderTimeout,
    SimulatedProvider,
    verify_webhook,
)

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3", now=lambda: NOW)


@pytest.fixture
def authorised(provider):
    return provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")


def told(provider):
    """Return type, reference and code of what is due, in order."""
    messages = [json.loads(webhook.body) for webhook in provider.due_webhooks()]
    return [(m["type"], m["data"]["reference"], m["data"]["code"]) for m in messages]


def forget_webhooks(provider):
    for webhook in provider.due_webhooks():
        provider.mark_delivered(webhook.id)


# -- Stored errors ------------------------------------------------------------------------------


def test_a_stored_error_is_replayed_for_its_key_and_an_inquiry_tells_the_truth(
    provider, authorised
):
    provider.switch_on("stored_error", operation="capture", times=1)

    for _ in range(2):
        with pytest.raises(ProviderError, match="capture with key c-1 was answered by a 500"):
            provider.capture("c-1", authorised.id, 600)

    found = provider.inquire("c-1")
    assert (found.ok, found.amount_minor) == (True, 600)
    assert provider.balances()["1001"].captured_minor == 600


def test_a_stored_error_may_hide_a_decline(provider, authorised):
    provider.switch_on("stored_error", operation="capture")

    with pytest.raises(ProviderError):
        provider.capture("c-1", authorised.id, 1001)

    assert provider.inquire("c-1").code == "amount_exceeds_authorised"


def test_a_stored_error_says_its_status(provider):
    provider.switch_on("stored_error")

    with pytest.raises(ProviderError) as error:
        provider.close("s-1", "1001")

    assert error.value.status == 500


# -- Forgotten keys -----------------------------------------------------------------------------


def test_a_forgotten_key_acts_again(provider, authorised):
    provider.switch_on("expired_keys", seconds=60)
    first = provider.capture("c-1", authorised.id, 300)
    provider.pass_time(timedelta(seconds=59))
    assert provider.capture("c-1", authorised.id, 300) == first

    provider.pass_time(timedelta(seconds=1))
    second = provider.capture("c-1", authorised.id, 300)

    assert second.ok
    assert second.id != first.id
    assert provider.balances()["1001"].captured_minor == 600


def test_a_forgotten_key_is_unknown_but_its_order_is_not(provider, authorised):
    provider.switch_on("expired_keys", seconds=60)
    captured = provider.capture("c-1", authorised.id, 300)
    provider.pass_time(timedelta(seconds=60))

    assert provider.inquire("c-1") is None

    standing = provider.standing("1001")
    assert [(capture.id, capture.key) for capture in standing.captures] == [(captured.id, "c-1")]


def test_what_is_forgotten_stays_forgotten(provider, authorised):
    provider.switch_on("expired_keys", seconds=60, times=1)
    provider.capture("c-1", authorised.id, 300)
    provider.pass_time(timedelta(seconds=60))
    provider.inquire("c-1")
    provider.switch_off()

    assert provider.inquire("c-1") is None


def test_a_forgotten_key_may_come_with_another_body(provider, authorised):
    provider.switch_on("expired_keys", operation="capture")
    provider.capture("c-1", authorised.id, 300)

    assert provider.capture("c-1", authorised.id, 301).ok
    assert provider.inquire("a-1") == authorised


def test_a_forgotten_key_acts_once_however_many_use_it(provider, authorised):
    provider.switch_on("expired_keys", seconds=60)
    provider.capture("c-1", authorised.id, 100)
    provider.pass_time(timedelta(seconds=60))

    with ThreadPoolExecutor(max_workers=8) as threads:
        ids = {
            answer.id
            for answer in threads.map(
                lambda _: provider.capture("c-1", authorised.id, 100), range(8)
            )
        }

    assert len(ids) == 1
    assert provider.balances()["1001"].captured_minor == 200


# -- Not found, then carried out ----------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_a_request_is_carried_out_after_inquiries_found_nothing(provider, authorised, times):
    provider.switch_on("not_found_then_executes", operation="capture", times=1, repeats=times)
    with pytest.raises(ProviderTimeout):
        provider.capture("c-1", authorised.id, 1000)

    for _ in range(times):
        assert provider.balances()["1001"].captured_minor == 0
        assert provider.inquire("c-1") is None

    assert provider.balances()["1001"].captured_minor == 1000
    assert provider.inquire("c-1").ok


def test_what_is_held_back_counts_inquiries_about_its_own_key(provider, authorised):
    provider.switch_on("not_found_then_executes", operation="capture", times=1)
    with pytest.raises(ProviderTimeout):
        provider.capture("c-1", authorised.id, 1000)

    assert provider.inquire("c-2") is None

    assert provider.balances()["1001"].captured_minor == 0


def test_a_repeated_request_overtakes_the_one_that_is_held_back(provider, authorised):
    provider.switch_on("not_found_then_executes", operation="capture", times=1)
    with pytest.raises(ProviderTimeout):
        provider.capture("c-1", authorised.id, 400)

    captured = provider.capture("c-1", authorised.id, 400)

    assert provider.execute_late() == (captured,)
    assert provider.balances()["1001"].captured_minor == 400


def test_a_late_request_whose_key_serves_another_body_is_dropped(provider, authorised):
    provider.switch_on("late_request", operation="capture", times=1)
    with pytest.raises(ProviderTimeout):
        provider.capture("c-1", authorised.id, 400)
    provider.capture("c-1", authorised.id, 500)

    assert provider.execute_late() == ()
    assert provider.balances()["1001"].captured_minor == 500


# -- Webhooks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "outcomes"),
    [("", ["succeeded", "declined"]), ("aborted_first", ["declined", "succeeded"])],
)
def test_contradictory_webhooks_say_done_and_aborted_in_either_order(provider, code, outcomes):
    provider.switch_on("contradictory_webhooks", code=code)
    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    webhooks = list(provider.due_webhooks())

    assert [kind for kind, _, _ in told(provider)] == [f"authorise.{o}" for o in outcomes]
    assert {code for _, _, code in told(provider)} == {"", "aborted"}
    assert len({webhook.headers["webhook-id"] for webhook in webhooks}) == 2
    assert all(verify_webhook(provider.webhook_secret, w.headers, w.body) for w in webhooks)


def test_a_decline_is_contradicted_by_a_success(provider):
    provider.switch_on("contradictory_webhooks")
    provider.authorise("a-1", "1001", 1000, "GBP", "tok_declined")

    assert told(provider) == [
        ("authorise.succeeded", "1001", ""),
        ("authorise.declined", "1001", "card_declined"),
    ]
    assert provider.inquire("a-1").ok is False


def test_reordered_webhooks_overtake_those_of_their_own_order(provider):
    provider.authorise("a-2", "1002", 500, "GBP", "tok_visa")
    authorised = provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    provider.switch_on("reordered_webhooks", reference="1001", times=1)

    provider.capture("c-1", authorised.id, 1000)

    assert [(kind, reference) for kind, reference, _ in told(provider)] == [
        ("authorise.succeeded", "1002"),
        ("capture.succeeded", "1001"),
        ("authorise.succeeded", "1001"),
    ]


def test_webhooks_reordered_throughout_come_in_reverse(provider, authorised):
    provider.switch_on("reordered_webhooks")
    captured = provider.capture("c-1", authorised.id, 1000)
    provider.refund("r-1", captured.id, 1000)

    assert [kind for kind, _, _ in told(provider)] == [
        "refund.succeeded",
        "capture.succeeded",
        "authorise.succeeded",
    ]


def test_a_reordered_webhook_may_be_the_only_one(provider):
    provider.switch_on("reordered_webhooks")

    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert told(provider) == [("authorise.succeeded", "1001", "")]


def test_an_early_webhook_is_heard_before_the_answer(tmp_path):
    heard = []
    provider = SimulatedProvider(tmp_path / "provider.sqlite3", on_webhook=heard.append)
    provider.switch_on("early_webhook", operation="authorise")
    provider.switch_on("lost_answer", operation="authorise")

    with pytest.raises(ProviderTimeout):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert [json.loads(webhook.body)["type"] for webhook in heard] == ["authorise.succeeded"]
    assert list(provider.due_webhooks()) == []


def test_whoever_hears_an_early_webhook_may_ask_and_act(tmp_path):
    def capture(webhook):
        data = json.loads(webhook.body)["data"]
        if data["kind"] == "authorise":
            answer = shop.inquire(data["key"])
            shop.capture("c-1", answer.id, answer.amount_minor)

    shop = SimulatedProvider(tmp_path / "provider.sqlite3", on_webhook=capture)
    shop.switch_on("early_webhook")

    shop.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert shop.balances()["1001"].captured_minor == 1000


def test_an_early_webhook_without_a_listener_holds_the_answer_until_it_is_delivered(provider):
    provider.switch_on("early_webhook")

    with ThreadPoolExecutor(max_workers=1) as threads:
        call = threads.submit(provider.authorise, "a-1", "1001", 1000, "GBP", "tok_visa")
        while not (due := list(provider.due_webhooks())):
            assert not call.done()
        assert not call.done()
        provider.mark_delivered(due[0].id)

    assert call.result() == provider.inquire("a-1")


def test_messages_about_deposits_and_disputes_may_be_disturbed_by_name(provider, authorised):
    captured = provider.capture("c-1", authorised.id, 1000)
    provider.open_deposit("d-1", "1002", 9000, "KRW", NOW + timedelta(days=1))
    forget_webhooks(provider)
    provider.switch_on("repeated_webhooks", operation="pay_deposit")
    provider.switch_on("repeated_webhooks", operation="dispute", repeats=2)

    provider.pay_deposit("1002")
    provider.open_dispute("1001")
    provider.refund("r-1", captured.id, 1)

    assert [kind for kind, _, _ in told(provider)] == [
        *["deposit.paid"] * 2,
        *["dispute.opened"] * 3,
        "refund.declined",
    ]


def test_contradictions_of_a_failing_refund_come_with_one_truth(provider, authorised):
    captured = provider.capture("c-1", authorised.id, 1000)
    paid = provider.refund("r-1", captured.id, 1000)
    forget_webhooks(provider)
    provider.switch_on("contradictory_webhooks", operation="refund")

    provider.settle_refund(paid.id, ok=False, code="account_closed")

    assert told(provider) == [
        ("refund.succeeded", "1001", ""),
        ("refund.failed", "1001", "account_closed"),
    ]
    assert provider.inquire("r-1").ok is False
