"""Theirs: the books of the payment provider and of the carrier, as they give them out."""

from dataclasses import dataclass

from django.conf import settings

from payments.simulated_provider import Balance, SimulatedProvider, Transaction
from shipping.simulated_carrier import Parcel, SimulatedCarrier

#: A reference that the provider never heard of.
NOTHING = Balance(
    currency="", authorised_minor=0, voided_minor=0, captured_minor=0, refunded_minor=0
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Theirs:
    """One look at both; `prefix` as for our own books."""

    transactions: tuple[Transaction, ...]
    balances: dict[str, Balance]
    parcels: dict[str, Parcel]

    @classmethod
    def read(cls, prefix: str = "") -> "Theirs":
        """Read the provider's statement and the carrier's list of parcels."""
        provider = SimulatedProvider(settings.PROVIDER_BOOKS)
        carrier = SimulatedCarrier(settings.CARRIER_BOOKS)
        return cls(
            transactions=tuple(
                line for line in provider.list_transactions() if line.reference.startswith(prefix)
            ),
            balances={
                number: balance
                for number, balance in provider.balances().items()
                if number.startswith(prefix)
            },
            parcels={
                parcel.tracking: parcel
                for parcel in carrier.list_parcels()
                if parcel.reference.startswith(prefix)
            },
        )

    def balance(self, number: str) -> Balance:
        """Return what the provider did for an order number."""
        return self.balances.get(number, NOTHING)
