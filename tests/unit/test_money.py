"""Money: whole minor units of one currency."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.money import CurrencyMismatch, Money, allocate, exponent, share, total

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


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "E", "A1B", "ÄÖÜ", "EUR\n"])
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


# -- currencies and text


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        *((code, 0) for code in ("KRW", "JPY", "CLP", "UYI", "UGX", "XOF")),
        *((code, 2) for code in ("EUR", "USD", "GBP", "UYU", "QQQ")),
        *((code, 3) for code in ("KWD", "IQD", "TND")),
        *((code, 4) for code in ("CLF", "UYW")),
    ],
)
def test_a_currency_has_the_decimals_of_iso_4217(currency, decimals):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.50", "EUR", 1250),
        ("12.5", "EUR", 1250),
        ("12", "EUR", 1200),
        ("-0.05", "EUR", -5),
        ("007", "KRW", 7),
        ("1.234", "KWD", 1234),
        ("0.0001", "CLF", 1),
        ("90071992547409930123456789012.34", "EUR", 9007199254740993012345678901234),
    ],
)
def test_an_amount_is_read_without_rounding(text, currency, minor):
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency", "decimals", "places"),
    [("12.505", "EUR", 3, 2), ("12.500", "EUR", 3, 2), ("1250.0", "KRW", 1, 0)],
)
def test_more_decimals_than_the_currency_has_are_refused(text, currency, decimals, places):
    with pytest.raises(ValueError, match=f"has {decimals} decimals; {currency} has {places}"):
        Money.parse(text, currency)


@pytest.mark.parametrize(
    "text", ["", ".5", "5.", "1,250", "1e3", "NaN", " 1", "1\n", "+1", "\u0661"]
)
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="is not an amount such as"):
        Money.parse(text, "EUR")


@given(st.integers(), st.sampled_from(["KRW", "EUR", "KWD", "CLF"]))
def test_what_is_said_can_be_read_again(minor, currency):
    amount = Money(minor, currency)
    text = str(amount).partition(" ")[0].replace(",", "")

    assert Money.parse(text, currency) == amount


# -- dividing

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)
amounts = st.integers(0, 10**12)


def test_the_largest_remainders_get_what_is_left_the_earlier_of_equals_first():
    assert _minors(allocate(Money(100, "EUR"), [1, 1, 1])) == [34, 33, 33]
    assert _minors(allocate(Money(101, "EUR"), [1, 1, 1])) == [34, 34, 33]
    assert _minors(allocate(Money(10, "EUR"), [1, 5, 3])) == [1, 6, 3]
    assert _minors(allocate(Money(2, "EUR"), [0, 1, 0, 1, 1])) == [0, 1, 0, 1, 0]


def test_nothing_can_be_divided_among_nobody():
    assert allocate(Money(0, "EUR"), []) == ()
    assert _minors(allocate(Money(0, "EUR"), [0, 0])) == [0, 0]


@pytest.mark.parametrize(
    ("minor", "over", "problem"),
    [
        (10, [2, -1], "neither amount nor weights are negative"),
        (-10, [2, 1], "neither amount nor weights are negative"),
        (10, [], "at least one weight must be above 0"),
        (10, [0, 0], "at least one weight must be above 0"),
    ],
)
def test_what_can_not_be_divided_is_refused(minor, over, problem):
    with pytest.raises(ValueError, match=problem):
        allocate(Money(minor, "EUR"), over)


@given(amounts, weights)
def test_parts_add_up_and_are_less_than_one_unit_off(minor, over):
    parts = _minors(allocate(Money(minor, "KRW"), over))

    assert sum(parts) == minor
    for part, weight in zip(parts, over, strict=True):
        assert abs(Fraction(minor * weight, sum(over)) - part) < 1
        assert weight or not part


@given(amounts, weights)
def test_equal_weights_never_differ_by_more_than_one_and_the_earlier_gets_more(minor, over):
    parts = _minors(allocate(Money(minor, "KRW"), over))

    for weight in set(over):
        same = [part for part, own in zip(parts, over, strict=True) if own == weight]
        assert same == sorted(same, reverse=True)
        assert same[0] - same[-1] <= 1


# -- refunding a line bit by bit


def test_three_units_for_a_hundred_come_back_one_by_one():
    assert [share(100, 3, taken, 1) for taken in range(3)] == [33, 33, 34]


@st.composite
def refunds(draw):
    """Draw what was paid for how many units, and the steps they come back in, all of them."""
    units = draw(st.integers(1, 10**5))
    cuts = draw(st.lists(st.integers(0, units), max_size=12))
    bounds = [0, *sorted(cuts), units]
    return draw(amounts), units, list(pairwise(bounds))


@given(refunds())
def test_refunds_in_any_steps_add_up_and_the_last_takes_exactly_the_rest(drawn):
    paid, units, steps = drawn
    given_back = 0

    for taken, after in steps:
        amount = share(paid, units, taken, after - taken)
        assert amount >= 0
        given_back += amount
        assert 0 <= Fraction(paid * after, units) - given_back < 1

    assert given_back == paid


@pytest.mark.parametrize(
    ("paid", "units", "taken", "taking"),
    [
        (100, 3, 3, 1),
        (100, 3, 0, 4),
        (100, 0, 0, 0),
        (100, 3, -1, 1),
        (100, 3, 1, -1),
        (-1, 3, 0, 1),
    ],
)
def test_more_than_there_is_has_no_share(paid, units, taken, taking):
    with pytest.raises(ValueError, match="is impossible"):
        share(paid, units, taken, taking)


def _minors(parts):
    return [part.minor for part in parts]
