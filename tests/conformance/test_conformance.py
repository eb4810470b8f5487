"""What every payment provider must do behind its adapter, whichever it is.

The same behaviours run against the simulated provider, Stripe (as our stub and as localstripe play
it) and Toss. What a server can't do stands in its rig, with the reason.
"""

from collections import Counter
from datetime import UTC
from uuid import uuid4

import pytest

from payments.gateway import Hint, InvalidWebhook, KeyReused
from sagas.exceptions import NotSent, Unanswered
from tests.conformance import rigs
from tests.conformance.requests import (
    authorisation,
    authorised,
    capture,
    captured,
    counted,
    effects,
    prepared,
    refund,
    totals,
)
from tests.conformance.rigs import forged

# -- forward


def test_an_authorisation_reserves_the_amount_and_takes_nothing(rig):
    request = authorisation(rig)

    outcome = rig.gateway.authorise(request, uuid4())

    assert (outcome.ok, outcome.data["status"]) == (True, "authorised")
    assert outcome.data.keys() >= {"expires_at", "account"}
    standing = rig.gateway.look_up(request["reference"])
    (held,) = standing.authorisations
    assert (held.id, held.amount_minor, held.open_minor) == (outcome.reference, 1000, 1000)
    assert (standing.currency, standing.captures, standing.refunds) == (rig.currency, (), ())


