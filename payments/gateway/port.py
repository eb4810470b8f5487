"""Port: what payments asks of a payment provider, whichever it is, and what it is told.

Requests are JSON values, frozen before the call; amounts are in ISO minor units of their currency,
times are aware and UTC (in requests and outcomes as ISO texts). An operation returns a definite
Outcome, or raises Unanswered or NotSent: unknown is not failed (R29).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

from sagas.call import Outcome, Request

#: A JSON object, as a provider says it or is told it.
Json = dict[str, Any]
#: A bank account: `bank`, `number`, `holder` and, where money is waited for, `until`.
Account = Mapping[str, Any]
Operation = Literal["authorise", "capture", "void", "refund", "close"]
LineKind = Literal["authorise", "capture", "void", "refund", "refund_failed", "chargeback", "fee"]


class InvalidWebhook(ValueError):
    """The message is not the provider's, was altered, or is too old."""


class KeyReused(Exception):
    """The key was used before for another request: nothing was done; send what was sent then."""


class Refused(Exception):
    """A definite no, while an adapter finds its answer; `definite` makes an Outcome of it."""

    def __init__(self, code: str, message: str = "") -> None:
        """`code` is the provider's, such as "card_declined"."""
        super().__init__(message or code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """Money reserved on a card; `open_minor` of it is neither taken nor given up."""

    id: str
    amount_minor: int
    open_minor: int
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Money that was taken, by a card or by a deposit."""

    id: str
    amount_minor: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """Money on its way back; `key` is that of our request, or "" when it was not asked by us."""

    id: str
    key: str
    capture_id: str
    amount_minor: int
    status: Literal["pending", "paid", "failed"]
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """A customer's bank asks ("inquiry"), has fetched the money back ("open"), or has decided."""

    id: str
    capture_id: str
    amount_minor: int
    status: Literal["inquiry", "open", "won", "lost"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """An account that waits for the customer's transfer (가상계좌)."""

    status: Literal["waiting", "paid", "expired", "closed"]
    until: datetime | None
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything that the provider knows of one order, now: what a message is a hint to (R37)."""

    reference: str
    currency: str
    authorisations: tuple[Authorised, ...] = ()
    captures: tuple[Captured, ...] = ()
    refunds: tuple[Refunded, ...] = ()
    disputes: tuple[Disputed, ...] = ()
    deposit: Deposit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What a genuine message is about; `id` is the same whenever it is sent again.

    `reference` is our order number, or the provider's authorisation id where the message carries
    no order number.
    """

    id: str
    reference: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLine:
    """One line of the provider's statement.

    Amounts are positive and their direction is the kind's. What is taken back of an earlier line
    comes under the same kind and id with a negative amount: the sum per kind and id counts.
    `id` is the provider's, the one that outcomes and standings carry. `parent` is what the line
    was taken from, `payout` the payout that it was settled with, or "" while that is not known.
    """

    position: str
    kind: LineKind
    reference: str
    id: str
    parent: str
    amount_minor: int
    currency: str
    at: datetime
    payout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutLine:
    """What the provider paid out: a payout, or what one movement counts for in it.

    A "payout" is what reached the shop's account, negative where money was taken from it. A "net"
    is signed, in the payout's currency and without the provider's fee; payouts have them where the
    lines of the statement do not name their payout. `payout` is the payout's own id in both.
    """

    position: str
    kind: Literal["payout", "net"]
    id: str
    payout: str
    amount_minor: int
    currency: str
    at: datetime


class PaymentGateway(Protocol):
    """What any payment provider must be able to do for this context."""

    #: The provider's name: in PAYMENT_PROVIDER, in the address of its messages, and beside them.
    name: str
    #: The kinds that its statement has lines of; of other kinds no line is to be expected.
    settles: frozenset[LineKind]
    #: Whether it tells of its payouts; otherwise only the shop's bank does.
    lists_payouts: bool

    def authorise(self, request: Request, key: UUID) -> Outcome:
        """Reserve `amount_minor` of `currency` for order `reference`.

        `method` is "card" (on `card_token`) or "virtual_account". The outcome's `reference` is the
        authorisation; its data say `status` ("authorised", "awaiting_deposit"), `expires_at` and
        the `account` to pay into.
        """
        ...

    def capture(self, request: Request, key: UUID) -> Outcome:
        """Take `amount_minor` of `authorisation_id`: final, what is not taken is given up.

        The outcome's data say `released_minor` under `release_reference`, and `reversible_until`:
        how long the capture can be cancelled without a trace for the customer.
        """
        ...

    def void(self, request: Request, key: UUID) -> Outcome:
        """Give authorisation `authorisation_id` up; the data say `released_minor`."""
        ...

    def refund(self, request: Request, key: UUID) -> Outcome:
        """Give exactly `amount_minor` of capture `capture_id` back.

        `operation` is "cancel_capture", "partial_cancel", "refund" or "refund_elsewhere" (to
        `account`). Raises Unanswered for as long as the provider calls it pending (R34).
        """
        ...

    def close(self, request: Request, key: UUID) -> Outcome:
        """Give up whatever of order `reference` is open, and refuse what comes later (R39).

        Whether money was taken before is another question: `look_up` answers it.
        """
        ...

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        """Return what came of `key`, or None when the provider does not know it.

        What was done is found even after the provider has forgotten the key itself.
        """
        ...

    def look_up(self, reference: str) -> Standing | None:
        """Return everything the provider knows of an order, or None when it knows nothing."""
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Hint:
        """Return what a genuine message is about. Raises InvalidWebhook."""
        ...

    def settlement_lines(self, *, after: str = "") -> Iterator[SettlementLine]:
        """Yield the statement, oldest first, from behind the line at position `after` on."""
        ...

    def payout_lines(self, *, after: str = "") -> Iterator[PayoutLine]:
        """Yield what was paid out for good, oldest first, from behind position `after` on.

        Nothing, where the provider does not tell of its payouts.
        """
        ...


def operation_of(request: Request) -> Operation:
    """Return which operation a frozen request asks for: an inquiry carries nothing but it.

    To close an order with one known authorisation is to void that, and looks the same.
    """
    if "card_token" in request:
        return "authorise"
    if "capture_id" in request:
        return "refund"
    if "amount_minor" in request:
        return "capture"
    return "void" if request.get("authorisation_id") else "close"


_Answer = TypeVar("_Answer", Outcome, Outcome | None)
_Line = TypeVar("_Line", SettlementLine, PayoutLine)


def definite(ask: Callable[[], _Answer]) -> _Answer | Outcome:
    """Return what `ask` returns, or the Outcome of its refusal."""
    try:
        return ask()
    except Refused as refusal:
        return Outcome(ok=False, code=refusal.code, data={"message": str(refusal)})


def beyond(lines: Iterator[_Line], position: str) -> Iterator[_Line]:
    """Yield the lines behind the one at `position`; all of them when it is "".

    Raises LookupError when no line stands there: a statement with a hole would pass for complete.
    """
    if position and all(line.position != position for line in lines):
        message = f"The statement has no line at position {position!r}; begin it again from ''."
        raise LookupError(message)
    yield from lines
