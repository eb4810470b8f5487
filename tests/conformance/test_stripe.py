"""Stripe beyond the common behaviours: stored errors, pending refunds, disputes, currencies."""

import time
from uuid import uuid4

import pytest

from payments.gateway import stripe_books
from payments.gateway.port import Refused
from sagas.exceptions import NotSent, Unanswered
from tests.conformance.requests import (
    authorisation,
    authorised,
    capture,
    captured,
    effects,
    refund,
    totals,
)
from tests.conformance.stripe_stub import FEE, Refusal

HOUR = 3600


@pytest.fixture
def rig(stripe):
    """Stripe alone; what a test has arranged ends with it."""
    yield stripe
    stripe.stub.refunds_are = "succeeded"
    stripe.stub.unindexed.clear()
    stripe.reset()


# -- errors that say nothing, and errors that say that nothing was done


def test_a_500_comes_again_under_its_key_and_a_look_tells_that_it_was_done(rig):
    request, key = authorisation(rig), uuid4()
    rig.stub.break_next(acts=True)

    for _ in range(2):
        with pytest.raises(Unanswered):
            rig.gateway.authorise(request, key)

    assert rig.gateway.inquire(request, key).ok
    assert effects(rig, request["reference"]) == [1, 0, 0]


def test_a_500_that_did_nothing_stays_unknown_until_stripe_has_forgotten_its_key(rig):
    request, key = authorisation(rig), uuid4()
    rig.stub.break_next(acts=False)
    for _ in range(2):
        with pytest.raises(Unanswered):
            rig.gateway.authorise(request, key)
        assert rig.gateway.inquire(request, key) is None

    rig.stub.forget_keys()

    assert rig.gateway.authorise(request, key).ok
    assert effects(rig, request["reference"]) == [1, 0, 0]


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
def test_what_was_done_under_a_forgotten_key_is_found_instead_of_refused(rig, operation):
    reference, held = authorised(rig)
    request = {"reference": reference, "authorisation_id": held}
    if operation == "capture":
        request = capture(rig, reference, held, 600)
    if operation == "refund":
        request = refund(rig, *captured(rig), amount=1000)
    send, key = getattr(rig.gateway, operation), uuid4()
    first = send(request, key)
    rig.stub.forget_keys()

    assert first.ok
    assert send(request, key) == first


@pytest.mark.parametrize(
    ("refusal", "meaning"),
    [
        (Refusal(429, "rate_limit"), NotSent),
        (Refusal(401), NotSent),
        (Refusal(403), NotSent),
        (Refusal(409, "idempotency_key_in_use"), Unanswered),
        (Refusal(503, kind="api_error"), Unanswered),
    ],
)
def test_only_what_stripe_did_not_look_at_was_not_sent(rig, refusal, meaning):
    request, key = authorisation(rig), uuid4()
    rig.stub.refuse_next(refusal)

    with pytest.raises(meaning):
        rig.gateway.authorise(request, key)

    assert rig.gateway.authorise(request, key).ok


def test_the_reason_of_the_bank_is_the_code_of_a_decline(rig):
    outcome = rig.gateway.authorise(authorisation(rig, card="pm_insufficient"), uuid4())

    assert (outcome.ok, outcome.code) == (False, "insufficient_funds")


def test_a_decline_is_found_by_an_inquiry_too(rig):
    request, key = authorisation(rig, card="pm_insufficient"), uuid4()
    rig.lose("answer")
    with pytest.raises(Unanswered):
        rig.gateway.authorise(request, key)

    assert rig.gateway.inquire(request, key).code == "insufficient_funds"


def test_a_card_whose_bank_wants_to_see_the_customer_is_refused(rig):
    outcome = rig.gateway.authorise(authorisation(rig, card="pm_needs_bank"), uuid4())

    assert (outcome.ok, outcome.code) == (False, "authentication_required")


