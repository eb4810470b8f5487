"""Use the bookshop as a browser would, wait for its sagas, and print what is stored, as JSON."""
# mypy: disable-error-code="import-not-found"
# ruff: noqa: INP001

import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402
from shelf.apps import HEARD  # noqa: E402
from shelf.events import SalePlaced  # noqa: E402
from shelf.models import Account, Hold, Sale, Title  # noqa: E402

from sagas.embedded import embedded_worker  # noqa: E402
from sagas.exceptions import PublishError  # noqa: E402
from sagas.models import Delivery, Saga, SagaStatus, StoredEvent  # noqa: E402
from sagas.outbox import publish, saga_transaction  # noqa: E402
from sagas.reconciliation import findings  # noqa: E402

BOOK = "9780141439518"


def wait_until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait for a condition, at most so long."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    message = f"Not within {seconds} s; open: {list(map(str, Delivery.objects.all()))}"
    raise TimeoutError(message)


def buy(client: Client, customer: str, isbn: str = BOOK) -> int:
    """Return the number of a new sale."""
    number: int = client.post("/buy", {"customer": customer, "isbn": isbn}).json()["sale"]
    return number


def sell_unsaved() -> str:
    """Return what is said about a sale that has no number yet."""
    try:
        with saga_transaction(Sale(customer="kim", isbn=BOOK)) as sale:
            sale.place()
            publish(SalePlaced(sale_id=sale.pk, customer="kim", isbn=BOOK), of=sale)
    except PublishError as error:
        return str(error)
    return ""


def everything_has_ended() -> bool:
    """Whether no saga runs and nothing is on its way."""
    return not (
        Saga.objects.filter(status=SagaStatus.RUNNING).exists() or Delivery.objects.exists()
    )


def log_of(number: int) -> Iterator[str]:
    """Yield the sale's events, with what moved."""
    saga = Saga.objects.get(key=str(number))
    for event in StoredEvent.objects.filter(saga_id=saga.id).order_by("position"):
        name = event.type.split(".")[1]
        move = f"{event.state_field}: {event.from_state}>{event.to_state}"
        yield f"{name} ({event.subject_key} {move})" if event.transition else name


def story(number: int) -> dict[str, Any]:
    """Return what is stored about a sale."""
    sale = Sale.objects.get(pk=number)
    held = Hold.objects.get(sale_id=number)
    return {
        "number": number,
        "saga": Saga.objects.get(key=str(number)).status,
        "state": sale.state,
        "parcel": sale.parcel,
        "times_saved": sale.times_saved,
        "hold": held.stage,
        "hold_id": held.pk,
        "log": list(log_of(number)),
    }


def main() -> None:
    """Sell, refuse to wrap, run out of stock, and stumble."""
    Title.objects.create(isbn=BOOK, copies=2)
    Account.objects.create(customer="kim")
    client = Client(raise_request_exception=False)
    stumbled = client.post("/stumble", {"customer": "kim", "isbn": BOOK}).status_code
    left_by_stumbling = Sale.objects.count() + StoredEvent.objects.count() + Saga.objects.count()
    with embedded_worker():
        sales = [buy(client, "kim"), buy(client, "nobody"), buy(client, "kim", "0000000000000")]
        wait_until(lambda: Sale.objects.filter(parcel=Sale.Parcel.WRAPPED).exists())
        client.post("/collect", {"sale": sales[0]})
        wait_until(everything_has_ended)
    result = {
        "stumbled": stumbled,
        "without_key": sell_unsaved(),
        "left_by_stumbling": left_by_stumbling,
        "sold": story(sales[0]),
        "unwrapped": story(sales[1]),
        "missing": story(sales[2]),
        "copies": Title.objects.get().copies,
        "points": Account.objects.get().points,
        "heard": sorted(HEARD),
        "findings": [str(finding) for finding in findings()],
    }
    print(json.dumps(result))  # noqa: T201  the test reads it
    connections.close_all()


if __name__ == "__main__":
    main()
