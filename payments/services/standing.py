"""Standing: what the provider knows of an order becomes known here, part by part (R30, R37).

Each part is a transaction of its own that looks again under its locks, so that the order in which
things are told, and how often, makes no difference. What a call that is out will tell is left to
that call.
"""

from collections.abc import Iterator
from uuid import UUID

from payments.events import AuthorisationExpiring, DepositExpired
from payments.gateway import Captured, Refunded, Standing, provider
from payments.learning import Taken, has_lapsed, on_captured
from payments.models import LedgerEntry, Payment, Refund
from payments.services import disputes, refunds
from payments.services.verifying import verify
from sagas import clock
from sagas.models import Intent
from sagas.outbox import publish, saga_transaction

State = Payment.State
#: Who says so.
ACTOR = "provider"


class CallIsOut(Exception):
    """A call about the payment is out: what it will tell is not to be learned before."""


def apply(payment_id: UUID, standing: Standing) -> None:
    """Have everything follow from what the provider says about a payment. Raises CallIsOut."""
    payment = Payment.objects.get(pk=payment_id)
    verify(payment, standing)
    if payment.state in Payment.IN_FLIGHT:
        message = f"Payment {payment.number} is {payment.get_state_display()}: look again later."
        raise CallIsOut(message)
    for capture in standing.captures:
        _learn_capture(payment, capture)
    _learn_lapse(payment, standing)
    _learn_deposit(payment, standing)
    _learn_refunds(payment, standing)
    for dispute in standing.disputes:
        disputes.learn(payment, dispute)
    _refuse_unheard(payment, standing)


def _learn_capture(payment: Payment, capture: Captured) -> None:
    if payment.knows_capture(capture.id):
        return
    with saga_transaction(payment, actor=ACTOR) as locked:
        if locked.state in Payment.IN_FLIGHT:
            return
        learned = on_captured(locked, Taken.found(capture), at=clock.now())
        for fact in learned.facts:
            publish(fact, of=locked)
        LedgerEntry.objects.bulk_create(learned.lines)


def _learn_lapse(payment: Payment, standing: Standing) -> None:
    """A reservation that has ended by time is worth nothing (R36)."""
    if payment.state != State.AUTHORISED or not has_lapsed(standing, payment.authorisation_id):
        return
    with saga_transaction(payment, actor=ACTOR) as locked:
        if locked.state != State.AUTHORISED:
            return
        line = LedgerEntry.of(
            locked,
            LedgerEntry.Kind.LAPSE,
            minor=locked.open_minor,
            reference=locked.authorisation_id,
            at=clock.now(),
        )
        locked.lapse()
        publish(AuthorisationExpiring(order_id=locked.order_id), of=locked)
        line.save()


def _learn_deposit(payment: Payment, standing: Standing) -> None:
    """An account that was closed before its time will not be paid into (D-6)."""
    is_over = standing.deposit and standing.deposit.status in ("expired", "closed")
    if payment.state != State.AWAITING_DEPOSIT or not is_over:
        return
    with saga_transaction(payment, actor=ACTOR) as locked:
        now, until = clock.now(), locked.deposit_until
        if locked.state != State.AWAITING_DEPOSIT or (until and until <= now):
            return
        locked.deposit_until = now
        publish(DepositExpired(order_id=locked.order_id), of=locked)


def _learn_refunds(payment: Payment, standing: Standing) -> None:
    for found, refund in _ours(payment, standing.refunds):
        if found.status == "failed":
            _learn_failed(refund, found)
        elif found.status == "paid" and refund.state in refunds.UNPAID:
            refunds.pay_after_all(refund, found)


def _learn_failed(refund: Refund, found: Refunded) -> None:
    if refund.provider_refund_id == found.id:
        refunds.bounce(refund, found)
    elif refund.state != Refund.State.SENT and "refund_failed" in provider().settles:
        refunds.note_return(refund, found)


def _refuse_unheard(payment: Payment, standing: Standing) -> None:
    """Have it asked again once the call of a refund that has failed there has been answered."""
    for found, refund in _ours(payment, standing.refunds):
        if found.status == "failed" and refund.state == Refund.State.SENT:
            message = f"Refund {found.id} of payment {payment.number} has failed: look again later."
            raise CallIsOut(message)


def _ours(payment: Payment, told: tuple[Refunded, ...]) -> Iterator[tuple[Refunded, Refund]]:
    """Yield the provider's refunds that are known here, by its name for them or by our key."""
    if not told:
        return
    rows = Refund.objects.filter(order_id=payment.order_id)
    by_id = {str(row.pk): row for row in rows}
    by_name = {row.provider_refund_id: row for row in rows if row.provider_refund_id}
    by_key = _by_key(told, by_id)
    for found in told:
        refund = by_name.get(found.id) or by_key.get(found.key)
        if refund is not None:
            yield found, refund


def _by_key(told: tuple[Refunded, ...], by_id: dict[str, Refund]) -> dict[str, Refund]:
    """Return which refund was asked for under which key: a call's subject is its refund (R19)."""
    intents = Intent.objects.filter(
        idempotency_key__in=[found.key for found in told if _may_be_ours(found.key)],
        step__startswith="payments.",
        subject_key__in=by_id,
    )
    asked = intents.values_list("idempotency_key", "subject_key")
    return {str(key): by_id[subject] for key, subject in asked}


def _may_be_ours(key: str) -> bool:
    """Whether it looks like a key of ours: who gives money back by hand uses what they like."""
    try:
        return str(UUID(key)) == key
    except ValueError:
        return False
