"""Disputes: a bank has decided; what waited for it goes on, or has become pointless (R35)."""

from payments import services
from payments.events import DisputeLost, DisputeWon
from payments.models import Payment
from payments.participant.part import OF_ORDER, State, payments

#: What a bank can take.
TAKEN = (State.CAPTURED, State.REFUNDING, State.REFUNDED, State.LATE)


@payments.on(
    DisputeLost,
    saga="dispute",
    subject=OF_ORDER,
    moves=(Payment.charge_back,),
    applies_in=tuple(State),
)
def charge_back(event: DisputeLost, payment: Payment) -> None:
    """Note that the bank took all that was left (D-25)."""
    if payment.state in TAKEN and not payment.left_minor:
        payment.charge_back()


@payments.on(DisputeWon, DisputeLost, saga="dispute")
def release_held(event: DisputeWon | DisputeLost) -> None:
    """Let refunds go on that waited for the bank, with as much as it has left."""
    services.release_held(event.order_id)
