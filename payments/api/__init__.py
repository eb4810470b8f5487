"""API of payments: the provider's messages, and what people decide about refunds."""

from payments.api.refunds import (
    Again,
    Approve,
    Attest,
    Elsewhere,
    GiveAccount,
    PaymentDetail,
    RefundDetail,
    RefundList,
)
from payments.api.webhooks import webhook

__all__ = [
    "Again",
    "Approve",
    "Attest",
    "Elsewhere",
    "GiveAccount",
    "PaymentDetail",
    "RefundDetail",
    "RefundList",
    "webhook",
]
