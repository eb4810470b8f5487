"""Tables of orders: orders with their lines and benefits, cases, and customers who are blocked.

Money is in minor units of the order's currency. State changes only through transitions.
"""

from orders.models.case import Case, CaseLine
from orders.models.customer import BlockedCustomer
from orders.models.order import Benefit, Order, SoldLine

__all__ = ["Benefit", "BlockedCustomer", "Case", "CaseLine", "Order", "SoldLine"]
