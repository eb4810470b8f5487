"""Services: the provider's messages come in here: hints to look, never facts (R37)."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from payments.gateway import provider
from payments.models import Payment, Refund, WebhookReceived
from sagas import clock
from sagas.intent import INQUIRE_PREFIX
from sagas.models import Delivery, DeliveryState, Saga
from sagas.participant import Kind
from sagas.transport import wake_all

#: The queue of this context's deliveries.
QUEUE = "payments"


def receive_webhook(headers: Mapping[str, str], body: bytes) -> bool:
    """Keep a message of the provider and have what it may be about looked at; say if it was new.

    A repeated message changes nothing. Raises InvalidWebhook when it is not the provider's.
    """
    payload = provider().verify_webhook(headers, body)
    reference = str(payload.get("data", {}).get("reference", ""))
    with transaction.atomic():
        _, is_new = WebhookReceived.objects.get_or_create(
            id=_message_id(headers),
            defaults={
                "reference": reference,
                "body": body.decode(),
                "received_at": clock.now(),
            },
        )
        if is_new:
            bring_forward(reference)
    return is_new


def _message_id(headers: Mapping[str, str]) -> str:
    return next(value for name, value in headers.items() if name.lower() == "webhook-id")


def bring_forward(reference: str) -> int:
    """Ask now about the calls of order `reference` that got no answer; return how many there are.

    The answer comes from the inquiry, under the key of the call, not from whoever asked for it.
    """
    with transaction.atomic():
        sagas = Saga.objects.filter(key__in=_business_keys(reference)).values("id")
        waiting = Delivery.objects.filter(
            saga_id__in=sagas,
            consumer=QUEUE,
            kind=Kind.TIMER,
            state=DeliveryState.READY,
            purpose__startswith=INQUIRE_PREFIX,
        )
        ids = list(waiting.values_list("id", flat=True))
        Delivery.objects.filter(id__in=ids, state=DeliveryState.READY).update(
            available_at=clock.now()
        )
        if ids:
            transaction.on_commit(lambda: wake_all({QUEUE: ids}), robust=True)
    return len(ids)


def _business_keys(reference: str) -> list[str]:
    """Return the ids of the order, and of its returns and losses: the keys of their sagas."""
    payment = Payment.objects.filter(number=reference).first()
    if payment is None:
        return []
    cases: list[UUID | None] = [payment.order_id]
    refunds = Refund.objects.filter(order_id=payment.order_id)
    for return_id, loss_id in refunds.values_list("return_id", "loss_id"):
        cases += [return_id, loss_id]
    return [str(case) for case in cases if case is not None]
