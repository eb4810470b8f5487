"""What is asked of the provider and how it answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

ID_PREFIX: Final = {
    "authorise": "au_",
    "capture": "ch_",
    "void": "vo_",
    "refund": "re_",
    "close": "cs_",
}


class ProviderTimeout(Exception):
    """No answer came. Whether the provider acted is unknown: ask again with the same key."""


class IdempotencyConflict(Exception):
    """The key was used before with another body."""


class InvalidRequest(ValueError):
    """The request or the switch makes no sense; nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A definite answer. Refused: ``ok`` is False, ``id`` is empty and ``code`` says why."""

    ok: bool
    id: str
    code: str
    amount_minor: int
    currency: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One operation asked for; everything but the key is its body."""

    kind: str
    key: str
    reference: str = ""
    parent: str = ""
    amount_minor: int = 0
    currency: str = ""
    card_token: str = ""

    @property
    def body(self) -> str:
        """The canonical text that the same key must always come with."""
        return json.dumps(asdict(self) | {"key": ""}, sort_keys=True)

    @property
    def new_id(self) -> str:
        """The id of what this request makes: one per key, whenever it is carried out."""
        return ID_PREFIX[self.kind] + hashlib.sha256(self.key.encode()).hexdigest()[:20]

    def done(self) -> Result:
        """Answer that it was carried out."""
        return self._answer(ok=True, id=self.new_id, code="")

    def refused(self, code: str) -> Result:
        """Answer that it was not, and never will be under this key."""
        return self._answer(ok=False, id="", code=code)

    def _answer(self, *, ok: bool, id: str, code: str) -> Result:  # noqa: A002 - the field's name
        return Result(
            ok=ok,
            id=id,
            code=code,
            amount_minor=self.amount_minor,
            currency=self.currency,
            kind=self.kind,
        )
