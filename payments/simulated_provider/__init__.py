"""A payment provider that belongs to somebody else: its own books, rules and bad days.

It keeps everything in one SQLite file, so any number of processes and threads may use it at once,
and it knows nothing about the shop. Every operation carries an idempotency key: the same key with
the same body gives the stored result again, also when that result is a decline. Money is in minor
units with a currency. It takes cards and deposits (가상계좌), and banks may dispute what it took.
Switches make it decline, wait, lose a request, carry it out late, lose an answer, hang, answer by
an error, forget keys, pay refunds later, and repeat, reorder or contradict its webhooks. What it
reports at the end of the day is its settlement file, in which breaks can be planted.
"""

from .provider import SimulatedProvider
from .requests import IdempotencyConflict, InvalidRequest, ProviderError, ProviderTimeout, Result
from .settlement import Payout, SettlementLine
from .standing import Authorisation, Capture, Deposit, Dispute, Refund, Standing
from .statement import Balance, Transaction
from .storage import OutdatedBooks
from .switches import Switch
from .webhooks import InvalidWebhook, Webhook, verify_webhook

__all__ = [
    "Authorisation",
    "Balance",
    "Capture",
    "Deposit",
    "Dispute",
    "IdempotencyConflict",
    "InvalidRequest",
    "InvalidWebhook",
    "OutdatedBooks",
    "Payout",
    "ProviderError",
    "ProviderTimeout",
    "Refund",
    "Result",
    "SettlementLine",
    "SimulatedProvider",
    "Standing",
    "Switch",
    "Transaction",
    "Webhook",
    "verify_webhook",
]
