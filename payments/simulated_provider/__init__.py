"""A payment provider that belongs to somebody else: its own books, rules and bad days.

It keeps everything in one SQLite file, so any number of processes and threads may use it at once,
and it knows nothing about the shop. Every operation carries an idempotency key: the same key with
the same body gives the stored result again, also when that result is a decline. Money is in minor
units with a currency. Switches make it decline, wait, lose a request, carry it out late, lose an
answer, hang or repeat its webhooks.
"""

from .provider import SimulatedProvider
from .requests import IdempotencyConflict, InvalidRequest, ProviderTimeout, Result
from .statement import Balance, Transaction
from .switches import Switch
from .webhooks import InvalidWebhook, Webhook, verify_webhook

__all__ = [
    "Balance",
    "IdempotencyConflict",
    "InvalidRequest",
    "InvalidWebhook",
    "ProviderTimeout",
    "Result",
    "SimulatedProvider",
    "Switch",
    "Transaction",
    "Webhook",
    "verify_webhook",
]
