"""Orders in the choreographies: collects what the others say, and says how it ends.

Orders own the business keys: their state machines are where a checkout and every case end (design
decision 4). A checkout is about an `Order`, every other choreography about a `Case`; why, what and
how much stands in `orders.cases` and `orders.reckoning`, never in a step.
"""

from orders.participant import (
    cancelling,
    checkout,
    crediting,
    disputing,
    exchanging,
    late,
    losing,
    partial,
    replacing,
    returning,
    telling,
)
from orders.participant.rows import orders

__all__ = [
    "cancelling",
    "checkout",
    "crediting",
    "disputing",
    "exchanging",
    "late",
    "losing",
    "orders",
    "partial",
    "replacing",
    "returning",
    "telling",
]
