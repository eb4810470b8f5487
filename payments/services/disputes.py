"""Disputes: what a customer's bank does, as the provider tells it (D-24, D-25).

While one is open nothing is given back (R35): `held` has what waits for the decision.
"""

from payments.events import DisputeEscalated, DisputeLost, DisputeOpened, DisputeWon
from payments.gateway import Disputed
from payments.learning import dispute_case
from payments.models import Dispute, LedgerEntry, Payment
from payments.services.held import hold_owed
from payments.services.refunds import lock_payment
from sagas import clock
from sagas.exceptions import PermanentFailure
from sagas.outbox import publish, saga_transaction

State = Dispute.State
ACTOR = "provider"


class MoneyOnItsWay(Exception):
    """A bank took money that is on its way back: wait until it is known where it has gone."""


class PaidTwice(PermanentFailure):
    """A bank took money that was given back before: only a person can have that corrected."""


def learn(payment: Payment, found: Disputed) -> None:
    """Have a dispute be here what it is at the provider; one that ended unseen and won is none."""
    dispute = Dispute.objects.filter(provider_dispute_id=found.id).first()
    if dispute is None and found.status != "won":
        dispute = _open(payment, found)
    if dispute is None or dispute.state not in Dispute.LIVE:
        return
    hold_owed(payment.order_id)
    if found.status == "won":
        _win(dispute)
    elif found.status == "lost":
        _lose(dispute)
    elif found.status == "open" and dispute.state == State.INQUIRY:
        _escalate(dispute)


def _open(payment: Payment, found: Disputed) -> Dispute:
    dispute = Dispute(
        order_id=payment.order_id,
        case_id=dispute_case(payment.order_id, found.id),
        provider_dispute_id=found.id,
        state=State.INQUIRY if found.status == "inquiry" else State.OPEN,
        amount_minor=found.amount_minor,
        currency=payment.currency,
        opened_at=clock.now(),
    )
    with saga_transaction(dispute, actor=ACTOR):
        locked = lock_payment(payment.order_id)
        locked.is_frozen = True
        locked.save(update_fields=["is_frozen"])
        opened = DisputeOpened(
            case_id=dispute.case_id,
            order_id=dispute.order_id,
            amount=dispute.amount,
            reference=dispute.provider_dispute_id,
            inquiry=dispute.state == State.INQUIRY,
        )
        publish(opened, of=dispute)
    return dispute


def _escalate(dispute: Dispute) -> None:
    with saga_transaction(dispute, actor=ACTOR) as locked:
        if locked.state == State.INQUIRY:
            locked.escalate()
            escalated = DisputeEscalated(case_id=locked.case_id, order_id=locked.order_id)
            publish(escalated, of=locked)


def _win(dispute: Dispute) -> None:
    with saga_transaction(dispute, actor=ACTOR) as locked:
        if locked.state in Dispute.LIVE:
            locked.win()
            locked.closed_at = clock.now()
            publish(DisputeWon(case_id=locked.case_id, order_id=locked.order_id), of=locked)
            payment = lock_payment(locked.order_id)
            _unfreeze(payment, locked)


def _lose(dispute: Dispute) -> None:
    with saga_transaction(dispute, actor=ACTOR) as locked:
        if locked.state in Dispute.LIVE:
            payment = lock_payment(locked.order_id)
            _take_back(payment, locked)
            locked.lose()
            locked.closed_at = clock.now()
            lost = DisputeLost(
                case_id=locked.case_id, order_id=locked.order_id, amount=locked.amount
            )
            publish(lost, of=locked)
            _unfreeze(payment, locked)


def _take_back(payment: Payment, dispute: Dispute) -> None:
    """Book what the bank took (B), as far as that is there (M2).

    Raises MoneyOnItsWay while a refund is out, and PaidTwice when there is none.
    """
    if dispute.amount_minor > payment.left_minor:
        message = (
            f"The bank took {dispute.amount} of payment {payment.number}, of which only"
            f" {payment.money(payment.left_minor)} are neither given back nor on their way."
        )
        if payment.pending_minor:
            raise MoneyOnItsWay(message)
        raise PaidTwice(f"{message} Have the provider correct it.")
    payment.charged_back_minor += dispute.amount_minor
    LedgerEntry.of(
        payment,
        LedgerEntry.Kind.CHARGEBACK,
        minor=dispute.amount_minor,
        reference=dispute.provider_dispute_id,
        at=clock.now(),
    ).save()


def _unfreeze(payment: Payment, decided: Dispute) -> None:
    others = Dispute.objects.filter(order_id=payment.order_id, state__in=Dispute.LIVE)
    payment.is_frozen = others.exclude(pk=decided.pk).exists()
    payment.save()
