"""Asking: the provider's messages come in here, and questions go out: hints to look (R37)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from payments.gateway import provider
from payments.learning import hint_of, stray_of
from payments.models import Payment, Refund, WebhookReceived
from payments.services.disputes import MoneyOnItsWay
from payments.services.standing import CallIsOut, apply
from sagas import clock
from sagas.models import Delivery, DeliveryState, Saga
from sagas.outbox import publish
from sagas.participant import Kind
from sagas.routing import FREE
from sagas.step import INQUIRE_PREFIX
from sagas.transport import wake_all

#: The queue of this context's deliveries.
QUEUE = "payments"


def receive_webhook(headers: Mapping[str, str], body: bytes) -> bool:
    """Keep a message of the provider and have what it is about looked at; say if it was new.

    The look comes later, by a worker: the sender is answered at once. A repeated message changes
    nothing, and their order does not matter. Raises InvalidWebhook when it is not the provider's,
    Unanswered or NotSent while that can't be said.
    """
    gateway = provider()
    hint = gateway.parse_webhook(headers, body)
    message = f"{gateway.name}:{hint.id}"
    if WebhookReceived.objects.filter(pk=message).exists():
        return False
    payment = find(hint.reference)
    received = WebhookReceived(
        id=message,
        provider=gateway.name,
        reference=(payment.number if payment else hint.reference)[:100],
        kind=hint.kind,
        body=body.decode(errors="replace"),
        received_at=clock.now(),
    )
    try:
        with transaction.atomic():
            received.save(force_insert=True)
            if payment is not None:
                ask(payment)
                inquire_now(at=received.received_at, saga_id__in=_sagas_of(payment))
    except IntegrityError:
        if not WebhookReceived.objects.filter(pk=message).exists():
            raise
        return False  # the very same message was received by somebody else at this moment
    return True


def find(reference: str) -> Payment | None:
    """Return the payment of an order number, or of the provider's authorisation."""
    if not reference:
        return None
    by_number = Payment.objects.filter(number=reference).first()
    if by_number is not None:
        return by_number
    # Those without one are not in the index, which SQLite uses only where they are left out.
    named = Payment.objects.exclude(authorisation_id="")
    return named.filter(authorisation_id=reference).first()


def ask(payment: Payment) -> bool:
    """Have the provider asked about a payment soon; say whether that was not about to happen.

    No lock is held during a call, so a message never waits for one.
    """
    if _is_about_to_look(payment):
        return False
    with transaction.atomic():
        publish(hint_of(payment), of=payment)
    return True


def _is_about_to_look(payment: Payment) -> bool:
    return Delivery.objects.filter(
        saga_id__in=Saga.objects.filter(choreography=FREE, key=_lane(payment)).values("id"),
        consumer=QUEUE,
        purpose="look",
        state__in=(DeliveryState.READY, DeliveryState.PARKED),
    ).exists()


def _lane(payment: Payment) -> str:
    return f"{payment._meta.label}:{payment.pk}"


def learn(reference: str) -> bool:
    """Ask the provider about order `reference` now, and have everything follow from the answer.

    Calls the outside, so it is for commands and the reconciler, not for a step or a request. What
    can't be learned yet is looked at again later. Returns whether the provider knows the order.
    Raises Unanswered and NotSent.
    """
    payment = find(reference)
    standing = provider().look_up(payment.number) if payment else None
    if payment is None or standing is None:
        return False
    bring_forward(payment)
    stray = stray_of(payment, standing)
    if stray is not None:
        with transaction.atomic():
            publish(stray, of=payment)
    try:
        apply(payment.pk, standing)
    except (CallIsOut, MoneyOnItsWay):
        ask(payment)
    return True


def bring_forward(payment: Payment) -> int:
    """Ask now about the calls for a payment that got no answer; return how many there are.

    The answer comes from the inquiry, under the key of the call, not from whoever asked for it.
    """
    with transaction.atomic():
        return inquire_now(at=clock.now(), saga_id__in=_sagas_of(payment))


def inquire_now(*, at: datetime, **about: Any) -> int:
    """Have the waiting inquiries of these deliveries made at once; return how many there are.

    `at` is the time that it is. The caller has a transaction open.
    """
    waiting = Delivery.objects.filter(
        consumer=QUEUE,
        kind=Kind.TIMER,
        state=DeliveryState.READY,
        purpose__startswith=INQUIRE_PREFIX,
        **about,
    )
    ids = list(waiting.values_list("id", flat=True))
    if ids:
        ready = Delivery.objects.filter(id__in=ids, state=DeliveryState.READY)
        ready.update(available_at=at)
        transaction.on_commit(lambda: wake_all({QUEUE: ids}), robust=True)
    return len(ids)


def _sagas_of(payment: Payment) -> QuerySet[Saga, UUID]:
    """Return the ids of the order's sagas: its own, its cases', and its owed refunds'."""
    refunds = Refund.objects.filter(order_id=payment.order_id).values_list("case_id", "id")
    cases = [str(key) for row in refunds for key in row]
    keys = [str(payment.order_id), _lane(payment), *cases]
    return Saga.objects.filter(key__in=keys).values_list("id", flat=True)
