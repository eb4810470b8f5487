"""Reconciliation: what must hold between contexts, and against the provider's and carrier's books.

What one context can say of itself stands in its own `reconciliation.py`.
"""

from shop.reconciliation import money, parcels, payouts, statement, stock, units

__all__ = ["money", "parcels", "payouts", "statement", "stock", "units"]