def test_a_capture_takes_the_whole_amount(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.capture(capture(rig, reference, held, 1000), uuid4())

    assert outcome.ok
    assert outcome.data["released_minor"] == 0
    standing = rig.gateway.look_up(reference)
    (taken,) = standing.captures
    assert (taken.id, taken.amount_minor) == (outcome.reference, 1000)
    assert standing.authorisations[0].open_minor == 0


def test_a_capture_is_final_and_gives_up_what_it_does_not_take(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.capture(capture(rig, reference, held, 700), uuid4())

    assert (outcome.ok, outcome.data["released_minor"]) == (True, 300)
    assert outcome.data["release_reference"]
    standing = rig.gateway.look_up(reference)
    assert [x.amount_minor for x in standing.captures] == [700]
    assert (standing.authorisations[0].open_minor, standing.refunds) == (0, ())
    assert not rig.gateway.capture(capture(rig, reference, held, 300), uuid4()).ok


def test_no_more_is_taken_than_was_authorised(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.capture(capture(rig, reference, held, 1001), uuid4())

    assert not outcome.ok
    assert rig.gateway.look_up(reference).captures == ()


def test_a_declined_card_is_a_definite_no_with_a_reason(rig):
    request = authorisation(rig)
    request["reference"] = rig.order()
    request["card_token"] = rig.declining_card(request["reference"], 1000)

    outcome = rig.gateway.authorise(request, uuid4())
    if outcome.ok:  # a consent: whether the card pays is asked when it is confirmed
        wanted = capture(rig, request["reference"], outcome.reference, 1000)
        outcome = rig.gateway.capture(wanted, uuid4())

    assert not outcome.ok
    assert outcome.code in {"card_declined", "insufficient_funds", "REJECT_CARD_PAYMENT"}
    standing = rig.gateway.look_up(request["reference"])
    assert standing is None or standing.captures == standing.authorisations == ()


# -- back


def test_a_voided_authorisation_can_not_be_taken(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.void({"reference": reference, "authorisation_id": held}, uuid4())

    assert (outcome.ok, bool(outcome.reference)) == (True, True)
    assert outcome.data["released_minor"] == 1000
    assert rig.gateway.look_up(reference).captures == ()


def test_what_was_taken_can_not_be_voided(rig):
    reference, held = authorised(rig)
    rig.gateway.capture(capture(rig, reference, held, 1000), uuid4())

    outcome = rig.gateway.void({"reference": reference, "authorisation_id": held}, uuid4())

    assert not outcome.ok
    assert [x.amount_minor for x in rig.gateway.look_up(reference).captures] == [1000]


@pytest.mark.parametrize("parts", [(1000,), (400,), (300, 300, 400)])
def test_money_goes_back_in_full_or_in_parts(rig, parts):
    reference, taken = captured(rig)

    outcomes = [rig.gateway.refund(refund(rig, reference, taken, x), uuid4()) for x in parts]

    assert all(outcome.ok for outcome in outcomes)
    refunds = rig.gateway.look_up(reference).refunds
    assert {x.id for x in refunds} == {outcome.reference for outcome in outcomes}
    assert Counter(x.amount_minor for x in refunds) == Counter(parts)
    assert {(x.capture_id, x.status) for x in refunds} == {(taken, "paid")}


def test_a_refund_is_found_again_by_our_key(rig):
    reference, taken = captured(rig)
    key = uuid4()

    rig.gateway.refund(refund(rig, reference, taken, 400), key)

    assert [x.key for x in rig.gateway.look_up(reference).refunds] == [str(key)]


def test_no_more_is_refunded_than_was_taken(rig):
    reference, taken = captured(rig)
    rig.gateway.refund(refund(rig, reference, taken, 700), uuid4())

    outcome = rig.gateway.refund(refund(rig, reference, taken, 301), uuid4())

    assert not outcome.ok
    assert outcome.code
    assert [x.amount_minor for x in rig.gateway.look_up(reference).refunds] == [700]


def test_closing_an_order_gives_up_what_is_open_and_can_be_repeated(rig):
    request, key = {"reference": rig.order(), "authorisation_id": ""}, uuid4()

    assert rig.gateway.close(request, key).ok
    assert rig.gateway.inquire(request, key).ok
    assert rig.gateway.close(request, uuid4()).ok


def test_after_closing_an_order_a_card_is_refused(rig):
    request = authorisation(rig)
    assert rig.gateway.close({"reference": request["reference"]}, uuid4()).ok

    assert not rig.gateway.authorise(request, uuid4()).ok


# -- keys, and answers that do not come


@pytest.mark.parametrize("operation", ["authorise", "capture", "refund"])
def test_the_same_request_under_the_same_key_happens_once(rig, operation):
    send, request = prepared(rig, operation)
    key = uuid4()

    first, second = send(request, key), send(request, key)

    assert first.ok
    assert first.reference == second.reference
    done = effects(rig, request["reference"])
    assert done == {"authorise": [1, 0, 0], "capture": [1, 1, 0], "refund": [1, 1, 1]}[operation]


def test_a_key_that_comes_with_another_request_is_an_error(rig):
    reference, taken = captured(rig)
    key = uuid4()
    rig.gateway.refund(refund(rig, reference, taken, 400), key)

    with pytest.raises(KeyReused):
        rig.gateway.refund(refund(rig, reference, taken, 500), key)

    assert [x.amount_minor for x in rig.gateway.look_up(reference).refunds] == [400]


@pytest.mark.parametrize("operation", ["authorise", "capture", "refund"])
def test_a_lost_answer_is_unknown_and_an_inquiry_finds_it(rig, operation):
    send, request = prepared(rig, operation)
    key = uuid4()
    rig.lose("answer")

    with pytest.raises(Unanswered):
        send(request, key)

    found = rig.gateway.inquire(request, key)
    assert found.ok
    assert found.reference


@pytest.mark.parametrize("operation", ["capture", "refund"])
def test_a_lost_request_was_not_carried_out_and_may_be_sent_again(rig, operation):
    send, request = prepared(rig, operation)
    key = uuid4()
    rig.lose("request")
    with pytest.raises(Unanswered):
        send(request, key)

    assert rig.gateway.inquire(request, key) is None
    assert send(request, key).ok
    assert rig.gateway.inquire(request, key).ok


def test_an_inquiry_about_something_refused_is_a_definite_no_or_knows_nothing(rig):
    reference, taken = captured(rig)
    request, key = refund(rig, reference, taken, 1001), uuid4()
    rig.gateway.refund(request, key)

    found = rig.gateway.inquire(request, key)

    assert found is None or not found.ok


def test_a_provider_that_can_not_be_reached_was_not_asked(rig):
    request = {"reference": rig.order(), "authorisation_id": "au_1"}

    with pytest.raises(NotSent):
        rig.unreachable().void(request, uuid4())


# -- messages


def told(rig):
    return rig.told(lambda: captured(rig)[0])


def test_a_genuine_message_is_a_hint_at_its_order(rig):
    reference, headers, body = told(rig)

    hint = rig.gateway.parse_webhook(headers, body)

    assert hint == Hint(id=hint.id, reference=reference, kind=hint.kind)
    assert hint.id
    assert hint.kind


def test_a_forged_message_is_refused(rig):
    _, headers, body = told(rig)
    assert forged(body) != body

    with pytest.raises(InvalidWebhook):
        rig.gateway.parse_webhook(headers, forged(body))


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"\xff", b'{"data": 1}', b"{}"])
def test_a_message_that_makes_no_sense_is_refused(rig, body):
    _, headers, _ = told(rig)

    with pytest.raises(InvalidWebhook):
        rig.gateway.parse_webhook(headers, body)


def test_an_old_message_is_refused(rig):
    _, headers, body = told(rig)

    with pytest.raises(InvalidWebhook):
        rig.gateway.parse_webhook(rig.aged(headers, body), body)


def test_a_message_that_comes_again_has_the_same_id(rig):
    _, headers, body = told(rig)

    again = {name.lower(): value for name, value in headers.items()}

    assert rig.gateway.parse_webhook(headers, body) == rig.gateway.parse_webhook(again, body)


# -- looking


def test_of_an_unknown_order_nothing_is_known(rig):
    assert rig.gateway.look_up(rig.order()) is None


def test_the_statement_adds_up_to_what_was_done(rig):
    reference, taken = captured(rig)
    first = rig.gateway.refund(refund(rig, reference, taken, 300), uuid4()).reference
    second = rig.gateway.refund(refund(rig, reference, taken, 200), uuid4()).reference

    said = totals(rig, reference)

    moved = {key: minor for key, minor in said.items() if key[0] in ("capture", "refund")}
    assert moved == {("capture", taken): 1000, ("refund", first): 300, ("refund", second): 200}
    assert {kind for kind, _ in said} <= rig.gateway.settles


def test_the_statement_goes_on_behind_any_of_its_lines(rig):
    captured(rig)
    captured(rig)
    lines = list(rig.gateway.settlement_lines())

    for number, line in enumerate(lines[-4:], start=len(lines) - 4):
        assert list(rig.gateway.settlement_lines(after=line.position)) == lines[number + 1 :]
    assert len({line.position for line in lines}) == len(lines)


def test_the_lines_of_a_statement_name_what_they_were_taken_from(rig):
    reference, taken = captured(rig)
    rig.gateway.refund(refund(rig, reference, taken, 300), uuid4())

    ours = [x for x in rig.gateway.settlement_lines() if x.reference == reference]

    assert {x.parent for x in ours if x.kind == "refund"} == {taken}
    assert {x.currency for x in ours} == {rig.currency}
    assert all(x.at.tzinfo is not None for x in ours)


def test_what_is_paid_out_is_the_sum_of_its_lines(rig):
    reference, taken = captured(rig)
    rig.gateway.refund(refund(rig, reference, taken, 300), uuid4())
    rig.pay_out()

    lines = list(rig.gateway.payout_lines())

    payout = next(x for x in reversed(lines) if x.kind == "payout")
    parts = [x for x in lines if x.kind == "net"] or list(rig.gateway.settlement_lines())
    assert payout.amount_minor == counted(x for x in parts if x.payout == payout.id)
    assert (payout.id, payout.currency, payout.at.tzinfo) == (payout.payout, rig.currency, UTC)
    for number, line in enumerate(lines):
        assert list(rig.gateway.payout_lines(after=line.position)) == lines[number + 1 :]


def test_who_lists_payouts_says_so(rig):
    captured(rig)
    rig.pay_out()

    assert any(rig.gateway.payout_lines()) <= rig.gateway.lists_payouts


# -- the gaps


@pytest.mark.parametrize(
    "rig_class",
    [rigs.SimulatedRig, rigs.StripeStubRig, rigs.LocalstripeRig, rigs.TossRig],
)
def test_every_gap_names_a_test(rig_class):
    names = {gap.partition("[")[0] for gap in rig_class.gaps}

    assert names <= globals().keys()
