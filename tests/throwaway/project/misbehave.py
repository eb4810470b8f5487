"""Add two steps that break their contract, and print what is said about them, as JSON."""
# ruff: noqa: INP001
# mypy: disable-error-code="import-not-found"

import json
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.test import Client  # noqa: E402
from shelf.events import CopyHeld, SalePlaced  # noqa: E402
from shelf.models import Sale  # noqa: E402
from shelf.participant import SALE  # noqa: E402

from sagas.models import Delivery  # noqa: E402
from sagas.outbox import publish  # noqa: E402
from sagas.participant import Participant  # noqa: E402
from sagas.worker import Worker  # noqa: E402

clumsy = Participant("clumsy")


@clumsy.on(SalePlaced)
def tell(event: SalePlaced) -> None:
    """Publish what it should return."""
    publish(CopyHeld(sale_id=event.sale_id), of=Sale.objects.get(pk=event.sale_id))


nosy = Participant("nosy")


@nosy.on(SalePlaced, subject=SALE, state=Sale.state)
def wrap_too(event: SalePlaced, sale: Sale) -> None:
    """Move the subject in a field that the step is not about."""
    sale.wrap()


Client().post("/buy", {"customer": "kim", "isbn": ""})
worker = Worker({"clumsy", "nosy"})
worker.drain()
worker.close()
dead = Delivery.objects.filter(consumer__in=["clumsy", "nosy"], state="dead")
print(json.dumps({row.purpose: row.error for row in dead}))  # noqa: T201  the test reads it
