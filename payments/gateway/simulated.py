"""Simulated: the adapter to the provider that lives in one file and misbehaves on demand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args
from uuid import UUID

from django.conf import settings

from payments import simulated_provider as theirs
from payments.gateway.port import (
    Authorised,
    Captured,
    Deposit,
    Disputed,
    Hint,
    InvalidWebhook,
    KeyReused,
    LineKind,
    PayoutLine,
    Refunded,
    SettlementLine,
    Standing,
    beyond,
)
from sagas.call import Outcome, Request
from sagas.exceptions import NotSent, Unanswered

#: How the provider calls the states of a refund, and how this context does.
_REFUNDS: Final[dict[str, Literal["pending", "paid", "failed"]]] = {
    "pending": "pending",
    "succeeded": "paid",
    "failed": "failed",
}


class SimulatedGateway:
    """The adapter to the simulated provider, whose books are the file at `books`."""

    name = "simulated"
    settles: frozenset[LineKind] = frozenset(get_args(LineKind))
    lists_payouts = True

    def __init__(self, books: str | Path) -> None:
        """Raises NotSent when the provider can't be reached at all."""
        try:
            self._provider = theirs.SimulatedProvider(books)
        except OSError as error:
            message = f"The payment provider at {books} can't be reached: {error}."
            raise NotSent(message) from error

    @classmethod
    def configured(cls) -> "SimulatedGateway":
        """Return the adapter to the books that the settings name."""
        return cls(settings.PROVIDER_BOOKS)

    def authorise(self, request: Request, key: UUID) -> Outcome:
        names: tuple[str, ...] = ("reference", "amount_minor", "currency")
        if request.get("method") == "virtual_account":
            return _answer(lambda: self._provider.open_deposit(str(key), *_values(request, names)))
        names = (*names, "card_token")
        return _answer(lambda: self._provider.authorise(str(key), *_values(request, names)))

    def capture(self, request: Request, key: UUID) -> Outcome:
        values = _values(request, ("authorisation_id", "amount_minor"))
        return _answer(lambda: self._provider.capture(str(key), *values, final=True))

    def void(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.void(str(key), request["authorisation_id"]))

    def refund(self, request: Request, key: UUID) -> Outcome:
        values = _values(request, ("capture_id", "amount_minor"))
        how = {name: request[name] for name in ("account", "operation")}
        return _answer(lambda: self._provider.refund(str(key), *values, **how))

    def close(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.close(str(key), request["reference"]))

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        asked = str(key)
        result = _asked(lambda: self._provider.inquire(asked) or self._provider.recall(asked))
        return _outcome(result) if result else None

    def look_up(self, reference: str) -> Standing | None:
        found = _asked(lambda: self._provider.standing(reference))
        return _standing(found)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Hint:
        try:
            payload = theirs.verify_webhook(self._provider.webhook_secret, headers, body)
        except theirs.InvalidWebhook as error:
            raise InvalidWebhook(str(error)) from error
        message = next(value for name, value in headers.items() if name.lower() == "webhook-id")
        return Hint(id=message, reference=payload["data"]["reference"], kind=payload["type"])

    def settlement_lines(self, *, after: str = "") -> Iterator[SettlementLine]:
        # The provider numbers its lines, so the one behind which to go on is the first of these.
        return beyond(self._pages(int(after) - 1 if after else 0), after)

    def _pages(self, after: int) -> Iterator[SettlementLine]:
        while page := self._provider.settlement(after):
            yield from map(_line, page)
            after = page[-1].position

    def payout_lines(self, *, after: str = "") -> Iterator[PayoutLine]:
        return beyond(map(_payout, self._provider.payouts(since=after)), after)


def _values(request: Request, names: Sequence[str]) -> list[Any]:
    return [request[name] for name in names]


T = TypeVar("T")


