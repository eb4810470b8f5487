"""Stripe errors: which of them say no, which say nothing, and which say that nothing was sent."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from payments.gateway.port import KeyReused, Refused
from sagas.exceptions import NotSent, Unanswered

#: Answers given before Stripe looks at what is asked: nothing was done, and nothing was stored.
_NOT_LOOKED_AT = (
    stripe.RateLimitError,
    stripe.AuthenticationError,
    stripe.PermissionError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise Refused, KeyReused, NotSent or Unanswered for whatever Stripe's library raises."""
    try:
        yield
    except stripe.CardError as error:
        raise Refused(_decline_code(error), str(error)) from error
    except stripe.IdempotencyError as error:
        raise KeyReused(str(error)) from error
    except stripe.InvalidRequestError as error:
        raise Refused(error.code or "invalid_request", str(error)) from error
    except _NOT_LOOKED_AT as error:
        raise NotSent(str(error)) from error
    except stripe.StripeError as error:
        # A 500 is stored under the key and comes again; whether it was done, a look tells (R29).
        raise (NotSent if _never_left(error) else Unanswered)(str(error)) from error


def _decline_code(error: stripe.CardError) -> str:
    """Return the bank's reason, which says more than "card_declined", where it gave one."""
    details = error.error
    reason: str | None = getattr(details, "decline_code", None)
    return reason or error.code or "card_declined"


def _never_left(error: BaseException | None) -> bool:
    """Whether no connection came about: behind the error is a refused or an unknown host."""
    while error is not None and not isinstance(error, ConnectionRefusedError | socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None
