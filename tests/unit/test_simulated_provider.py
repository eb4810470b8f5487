"""The simulated payment provider keeps its books straight, whatever happens on the line."""

import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Thread

import pytest

from payments.simulated_provider import (
    Balance,
    IdempotencyConflict,
    InvalidRequest,
    InvalidWebhook,
    ProviderTimeout,
    SimulatedProvider,
    verify_webhook,
)

AUTHORISE_IN_A_PROCESS = """
import sys
from payments.simulated_provider import SimulatedProvider
path, key, reference = sys.argv[1:]
SimulatedProvider(path).authorise(key, reference, 1000, "GBP", "tok_visa")
"""


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3")


@pytest.fixture
def authorised(provider):
    return provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")


@pytest.fixture
def captured(provider, authorised):
    return provider.capture("c-1", authorised.id, 1000)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the awaited condition never came true"
        time.sleep(0.005)


def authorise_in_a_process(provider, key, reference):
    return subprocess.Popen(
        [sys.executable, "-c", AUTHORISE_IN_A_PROCESS, str(provider.path), key, reference]
    )


def test_a_payment_is_authorised_captured_and_refunded(provider, authorised, captured):
    refunded = provider.refund("r-1", captured.id, 300)

    assert [authorised.id[:3], captured.id[:3], refunded.id[:3]] == ["au_", "ch_", "re_"]
    assert provider.balances() == {
        "1001": Balance(
            currency="GBP",
            authorised_minor=1000,
            voided_minor=0,
            captured_minor=1000,
            refunded_minor=300,
        )
    }
    assert provider.balances()["1001"].kept_minor == 700


def test_the_same_key_and_body_give_the_stored_result_and_move_no_money(provider, captured):
    first = provider.refund("r-1", captured.id, 300)

    assert provider.refund("r-1", captured.id, 300) == first
    assert provider.balances()["1001"].refunded_minor == 300


def test_the_same_key_with_another_body_is_a_conflict(provider, captured):
    provider.refund("r-1", captured.id, 300)

    with pytest.raises(IdempotencyConflict, match="Key r-1 was used for another request"):
        provider.refund("r-1", captured.id, 301)
    with pytest.raises(IdempotencyConflict):
        provider.close("r-1", "1001")


def test_a_decline_is_definite_and_replayed_for_its_key(provider):
    provider.switch_on("decline", reference="1001", times=1, code="card_expired")

    declined = provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert (declined.ok, declined.id, declined.code) == (False, "", "card_expired")
    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa") == declined
    assert provider.inquire("a-1") == declined


def test_after_the_first_decline_a_new_key_is_accepted(provider):
    provider.switch_on("decline", reference="1001", times=1)
    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert provider.authorise("a-2", "1001", 1000, "GBP", "tok_visa").ok


@pytest.mark.parametrize(
    ("card", "code"),
    [("tok_declined", "card_declined"), ("tok_insufficient", "insufficient_funds")],
)
def test_some_cards_always_decline(provider, card, code):
    assert provider.authorise("a-1", "1001", 1000, "GBP", card).code == code
    assert provider.balances() == {}


def test_a_decline_without_an_operation_is_about_the_card_alone(provider, captured):
    provider.switch_on("decline")

    assert provider.refund("r-1", captured.id, 100).ok


def test_a_refund_may_be_declined_by_name(provider, captured):
    provider.switch_on("decline", operation="refund", code="balance_short")

    assert provider.refund("r-1", captured.id, 100).code == "balance_short"
    assert provider.balances()["1001"].refunded_minor == 0


def test_never_more_is_captured_than_authorised(provider, authorised):
    assert provider.capture("c-1", authorised.id, 600).ok

    refused = provider.capture("c-2", authorised.id, 401)

    assert (refused.ok, refused.code) == (False, "amount_exceeds_authorised")
    assert provider.capture("c-3", authorised.id, 400).ok


