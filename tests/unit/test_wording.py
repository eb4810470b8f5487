"""What a customer is told: every state and phase has words, and what waits is never complete."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from orders.events import CaseKind
from orders.models import Case, Order
from orders.phrases import ORDERS, WORDS, Phase
from orders.wording import CaseFacts, OrderFacts, facts_of, phase_of, told, told_of
from sagas.money import Money
from tests.unit.order_rows import an_order

DUE = datetime(2026, 1, 7, 15, tzinfo=UTC)
S, CS = Order.State, Case.State

amounts = st.integers(0, 5000).map(lambda minor: Money(minor, "GBP"))
cases = st.builds(
    CaseFacts,
    kind=st.sampled_from(CaseKind),
    state=st.sampled_from(CS.values),
    is_whole=st.booleans(),
    remedy=st.sampled_from(["", "money", "goods"]),
    refund=amounts,
    coupon=amounts,
    points=amounts,
    apology=amounts,
    apology_code=st.just("SORRY-1"),
    due_at=st.sampled_from([None, DUE]),
    is_paid=st.booleans(),
    is_paid_late=st.booleans(),
    is_goods_done=st.booleans(),
    is_uncharged=st.booleans(),
    is_owed=st.booleans(),
    is_taken=st.booleans(),
)
orders = st.builds(
    OrderFacts,
    number=st.just("S-1"),
    state=st.sampled_from(S.values),
    total=amounts,
    cases=st.lists(cases, max_size=3).map(tuple),
)


def a_case(kind=CaseKind.CANCEL, state=CS.ACCEPTED, **changed):
    facts = {
        "is_whole": False,
        "remedy": "",
        "refund": Money(1250, "GBP"),
        "coupon": Money(0, "GBP"),
        "points": Money(0, "GBP"),
        "apology": Money(0, "GBP"),
        "apology_code": "",
        "due_at": None,
        "is_paid": True,
        "is_paid_late": False,
        "is_goods_done": False,
        "is_uncharged": False,
        "is_owed": False,
        "is_taken": False,
    }
    return CaseFacts(kind=kind, state=state, **{**facts, **changed})


def an_order_with(state, *cases):
    return OrderFacts(number="S-1", state=state, total=Money(1250, "GBP"), cases=cases)


# -- every order has words ------------------------------------------------------------------------


def test_every_state_of_an_order_has_words():
    assert set(ORDERS) == set(S)


@given(orders)
def test_something_is_said_of_every_order_and_its_placeholders_are_filled(facts):
    said = told(facts)

    assert said.headline
    assert "%(" not in f"{said.headline} {said.detail}"


@given(orders)
def test_what_waits_is_never_called_complete(facts):
    said = told(facts)

    if "complete" in f"{said.headline} {said.detail}".lower():
        assert said.is_final
        assert facts.state == S.COMPLETED
        assert not [case for case in facts.cases if case.is_owed]


@given(cases)
def test_a_case_is_over_for_its_customer_only_when_nothing_more_comes_of_it(case):
    said = told_of(case)

    assert said.is_final == (phase_of(case) in (Phase.DONE, Phase.REFUSED))
    if case.is_owed or case.state in (CS.OPEN, CS.ASKED, CS.ACCEPTED):
        assert not said.is_final


@pytest.mark.parametrize("state", [S.PLACED, S.CONFIRMED, S.FULFILLING, S.SHIPPED, S.DELIVERED])
def test_nobody_reads_that_an_order_is_over_before_it_is(state):
    assert not told(an_order_with(state)).is_final


# -- money ----------------------------------------------------------------------------------------


def test_a_refund_that_is_pending_says_how_much_and_by_when():
    said = told_of(a_case(due_at=DUE, is_whole=True))

    assert said.detail == "12.50 GBP will be paid back by Jan. 7, 2026."
    assert not said.is_final


def test_a_refund_without_a_legal_clock_says_how_much():
    assert told_of(a_case()).detail == "12.50 GBP will be paid back."


def test_a_refund_that_is_owed_says_so_and_is_what_the_order_is_about():
    owed = a_case(CaseKind.RETURN, CS.SETTLED, is_owed=True)

    said = told(an_order_with(S.RETURNED, owed))

    assert said.headline == "A refund is still owed to you."
    assert "12.50 GBP" in said.detail
    assert not said.is_final


def test_who_was_not_charged_is_not_told_of_a_refund():
    nothing = {"refund": Money(0, "GBP"), "is_whole": True}

    pending = told_of(a_case(**nothing, is_paid=False))
    done = told_of(a_case(**nothing, is_paid=False, state=CS.SETTLED))

    assert pending.detail == "What is reserved on your card will be released."
    assert done.detail == "You were not charged."
    assert told_of(a_case(**nothing, state=CS.SETTLED)).detail == ""


@pytest.mark.parametrize("state", [CS.ACCEPTED, CS.SETTLED])
def test_whose_payment_came_later_does_not_read_that_none_was_taken(state):
    nothing = {"refund": Money(0, "GBP"), "is_whole": True, "is_paid": False}

    said = told_of(a_case(CaseKind.ABANDON, state, **nothing, is_paid_late=True))

    assert "came later; what becomes of it is told separately." in said.detail
    assert "charged" not in said.detail
    assert "released" not in said.detail


def test_a_part_that_is_cancelled_before_the_money_is_taken_is_charged_less():
    part = {"kind": CaseKind.CANCEL_PARTIAL, "is_paid": False}

    assert told_of(a_case(**part)).detail == "12.50 GBP less will be charged."
    done = a_case(**part, state=CS.SETTLED, is_uncharged=True)
    assert told_of(done).detail == "You pay 12.50 GBP less."


# -- matters --------------------------------------------------------------------------------------


def test_an_order_is_about_the_matter_that_is_open():
    done = a_case(CaseKind.CANCEL_PARTIAL, CS.SETTLED)
    waiting = a_case(CaseKind.RETURN, CS.OPEN)

    said = told(an_order_with(S.COMPLETED, waiting, done))

    assert said.headline == "You asked to send goods back."


def test_what_was_refused_to_a_customer_is_told_beside_how_the_order_stands():
    refused = a_case(CaseKind.RETURN, CS.REJECTED)

    said = told(an_order_with(S.COMPLETED, refused))

    assert said.headline == "Your order is complete."
    assert said.detail.startswith("Nothing is paid back")
    assert said.is_final


def test_that_an_order_could_not_be_cancelled_is_told_while_it_is_on_its_way():
    late = a_case(CaseKind.CANCEL, CS.REJECTED, is_whole=True)

    assert "could not be cancelled" in told(an_order_with(S.SHIPPED, late)).detail
    assert "could not be cancelled" not in told(an_order_with(S.COMPLETED, late)).detail


@pytest.mark.parametrize("kind", [CaseKind.FRAUD_CANCEL, CaseKind.GOODWILL])
def test_what_customers_do_not_know_of_is_not_told_as_refused_either(kind):
    said = told(an_order_with(S.COMPLETED, a_case(kind, CS.REJECTED)))

    assert said == told(an_order_with(S.COMPLETED))


def test_an_order_is_about_the_case_that_gave_something_back():
    paid = a_case(CaseKind.FRAUD_CANCEL, CS.SETTLED)
    nothing = a_case(CaseKind.LOST, CS.SETTLED, refund=Money(0, "GBP"), remedy="money")

    said = told(an_order_with(S.LOST, paid, nothing))

    assert said.headline == "Your order was stopped, and your money went back."


def test_a_cancelled_order_says_why_it_was_cancelled():
    sorry = {"apology": Money(500, "GBP"), "apology_code": "SORRY-1"}
    over = a_case(CaseKind.OOS_CANCEL, CS.SETTLED, is_whole=True, **sorry)

    said = told(an_order_with(S.CANCELLED, over))

    assert said.headline == "Your order was out of stock and is cancelled."
    assert "12.50 GBP was paid back." in said.detail
    assert "As an apology you get a coupon of 5.00 GBP: SORRY-1." in said.detail
    assert said.is_final


def test_who_has_the_goods_and_the_money_again_is_not_asked_to_send_them_back():
    taken = a_case(CaseKind.CHARGEBACK, CS.SETTLED, is_taken=True)
    later = a_case(CaseKind.GOODWILL, CS.REJECTED)

    said = told(an_order_with(S.COMPLETED, taken, later))

    assert said.headline == "Your bank has decided about your payment."
    assert said.detail == "It took 12.50 GBP back."
    assert said.is_final


def test_who_may_choose_is_asked():
    said = told_of(a_case(CaseKind.LOST, CS.ASKED))

    assert "goods once more" in said.detail


@pytest.mark.parametrize(
    ("kind", "goods"),
    [
        (CaseKind.LOST, "What you ordered is"),
        (CaseKind.LATE_SUCCESS, "What you ordered is"),
        (CaseKind.EXCHANGE, "Other goods are"),
    ],
)
def test_goods_that_are_sent_instead_are_being_sent_until_they_arrive(kind, goods):
    sent = a_case(kind, CS.SETTLED, remedy="goods", refund=Money(0, "GBP"))

    assert told_of(sent).detail == f"{goods} being sent to you."
    assert not told_of(sent).is_final


def test_an_order_that_went_on_after_all_is_over_once_its_goods_have_arrived():
    kept = {"remedy": "goods", "refund": Money(0, "GBP"), "is_goods_done": True}

    said = told(an_order_with(S.REINSTATED, a_case(CaseKind.LATE_SUCCESS, CS.SETTLED, **kept)))

    assert said.detail == "What you ordered has reached you."
    assert said.is_final


def test_a_goodwill_that_is_only_proposed_is_nobodys_news():
    proposed = a_case(CaseKind.GOODWILL, CS.OPEN)

    assert told_of(proposed).headline == ""
    assert told(an_order_with(S.COMPLETED, proposed)).headline == "Your order is complete."


def test_a_cancellation_that_came_too_late_offers_a_return():
    said = told_of(a_case(state=CS.REJECTED, is_whole=True))

    assert "send it back" in said.detail


def test_coupon_and_points_that_come_back_are_told_with_their_worth():
    said = told_of(a_case(state=CS.SETTLED, coupon=Money(100, "GBP"), points=Money(20, "GBP")))

    assert "1.20 GBP of your coupon and points was given back." in said.detail


@pytest.mark.parametrize("key", WORDS)
def test_the_words_of_a_phase_are_text_in_every_language(key):
    with translation.override("ko"):
        words = WORDS[key]
        assert all(str(each) for each in (words.pending, words.done, words.refused))


@pytest.mark.django_db
def test_the_facts_of_an_order_are_read_off_its_rows():
    order = an_order(S.COMPLETED)

    facts = facts_of(order)

    assert (facts.number, facts.state, facts.cases) == ("S-1", S.COMPLETED, ())
