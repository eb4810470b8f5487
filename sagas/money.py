"""Money: an integer of minor units with its currency. No floats, no mixing.

The number of decimals of a currency is ISO 4217's exponent: KRW 0, USD 2, KWD 3.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

_EXPONENTS = {
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "CLP": 0,
    "ISK": 0,
    "BHD": 3,
    "KWD": 3,
    "JOD": 3,
    "OMR": 3,
    "TND": 3,
}

#: ISO 4217 codes are three letters.
_CODE_LENGTH = 3


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added, subtracted or compared."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in minor units, such as `Money(1250, "EUR")` for 12.50 EUR."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no ISO currency code, such as "" or "eur"."""
        if len(self.currency) != _CODE_LENGTH or not self.currency.isupper():
            message = f"{self.currency!r} is not an ISO 4217 currency code such as 'EUR'."
            raise ValueError(message)

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
        """Say it as people read it: `12.50 EUR`, `1250 KRW`."""
        exponent = _EXPONENTS.get(self.currency, 2)
        return f"{Decimal(self.minor).scaleb(-exponent):,f} {self.currency}"


def total(amounts: Iterable[Money], *, currency: str) -> Money:
    """Add up `amounts`; nothing at all is zero of `currency`."""
    result = Money(0, currency)
    for amount in amounts:
        result += amount
    return result
