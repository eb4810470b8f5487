"""Endpoints of orders: place one, look at it, and everything by which it may end otherwise.

Who may: placing needs the permission orders.add_order, because who places an order states its
prices; a shop gives it to its storefront, which names the customer. A customer is the user of that
name and sees, cancels, returns and exchanges their own orders. Others need orders.view_order to
see them and orders.change_order to act; without it, an order of somebody else does not exist.
Proposing goodwill and suspecting fraud need orders.add_case, deciding needs orders.change_case.
"""

from orders.api.ordering import OrderDetail, Orders
from orders.api.undoing import Cancel, Exchanges, PartialCancels, Remedy, Returns
from orders.api.watching import FraudDecision, Goodwill, GoodwillDecision, Inquiry, Suspicion

__all__ = [
    "Cancel",
    "Exchanges",
    "FraudDecision",
    "Goodwill",
    "GoodwillDecision",
    "Inquiry",
    "OrderDetail",
    "Orders",
    "PartialCancels",
    "Remedy",
    "Returns",
    "Suspicion",
]
