"""A call of several requests: they share its time, and none is sent once that is over (R6)."""

from datetime import timedelta
from itertools import chain, repeat
from uuid import uuid4

import pytest

from payments.gateway import CLOSE, REFUND, provider
from payments.gateway.patience import begin_request, one_call, timeouts
from sagas.conf import settings as conf
from sagas.exceptions import Unanswered
from tests.conformance.requests import authorised, captured, effects, refund

#: How far a call has come, in seconds, before its time is over, and when it is.
IN_TIME, OVER = 29.9, 30.0


def late_for(request):
    """Return the time of a call whose time is over before this request of it, counted from 1."""
    return chain([0.0], repeat(IN_TIME, request - 1), repeat(OVER)).__next__


def test_a_call_is_over_within_half_of_its_lease():
    with one_call(now=late_for(2)):
        begin_request()
        with pytest.raises(Unanswered, match="its next request was not sent"):
            begin_request()

    assert OVER + sum(timeouts()) <= conf().CALL_DEADLINE.total_seconds() / 2


def test_who_asks_outside_of_a_call_has_time():
    with one_call(now=late_for(1)), pytest.raises(Unanswered):
        begin_request()

    begin_request()


def test_a_refund_at_toss_is_not_asked_for_when_looking_took_too_long(toss):
    reference, taken = captured(toss)
    request, key = refund(toss, reference, taken, 400), uuid4()
    toss.line.posts.clear()

    with one_call(now=late_for(2)), pytest.raises(Unanswered):
        toss.gateway.refund(request, key)
    assert (toss.line.posts, effects(toss, reference)[-1]) == ([], 0)

    assert toss.gateway.refund(request, key).ok
    assert effects(toss, reference)[-1] == 1


def test_an_intent_at_stripe_is_not_cancelled_when_finding_it_took_too_long(stripe):
    reference, _ = authorised(stripe)
    stripe.line.posts.clear()

    with one_call(now=late_for(2)), pytest.raises(Unanswered):
        stripe.gateway.close({"reference": reference}, uuid4())

    assert stripe.line.posts == []
    assert stripe.gateway.look_up(reference).authorisations[0].open_minor == 1000


@pytest.mark.parametrize("shop", ["stripe", "toss"], indirect=True)
@pytest.mark.parametrize("ask", [CLOSE.send, CLOSE.inquire, REFUND.send, REFUND.inquire])
def test_what_a_step_calls_shares_the_time_of_its_lease(shop, settings, ask):
    reference, taken = captured(shop)
    settings.SAGAS = {**settings.SAGAS, "CALL_DEADLINE": timedelta(0)}
    shop.line.posts.clear()

    with pytest.raises(Unanswered, match="its next request was not sent"):
        ask(refund(shop, reference, taken, 400), uuid4())

    assert shop.line.posts == []


@pytest.mark.parametrize("shop", ["stripe"], indirect=True)
def test_who_was_in_a_hurry_leaves_no_hurry_behind(shop, settings, monkeypatch):
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_of_somebody_new")
    patient = settings.SAGAS
    settings.SAGAS = {**patient, "CALL_DEADLINE": timedelta(0)}
    provider()
    settings.SAGAS = patient

    assert provider().look_up(shop.order()) is None
