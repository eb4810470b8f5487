"""Models: an order's payment, its refunds and disputes, and our books of what the provider did.

Amounts are in minor units of `currency`.
"""

from payments.models.books import Evidence, LedgerEntry, WebhookReceived
from payments.models.dispute import Dispute
from payments.models.payment import Payment
from payments.models.refund import Refund

__all__ = ["Dispute", "Evidence", "LedgerEntry", "Payment", "Refund", "WebhookReceived"]
