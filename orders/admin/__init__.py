"""Admin: orders and their cases, all of them to look at, and what may be done about them.

States and money change through commands that announce, never in a form (decision 27).
"""

from orders.admin.cases import CaseAdmin
from orders.admin.customers import BlockedCustomerAdmin
from orders.admin.orders import OrderAdmin

__all__ = ["BlockedCustomerAdmin", "CaseAdmin", "OrderAdmin"]
