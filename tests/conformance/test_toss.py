"""Toss beyond the common behaviours: virtual accounts, two-step captures, keys, messages."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from payments.gateway import InvalidWebhook, KeyReused
from payments.gateway.toss import TossGateway
from payments.gateway.toss_http import TossApi
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
from tests.conformance.servers import Line, serving
from tests.conformance.toss_stub import FEE, SECRET_KEY, TossStub

ACCOUNT = {"bank": "20", "number": "1002123456789", "holder": "Kim"}


@pytest.fixture
def rig(toss):
    """Toss alone; what a test has arranged ends with it."""
    toss.line.posts.clear()
    yield toss
    toss.reset()


def deposit(rig, amount=1000):
    """Return the request for a virtual account of a new order."""
    request = {"reference": rig.order(), "amount_minor": amount, "currency": "KRW"}
    return request | {"card_token": "", "method": "virtual_account"}


def paid_in(rig):
    """Return the order number and the capture of a new order that was paid by deposit."""
    request = deposit(rig)
    rig.gateway.authorise(request, uuid4())
    rig.stub.deposit(request["reference"])
    return request["reference"], rig.gateway.look_up(request["reference"]).captures[0].id


# -- virtual accounts


def test_a_virtual_account_waits_for_its_deposit(rig):
    request = deposit(rig)

    outcome = rig.gateway.authorise(request, uuid4())

    assert (outcome.ok, outcome.data["status"]) == (True, "awaiting_deposit")
    assert outcome.data["account"].keys() == {"bank", "number", "holder", "until"}
    assert outcome.data["expires_at"] == outcome.data["account"]["until"]
    standing = rig.gateway.look_up(request["reference"])
    assert (standing.deposit.status, standing.authorisations, standing.captures) == (
        "waiting",
        (),
        (),
    )
    assert standing.deposit.account == outcome.data["account"]


def test_a_deposit_is_the_capture(rig):
    reference, taken = paid_in(rig)

    standing = rig.gateway.look_up(reference)

    assert standing.deposit.status == "paid"
    assert [(x.id, x.amount_minor) for x in standing.captures] == [(taken, 1000)]
    assert totals(rig, reference)["capture", taken] == 1000


@pytest.mark.parametrize("way", ["close", "void"])
def test_after_an_account_is_closed_a_deposit_and_another_account_are_refused(rig, way):
    request = deposit(rig)
    held = rig.gateway.authorise(request, uuid4()).reference
    closing = {"reference": request["reference"], "authorisation_id": held}
    assert rig.gateway.inquire(closing, uuid4()) is None

    assert getattr(rig.gateway, way)(closing, uuid4()).ok

    rig.stub.deposit(request["reference"])
    standing = rig.gateway.look_up(request["reference"])
    assert (standing.deposit.status, standing.captures) == ("closed", ())
    assert rig.gateway.authorise(request, uuid4()).code == "DUPLICATED_ORDER_ID"
    assert rig.gateway.inquire(closing, uuid4()).ok


def test_closing_an_order_that_was_paid_meanwhile_gives_nothing_back(rig):
    reference, _ = paid_in(rig)

    assert rig.gateway.close({"reference": reference, "authorisation_id": ""}, uuid4()).ok

    assert effects(rig, reference) == [0, 1, 0]


def test_an_account_that_was_not_paid_in_time_is_expired(rig):
    request = deposit(rig)
    rig.gateway.authorise(request, uuid4())

    rig.stub.expire(request["reference"])

    assert rig.gateway.look_up(request["reference"]).deposit.status == "expired"


def test_a_lost_answer_about_an_account_is_found(rig):
    request, key = deposit(rig), uuid4()
    assert rig.gateway.inquire(request, key) is None
    rig.lose("answer")
    with pytest.raises(Unanswered):
        rig.gateway.authorise(request, key)

    assert rig.gateway.inquire(request, key) == rig.gateway.authorise(request, key)


def test_a_refund_of_a_deposit_goes_to_an_account_and_is_pending_until_the_bank_has_paid(rig):
    reference, taken = paid_in(rig)
    request, key = refund(rig, reference, taken, 400) | {"account": ACCOUNT}, uuid4()
    with pytest.raises(Unanswered):
        rig.gateway.refund(request, key)
    assert [x.status for x in rig.gateway.look_up(reference).refunds] == ["pending"]

    rig.stub.pay_out(reference)

    assert rig.gateway.inquire(request, key).ok
    assert [x.status for x in rig.gateway.look_up(reference).refunds] == ["paid"]


def test_a_refund_of_a_deposit_that_the_bank_can_not_pay_out_is_a_definite_no(rig):
    reference, taken = paid_in(rig)
    request, key = refund(rig, reference, taken, 400) | {"account": ACCOUNT}, uuid4()
    with pytest.raises(Unanswered):
        rig.gateway.refund(request, key)

    rig.stub.pay_out(reference, "FAILED")

    assert rig.gateway.inquire(request, key).code == "refund_failed"
    assert [x.status for x in rig.gateway.look_up(reference).refunds] == ["failed"]


def test_a_refund_of_a_deposit_without_an_account_is_refused(rig):
    outcome = rig.gateway.refund(refund(rig, *paid_in(rig), amount=400), uuid4())

    assert (outcome.ok, outcome.code) == (False, "INVALID_REFUND_ACCOUNT_INFO")


def test_a_cards_money_can_not_go_to_an_account(rig):
    request = refund(rig, *captured(rig), amount=400, operation="refund_elsewhere")
    request["account"] = ACCOUNT

    outcome = rig.gateway.refund(request, uuid4())

    assert (outcome.ok, outcome.code) == (False, "refund_elsewhere_not_supported")


# -- consents and captures


def test_a_consent_to_another_amount_is_refused(rig):
    request = authorisation(rig) | {"amount_minor": 999}

    assert rig.gateway.authorise(request, uuid4()).code == "consent_differs"


def test_a_consent_that_has_ended_is_refused_and_taken_by_nobody(rig):
    request = authorisation(rig)
    held = rig.gateway.authorise(request, uuid4()).reference
    rig.stub.expire(request["reference"])

    assert rig.gateway.authorise(request, uuid4()).code == "payment_is_expired"
    taken = rig.gateway.capture(capture(rig, request["reference"], held, 1000), uuid4())
    assert taken.code == "NOT_FOUND_PAYMENT_SESSION"


def test_a_capture_can_be_cancelled_until_midnight_in_korea(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.capture(capture(rig, reference, held, 1000), uuid4())

    assert outcome.data["reversible_until"].endswith("T15:00:00+00:00")


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_capture_in_part_that_breaks_off_is_finished_once(rig, what, step):
    reference, held = authorised(rig)
    request, key = capture(rig, reference, held, 700), uuid4()
    rig.line.lose(what, after=step)
    with pytest.raises(Unanswered):
        rig.gateway.capture(request, key)

    outcome = rig.gateway.inquire(request, key) or rig.gateway.capture(request, key)

    assert (outcome.ok, outcome.data["released_minor"]) == (True, 300)
    assert outcome.data["release_reference"]
    assert [x.amount_minor for x in rig.gateway.look_up(reference).captures] == [700]
    assert len(rig.stub.of(reference)["cancels"]) == 1


def test_a_capture_in_part_is_stated_as_capture_and_void(rig):
    reference, held = authorised(rig)

    outcome = rig.gateway.capture(capture(rig, reference, held, 700), uuid4())

    said = totals(rig, reference)
    assert said["capture", outcome.reference] == 700
    assert said["void", outcome.data["release_reference"]] == 300


def test_every_cancellation_says_its_amount(rig):
    reference, held = authorised(rig)
    taken = rig.gateway.capture(capture(rig, reference, held, 700), uuid4()).reference
    rig.gateway.refund(refund(rig, reference, taken, 700), uuid4())
    waiting = deposit(rig)
    rig.gateway.authorise(waiting, uuid4())
    rig.gateway.close({"reference": waiting["reference"]}, uuid4())

    cancels = [x for x in map(json.loads, rig.line.posts) if "cancelReason" in x]

    assert [x["cancelAmount"] for x in cancels] == [300, 700, 1000]


def test_a_currency_with_decimals_is_refused(rig):
    request = authorisation(rig) | {"currency": "USD"}

    assert rig.gateway.authorise(request, uuid4()).code == "currency_not_supported"


# -- keys and errors


def test_a_refund_is_found_by_its_key_after_toss_has_forgotten_it(rig):
    reference, taken = captured(rig)
    request, key = refund(rig, reference, taken, 400), uuid4()
    first = rig.gateway.refund(request, key)

    rig.stub.forget_keys()

    assert rig.gateway.refund(request, key) == first
    assert effects(rig, reference) == [1, 1, 1]


def test_a_capture_is_found_after_toss_has_forgotten_its_key(rig):
    reference, held = authorised(rig)
    request, key = capture(rig, reference, held, 1000), uuid4()
    first = rig.gateway.capture(request, key)

    rig.stub.forget_keys()

    assert rig.gateway.capture(request, key) == first


def test_an_answer_to_another_request_under_the_same_key_is_not_taken_for_ours(rig):
    key = uuid4()
    rig.gateway.authorise(deposit(rig), key)

    with pytest.raises(KeyReused):
        rig.gateway.authorise(deposit(rig), key)


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "COMMON_ERROR"), (400, "PROVIDER_ERROR"), (409, "IDEMPOTENT_REQUEST_PROCESSING")],
)
def test_an_error_that_says_nothing_comes_again_and_a_look_resolves_it(rig, status, code):
    reference, taken = captured(rig)
    request, key = refund(rig, reference, taken, 400), uuid4()
    rig.stub.break_next(acts=True, status=status, code=code)

    with pytest.raises(Unanswered):
        rig.gateway.refund(request, key)

    assert rig.gateway.inquire(request, key).ok
    assert effects(rig, reference) == [1, 1, 1]


def test_a_wrong_secret_key_means_that_nothing_was_looked_at(rig):
    with serving(rig.stub.answer) as base, pytest.raises(NotSent):
        TossGateway(TossApi("wrong", base=base)).look_up("order-1")


# -- messages


def test_contradicting_messages_are_two_hints_at_one_truth(rig):
    reference, _ = captured(rig)

    done = rig.gateway.parse_webhook(*rig.stub.status_message(reference, status="DONE"))
    aborted = rig.gateway.parse_webhook(*rig.stub.status_message(reference, status="ABORTED"))

    assert done.reference == aborted.reference == reference
    assert done.id != aborted.id
    assert effects(rig, reference) == [1, 1, 0]


def test_a_message_about_a_deposit_is_genuine_by_its_secret(rig):
    reference, _ = paid_in(rig)

    hint = rig.gateway.parse_webhook(*rig.stub.deposit_message(reference))

    assert (hint.reference, hint.kind) == (reference, "DEPOSIT_CALLBACK")


@pytest.mark.parametrize("changes", [{"secret": "ps_guessed"}, {"secret": None}, {"orderId": "x"}])
def test_a_message_about_a_deposit_that_knows_no_secret_is_refused(rig, changes):
    reference, _ = paid_in(rig)

    with pytest.raises(InvalidWebhook):
        rig.gateway.parse_webhook(*rig.stub.deposit_message(reference, **changes))


def test_a_message_without_an_id_of_its_own_is_known_by_its_contents(rig):
    reference, _ = captured(rig)
    _, body = rig.stub.status_message(reference)

    first = rig.gateway.parse_webhook({}, body)

    assert first.id == rig.gateway.parse_webhook({}, body).id
    assert len(first.id) == 64


# -- the statement


@pytest.fixture
def quiet():
    """Return a shop of its own, whose statement nobody else writes in."""
    stub = TossStub()
    with serving(Line(stub.answer).answer) as base:
        since = stub.sold_on - timedelta(days=2)
        yield stub, TossGateway(TossApi(SECRET_KEY, base=base), settled_since=since)


def pay(stub, gateway, amount=1000):
    reference = f"order-{uuid4().hex[:12]}"
    held = stub.consent(reference, amount)
    request = {"reference": reference, "authorisation_id": held, "currency": "KRW"}
    gateway.capture(request | {"amount_minor": amount}, uuid4())


def test_payments_less_fees_are_what_is_paid_out(quiet):
    stub, gateway = quiet
    pay(stub, gateway, 10_000)

    taken, fee = gateway.settlement_lines()

    assert (taken.amount_minor, fee.amount_minor) == (10_000, 10 * FEE)
    assert taken.amount_minor - fee.amount_minor == stub.settlements[0]["payOutAmount"]
    assert taken.payout == fee.payout == str(stub.sold_on + timedelta(days=3))


def test_a_day_is_read_once_it_is_over(quiet):
    stub, gateway = quiet
    stub.sold_on += timedelta(days=1)
    pay(stub, gateway)

    assert list(gateway.settlement_lines()) == []


def test_days_and_pages_are_read_in_their_order_and_from_anywhere(quiet):
    stub, gateway = quiet
    stub.sold_on -= timedelta(days=1)
    for _ in range(103):
        pay(stub, gateway)
    stub.sold_on += timedelta(days=1)
    pay(stub, gateway)

    lines = list(gateway.settlement_lines())

    assert len(lines) == 2 * 104
    assert [x.position for x in lines] == sorted(x.position for x in lines)
    for number in (0, 199, 205, 206, 207):
        after = lines[number].position
        assert list(gateway.settlement_lines(after=after)) == lines[number + 1 :]


def test_a_position_that_is_not_in_the_statement_is_an_error(quiet):
    stub, gateway = quiet

    with pytest.raises(LookupError, match="no line at position"):
        list(gateway.settlement_lines(after=f"{stub.sold_on}#000007a"))
