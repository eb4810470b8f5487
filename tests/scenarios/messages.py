"""Messages: the provider's, posted to the shop's own address as it would post them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection
from django.test import Client
from django.urls import reverse

from payments.models import WebhookReceived
from sagas.models import Intent
from tests.world import World

#: In seconds: how often the postman looks, and how long one round may take on a busy machine.
LOOK, PATIENCE = 0.01, 60


def post_messages(world: World, *, again: bool = False) -> int:
    """Post what is due and return how many there were; `again` leaves them due."""
    client, count = Client(), 0
    for message in world.provider.due_webhooks():
        answer = client.post(
            reverse("payments_api:webhook"),
            message.body,
            "application/json",
            headers=message.headers,
        )
        assert answer.status_code == 200
        count += 1
        if not again:
            world.provider.mark_delivered(message.id)
    return count


@contextmanager
def postman(world: World) -> Iterator[None]:
    """Post what is due while an answer is held back for it (`early_webhook`), from a thread."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        delivering = thread.submit(_post_until, world, over)
        try:
            yield
        finally:
            over.set()
        delivering.result(PATIENCE)


def _post_until(world: World, over: threading.Event) -> None:
    try:
        while not over.wait(LOOK):
            if _holds_back(world):
                post_messages(world)
    finally:
        connection.close()


def _holds_back(world: World) -> bool:
    return any(s.name == "early_webhook" and s.times == 0 for s in world.provider.switches())


def assert_came_first(step: str) -> None:
    """A message was received while the first call of a step of payments was out."""
    call = Intent.objects.get(step=f"payments.{step}", n=1)
    assert call.answered_at is not None
    while_out = WebhookReceived.objects.filter(
        received_at__gt=call.started_at, received_at__lt=call.answered_at
    )
    assert while_out.exists()
