"""Money: whole minor units of one currency."""

import pytest

from sagas.money import CurrencyMismatch, Money, total

ten, one, won = Money(1000, "EUR"), Money(100, "EUR"), Money(1000, "KRW")


def test_amounts_of_one_currency_add_up():
    assert ten + one == Money(1100, "EUR")
    assert one - ten == Money(-900, "EUR")
    assert one * 3 == Money(300, "EUR")
    assert one < ten
    assert not ten < one


@pytest.mark.parametrize(
    "mix",
    [
        lambda: ten + won,
        lambda: ten - won,
        lambda: ten < won,
        lambda: total([ten, won], currency="EUR"),
    ],
)
def test_amounts_of_two_currencies_do_not_mix(mix):
    with pytest.raises(CurrencyMismatch, match="EUR and KRW do not mix; convert first"):
        mix()


def test_equal_numbers_of_two_currencies_are_not_equal():
    assert ten != won


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E"])
def test_a_currency_is_an_iso_code(currency):
    with pytest.raises(ValueError, match="is not an ISO 4217 currency code"):
        Money(1, currency)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Money(1250, "EUR"), "12.50 EUR"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(1250, "KRW"), "1,250 KRW"),
        (Money(123_456_789, "KWD"), "123,456.789 KWD"),
        (Money(0, "JPY"), "0 JPY"),
    ],
)
def test_an_amount_is_said_with_the_decimals_of_its_currency(amount, text):
    assert str(amount) == text


def test_nothing_at_all_is_zero():
    assert total([], currency="EUR") == Money(0, "EUR")
    assert total([ten, one], currency="EUR") == Money(1100, "EUR")


def test_an_amount_can_not_be_changed_and_may_be_a_key():
    with pytest.raises(AttributeError):
        ten.minor = 1  # that it is refused
    assert {Money(1, "EUR"): "a"}[Money(1, "EUR")] == "a"
