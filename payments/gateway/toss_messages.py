"""Toss's messages: what they are about, and whether they know what only Toss can know.

None of those about payments is signed. PAYMENT_STATUS_CHANGED wraps the payment up in `data`;
DEPOSIT_CALLBACK comes flat, without a type, and with the payment's secret.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

from payments.gateway.port import InvalidWebhook, Json

#: The longest id of a message that is kept as it is.
_LONGEST_ID: Final = 64


def read(body: bytes) -> tuple[str, Json]:
    """Return type and contents of a message. Raises InvalidWebhook unless it names an order."""
    try:
        message = json.loads(body)
        about = message.get("data", message)
        kind = message.get("eventType") or "DEPOSIT_CALLBACK"
        named = isinstance(about["orderId"], str)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise InvalidWebhook(f"The message is of no form that Toss sends: {error!r}.") from error
    if not named:
        raise InvalidWebhook(f"The order number {about['orderId']!r} is no text.")
    return str(kind), about


def is_genuine(about: Json, payment: Json | None) -> bool:
    """Whether a message agrees with the payment as Toss has it: by its secret, or else its key."""
    if payment is None:
        return False
    if about.get("secret") is not None:
        return hmac.compare_digest(str(about["secret"]), str(payment.get("secret")))
    return bool(about.get("paymentKey") == payment["paymentKey"])


def id_of(headers: Mapping[str, str], body: bytes) -> str:
    """Return the id of a message, the same for each time it is sent."""
    names = {name.lower(): value for name, value in headers.items()}
    sent = names.get("tosspayments-webhook-transmission-id", "")
    return sent if 0 < len(sent) <= _LONGEST_ID else hashlib.sha256(body).hexdigest()