def test_what_stripe_does_not_offer_is_a_definite_no(rig):
    deposit = authorisation(rig) | {"method": "virtual_account"}
    elsewhere = refund(rig, *captured(rig), amount=100, operation="refund_elsewhere")

    assert rig.gateway.authorise(deposit, uuid4()).code == "method_not_supported"
    assert rig.gateway.refund(elsewhere, uuid4()).code == "refund_elsewhere_not_supported"


# -- closing


def test_closing_an_order_cancels_all_of_its_open_intents(rig):
    request = authorisation(rig)
    held = [rig.gateway.authorise(request, uuid4()).reference for _ in range(2)]
    closing, key = {"reference": request["reference"]}, uuid4()
    assert rig.gateway.inquire(closing, key) is None

    assert rig.gateway.close(closing, key).ok

    assert rig.gateway.inquire(closing, key).ok
    late = [capture(rig, request["reference"], intent, 1000) for intent in held]
    assert not any(rig.gateway.capture(x, uuid4()).ok for x in late)
    standing = rig.gateway.look_up(request["reference"])
    assert [x.open_minor for x in standing.authorisations] == [0, 0]


# -- finding


def test_what_the_search_index_does_not_know_yet_is_found_in_the_list(rig):
    request = authorisation(rig)
    held = rig.gateway.authorise(request, uuid4()).reference
    rig.stub.unindexed.add(held)

    assert [x.id for x in rig.gateway.look_up(request["reference"]).authorisations] == [held]


def test_what_is_too_old_for_the_list_is_found_by_search(rig):
    reference, held = authorised(rig)
    rig.stub.objects[held]["created"] -= 2 * HOUR

    assert [x.id for x in rig.gateway.look_up(reference).authorisations] == [held]


def test_an_authorisation_says_until_when_it_can_be_taken(rig):
    reference, _ = authorised(rig)

    (held,) = rig.gateway.look_up(reference).authorisations

    assert held.expires_at.timestamp() > time.time() + 6 * 24 * HOUR


# -- refunds that take their time, and disputes


def test_a_pending_refund_is_unknown_until_stripe_says_how_it_ended(rig):
    reference, taken = captured(rig)
    request, key = refund(rig, reference, taken, 400), uuid4()
    rig.stub.refunds_are = "pending"
    with pytest.raises(Unanswered):
        rig.gateway.refund(request, key)
    with pytest.raises(Unanswered):
        rig.gateway.inquire(request, key)
    (pending,) = rig.gateway.look_up(reference).refunds
    assert (pending.status, pending.key) == ("pending", str(key))

    rig.stub.settle(pending.id, "succeeded")

    assert rig.gateway.inquire(request, key).reference == pending.id


def test_a_refund_that_fails_days_later_is_a_definite_no_and_a_line_of_its_own(rig):
    reference, taken = captured(rig)
    request, key = refund(rig, reference, taken, 400), uuid4()
    done = rig.gateway.refund(request, key).reference

    rig.stub.settle(done, "failed")

    outcome = rig.gateway.inquire(request, key)
    assert (outcome.ok, outcome.code) == (False, "expired_or_canceled_card")
    (failed,) = rig.gateway.look_up(reference).refunds
    assert (failed.status, failed.code) == ("failed", "expired_or_canceled_card")
    said = totals(rig, reference)
    assert (said["refund", done], said["refund_failed", done]) == (400, 400)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        ("warning_needs_response", "inquiry"),
        ("needs_response", "open"),
        ("under_review", "open"),
        ("lost", "lost"),
    ],
)
def test_a_dispute_is_part_of_the_standing(rig, status, meaning):
    reference, taken = captured(rig)

    dispute = rig.stub.dispute(taken, status)

    (found,) = rig.gateway.look_up(reference).disputes
    assert (found.id, found.capture_id, found.status) == (dispute, taken, meaning)
    assert found.amount_minor == 1000


