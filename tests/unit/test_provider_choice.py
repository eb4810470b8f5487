"""Which payment provider the shop uses, and what is said when something for it is missing."""

import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from payments.gateway import provider


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, settings, tmp_path):
    """Take whatever credentials this machine may have out of the way."""
    for name in ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET", "TOSS_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings.PROVIDER_BOOKS = tmp_path / "provider.sqlite3"


def test_without_a_word_about_it_the_simulated_provider_is_used(settings):
    assert provider().name == "simulated"
    del settings.PAYMENT_PROVIDER
    assert provider().name == "simulated"


@pytest.mark.parametrize(
    ("name", "variable"), [("stripe", "STRIPE_API_KEY"), ("toss", "TOSS_SECRET_KEY")]
)
def test_a_provider_needs_its_credentials_and_says_which(settings, monkeypatch, name, variable):
    settings.PAYMENT_PROVIDER = name
    with pytest.raises(ImproperlyConfigured, match=f"{variable} is not set: take"):
        provider()

    monkeypatch.setenv(variable, "a key")

    assert provider().name == name


@pytest.mark.parametrize(
    ("variable", "value"), [("TOSS_DEPOSIT_HOURS", "a week"), ("TOSS_SETTLED_SINCE", "last year")]
)
def test_a_value_that_can_not_be_read_is_named(settings, monkeypatch, variable, value):
    settings.PAYMENT_PROVIDER = "toss"
    monkeypatch.setenv("TOSS_SECRET_KEY", "a key")
    monkeypatch.setenv(variable, value)

    with pytest.raises(ImproperlyConfigured, match=f"{variable} can't be '{value}'"):
        provider()


def test_an_unknown_provider_is_named_with_those_that_there_are(settings):
    settings.PAYMENT_PROVIDER = "paypal"

    with pytest.raises(ImproperlyConfigured, match=r"'paypal'.*simulated, stripe, toss"):
        provider()


def test_a_library_that_is_missing_is_named(settings, monkeypatch):
    settings.PAYMENT_PROVIDER = "stripe"
    for module in [x for x in sys.modules if x.startswith("payments.gateway.stripe")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "stripe", None)

    with pytest.raises(ImproperlyConfigured, match="'stripe' needs a library"):
        provider()


def test_messages_of_stripe_need_the_secret_they_are_signed_with(settings, monkeypatch):
    settings.PAYMENT_PROVIDER = "stripe"
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_x")

    with pytest.raises(ImproperlyConfigured, match="STRIPE_WEBHOOK_SECRET"):
        provider().parse_webhook({}, b"{}")
