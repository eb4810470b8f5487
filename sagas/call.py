"""Calls to the outside world: how a request is built, sent, and asked about (R6, R19, R29).

A gateway offers a `Call` per operation. The engine builds the request inside the transaction
that stores the intent, sends it outside any transaction, and asks with the same key when no answer
came. Unknown is not failed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from sagas.clock import Duration
from sagas.money import Money

#: Namespace of all idempotency keys; never change it, providers remember keys.
_NAMESPACE = UUID("5ce0e1b1-52a5-5a3f-9f0e-5f1f4e6c6b1a")

Request = dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A definite answer from the outside: it happened (`ok`) or it certainly did not."""

    ok: bool
    #: The other side's name for what happened, such as a capture id or a tracking number.
    reference: str = ""
    #: Why not, as a code of the other side, such as "card_declined".
    code: str = ""
    #: Whatever else the step needs, as JSON values.
    data: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One operation of a gateway.

    `request(event, subject)` is pure and returns JSON values, frozen from then on; further
    parameters are filled with the rows that its step declares under those names.
    `send(request, key)` returns an Outcome; raises Unanswered when the outcome is unknown and
    NotSent when it certainly did not happen. Any other exception counts as unknown.
    `inquire(request, key)` returns the Outcome of that key, or None when the other side does not
    know it; what was done it must find even after the other side has forgotten the key. Only
    `horizon` after the deadline of the last send does "not known" mean "will never happen" (R29);
    a function is asked each time.
    `gateway` names the outside system whose breaker watches the call, such as "payments.provider";
    without one, nothing does (decision 20).
    `amount(request)` is pure and returns what the call moves. `brake` names the caps in
    `SAGAS["BRAKES"]` that it is under; over a cap it waits for a second person.
    """

    name: str
    request: Callable[..., Request]
    send: Callable[[Request, UUID], Outcome]
    inquire: Callable[[Request, UUID], Outcome | None]
    horizon: Duration = field(default=timedelta(minutes=5))
    gateway: str = ""
    amount: Callable[[Request], Money] | None = None
    brake: str = ""


def idempotency_key(*, choreography: str, key: str, step: str, subject_key: str, n: int) -> UUID:
    """Return the key of attempt `n`: made of business things only, never of random ids (R19)."""
    return uuid5(_NAMESPACE, "|".join((choreography, key, step, subject_key, str(n))))
