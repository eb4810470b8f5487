"""Services: what comes into payments from outside of any step: messages, looks, people.

Each opens its own transactions and may be repeated without harm. What the provider says is looked
up, never believed (R37); what a person does is a fact in the log, with who and why (G10).
"""

from payments.services.asking import ask, bring_forward, learn, receive_webhook
from payments.services.disputes import MoneyOnItsWay, PaidTwice
from payments.services.evidence import settle_by_evidence, verify_evidence
from payments.services.held import release_held
from payments.services.people import (
    FINANCE,
    NotPossible,
    approve_elsewhere,
    give_account,
    order_refund_again,
    propose_elsewhere,
)
from payments.services.refunds import tell_origin
from payments.services.standing import CallIsOut, apply

__all__ = [
    "FINANCE",
    "CallIsOut",
    "MoneyOnItsWay",
    "NotPossible",
    "PaidTwice",
    "apply",
    "approve_elsewhere",
    "ask",
    "bring_forward",
    "give_account",
    "learn",
    "order_refund_again",
    "propose_elsewhere",
    "receive_webhook",
    "release_held",
    "settle_by_evidence",
    "tell_origin",
    "verify_evidence",
]
