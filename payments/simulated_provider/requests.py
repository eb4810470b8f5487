"""What is asked of the provider and how it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from .clock import stamp

ID_PREFIX: Final = {
    "authorise": "au_",
    "capture": "ch_",
    "void": "vo_",
    "refund": "re_",
    "close": "cs_",
    "open_deposit": "va_",
}
#: The ways in which a refund may be asked for.
REFUNDS: Final = ("refund", "cancel_capture", "partial_cancel", "refund_elsewhere")

_REQUIRED: Final = {
    "authorise": ("key", "reference", "amount_minor", "currency", "card_token"),
    "capture": ("key", "parent", "amount_minor"),
    "void": ("key", "parent"),
    "refund": ("key", "parent", "amount_minor"),
    "close": ("key", "reference"),
    "open_deposit": ("key", "reference", "amount_minor", "currency"),
}


class ProviderTimeout(Exception):
    """No answer came. Whether the provider acted is unknown: ask again with the same key."""


class ProviderError(Exception):
    """The answer is an error, ``status`` 500: it does not say whether the provider acted.

    It is stored under the key, so that the same key meets it again; an inquiry tells the truth.
    """

    status = 500


class IdempotencyConflict(Exception):
    """The key was used before with another body."""


class InvalidRequest(ValueError):
    """The request or the switch makes no sense; nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A definite answer. Refused: ``ok`` is False, ``id`` is empty and ``code`` says why.

    ``status`` is ``succeeded`` or ``declined``; ``pending`` for a refund that is not paid yet,
    ``waiting`` for a deposit. Times are ISO texts in UTC and amounts in minor units of
    ``currency``. A final capture says what it gave up: ``released_minor``, stated as the void
    ``release_id``. A capture can be cancelled before ``reversible_until``. At ``expires_at`` an
    authorisation is released and a deposit waits no longer; until then it is paid into
    ``account`` (``bank``, ``number``, ``holder``).
    """

    ok: bool
    id: str
    code: str
    amount_minor: int
    currency: str
    kind: str
    status: str = ""
    released_minor: int = 0
    release_id: str = ""
    reversible_until: str = ""
    expires_at: str = ""
    account: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One operation asked for; everything but ``key`` and ``use`` is its body.

    ``use`` counts how often the key was used before and forgotten since.
    """

    kind: str
    key: str
    reference: str = ""
    parent: str = ""
    amount_minor: int = 0
    currency: str = ""
    card_token: str = ""
    final: bool = False
    until: str = ""
    account: dict[str, str] | None = None
    operation: str = ""
    use: int = 0

    @property
    def body(self) -> str:
        """The canonical text that the same key must always come with."""
        return json.dumps(asdict(self) | {"key": "", "use": 0}, sort_keys=True)

    @property
    def new_id(self) -> str:
        """The id of what this request makes: one per use of a key, whenever it is carried out."""
        return self.id_of(self.kind)

    def id_of(self, kind: str) -> str:
        """Return the id of something that this request makes along with the rest."""
        used = f"{self.key}#{self.use}" if self.use else self.key
        return ID_PREFIX[kind] + digest(used)

    def done(self) -> Result:
        """Answer that it was carried out."""
        return self._answer(ok=True, id=self.new_id, code="", status="succeeded")

    def refused(self, code: str) -> Result:
        """Answer that it was not, and never will be under this key."""
        return self._answer(ok=False, id="", code=code, status="declined")

    def _answer(
        self,
        *,
        ok: bool,
        id: str,  # noqa: A002 - the field's name
        code: str,
        status: str,
    ) -> Result:
        return Result(
            ok=ok,
            id=id,
            code=code,
            amount_minor=self.amount_minor,
            currency=self.currency,
            kind=self.kind,
            status=status,
        )


def digest(text: str) -> str:
    """Return the part of an id that stands for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def check(request: Request) -> None:
    """Raise InvalidRequest if something is missing or of a wrong kind."""
    for name in _REQUIRED[request.kind]:
        value = getattr(request, name)
        if name != "amount_minor" and not (isinstance(value, str) and value):
            raise InvalidRequest(f"{request.kind} needs {name} as text, not {value!r}.")
        if name == "amount_minor" and (type(value) is not int or value <= 0):
            raise InvalidRequest(f"{request.kind} needs a positive whole amount, not {value!r}.")
    if request.kind == "refund" and request.operation not in REFUNDS:
        known = ", ".join(REFUNDS)
        raise InvalidRequest(f"There is no refund {request.operation!r}; choose one of {known}.")


def moment(value: datetime | str) -> str:
    """Return a time that the shop names as the books write it. Raises InvalidRequest."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise InvalidRequest(f"{value!r} is not a time in ISO form.") from error
    if found.tzinfo is None:
        raise InvalidRequest(f"{value!r} does not say in which zone; name one, for example +00:00.")
    return stamp(found)
