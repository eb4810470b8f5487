"""Part: the participant itself: what its states hold, what may come in from outside, and when.

The steps are in the other modules of this package.
"""

from datetime import datetime, timedelta

from django.conf import settings

from payments import gateway, services
from payments.events import (
    AuthorisationExpiring,
    CaseRefunded,
    CaseRefundPlanned,
    CaseRefundReleased,
    DepositAwaited,
    DepositExpired,
    DepositReceived,
    DisputeEscalated,
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    LateCaptureFound,
    OwedRefundOrdered,
    OwedRefundPaid,
    OwedRefundRefused,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentHinted,
    PaymentRefunded,
    RefundElsewhereProposed,
    RefundOwed,
    RefundPaid,
    RefundPlanned,
    RefundReleased,
    RefundStillOwed,
    StrayAuthorisationFound,
)
from payments.learning import hint_of
from payments.models import LedgerEntry, Payment, Refund
from sagas.clock import lasting
from sagas.participant import Participant, by
from sagas.work import Work

State = Payment.State
RefundState = Refund.State
Kind = LedgerEntry.Kind

OF_ORDER = by(Payment, "order_id")
OF_REFUND = by(Refund, "id", "refund_id")
#: The payment that a refund is taken from, locked with it.
PAYMENT_OF_ORDER = {"paid": OF_ORDER}

payments = Participant("payments")

# -- from outside of any step: messages, inquiries, people ----------------------------------------

payments.announces(PaymentHinted, StrayAuthorisationFound, LateCaptureFound, DisputeOpened)
payments.announces(PaymentAuthorised, after=PaymentDeclined)
payments.announces(PaymentCaptured, AuthorisationExpiring, after=PaymentAuthorised)
payments.announces(DepositReceived, DepositExpired, after=DepositAwaited)
payments.announces(RefundReleased, RefundPaid, PaymentRefunded, after=RefundPlanned)
payments.announces(CaseRefundReleased, CaseRefunded, after=CaseRefundPlanned)
payments.announces(DisputeEscalated, DisputeWon, DisputeLost, after=DisputeOpened)
payments.announces(
    RefundElsewhereProposed,
    OwedRefundOrdered,
    OwedRefundPaid,
    OwedRefundRefused,
    after=RefundOwed,
)

# -- what has its time ----------------------------------------------------------------------------


def expires(payment: Payment) -> datetime:
    """Return when a reservation is too short-lived to be relied on (R36)."""
    assert payment.auth_expires_at is not None  # noqa: S101  for types; it is reserved
    margin: timedelta = settings.SHOP["AUTHORISATION_MARGIN"]
    return payment.auth_expires_at - margin


payments.while_in(Payment.state, State.AUTHORISED, until=expires, then=AuthorisationExpiring)
payments.while_in(
    Payment.state,
    State.AWAITING_DEPOSIT,
    until=lambda payment: payment.deposit_until,
    then=DepositExpired,
)


def late_look(payment: Payment) -> timedelta:
    """Return after how long a request without an answer is known never to be carried out (R29)."""
    margin: timedelta = settings.SHOP["LATE_LOOK_MARGIN"]
    return lasting(gateway.LOOK_UP.horizon) + margin


for given_up in (State.CLOSED, State.VOIDED):
    payments.while_in(Payment.state, given_up, until=late_look, then=hint_of)
payments.while_in(
    Refund.state,
    RefundState.OWED,
    until=lambda refund: settings.SHOP["OWED_PATIENCE"],
    then=RefundStillOwed,
)

# -- what only a person decides -------------------------------------------------------------------


def owed_by_us(refund: Refund) -> str:
    """Return what the people read who are to see to an owed refund (D-26)."""
    why = f" ({refund.failure_code})" if refund.failure_code else ""
    return f"Order {refund.number}: a refund of {refund.amount} is owed{why}. Refund {refund.pk}."


payments.asks(
    Refund.state, RefundState.OWED, saga="owed_refund", owner=services.FINANCE, says=owed_by_us
)

# -- what states hold, and how it gets back -------------------------------------------------------

payments.holds(
    Payment.state,
    {
        State.PENDING: "nothing",
        State.AUTHORISING: "money",
        State.DECLINED: "nothing",
        State.AWAITING_DEPOSIT: "money",
        State.AUTHORISED: "money",
        State.CAPTURING: "money",
        State.CAPTURED: "money",
        State.CLOSING: "nothing",
        State.CLOSED: "nothing",
        State.VOIDING: "money",
        State.VOIDED: "nothing",
        State.REFUNDING: "money",
        State.REFUNDED: "nothing",
        State.LATE: "money",
        State.CHARGED_BACK: "nothing",
    },
    way_back={State.LATE: "late_success"},
)
payments.holds(
    Refund.state,
    {
        RefundState.PLANNED: "money",
        RefundState.HELD: "money",
        RefundState.SENT: "money",
        RefundState.PAID: "nothing",
        RefundState.FAILED: "money",
        RefundState.OWED: "money",
        RefundState.DROPPED: "nothing",
    },
    way_back={
        RefundState.PLANNED: "owed_refund",
        RefundState.HELD: "dispute",
        RefundState.SENT: "owed_refund",
        RefundState.FAILED: "owed_refund",
        RefundState.OWED: "owed_refund",
    },
)


# -- what several steps do ------------------------------------------------------------------------


def enter(work: Work, payment: Payment, kind: Kind, minor: int, reference: str) -> None:
    """Write one line into the ledger, under the provider's name for it."""
    work.add(LedgerEntry.of(payment, kind, minor=minor, reference=reference, at=work.now))
