"""Standing: everything the provider knows of one reference, found without any key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import deposits
from .storage import Books


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorisation:
    """What is reserved on a card; ``open_minor`` of it can still be captured until it expires."""

    id: str
    key: str
    amount_minor: int
    open_minor: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What was taken; ``left_minor`` of it is neither refunded, on its way back nor charged back.

    ``reversible_until`` is None for a deposit, which can only be refunded.
    """

    id: str
    key: str
    amount_minor: int
    left_minor: int
    currency: str
    at: datetime
    reversible_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What goes back: ``pending``, then ``succeeded`` or ``failed``, and ``code`` says why."""

    id: str
    key: str
    capture_id: str
    amount_minor: int
    currency: str
    status: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What a bank asks about: ``inquiry``, ``open``, ``won`` or ``lost``."""

    id: str
    capture_id: str
    amount_minor: int
    currency: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """The last account opened for a transfer: ``waiting``, ``paid``, ``expired`` or ``closed``."""

    id: str
    key: str
    amount_minor: int
    currency: str
    status: str
    until: datetime
    account: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything known of one reference, each kind oldest first; nothing of an unknown one.

    Amounts are in minor units of the currency beside them, times aware and in UTC.
    """

    reference: str
    closed: bool
    authorisations: tuple[Authorisation, ...]
    captures: tuple[Capture, ...]
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]
    deposit: Deposit | None


_AUTHORISATIONS = """
    SELECT id, key, amount_minor, currency, expires_at,
           amount_minor - captured_minor - voided_minor - expired_minor AS open_minor
      FROM authorisation WHERE reference = ? ORDER BY rowid
"""
_CAPTURES = """
    SELECT id, key, amount_minor, currency, at, reversible_until,
           amount_minor - pending_minor - refunded_minor - charged_back_minor AS left_minor
      FROM capture WHERE reference = ? ORDER BY rowid
"""
_REFUNDS = """
    SELECT id, key, capture AS capture_id, amount_minor, currency, status, code
      FROM refund WHERE reference = ? ORDER BY rowid
"""
_DISPUTES = """
    SELECT id, capture AS capture_id, amount_minor, currency, status
      FROM dispute WHERE reference = ? ORDER BY rowid
"""


def read(books: Books, reference: str) -> Standing:
    """Return the standing of a reference. Needs an open transaction, to be of one moment."""
    closed = books.one("SELECT 1 FROM session WHERE reference = ? AND closed", [reference])
    return Standing(
        reference=reference,
        closed=closed is not None,
        authorisations=tuple(map(_authorisation, books.execute(_AUTHORISATIONS, [reference]))),
        captures=tuple(map(_capture, books.execute(_CAPTURES, [reference]))),
        refunds=tuple(Refund(**row) for row in books.execute(_REFUNDS, [reference])),
        disputes=tuple(Dispute(**row) for row in books.execute(_DISPUTES, [reference])),
        deposit=_deposit(deposits.latest(books, reference)),
    )


def refund(row: dict[str, Any]) -> Refund:
    """Return a refund of the books as others see it."""
    names = ("id", "key", "amount_minor", "currency", "status", "code")
    return Refund(capture_id=row["capture"], **{name: row[name] for name in names})


def _authorisation(row: dict[str, Any]) -> Authorisation:
    return Authorisation(**(row | {"expires_at": datetime.fromisoformat(row["expires_at"])}))


def _capture(row: dict[str, Any]) -> Capture:
    until = row["reversible_until"]
    times = {
        "at": datetime.fromisoformat(row["at"]),
        "reversible_until": datetime.fromisoformat(until) if until else None,
    }
    return Capture(**(row | times))


def _deposit(row: dict[str, Any] | None) -> Deposit | None:
    if row is None:
        return None
    names = ("id", "key", "amount_minor", "currency", "status")
    return Deposit(
        **{name: row[name] for name in names},
        until=datetime.fromisoformat(row["until"]),
        account=json.loads(row["account"]),
    )