def _asked(ask: Callable[[], T]) -> T:
    """Return an answer. Raises Unanswered where none came that says what happened."""
    try:
        return ask()
    except (theirs.ProviderTimeout, theirs.ProviderError) as error:
        raise Unanswered(str(error)) from error


def _answer(ask: Callable[[], theirs.Result]) -> Outcome:
    try:
        return _outcome(_asked(ask))
    except theirs.IdempotencyConflict as error:
        raise KeyReused(str(error)) from error
    except theirs.InvalidRequest as error:
        # The provider refused to look at it: a definite no, and nothing was stored there.
        return Outcome(ok=False, code="invalid_request", data={"message": str(error)})


def _outcome(result: theirs.Result) -> Outcome:
    """Return a definite outcome. Raises Unanswered while a refund is pending (R34)."""
    if result.kind == "refund" and result.status == "pending":
        message = f"Refund {result.id} is pending: the provider has not paid it yet."
        raise Unanswered(message)
    data = {"amount_minor": result.amount_minor, "currency": result.currency}
    if result.ok:
        data |= _details(result)
    return Outcome(ok=result.ok, reference=result.id, code=result.code, data=data)


def _details(result: theirs.Result) -> dict[str, Any]:
    """Return what the port promises about an operation that was carried out."""
    if result.kind in ("authorise", "open_deposit"):
        status = "authorised" if result.kind == "authorise" else "awaiting_deposit"
        account = dict(result.account) if result.account else None
        return {"status": status, "expires_at": result.expires_at or None, "account": account}
    if result.kind == "capture":
        return {
            "released_minor": result.released_minor,
            "release_reference": result.release_id,
            "reversible_until": result.reversible_until or None,
        }
    return {"released_minor": result.amount_minor} if result.kind == "void" else {}


def _standing(found: theirs.Standing) -> Standing | None:
    currencies = [x.currency for x in found.authorisations]
    currencies += [x.currency for x in found.captures]
    currencies += [found.deposit.currency] if found.deposit else []
    if not currencies:
        return None
    return Standing(
        reference=found.reference,
        currency=currencies[0],
        authorisations=tuple(
            Authorised(
                id=x.id,
                amount_minor=x.amount_minor,
                open_minor=x.open_minor,
                expires_at=x.expires_at,
            )
            for x in found.authorisations
        ),
        captures=tuple(
            Captured(id=x.id, amount_minor=x.amount_minor, at=x.at) for x in found.captures
        ),
        refunds=tuple(map(_refunded, found.refunds)),
        disputes=tuple(map(_disputed, found.disputes)),
        deposit=_deposit(found.deposit) if found.deposit else None,
    )


def _refunded(found: theirs.Refund) -> Refunded:
    return Refunded(
        id=found.id,
        key=found.key,
        capture_id=found.capture_id,
        amount_minor=found.amount_minor,
        status=_REFUNDS[found.status],
        code=found.code,
    )


def _disputed(found: theirs.Dispute) -> Disputed:
    return Disputed(
        id=found.id,
        capture_id=found.capture_id,
        amount_minor=found.amount_minor,
        status=found.status,  # type: ignore[arg-type]  # both use the same words
    )


def _deposit(found: theirs.Deposit) -> Deposit:
    return Deposit(
        status=found.status,  # type: ignore[arg-type]  # both use the same words
        until=found.until,
        account=found.account,
    )


def _line(found: theirs.SettlementLine) -> SettlementLine:
    return SettlementLine(
        position=str(found.position),
        kind=found.kind,  # type: ignore[arg-type]  # both use the same words
        reference=found.reference,
        id=found.id,
        parent=found.parent,
        amount_minor=found.amount_minor,
        currency=found.currency,
        at=found.at,
        payout=found.payout_id,
    )


def _payout(found: theirs.Payout) -> PayoutLine:
    return PayoutLine(
        position=found.id,
        kind="payout",
        id=found.id,
        payout=found.id,
        amount_minor=found.amount_minor,
        currency=found.currency,
        at=found.at,
    )
