"""Books: what the shop and its provider say at the end, to be held against what was planned."""

from dataclasses import dataclass

from django.db.models import Count, Sum

from orders.models import Order
from payments.simulated_provider import SimulatedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The orders of one replay: how many, what they cost, what the provider keeps; in pence."""

    orders: int
    sold_minor: int
    captured_minor: int
    kept_minor: int

    @classmethod
    def read(cls, prefix: str, provider: SimulatedProvider) -> "Books":
        """Read the shop's orders whose numbers begin so, and the provider's own statement."""
        found = Order.objects.filter(number__startswith=prefix)
        sums = found.aggregate(orders=Count("pk"), sold_minor=Sum("total_minor", default=0))
        balances = [
            balance for number, balance in provider.balances().items() if number.startswith(prefix)
        ]
        return cls(
            captured_minor=sum(balance.captured_minor for balance in balances),
            kept_minor=sum(balance.kept_minor for balance in balances),
            **sums,
        )