def test_never_more_is_refunded_than_captured(provider, captured):
    provider.refund("r-1", captured.id, 700)

    assert provider.refund("r-2", captured.id, 301).code == "amount_exceeds_captured"
    assert provider.balances()["1001"].kept_minor == 300


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE authorisation SET captured_minor = 1001",
            "never_captured_more_than_authorised",
        ),
        ("UPDATE authorisation SET voided_minor = 1", "never_captured_more_than_authorised"),
        ("UPDATE capture SET refunded_minor = 1001", "never_refunded_more_than_captured"),
    ],
)
def test_the_books_themselves_refuse_wrong_amounts(provider, captured, statement, constraint):
    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match=constraint),
    ):
        books.execute(statement)


def test_a_void_gives_up_what_was_not_captured(provider, authorised):
    provider.capture("c-1", authorised.id, 600)

    assert provider.void("v-1", authorised.id).amount_minor == 400
    assert provider.void("v-2", authorised.id).code == "nothing_to_void"
    assert provider.capture("c-2", authorised.id, 1).code == "amount_exceeds_authorised"
    assert provider.balances()["1001"].open_minor == 0


def test_a_closed_session_refuses_later_authorisations(provider):
    assert provider.close("s-1", "1001").ok

    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa").code == "session_closed"
    assert provider.authorise("a-2", "1002", 1000, "GBP", "tok_visa").ok


def test_a_closed_session_still_replays_what_was_authorised_before(provider, authorised):
    provider.close("s-1", "1001")

    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa") == authorised


def test_one_reference_has_one_currency(provider, authorised):
    assert provider.authorise("a-2", "1001", 5, "EUR", "tok_visa").code == "currency_mismatch"


def test_what_does_not_exist_is_refused(provider):
    assert provider.capture("c-1", "au_none", 5).code == "unknown_authorisation"
    assert provider.void("v-1", "au_none").code == "unknown_authorisation"
    assert provider.refund("r-1", "ch_none", 5).code == "unknown_capture"


@pytest.mark.parametrize("amount", [0, -1, 9.99, True, "10"])
def test_an_amount_must_be_a_positive_whole_number(provider, amount):
    with pytest.raises(InvalidRequest, match="needs a positive whole amount"):
        provider.authorise("a-1", "1001", amount, "GBP", "tok_visa")


def test_an_empty_key_is_an_error_that_names_it(provider):
    with pytest.raises(InvalidRequest, match="close needs key as text, not ''"):
        provider.close("", "1001")


def test_a_lost_answer_leaves_an_operation_that_an_inquiry_finds(provider):
    provider.switch_on("lost_answer", reference="1001", times=1)

    with pytest.raises(ProviderTimeout, match="authorise with key a-1"):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    found = provider.inquire("a-1")
    assert found is not None
    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa") == found
    assert provider.balances()["1001"].authorised_minor == 1000


def test_a_lost_request_leaves_nothing(provider):
    provider.switch_on("lost_request", times=1)

    with pytest.raises(ProviderTimeout):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert provider.inquire("a-1") is None
    assert provider.list_transactions() == ()
    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa").ok


def test_a_late_request_is_carried_out_after_the_inquiry_found_nothing(provider):
    provider.switch_on("late_request", times=1)
    with pytest.raises(ProviderTimeout):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    assert provider.inquire("a-1") is None

    (late,) = provider.execute_late()

    assert provider.inquire("a-1") == late
    assert provider.execute_late() == ()


def test_a_late_request_after_the_session_closed_is_refused(provider):
    provider.switch_on("late_request", operation="authorise", times=1)
    with pytest.raises(ProviderTimeout):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    provider.close("s-1", "1001")

    (late,) = provider.execute_late()

    assert late.code == "session_closed"


def test_an_inquiry_is_disturbed_only_by_name(provider, authorised):
    provider.switch_on("lost_request")
    assert provider.inquire("a-1") == authorised

    provider.switch_on("lost_request", operation="inquire")

    with pytest.raises(ProviderTimeout, match="inquiry about key a-1"):
        provider.inquire("a-1")


def test_latency_is_really_waited_for(provider):
    provider.switch_on("latency", seconds=0.05)
    began = time.monotonic()

    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert time.monotonic() - began >= 0.05


