"""Evidence: a person vouches with the provider's reference for what a call has come to (D-29).

It counts like the call's answer, goes the same way, and stays written down until the provider has
said so, too: it is asked at once, and reconciliation finds what it has not said within a day.
"""

from django.conf import settings
from django.utils.translation import gettext as _

from payments.events import MoneyOp, OutcomeAttested
from payments.gateway import provider
from payments.models import Evidence, Payment, Refund
from payments.services import refunds
from payments.services.asking import ask, inquire_now
from payments.services.people import NotPossible
from payments.services.verifying import verify
from sagas import clock
from sagas.call import Outcome
from sagas.intent import record_outcome
from sagas.models import Intent, IntentState
from sagas.outbox import locked_saga, saga_transaction


def settle_by_evidence(
    subject: Payment | Refund, *, reference: str, actor: str, reason: str
) -> Evidence:
    """Settle an owed refund, or a call without an answer, by the provider's `reference`.

    An owed refund counts as paid. The unknown call of a payment or a refund counts as done, and its
    step goes on with that. The provider is asked soon whether it says so. Raises NotPossible where
    nothing is owed or unknown.
    """
    if not reference or not actor:
        raise NotPossible(_("It takes the provider's reference, and somebody who vouches for it."))
    said = {"reference": reference, "actor": actor, "reason": reason}
    if isinstance(subject, Refund) and subject.state == Refund.State.OWED:
        evidence = _settle_owed(subject, **said)
    else:
        evidence = _answer_call(subject, **said)
    ask(Payment.objects.get(pk=evidence.payment_id))
    return evidence


def _settle_owed(refund: Refund, *, reference: str, actor: str, reason: str) -> Evidence:
    with saga_transaction(refund, actor=actor) as locked:
        if locked.state != Refund.State.OWED:
            raise NotPossible(_("It is not owed any more: somebody else was faster."))
        if locked.how is MoneyOp.REFUND_ELSEWHERE and not locked.approved_by:
            raise NotPossible(_("An account has to be proposed and approved first."))
        refunds.pay(locked, reference, reason=reason)
        return _write_down(
            locked, step="payments.send_owed", reference=reference, actor=actor, reason=reason
        )


def _answer_call(subject: Payment | Refund, *, reference: str, actor: str, reason: str) -> Evidence:
    known = _unknown_call(subject)
    with locked_saga(known.saga_id) as (unit, saga):
        intent = Intent.objects.get(pk=known.pk)
        if intent.state != IntentState.UNKNOWN:
            raise NotPossible(_("Its call has been answered: somebody else was faster."))
        record_outcome(intent, Outcome(ok=True, reference=reference), unit.now)
        intent.state = IntentState.ANSWERED
        intent.save()
        evidence = _write_down(
            subject, step=intent.step, reference=reference, actor=actor, reason=reason
        )
        attested = OutcomeAttested(
            order_id=subject.order_id,
            step=intent.step,
            reference=reference,
            verify_by=evidence.verify_by,
        )
        unit.record(attested, saga=saga, actor=actor, reason=reason)
        inquire_now(at=unit.now, saga_id=intent.saga_id, event_id=intent.event_id)
    return evidence


def _unknown_call(subject: Payment | Refund) -> Intent:
    key = subject.order_id if isinstance(subject, Payment) else subject.pk
    unknown = Intent.objects.filter(
        step__startswith="payments.", subject_key=str(key), state=IntentState.UNKNOWN
    )
    found = unknown.order_by("started_at").first()
    if found is None:
        raise NotPossible(_("No call about it is without an answer."))
    return found


def _write_down(
    subject: Payment | Refund, *, step: str, reference: str, actor: str, reason: str
) -> Evidence:
    now = clock.now()
    is_refund = isinstance(subject, Refund)
    payment = Payment.objects.get(order_id=subject.order_id)
    return Evidence.objects.create(
        payment_id=payment.pk,
        refund_id=subject.pk if is_refund else None,
        step=step,
        reference=reference,
        actor=actor,
        reason=reason,
        recorded_at=now,
        verify_by=now + settings.SHOP["EVIDENCE_PATIENCE"],
    )


def verify_evidence(evidence: Evidence) -> bool:
    """Ask the provider now whether it says so, too; note it if it does, and return whether.

    Calls the outside, so it is for the reconciler, not for a step or a request.
    """
    payment = Payment.objects.get(pk=evidence.payment_id)
    standing = provider().look_up(payment.number)
    return standing is not None and evidence in verify(payment, standing)
