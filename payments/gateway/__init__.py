"""Gateway: what payments asks of a payment provider, and the providers that can be asked.

`port` is the protocol and its values, `calls` the operations that steps make; `simulated`,
`stripe` and `toss` are interchangeable behind it, and `choice` says which one this shop uses.
"""

from payments.gateway.calls import (
    AUTHORISE,
    CAPTURE,
    CLOSE,
    LOOK_UP,
    REFUND,
    VOID,
    VOID_STRAY,
)
from payments.gateway.choice import provider
from payments.gateway.port import (
    Authorised,
    Captured,
    Deposit,
    Disputed,
    Hint,
    InvalidWebhook,
    KeyReused,
    PaymentGateway,
    PayoutLine,
    Refunded,
    SettlementLine,
    Standing,
)

__all__ = [
    "AUTHORISE",
    "CAPTURE",
    "CLOSE",
    "LOOK_UP",
    "REFUND",
    "VOID",
    "VOID_STRAY",
    "Authorised",
    "Captured",
    "Deposit",
    "Disputed",
    "Hint",
    "InvalidWebhook",
    "KeyReused",
    "PaymentGateway",
    "PayoutLine",
    "Refunded",
    "SettlementLine",
    "Standing",
    "provider",
]