def test_a_switch_for_one_reference_spares_the_others(provider, authorised):
    provider.switch_on("lost_answer", reference="1001", operation="capture")
    other = provider.authorise("a-2", "1002", 500, "GBP", "tok_visa")

    assert provider.capture("c-2", other.id, 500).ok
    with pytest.raises(ProviderTimeout):
        provider.capture("c-1", authorised.id, 1000)


def test_a_narrow_switch_wins_over_a_wide_one(provider):
    provider.switch_on("decline", reference="1001", code="narrow")
    provider.switch_on("decline", code="wide")

    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa").code == "narrow"
    assert provider.authorise("a-2", "1002", 1000, "GBP", "tok_visa").code == "wide"


def test_a_share_chooses_the_same_calls_in_every_run(tmp_path):
    def declined(name, seed):
        provider = SimulatedProvider(tmp_path / name)
        provider.switch_on("decline", share=0.3, seed=seed)
        answers = {
            str(n): provider.authorise(f"a-{n}", str(n), 1, "GBP", "tok_visa") for n in range(100)
        }
        return {reference for reference, answer in answers.items() if not answer.ok}

    first = declined("first", seed=1)

    assert first == declined("again", seed=1)
    assert first != declined("other", seed=2)
    assert 15 <= len(first) <= 45


def test_a_share_lets_a_repeated_call_through_sooner_or_later(provider):
    provider.switch_on("lost_request", share=0.5)

    def went_through():
        try:
            return provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa").ok
        except ProviderTimeout:
            return False

    assert Counter(went_through() for _ in range(40)).keys() == {True, False}


def test_switches_can_be_listed_and_removed(provider):
    provider.switch_on("decline", reference="1001", times=3)
    provider.switch_on("latency", seconds=0.01)
    assert [(s.name, s.reference, s.times) for s in provider.switches()] == [
        ("decline", "1001", 3),
        ("latency", "", None),
    ]

    provider.switch_off("decline", reference="1001")
    assert [s.name for s in provider.switches()] == ["latency"]
    provider.switch_off()
    assert provider.switches() == ()


def test_an_unknown_switch_or_operation_is_an_error_that_names_the_known_ones(provider):
    with pytest.raises(InvalidRequest, match="no switch 'declines'; choose one of decline, "):
        provider.switch_on("declines")
    with pytest.raises(InvalidRequest, match="no operation 'charge'; choose authorise, "):
        provider.switch_on("decline", operation="charge")


