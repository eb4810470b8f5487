"""Learning: what becomes of a payment when it is learned that money was taken (R30).

Whoever learns of it, the reply to our call, a message, an inquiry or the reconciler, comes here,
and the same capture means the same however often and in whatever order it is told (R37). Nothing
here reads or writes a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from payments.events import (
    DepositReceived,
    LateCaptureFound,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentHinted,
    StrayAuthorisationFound,
)
from payments.gateway import Captured, Standing
from payments.models import LedgerEntry, Payment
from sagas.call import Outcome

State = Payment.State
Kind = LedgerEntry.Kind

Awaited = PaymentAuthorised | PaymentCaptured | DepositReceived


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What the provider says about a capture: `minor` were taken, and `released_minor` let go."""

    id: str
    minor: int
    released_minor: int = 0
    release_id: str = ""
    reversible_until: datetime | None = None

    @classmethod
    def replied(cls, payment: Payment, outcome: Outcome) -> "Taken":
        """Return what the reply to our own call says: all that is due was taken."""
        data = outcome.data
        return cls(
            id=outcome.reference,
            minor=payment.due_minor,
            released_minor=data.get("released_minor") or 0,
            release_id=data.get("release_reference") or outcome.reference,
            reversible_until=time_of(data.get("reversible_until")),
        )

    @classmethod
    def found(cls, capture: Captured) -> "Taken":
        """Return what the provider says when it is asked about an order."""
        return cls(id=capture.id, minor=capture.amount_minor)


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What follows: facts to announce, and lines for the ledger."""

    facts: tuple[Awaited | LateCaptureFound, ...] = ()
    lines: tuple[LedgerEntry, ...] = ()


def on_captured(payment: Payment, taken: Taken, *, at: datetime) -> Learned:
    """Move the payment for money that was taken, and return what follows; nothing if it is known.

    The caller holds the payment's lock. While the order waits for the money, it is what was waited
    for; once the payment is closed or given up, or beside what was taken before, it came too late
    and goes back as a case of its own (D-4, D-5).
    """
    if payment.knows_capture(taken.id) or payment.state == State.AUTHORISING:
        return Learned()
    lines = tuple(_enter(payment, taken, at))
    return Learned(facts=tuple(_move(payment, taken, at)), lines=lines)


def _enter(payment: Payment, taken: Taken, at: datetime) -> Iterable[LedgerEntry]:
    """Book what was taken and let go; what was never reserved was taken directly."""
    payment.captured_minor += taken.minor
    payment.voided_minor += taken.released_minor
    payment.direct_minor += max(0, -payment.open_minor)
    yield LedgerEntry.of(payment, Kind.CAPTURE, minor=taken.minor, reference=taken.id, at=at)
    if taken.released_minor:
        minor, reference = taken.released_minor, taken.release_id
        yield LedgerEntry.of(payment, Kind.VOID, minor=minor, reference=reference, at=at)


#: In these states the order waits for money, and this is what it means when it is here.
_WAITS_FOR_MONEY: Final[dict[str, tuple[type[Awaited], ...]]] = {
    State.PENDING: (PaymentAuthorised, PaymentCaptured),
    State.DECLINED: (PaymentAuthorised, PaymentCaptured),
    State.AWAITING_DEPOSIT: (DepositReceived,),
    State.AUTHORISED: (PaymentCaptured,),
    State.CAPTURING: (PaymentCaptured,),
}


def _move(payment: Payment, taken: Taken, at: datetime) -> Iterable[Awaited | LateCaptureFound]:
    told = _WAITS_FOR_MONEY.get(payment.state)
    if told is None:
        return (_too_late(payment, taken),)
    payment.capture_id, payment.captured_at = taken.id, at
    payment.reversible_until = taken.reversible_until
    if payment.state == State.CAPTURING:
        payment.capture()
    else:
        payment.receive()
    amount = payment.money(taken.minor)
    return tuple(event(order_id=payment.order_id, amount=amount) for event in told)


def _too_late(payment: Payment, taken: Taken) -> LateCaptureFound:
    case_id = uuid5(payment.order_id, f"late:{taken.id}")
    payment.late_captures = {**payment.late_captures, str(case_id): taken.id}
    if payment.state in _GIVEN_UP:
        payment.receive_late()
    return LateCaptureFound(
        case_id=case_id,
        order_id=payment.order_id,
        amount=payment.money(taken.minor),
        reference=taken.id,
    )


_GIVEN_UP = (State.CLOSING, State.CLOSED, State.VOIDING, State.VOIDED)


# -- what the provider says about an order --------------------------------------------------------


def hint_of(payment: Payment) -> PaymentHinted:
    """Return the fact that it is time to look at a payment."""
    return PaymentHinted(payment_id=payment.id, reference=payment.number)


def standing_of(outcome: Outcome) -> Standing | None:
    """Return how the order stands, where the outcome of a call says so."""
    return read_standing(outcome.data.get("standing"))


def read_standing(said: dict[str, Any] | None) -> Standing | None:
    """Return the standing that was stored as JSON values."""
    return msgspec.convert(said, Standing) if said else None


def has_lapsed(standing: Standing | None, authorisation_id: str) -> bool:
    """Whether nothing of an authorisation is open any more, where nothing of it was taken."""
    told = standing.authorisations if standing else ()
    held = [found for found in told if found.id == authorisation_id]
    return bool(held) and not any(found.open_minor for found in held)


def stray_of(payment: Payment, standing: Standing) -> StrayAuthorisationFound | None:
    """Return what is reserved beside the payment's own: a call given up for lost came late."""
    if payment.state in Payment.IN_FLIGHT:
        return None
    for held in standing.authorisations:
        if held.open_minor and held.id != payment.authorisation_id:
            return StrayAuthorisationFound(
                payment_id=payment.pk,
                reference=payment.number,
                authorisation_id=held.id,
                amount=payment.money(held.open_minor),
            )
    return None


def dispute_case(order_id: UUID, dispute_id: str) -> UUID:
    """Return the id of the case that a dispute is; the same one however often it is told."""
    return uuid5(order_id, f"dispute:{dispute_id}")


def time_of(text: str | None) -> datetime | None:
    """Return the time that an ISO text says, if there is one."""
    return datetime.fromisoformat(text) if text else None
