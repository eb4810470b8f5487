"""Calls: the operations of the provider as steps make them, and the requests they freeze."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from django.conf import settings

from payments.gateway.choice import provider
from payments.gateway.patience import one_call
from sagas.call import Call, Outcome, Request
from sagas.event import Event
from sagas.money import Money

if TYPE_CHECKING:
    from payments.events import StrayAuthorisationFound
    from payments.models import Payment, Refund

Answer = TypeVar("Answer", Outcome, Outcome | None)


def authorise_request(event: Event, payment: "Payment") -> Request:
    """Ask for all that is due, on the card whose turn it is or by a transfer."""
    return {
        "reference": payment.number,
        "amount_minor": payment.due_minor,
        "currency": payment.currency,
        "card_token": payment.card_token,
        "method": payment.method,
    }


def capture_request(event: Event, payment: "Payment") -> Request:
    """Ask for what is due; what is reserved beyond that is given up."""
    return {
        "reference": payment.number,
        "authorisation_id": payment.authorisation_id,
        "amount_minor": payment.due_minor,
        "currency": payment.currency,
    }


def void_request(event: Event, payment: "Payment") -> Request:
    """Give up all that is reserved."""
    return {"reference": payment.number, "authorisation_id": payment.authorisation_id}


def void_stray_request(event: "StrayAuthorisationFound", payment: "Payment") -> Request:
    """Give up what is reserved for nothing."""
    return {"reference": payment.number, "authorisation_id": event.authorisation_id}


def close_request(event: Event, payment: "Payment") -> Request:
    """Close the session of the order."""
    return {"reference": payment.number, "authorisation_id": payment.authorisation_id}


def refund_request(event: Event, refund: "Refund") -> Request:
    """Ask for exactly one refund's amount back; never for "all that is left"."""
    return {
        "reference": refund.number,
        "capture_id": refund.capture_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "operation": refund.operation,
        "account": refund.account,
        "reason": refund.case,
    }


def look_up_request(event: Event, payment: "Payment") -> Request:
    """Ask for everything that is known of the order."""
    return {"reference": payment.number}


#: The name under which the provider has its breaker and can be paused (design decision 20).
GATEWAY = "payments.provider"


def _horizon() -> timedelta:
    """Return how long a request that got no answer may still be carried out (R29)."""
    return timedelta(seconds=settings.SHOP["PAYMENT_HORIZON_SECONDS"])


def _inquire(request: Request, key: UUID) -> Outcome | None:
    return provider().inquire(request, key)


def _look_up(request: Request, key: UUID) -> Outcome:
    return Outcome(ok=True, data={"standing": _standing_now(request["reference"])})


def _standing_now(reference: str) -> dict[str, Any] | None:
    standing = provider().look_up(reference)
    return msgspec.to_builtins(standing) if standing else None


def _with_standing(request: Request, answer: Outcome) -> Outcome:
    """Return the answer, and beside it how the order stands: money may have moved."""
    data = {**answer.data, "standing": _standing_now(request["reference"])}
    return msgspec.structs.replace(answer, data=data)


def _void(request: Request, key: UUID) -> Outcome:
    answer = provider().void(request, key)
    return answer if answer.ok else _with_standing(request, answer)


def _close(request: Request, key: UUID) -> Outcome:
    """Close, then look: a session that was paid just before can be closed as well (R39)."""
    return _with_standing(request, provider().close(request, key))


def _inquire_close(request: Request, key: UUID) -> Outcome | None:
    answer = provider().inquire(request, key)
    return _with_standing(request, answer) if answer else None


def _moved(request: Request) -> Money:
    return Money(request["amount_minor"], request["currency"])


def _in_time(ask: Callable[[Request, UUID], Answer]) -> Callable[[Request, UUID], Answer]:
    """Have all requests of a call share its time (R6)."""

    def within(request: Request, key: UUID) -> Answer:
        with one_call():
            return ask(request, key)

    return within


def _call(
    name: str,
    request: Callable[..., Request],
    send: Callable[[Request, UUID], Outcome],
    inquire: Callable[[Request, UUID], Outcome | None] = _inquire,
    **more: Any,
) -> Call:
    return Call(
        name=name,
        request=request,
        send=_in_time(send),
        inquire=_in_time(inquire),
        horizon=_horizon,
        gateway=GATEWAY,
        **more,
    )


# The provider is looked up for each call: settings and environment decide then, not at import.
AUTHORISE = _call("authorise", authorise_request, lambda r, key: provider().authorise(r, key))
CAPTURE = _call(
    "capture",
    capture_request,
    lambda r, key: provider().capture(r, key),
    amount=_moved,
    brake="payments.capture",
)
VOID = _call("void", void_request, _void)
VOID_STRAY = _call("void_stray", void_stray_request, _void)
REFUND = _call(
    "refund",
    refund_request,
    lambda r, key: provider().refund(r, key),
    amount=_moved,
    brake="payments.refund",
)
CLOSE = _call("close", close_request, _close, _inquire_close)
#: Looking changes nothing, so it is simply repeated when there is no answer.
LOOK_UP = _call("look_up", look_up_request, _look_up, _look_up)