def test_a_hanging_call_has_acted_and_answers_when_the_switch_is_removed(provider):
    provider.switch_on("hang", reference="1001")
    answers = []
    call = Thread(
        target=lambda: answers.append(provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa"))
    )
    call.start()

    until(lambda: provider.inquire("a-1"))
    assert not answers
    provider.switch_off("hang")
    call.join(timeout=20)

    assert answers == [provider.inquire("a-1")]


def test_a_hanging_call_gives_in_after_a_while(tmp_path):
    provider = SimulatedProvider(tmp_path / "provider.sqlite3", hang_seconds=0.05)
    provider.switch_on("hang")

    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa").ok


def test_a_process_killed_while_the_provider_hangs_loses_only_the_answer(provider):
    provider.switch_on("hang", times=1)
    with authorise_in_a_process(provider, "a-1", "1001") as process:
        until(lambda: provider.inquire("a-1"))
        process.kill()

    assert process.returncode != 0
    assert provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa") == provider.inquire("a-1")
    assert len(provider.list_transactions()) == 1


def test_processes_may_use_one_file_at_once(provider):
    processes = [
        authorise_in_a_process(provider, key, "1001") for key in ("a-1", "a-1", "a-2", "a-3")
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]

    assert sorted(line.key for line in provider.list_transactions()) == ["a-1", "a-2", "a-3"]


def test_first_users_at_the_same_time_share_one_file(tmp_path):
    def first_use(n):
        provider = SimulatedProvider(tmp_path / "provider.sqlite3")
        provider.authorise(f"a-{n}", "1001", 10, "GBP", "tok_visa")
        return provider.webhook_secret

    with ThreadPoolExecutor(max_workers=8) as threads:
        secrets = set(threads.map(first_use, range(8)))

    assert len(secrets) == 1
    provider = SimulatedProvider(tmp_path / "provider.sqlite3")
    assert provider.balances()["1001"].authorised_minor == 80
    assert [path.name for path in tmp_path.iterdir()] == ["provider.sqlite3"]


def test_racing_refunds_never_give_back_more_than_was_captured(provider, captured):
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(
            threads.map(lambda n: provider.refund(f"r-{n}", captured.id, 150), range(12))
        )

    assert Counter(answer.ok for answer in answers) == {True: 6, False: 6}
    assert provider.balances()["1001"].kept_minor == 100


def test_the_statement_names_parents_and_can_be_read_from_a_number_on(provider, captured):
    provider.refund("r-1", captured.id, 300)
    provider.refund("r-2", captured.id, 9999)

    lines = provider.list_transactions()

    assert [(line.kind, line.reference, line.amount_minor) for line in lines] == [
        ("authorise", "1001", 1000),
        ("capture", "1001", 1000),
        ("refund", "1001", 300),
    ]
    assert lines[2].parent == captured.id
    assert all(line.at.utcoffset() is not None for line in lines)
    assert provider.list_transactions(after=lines[1].number) == lines[2:]


def test_every_executed_operation_announces_a_signed_webhook_once(provider, authorised):
    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")
    provider.capture("c-1", authorised.id, 9999)

    webhooks = list(provider.due_webhooks())

    payloads = [verify_webhook(provider.webhook_secret, w.headers, w.body) for w in webhooks]
    assert [payload["type"] for payload in payloads] == ["authorise.succeeded", "capture.declined"]
    assert payloads[0]["data"]["id"] == authorised.id
    assert payloads[0]["data"]["key"] == "a-1"
    assert [webhook.reference for webhook in webhooks] == ["1001", "1001"]


def test_a_delivered_webhook_is_not_due_again(provider, captured):
    first, second = provider.due_webhooks()

    provider.mark_delivered(first.id)

    assert [webhook.id for webhook in provider.due_webhooks()] == [second.id]


def test_repeated_webhooks_are_copies_of_one_message(provider):
    provider.switch_on("repeated_webhooks", repeats=2)
    provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    webhooks = list(provider.due_webhooks())

    assert len(webhooks) == 3
    assert len({webhook.id for webhook in webhooks}) == 3
    assert len({webhook.headers["webhook-id"] for webhook in webhooks}) == 1


def test_an_altered_or_foreign_webhook_is_refused(provider, authorised, tmp_path):
    (webhook,) = provider.due_webhooks()
    stranger = SimulatedProvider(tmp_path / "stranger.sqlite3")

    with pytest.raises(InvalidWebhook, match="does not carry a signature"):
        verify_webhook(provider.webhook_secret, webhook.headers, webhook.body + " ")
    with pytest.raises(InvalidWebhook, match="does not carry a signature"):
        verify_webhook(stranger.webhook_secret, webhook.headers, webhook.body)
    with pytest.raises(InvalidWebhook, match="webhook-timestamp is missing"):
        verify_webhook(provider.webhook_secret, {"webhook-id": "msg_1"}, webhook.body)


def test_a_stale_webhook_is_refused(provider, authorised):
    (webhook,) = provider.due_webhooks()

    with pytest.raises(InvalidWebhook, match="five minutes"):
        verify_webhook(
            provider.webhook_secret, webhook.headers, webhook.body, now=time.time() + 301
        )


def test_header_names_may_be_in_any_case(provider, authorised):
    (webhook,) = provider.due_webhooks()
    headers = {name.upper(): value for name, value in webhook.headers.items()}

    assert verify_webhook(provider.webhook_secret, headers, webhook.body.encode())


def test_a_webhook_can_be_due_before_its_answer_arrives(provider):
    provider.switch_on("lost_answer")
    with pytest.raises(ProviderTimeout):
        provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    assert len(list(provider.due_webhooks())) == 1
