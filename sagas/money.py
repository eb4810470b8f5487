"""Money: an integer of minor units with its currency. No floats, no mixing, no penny lost.

The number of decimals of a currency is ISO 4217's exponent: KRW 0, USD 2, KWD 3, CLF 4. What is
divided is divided exactly: parts always add up to the whole (D, rounding).
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Self

import msgspec

#: Active currencies of ISO 4217 whose exponent is not 2, by that exponent.
_UNUSUAL: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS: Final = {code: number for number, codes in _UNUSUAL.items() for code in codes.split()}
_USUAL_EXPONENT: Final = 2

_CODE: Final = re.compile(r"[A-Z]{3}")
_AMOUNT: Final = re.compile(r"-?[0-9]+(?:\.(?P<decimals>[0-9]+))?")


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added, subtracted or compared."""


def exponent(currency: str) -> int:
    """Return how many decimals amounts of a currency have; 2 for those that ISO 4217 lacks."""
    return _EXPONENTS.get(currency, _USUAL_EXPONENT)


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units, such as `Money(1250, "EUR")` for 12.50 EUR."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no ISO currency code, such as "" or "eur"."""
        if not _CODE.fullmatch(self.currency):
            message = f"{self.currency!r} is not an ISO 4217 currency code such as 'EUR'."
            raise ValueError(message)

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read an amount as programs write it: `Money.parse("12.50", "EUR")`.

        Nothing is rounded: ValueError for more decimals than the currency has, and for what is
        no amount, such as "1,250" or "1e3".
        """
        found = _AMOUNT.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not an amount such as '12.50'.")
        places, decimals = exponent(currency), found["decimals"] or ""
        if len(decimals) > places:
            message = f"{text!r} has {len(decimals)} decimals; {currency} has {places}."
            raise ValueError(message)
        return cls(int(Decimal(f"{text}E{places}")), currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            message = f"{self.currency} and {other.currency} do not mix; convert first."
            raise CurrencyMismatch(message)

    def __add__(self, other: "Money") -> "Money":
        """Add; raises CurrencyMismatch."""
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """Subtract; raises CurrencyMismatch. The result may be negative."""
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __mul__(self, count: int) -> "Money":
        """Multiply by a count of units."""
        return Money(self.minor * count, self.currency)

    def __lt__(self, other: "Money") -> bool:
        """Compare; raises CurrencyMismatch."""
        self._same(other)
        return self.minor < other.minor

    def __str__(self) -> str:
        """Say it as people read it: `12.50 EUR`, `1,250 KRW`."""
        amount = Decimal(f"{self.minor}E-{exponent(self.currency)}")
        return f"{amount:,f} {self.currency}"


def total(amounts: Iterable[Money], *, currency: str) -> Money:
    """Add up `amounts`; nothing at all is zero of `currency`."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result


def allocate(whole: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """Divide an amount in proportion to weights, one part each, by largest remainder.

    The parts add up to `whole` exactly. Of equal remainders the earlier one is served first, and a
    weight of 0 gets nothing. Raises ValueError for a negative amount or weight, and where there is
    something to divide but no weight above 0.
    """
    _refuse_undividable(whole, weights)
    sum_of_weights = sum(weights) or 1
    parts = [divmod(whole.minor * weight, sum_of_weights) for weight in weights]
    left = whole.minor - sum(minor for minor, _ in parts)
    by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
    served = set(by_remainder[:left])
    return tuple(
        Money(minor + (index in served), whole.currency) for index, (minor, _) in enumerate(parts)
    )


def _refuse_undividable(whole: Money, weights: Sequence[int]) -> None:
    if whole.minor < 0 or any(weight < 0 for weight in weights):
        raise ValueError(f"{whole} over {list(weights)}: neither amount nor weights are negative.")
    if whole.minor and not any(weights):
        raise ValueError(f"{whole} over {list(weights)}: at least one weight must be above 0.")


def share(total_minor: int, units: int, taken: int, taking: int) -> int:
    """Return what `taking` more of a line's `units` are worth, after `taken` of them are gone.

    In minor units, of the `total_minor` that was paid for the line. What was given before counts:
    whatever the steps, they add up to the total, and the last one takes exactly the rest. Until
    then a fraction stays with the shop. Raises ValueError for counts that do not fit.
    """
    if total_minor < 0 or min(taken, taking) < 0 or not 0 < units >= taken + taking:
        message = f"{taking} of {units} units after {taken}, worth {total_minor}, is impossible."
        raise ValueError(message)
    return total_minor * (taken + taking) // units - total_minor * taken // units
