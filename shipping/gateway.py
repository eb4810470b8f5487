"""Gateway: what shipping asks of a carrier, and the adapter to the simulated one.

`send` functions get a request of JSON values, frozen before the call, and the idempotency key of
the attempt (R19). They return a definite Outcome, or raise Unanswered or NotSent (R29).
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from django.conf import settings

from sagas.call import Call, Outcome, Request
from sagas.event import Event
from sagas.exceptions import NotSent, Unanswered
from shipping.simulated_carrier import (
    CarrierTimeout,
    InvalidRequest,
    Result,
    Scan,
    SimulatedCarrier,
)

if TYPE_CHECKING:
    from shipping.models import ReturnParcel, Shipment

__all__ = ["BOOK", "BOOK_RETURN", "VOID", "CarrierGateway", "Scan", "carrier"]


class CarrierGateway(Protocol):
    """What any carrier must be able to do for this context."""

    def book(self, request: Request, key: UUID) -> Outcome:
        """Order a parcel to `address` for order `reference`; the outcome names its tracking."""
        ...

    def book_return(self, request: Request, key: UUID) -> Outcome:
        """Order a parcel back from `address` for `reference`."""
        ...

    def void(self, request: Request, key: UUID) -> Outcome:
        """Cancel the label `tracking`."""
        ...

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        """Return what came of `key`, or None when the carrier does not know it."""
        ...

    def hand_over(self, tracking: str) -> None:
        """Tell that the driver has taken a parcel; telling it again changes nothing."""
        ...

    def receive_return(self, tracking: str) -> None:
        """Tell that a returning parcel has arrived; telling it again changes nothing."""
        ...

    def scans_after(self, number: int) -> Sequence[Scan]:
        """Return the scans with a higher running number, oldest first."""
        ...


class SimulatedGateway:
    """The adapter to the simulated carrier, whose books are the file at `books`."""

    def __init__(self, books: str | Path) -> None:
        """Raises NotSent when the carrier can't be reached at all."""
        try:
            self._carrier = SimulatedCarrier(books)
        except OSError as error:
            message = f"The carrier at {books} can't be reached: {error}."
            raise NotSent(message) from error

    def book(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.book(str(key), **request))

    def book_return(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.book_return(str(key), **request))

    def void(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.void(str(key), **request))

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        try:
            result = self._carrier.inquire(str(key))
        except CarrierTimeout as error:
            raise Unanswered(str(error)) from error
        return _outcome(result) if result else None

    def hand_over(self, tracking: str) -> None:
        self._carrier.hand_over(tracking)

    def receive_return(self, tracking: str) -> None:
        self._carrier.receive_return(tracking)

    def scans_after(self, number: int) -> Sequence[Scan]:
        return self._carrier.scans_after(number)


def _answer(ask: Callable[[], Result]) -> Outcome:
    try:
        return _outcome(ask())
    except CarrierTimeout as error:
        raise Unanswered(str(error)) from error
    except InvalidRequest as error:
        # The carrier refused to look at it: a definite no, and nothing was stored there.
        return Outcome(ok=False, code="invalid_request", data={"message": str(error)})


def _outcome(result: Result) -> Outcome:
    return Outcome(ok=result.ok, reference=result.tracking, code=result.code)


def carrier() -> CarrierGateway:
    """Return the carrier that this shop uses; the one place to name another."""
    return SimulatedGateway(settings.CARRIER_BOOKS)


def book_request(event: Event, parcel: "Shipment | ReturnParcel") -> Request:
    """Ask for a label, to the parcel's address or from it."""
    return {"reference": parcel.number, "address": dict(parcel.address)}


def void_request(event: Event, shipment: "Shipment") -> Request:
    """Ask for the label to be cancelled."""
    return {"tracking": shipment.tracking}


_POLICY: dict[str, Any] = settings.SHOP
#: Until when a request that got no answer may still be carried out (R29).
_HORIZON = timedelta(seconds=_POLICY.get("CARRIER_HORIZON_SECONDS", 300))


def _inquire(request: Request, key: UUID) -> Outcome | None:
    return carrier().inquire(request, key)


BOOK = Call(
    name="book",
    request=book_request,
    send=lambda request, key: carrier().book(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
BOOK_RETURN = Call(
    name="book_return",
    request=book_request,
    send=lambda request, key: carrier().book_return(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
VOID = Call(
    name="void",
    request=void_request,
    send=lambda request, key: carrier().void(request, key),
    inquire=_inquire,
    horizon=_HORIZON,
)
