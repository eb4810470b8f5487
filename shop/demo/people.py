"""People: who acts in a run, as the log and the cases name them."""

from typing import Final

from orders.events import Address
from orders.models import Order

#: Whoever prepares a run.
ACTOR: Final = "demo"
#: Two operators: what moves money without the provider's proof takes both.
ANNA: Final = "admin:anna"
BEN: Final = "admin:ben"
WAREHOUSE: Final = "warehouse:lee"

#: Where customers get money back that can't go back the way it came.
ACCOUNT: Final = {"bank": "20", "number": "1002-123-456789", "holder": "Customer"}


def customer_of(order: Order) -> str:
    """Return the customer of an order as an actor, who is held to what customers may do."""
    return f"customer:{order.customer}"


def address_of(customer: str, country: str) -> Address:
    """Return where a parcel goes; the sample records the country alone."""
    return Address(
        name=f"Customer {customer}",
        street="1 High Street",
        city="Capital",
        postcode="1",
        country=country,
    )