def test_a_dispute_that_is_won_takes_its_chargeback_back(rig):
    reference, taken = captured(rig)
    dispute = rig.stub.dispute(taken)
    assert totals(rig, reference)["chargeback", dispute] == 1000

    rig.stub.win(dispute)

    assert totals(rig, reference)["chargeback", dispute] == 0
    assert rig.gateway.look_up(reference).disputes[0].status == "won"


def test_the_statement_says_what_stripe_kept(rig):
    reference, _ = captured(rig, 10_000)

    fees = [x for x in rig.gateway.settlement_lines() if x.kind == "fee"]

    assert [x.amount_minor for x in fees if x.reference == reference] == [10 * FEE]


def test_a_long_statement_is_read_page_by_page(rig):
    _, taken = captured(rig)
    for _ in range(60):
        rig.stub.win(rig.stub.dispute(taken))
    lines = list(rig.gateway.settlement_lines())

    assert len(lines) > 100
    assert len({line.position for line in lines}) == len(lines)
    assert list(rig.gateway.settlement_lines(after=lines[9].position)) == lines[10:]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"status": "canceled"},
        {"automatic": False, "reconciliation_status": "not_applicable"},
    ],
)
def test_a_payout_that_stripe_can_not_explain_or_that_never_came_is_left_out(rig, changes):
    captured(rig)
    rig.stub.pay_out(**changes)
    captured(rig)

    paid = rig.stub.pay_out()

    named = {x.payout for x in rig.gateway.payout_lines()}
    assert paid["id"] in named
    assert not {x["id"] for x in rig.stub.objects.values() if changes.items() <= x.items()} & named


@pytest.mark.parametrize(
    "changes", [{"status": "in_transit"}, {"reconciliation_status": "in_progress"}]
)
def test_payouts_behind_one_that_is_on_its_way_wait_for_it(rig, changes):
    captured(rig)
    waiting = rig.stub.pay_out(**changes)
    captured(rig)
    behind = rig.stub.pay_out()
    before = {x.payout for x in rig.gateway.payout_lines()}

    waiting |= {"status": "paid", "reconciliation_status": "completed"}

    paid = [x.payout for x in rig.gateway.payout_lines() if x.kind == "payout"]
    assert not before & {waiting["id"], behind["id"]}
    assert paid[-2:] == [waiting["id"], behind["id"]]


# -- messages


def test_a_message_about_something_without_order_number_names_the_intent(rig):
    reference, taken = captured(rig)
    dispute = rig.stub.objects[rig.stub.dispute(taken)]

    hint = rig.gateway.parse_webhook(*rig.stub.message("charge.dispute.created", dispute))

    held = rig.gateway.look_up(reference).authorisations[0].id
    assert (hint.reference, hint.kind) == (held, "charge.dispute.created")


# -- amounts


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1000, "USD", 1000),
        (1000, "KRW", 1000),
        (1230, "KWD", 1230),
        (5, "ISK", 500),
        (5, "UGX", 500),
        (700, "MGA", 7),
    ],
)
def test_amounts_are_said_as_stripe_counts_them(minor, currency, amount):
    assert stripe_books.to_stripe(minor, currency) == amount
    assert stripe_books.from_stripe(amount, currency.lower()) == minor


@pytest.mark.parametrize(("minor", "currency"), [(1235, "KWD"), (750, "MGA")])
def test_an_amount_that_stripe_can_not_say_is_refused_and_not_rounded(minor, currency):
    with pytest.raises(Refused, match=f"takes {currency} in steps"):
        stripe_books.to_stripe(minor, currency)


def test_a_charge_in_another_currency_than_the_accounts_is_stated_as_it_was_charged():
    transaction = {
        "id": "txn_1",
        "reporting_category": "charge",
        "amount": 715,
        "fee": 20,
        "currency": "usd",
        "created": 0,
    }
    charge = {"id": "ch_1", "amount": 1000, "amount_captured": 900, "currency": "krw"}

    moved, fee = stripe_books.lines(transaction, charge, "order-1")

    assert (moved.amount_minor, moved.currency) == (900, "KRW")
    assert (fee.amount_minor, fee.currency) == (20, "USD")
