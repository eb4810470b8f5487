"""Refunds: what is learned of them late, and what their origin is told (R34)."""

from uuid import UUID

from django.db import transaction

from payments.events import (
    CaseRefunded,
    MoneyOp,
    OwedRefundPaid,
    OwedRefundRefused,
    PaymentRefunded,
    RefundOwed,
    RefundPaid,
)
from payments.gateway import Refunded
from payments.models import LedgerEntry, Payment, Refund
from sagas import clock
from sagas.event import Event
from sagas.locks import for_update
from sagas.models import Saga, SagaStatus
from sagas.outbox import publish, saga_transaction

State = Refund.State
#: The provider has refused these, as far as was known.
UNPAID = (State.FAILED, State.OWED)


def lock_payment(order_id: UUID) -> Payment:
    """Lock the payment of an order; the caller holds the lock of the row it came from."""
    return for_update(Payment.objects.filter(order_id=order_id)).get()


def bounce(refund: Refund, found: Refunded) -> None:
    """Note that a refund that was paid has come back: the customer's claim stands again (D-26)."""
    with saga_transaction(refund, actor="provider") as locked:
        if locked.state != State.PAID or locked.provider_refund_id != found.id:
            return
        payment = lock_payment(locked.order_id)
        locked.bounce(payment, found.code or "returned")
        owe(locked)
        payment.save()
        _book(payment, locked, LedgerEntry.Kind.REFUND_FAILED, found.id)


def note_return(refund: Refund, found: Refunded) -> None:
    """Book a refund that left and came back before it was ever known as paid (S1)."""
    with transaction.atomic():
        payment = lock_payment(refund.order_id)
        if not _is_booked(found.id):
            for kind in (LedgerEntry.Kind.REFUND, LedgerEntry.Kind.REFUND_FAILED):
                minor, at = found.amount_minor, clock.now()
                LedgerEntry.of(payment, kind, minor=minor, reference=found.id, at=at).save()


def owe(locked: Refund) -> None:
    """Leave a failed refund to a person: the one who had it before, if somebody had."""
    if not had_a_person(locked):
        publish(owed(locked), of=locked)
        return
    locked.owe()
    publish(still_owed(locked), of=locked)


def had_a_person(refund: Refund) -> bool:
    """Whether a refund was left to a person before."""
    return Saga.objects.filter(choreography="owed_refund", key=str(refund.pk)).exists()


def owed(refund: Refund) -> RefundOwed:
    """Return the fact that a refund is owed."""
    return RefundOwed(
        refund_id=refund.pk,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount,
        code=refund.failure_code,
        operation=refund.how,
    )


def still_owed(refund: Refund) -> OwedRefundRefused:
    """Return the fact that a refund is still owed."""
    return OwedRefundRefused(
        refund_id=refund.pk,
        case_id=refund.case_id,
        order_id=refund.order_id,
        code=refund.failure_code,
        operation=refund.how,
    )


def pay_after_all(refund: Refund, found: Refunded) -> None:
    """Note that a refund was paid that had been given up for lost."""
    with saga_transaction(refund, actor="provider") as locked:
        if locked.state in UNPAID and not _is_booked(found.id):
            pay(locked, found.id)


def pay(locked: Refund, reference: str, *, reason: str = "") -> None:
    """Pay a refund that is locked by its saga transaction, and tell whoever waits for it."""
    payment = lock_payment(locked.order_id)
    locked.pay(payment, reference, at=clock.now())
    payment.save()
    _book(payment, locked, LedgerEntry.Kind.REFUND, reference)
    publish(ended(locked), of=locked, reason=reason)


def ended(refund: Refund) -> Event:
    """Return the fact that nothing of a refund is owed any more, for who waits for it first."""
    if not had_a_person(refund):
        return told(refund)
    return OwedRefundPaid(
        refund_id=refund.pk,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount if refund.state == State.PAID else refund.amount * 0,
        operation=way_of(refund),
    )


def way_of(refund: Refund) -> MoneyOp:
    """Return how a refund that has ended went back; what the bank took did not."""
    return refund.how if refund.state == State.PAID else MoneyOp.NONE


def _is_booked(reference: str) -> bool:
    return LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND, reference=reference).exists()


def _book(payment: Payment, refund: Refund, kind: LedgerEntry.Kind, reference: str) -> None:
    minor = refund.amount_minor
    LedgerEntry.of(payment, kind, minor=minor, reference=reference, at=clock.now()).save()


def tell_origin(refund_id: UUID) -> bool:
    """Tell the order or case of an owed refund that it is paid; say whether it still waited."""
    refund = Refund.objects.get(pk=refund_id)
    waits = Saga.objects.filter(status=SagaStatus.RUNNING)
    if refund.is_whole:
        waits = waits.filter(choreography="checkout", key=str(refund.order_id))
    else:
        waits = waits.filter(key=str(refund.case_id))
    if not waits.exists():
        return False
    publish(told(refund), of=refund)
    return True


def told(refund: Refund) -> Event:
    """Return what the order, or the case, of a refund is told: it is paid, or the bank paid it."""
    is_paid = refund.state == State.PAID
    amount = refund.amount if is_paid else refund.amount * 0
    if not refund.is_whole:
        return CaseRefunded(
            case_id=refund.case_id,
            order_id=refund.order_id,
            amount=amount,
            operation=way_of(refund),
        )
    if is_paid:
        return RefundPaid(
            refund_id=refund.pk, order_id=refund.order_id, amount=amount, operation=refund.how
        )
    return PaymentRefunded(order_id=refund.order_id, amount=amount, operation=MoneyOp.NONE)
