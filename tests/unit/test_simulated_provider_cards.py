"""The simulated provider's cards: final captures, and what time does to an authorisation."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from payments.simulated_provider import InvalidRequest, OutdatedBooks, SimulatedProvider

#: Half past eleven in the evening, where the provider is at home.
EVENING = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@pytest.fixture
def provider(tmp_path):
    return SimulatedProvider(tmp_path / "provider.sqlite3", now=lambda: EVENING)


@pytest.fixture
def authorised(provider):
    return provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")


def test_a_final_capture_gives_up_the_rest_in_the_same_operation(provider, authorised):
    captured = provider.capture("c-1", authorised.id, 700, final=True)

    assert (captured.amount_minor, captured.released_minor) == (700, 300)
    capture, void = provider.list_transactions()[1:]
    assert (capture.kind, capture.id, capture.amount_minor) == ("capture", captured.id, 700)
    assert (void.kind, void.id, void.amount_minor) == ("void", captured.release_id, 300)
    assert void.parent == authorised.id
    assert provider.balances()["1001"].open_minor == 0


def test_a_final_capture_of_everything_gives_up_nothing(provider, authorised):
    captured = provider.capture("c-1", authorised.id, 1000, final=True)

    assert (captured.released_minor, captured.release_id) == (0, "")
    assert [line.kind for line in provider.list_transactions()] == ["authorise", "capture"]


def test_a_repeated_final_capture_gives_up_the_rest_once(provider, authorised):
    first = provider.capture("c-1", authorised.id, 700, final=True)

    assert provider.capture("c-1", authorised.id, 700, final=True) == first
    assert provider.balances()["1001"].voided_minor == 300


def test_racing_final_captures_take_and_release_what_was_authorised_once(provider, authorised):
    with ThreadPoolExecutor(max_workers=8) as threads:
        answers = list(
            threads.map(
                lambda n: provider.capture(f"c-{n}", authorised.id, 400, final=True), range(8)
            )
        )

    assert sum(answer.ok for answer in answers) == 1
    balance = provider.balances()["1001"]
    assert (balance.captured_minor, balance.voided_minor) == (400, 600)


def test_a_capture_is_reversible_until_midnight_where_the_provider_is(provider, authorised):
    captured = provider.capture("c-1", authorised.id, 1000)

    assert captured.reversible_until == "2026-03-02T15:00:00.000000+00:00"


def test_zone_and_grace_of_the_business_day_can_be_set(tmp_path):
    provider = SimulatedProvider(
        tmp_path / "provider.sqlite3",
        now=lambda: EVENING,
        zone=timezone(timedelta(hours=-5)),
        reversible_extra=timedelta(hours=2),
    )
    authorised = provider.authorise("a-1", "1001", 1000, "GBP", "tok_visa")

    captured = provider.capture("c-1", authorised.id, 1000)

    assert captured.reversible_until == "2026-03-03T07:00:00.000000+00:00"


def test_an_authorisation_lasts_for_seven_days(provider, authorised):
    assert datetime.fromisoformat(authorised.expires_at) == EVENING + timedelta(days=7)

    provider.pass_time(timedelta(days=7) - timedelta(microseconds=1))
    assert provider.capture("c-1", authorised.id, 1).ok
    provider.pass_time(timedelta(microseconds=1))

    refused = provider.capture("c-2", authorised.id, 1)
    assert (refused.ok, refused.code) == (False, "authorisation_expired")
    assert provider.void("v-1", authorised.id).code == "authorisation_expired"


def test_an_expired_authorisation_holds_nothing_on_the_card(provider, authorised):
    provider.capture("c-1", authorised.id, 400)

    provider.pass_time(timedelta(days=8))

    balance = provider.balances()["1001"]
    assert (balance.expired_minor, balance.open_minor, balance.kept_minor) == (600, 0, 400)


def test_time_takes_nothing_from_an_authorisation_that_is_used_up(provider, authorised):
    provider.capture("c-1", authorised.id, 1000)
    provider.pass_time(timedelta(days=8))

    assert provider.balances()["1001"].expired_minor == 0
    assert provider.void("v-1", authorised.id).code == "nothing_to_void"
    assert provider.capture("c-2", authorised.id, 1).code == "amount_exceeds_authorised"


def test_a_switch_shortens_the_next_authorisations(provider, authorised):
    provider.switch_on("short_authorisation", times=1, seconds=60)

    short = provider.authorise("a-2", "1001", 500, "GBP", "tok_visa")
    usual = provider.authorise("a-3", "1001", 500, "GBP", "tok_visa")

    assert datetime.fromisoformat(short.expires_at) == EVENING + timedelta(seconds=60)
    assert usual.expires_at == authorised.expires_at


def test_a_short_authorisation_is_not_used_up_by_other_operations(provider, authorised):
    provider.switch_on("short_authorisation", times=1, seconds=60)
    provider.capture("c-1", authorised.id, 1)

    assert provider.switches()[0].times == 1


def test_the_books_refuse_to_release_what_was_captured(provider, authorised):
    provider.capture("c-1", authorised.id, 600)

    with (
        closing(sqlite3.connect(provider.path)) as books,
        pytest.raises(sqlite3.IntegrityError, match="never_captured_more_than_authorised"),
    ):
        books.execute("UPDATE authorisation SET expired_minor = 401")


def test_all_users_of_a_file_live_in_its_time(provider, authorised):
    provider.pass_time(timedelta(days=8))
    other = SimulatedProvider(provider.path, now=lambda: EVENING)

    assert other.capture("c-1", authorised.id, 1).code == "authorisation_expired"
    with pytest.raises(InvalidRequest, match="passes forward alone"):
        other.pass_time(timedelta(seconds=-1))


def test_a_call_is_judged_by_when_it_is_carried_out_not_by_when_it_came(provider, authorised):
    moments = [EVENING, EVENING + timedelta(days=8)]
    slow = SimulatedProvider(
        provider.path, now=lambda: moments.pop(0) if len(moments) > 1 else moments[0]
    )

    assert slow.capture("c-1", authorised.id, 1).code == "authorisation_expired"


def test_each_line_is_stated_with_the_time_it_was_given(provider, authorised):
    provider.pass_time(timedelta(hours=1))
    provider.void("v-1", authorised.id)

    times = [line.at for line in provider.list_transactions()]

    assert times == [EVENING, EVENING + timedelta(hours=1)]


def test_books_of_another_version_are_refused_by_name(tmp_path):
    path = tmp_path / "provider.sqlite3"
    with closing(sqlite3.connect(path)) as books:
        books.execute("CREATE TABLE operation (key TEXT)")

    with pytest.raises(OutdatedBooks, match=r"provider\.sqlite3 are of version 0, and version 2"):
        SimulatedProvider(path).balances()
