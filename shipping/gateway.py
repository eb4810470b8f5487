"""Gateway: what shipping asks of its carriers, and the adapter to the simulated ones.

`send` functions get a request of JSON values, frozen before the call, and the idempotency key of
the attempt (R19). They return a definite Outcome, or raise Unanswered or NotSent (R29).
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid5

import msgspec
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

__all__ = [
    "BOOK",
    "BOOK_WITH_ANY",
    "SEND_BACK",
    "TAKE_BACK",
    "VOID",
    "CarrierGateway",
    "Scan",
    "carrier",
]

#: The name under which carriers have their breaker and can be paused (design decision 20).
GATEWAY = "shipping.carrier"


def _horizon() -> timedelta:
    """Return how long a request that got no answer may still be carried out (R29)."""
    return timedelta(seconds=settings.SHOP["CARRIER_HORIZON_SECONDS"])


class CarrierGateway(Protocol):
    """What the carriers must be able to do for this context."""

    def book(self, request: Request, key: UUID) -> Outcome:
        """Order a parcel from `carrier` to `address` for order `reference`.

        The outcome names its tracking number.
        """
        ...

    def book_return(self, request: Request, key: UUID) -> Outcome:
        """Order a parcel from `carrier` back from `address` for `reference`."""
        ...

    def intercept(self, request: Request, key: UUID) -> Outcome:
        """Have the parcel `tracking` stopped on its way and brought back."""
        ...

    def send_back(self, request: Request, key: UUID) -> Outcome:
        """Order a parcel from `carrier` to `address` with refused goods of `reference`."""
        ...

    def void(self, request: Request, key: UUID) -> Outcome:
        """Cancel the label `tracking`."""
        ...

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        """Return what came of `key`, or None when the carrier does not know it."""
        ...

    def hand_over(self, tracking: str) -> bool:
        """Have the driver take a parcel, and say whether they have; again, it changes nothing."""
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

    def intercept(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.intercept(str(key), **request))

    def send_back(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.send_back(str(key), **request))

    def void(self, request: Request, key: UUID) -> Outcome:
        return _answer(lambda: self._carrier.void(str(key), **request))

    def inquire(self, request: Request, key: UUID) -> Outcome | None:
        try:
            result = self._carrier.inquire(str(key))
        except CarrierTimeout as error:
            raise Unanswered(str(error)) from error
        return _outcome(result) if result else None

    def hand_over(self, tracking: str) -> bool:
        return self._carrier.hand_over(tracking).code != "pickup_failed"

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
    """Return the carriers that this shop uses; the one place to name others."""
    return SimulatedGateway(settings.CARRIER_BOOKS)


def book_request(event: Event, shipment: "Shipment") -> Request:
    """Ask the carrier whose turn it is for a label."""
    return _to_address(shipment) | {"carrier": shipment.carrier}


def book_with_any_request(event: Event, shipment: "Shipment") -> Request:
    """Ask the carriers in turn for a label, until one takes the parcel."""
    return _in_turn("book", **_to_address(shipment))


def take_back_request(event: Event, parcel: "ReturnParcel") -> Request:
    """Ask for a parcel to be stopped on its way, or the carriers in turn to fetch one."""
    if parcel.is_intercept:
        return {"tracking": parcel.tracking}
    return _in_turn("book_return", **_to_address(parcel))


def send_back_request(event: Any, parcel: "ReturnParcel") -> Request:
    """Ask the carriers in turn to take the goods that a GoodsRefused names to the customer."""
    address = msgspec.to_builtins(event.ship_to)
    return _in_turn("send_back", reference=event.number, address=address)


def void_request(event: Event, shipment: "Shipment") -> Request:
    """Ask for the label to be cancelled."""
    return {"tracking": shipment.tracking}


def _to_address(parcel: "Shipment | ReturnParcel") -> Request:
    return {"reference": parcel.number, "address": dict(parcel.address)}


def _in_turn(operation: str, **request: Any) -> Request:
    return {"operation": operation, "request": request, "carriers": list(settings.SHOP["CARRIERS"])}


def _ask_in_turn(request: Request, key: UUID) -> Outcome:
    """Ask each carrier, under a key of its own; asking again finds what each has answered."""
    ask = getattr(carrier(), request["operation"])
    outcome = Outcome(ok=False, code="no_carrier")
    for name in request["carriers"]:
        outcome = ask(request["request"] | {"carrier": name}, uuid5(key, name))
        if outcome.ok:
            return _by(name, outcome)
    return outcome


def _inquire_in_turn(request: Request, key: UUID) -> Outcome | None:
    """Return what came of it; None as long as the next one to be asked does not know it."""
    outcome = None
    for name in request["carriers"]:
        outcome = carrier().inquire(request["request"], uuid5(key, name))
        if outcome is None:
            return None
        if outcome.ok:
            return _by(name, outcome)
    return outcome


def _by(name: str, outcome: Outcome) -> Outcome:
    return msgspec.structs.replace(outcome, data=outcome.data | {"carrier": name})


def _inquire(request: Request, key: UUID) -> Outcome | None:
    return carrier().inquire(request, key)


def _take_back(request: Request, key: UUID) -> Outcome:
    if "tracking" in request:
        return carrier().intercept(request, key)
    return _ask_in_turn(request, key)


def _inquire_back(request: Request, key: UUID) -> Outcome | None:
    return (_inquire if "tracking" in request else _inquire_in_turn)(request, key)


BOOK = Call(
    name="book",
    request=book_request,
    send=lambda request, key: carrier().book(request, key),
    inquire=_inquire,
    horizon=_horizon,
    gateway=GATEWAY,
)
BOOK_WITH_ANY = Call(
    name="book_with_any",
    request=book_with_any_request,
    send=_ask_in_turn,
    inquire=_inquire_in_turn,
    horizon=_horizon,
    gateway=GATEWAY,
)
TAKE_BACK = Call(
    name="take_back",
    request=take_back_request,
    send=_take_back,
    inquire=_inquire_back,
    horizon=_horizon,
    gateway=GATEWAY,
)
SEND_BACK = Call(
    name="send_back",
    request=send_back_request,
    send=_ask_in_turn,
    inquire=_inquire_in_turn,
    horizon=_horizon,
    gateway=GATEWAY,
)
VOID = Call(
    name="void",
    request=void_request,
    send=lambda request, key: carrier().void(request, key),
    inquire=_inquire,
    horizon=_horizon,
    gateway=GATEWAY,
)
