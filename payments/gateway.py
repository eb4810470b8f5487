"""Gateway: what payments asks of a payment provider, and the adapter to the simulated one.

`send` functions get a request of JSON values, frozen before the call, and the idempotency key of
the attempt (R19). They return a definite Outcome, or raise Unanswered or NotSent (R29).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.conf import settings

from payments.simulated_provider import (
    InvalidRequest,
    InvalidWebhook,
    ProviderTimeout,
    Result,
    SimulatedProvider,
    verify_webhook,
)
from sagas.call import Call, Outcome, Request
from sagas.event import Event
from sagas.exceptions import NotSent, Unanswered

if TYPE_CHECKING:
    from payments.models import Payment, Refund

__all__ = ["AUTHORISE", "CAPTURE", "CLOSE", "REFUND", "VOID", "InvalidWebhook", "PaymentGateway"]


class PaymentGateway(Protocol):
    """What any payment provider must be able to do for this context."""

    def authorise(self, request: Request, key: UUID) -> Outcome:
        """Reserve `amount_minor` of `currency` on card `card_token` for order `reference`."""
        ...

    def capture(self, request: Request, key: UUID) -> Outcome:
        """Take `amount_minor` of authorisation `authorisation_id`."""
        ...

    def void(self, request: Request, key: UUID) -> Outcome:
        """Give authorisation `authorisation_id` up."""
        ...

    def refund(self, request: Request, key: UUID) -> Outcome:
        """Give `amount_minor` of capture `capture_id` back."""
        ...

    def close(self, request: Request, key: UUID) -> Outcome:
        """Refuse every later authorisation for order `reference`."""
        ...

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        """Return what came of `key`, or None when the provider does not know it."""
        ...

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Return the payload of a genuine message. Raises InvalidWebhook."""
        ...


class SimulatedGateway:
    """The adapter to the simulated provider, whose books are the file at `books`."""

    def __init__(self, books: str | Path) -> None:
        """Raises NotSent when the provider can't be reached at all."""
        try:
            self._provider = SimulatedProvider(books)
        except OSError as error:
            message = f"The payment provider at {books} can't be reached: {error}."
            raise NotSent(message) from error

    def authorise(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.authorise(str(key), **request))

    def capture(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.capture(str(key), **request))

    def void(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.void(str(key), **request))

    def refund(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.refund(str(key), **request))

    def close(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._provider.close(str(key), **request))

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        try:
            result = self._provider.inquire(str(key))
        except ProviderTimeout as error:
            raise Unanswered(str(error)) from error
        return _outcome(result) if result else None

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        return verify_webhook(self._provider.webhook_secret, headers, body)


def _answer(ask: Callable[[], Result]) -> Outcome:
    try:
        return _outcome(ask())
    except ProviderTimeout as error:
        raise Unanswered(str(error)) from error
    except InvalidRequest as error:
        # The provider refused to look at it: a definite no, and nothing was stored there.
        return Outcome(ok=False, code="invalid_request", data={"message": str(error)})


def _outcome(result: Result) -> Outcome:
    data = {"amount_minor": result.amount_minor, "currency": result.currency}
    return Outcome(ok=result.ok, reference=result.id, code=result.code, data=data)


def provider() -> PaymentGateway:
    """Return the provider that this shop uses; the one place to name another."""
    return SimulatedGateway(settings.PROVIDER_BOOKS)


def authorise_request(event: Event, payment: "Payment") -> Request:
    """Ask for the whole amount on the card whose turn it is."""
    return {
        "reference": payment.number,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "card_token": payment.card_token,
    }


def capture_request(event: Event, payment: "Payment") -> Request:
    """Ask for all that is reserved."""
    return {"authorisation_id": payment.authorisation_id, "amount_minor": payment.open_minor}


def void_request(event: Event, payment: "Payment") -> Request:
    """Give up all that is reserved."""
    return {"authorisation_id": payment.authorisation_id}


def close_request(event: Event, payment: "Payment") -> Request:
    """Close the session of the order."""
    return {"reference": payment.number}


def refund_request(event: Event, refund: "Refund") -> Request:
    """Ask for one refund's amount back."""
    return {"capture_id": refund.capture_id, "amount_minor": refund.amount_minor}


_POLICY: dict[str, Any] = settings.SHOP
#: Until when a request that got no answer may still be carried out (R29).
_HORIZON = timedelta(seconds=_POLICY.get("PAYMENT_HORIZON_SECONDS", 300))


def _inquire(request: Request, key: UUID) -> Outcome | None:
    return provider().inquire(request, key)


AUTHORISE = Call(
    name="authorise",
    request=authorise_request,
    send=lambda request, key: provider().authorise(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
CAPTURE = Call(
    name="capture",
    request=capture_request,
    send=lambda request, key: provider().capture(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
VOID = Call(
    name="void",
    request=void_request,
    send=lambda request, key: provider().void(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
REFUND = Call(
    name="refund",
    request=refund_request,
    send=lambda request, key: provider().refund(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
CLOSE = Call(
    name="close",
    request=close_request,
    send=lambda request, key: provider().close(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
