"""What is asked of the carrier and how it answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


class CarrierTimeout(Exception):
    """No answer came. Whether the carrier acted is unknown: ask again with the same key."""


class IdempotencyConflict(Exception):
    """The key was used before with another body."""


class InvalidRequest(ValueError):
    """The request or the switch makes no sense; nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A definite answer. Refused: ``ok`` is False and ``code`` says why.

    The code of a refused move is the state the parcel is in, or ``unknown_parcel``; a refused
    interception says ``too_late``, ``not_intercepted`` or ``returning``, too.
    """

    ok: bool
    tracking: str
    code: str
    reference: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One order to the carrier; everything but the key is its body."""

    kind: str
    key: str
    reference: str = ""
    tracking: str = ""
    address: dict[str, str]
    carrier: str = ""

    @property
    def body(self) -> str:
        """The canonical text that the same key must always come with."""
        return json.dumps(asdict(self) | {"key": ""}, sort_keys=True)

    @property
    def new_tracking(self) -> str:
        """The tracking number of what this request books: one per key."""
        return "PX" + str(int(hashlib.sha256(self.key.encode()).hexdigest(), 16))[:14]

    @property
    def country(self) -> str:
        """The country of the address, as written."""
        return self.address.get("country", "").strip()
