"""The provider as its customers see it: five operations, an inquiry, a statement, and switches."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from . import books as ledger
from . import statement
from . import switches as faults
from . import webhooks as messages
from .requests import ID_PREFIX, InvalidRequest, ProviderTimeout, Request, Result
from .statement import Balance, Transaction
from .storage import connected, make_file, transaction
from .switches import Switch
from .webhooks import Webhook

HANG_SECONDS: Final = 60.0
HANG_LOOK_SECONDS: Final = 0.02


class SimulatedProvider:
    """The provider behind the file at ``path``; the file is made when it does not exist.

    Calls raise ProviderTimeout when no answer comes back, IdempotencyConflict when a key returns
    with another body and InvalidRequest when they make no sense. Everything else is a Result.
    """

    def __init__(self, path: str | Path, *, hang_seconds: float = HANG_SECONDS) -> None:
        self.path = Path(path)
        self.hang_seconds = hang_seconds
        if not self.path.exists():
            make_file(self.path, ledger.SCHEMA + faults.SCHEMA + messages.SCHEMA)

    def authorise(
        self, key: str, reference: str, amount_minor: int, currency: str, card_token: str
    ) -> Result:
        """Reserve an amount on the customer's card for ``reference`` (the shop's order number).

        Refused with ``session_closed`` after :meth:`close`, or with the card's decline code
        (``tok_declined`` and ``tok_insufficient`` always decline).
        """
        return self._call(
            Request(
                kind="authorise",
                key=key,
                reference=reference,
                amount_minor=amount_minor,
                currency=currency,
                card_token=card_token,
            )
        )

    def capture(self, key: str, authorisation_id: str, amount_minor: int) -> Result:
        """Take up to the open amount of an authorisation; may be done in parts."""
        return self._call(
            Request(kind="capture", key=key, parent=authorisation_id, amount_minor=amount_minor)
        )

    def void(self, key: str, authorisation_id: str) -> Result:
        """Give up whatever is still open of an authorisation; the result says how much that was."""
        return self._call(Request(kind="void", key=key, parent=authorisation_id))

    def refund(self, key: str, capture_id: str, amount_minor: int) -> Result:
        """Give back up to the unrefunded amount of a capture; may be done in parts."""
        return self._call(
            Request(kind="refund", key=key, parent=capture_id, amount_minor=amount_minor)
        )

    def close(self, key: str, reference: str) -> Result:
        """Close the payment session of a reference: a later authorisation for it is refused."""
        return self._call(Request(kind="close", key=key, reference=reference))

    def inquire(self, key: str) -> Result | None:
        """Return the stored result of ``key``, or None when the provider has not acted on it.

        None is no promise: a request still on its way may be carried out later (R29). Only switches
        that name the operation ``inquire`` disturb it.
        """
        with self._books() as books:
            stored = ledger.find(books, key)
            trouble = faults.draw(books, "inquire", stored["reference"] if stored else "")
            _wait(trouble)
            if trouble.keys() & {"lost_request", "lost_answer"}:
                raise ProviderTimeout(f"No answer came to the inquiry about key {key}.")
            return ledger.result_of(stored) if stored else None

    def list_transactions(self, *, after: int = 0) -> tuple[Transaction, ...]:
        """Return what was carried out, oldest first, with a number above ``after``."""
        with self._books() as books:
            return statement.transactions(books, after=after)

    def balances(self) -> dict[str, Balance]:
        """Return the sums per reference that has ever had an authorisation."""
        with self._books() as books:
            return statement.balances(books)

    def switch_on(
        self,
        name: str,
        *,
        reference: str = "",
        operation: str = "",
        times: int | None = None,
        share: float = 1.0,
        seed: int = 0,
        code: str = "card_declined",
        seconds: float = 0.0,
        repeats: int = 1,
    ) -> None:
        """Arrange a fault for every process that uses this file; replaces one of the same scope.

        ``reference`` and ``operation`` narrow it (``decline`` alone means ``authorise``), ``times``
        ends it after that many hits, ``share`` (0 to 1) chooses calls by ``seed``. ``code`` belongs
        to ``decline``, ``seconds`` to ``latency``, ``repeats`` to ``repeated_webhooks``.
        """
        if name not in faults.NAMES:
            known = ", ".join(faults.NAMES)
            raise InvalidRequest(f"The provider has no switch {name!r}; choose one of {known}.")
        if operation not in {"", "inquire", *ID_PREFIX}:
            known = ", ".join([*ID_PREFIX, "inquire"])
            raise InvalidRequest(f"The provider has no operation {operation!r}; choose {known}.")
        with self._books() as books:
            books.execute(
                "INSERT OR REPLACE INTO switch (name, reference, operation, times, share, seed,"
                " code, seconds, repeats) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [name, reference, operation, times, share, seed, code, seconds, repeats],
            )

    def switch_off(self, name: str = "", *, reference: str | None = None) -> None:
        """Remove switches: all of them, those of one name, or those of one name and reference."""
        with self._books() as books:
            books.execute(
                "DELETE FROM switch WHERE ?1 IN ('', name) AND (?2 IS NULL OR reference = ?2)",
                [name, reference],
            )

    def switches(self) -> tuple[Switch, ...]:
        """Return the arranged faults; one whose ``times`` is 0 is used up."""
        with self._books() as books:
            return faults.read_switches(books)

    def execute_late(self) -> tuple[Result, ...]:
        """Carry out the requests that ``late_request`` held back, in the order they came."""
        with self._books() as books, transaction(books):
            rows = books.execute("SELECT request FROM late ORDER BY number").fetchall()
            books.execute("DELETE FROM late")
            requests = [Request(**json.loads(row["request"])) for row in rows]
            return tuple(ledger.settle(books, request) for request in requests)

    @property
    def webhook_secret(self) -> str:
        """The secret shared with the shop (``whsec_`` and base64)."""
        with self._books() as books:
            return messages.read_secret(books)

    def due_webhooks(self) -> Iterator[Webhook]:
        """Yield the undelivered messages, oldest first, signed for an attempt at this moment."""
        secret = self.webhook_secret
        with self._books() as books:
            rows = books.execute("SELECT * FROM webhook WHERE NOT delivered ORDER BY id").fetchall()
        for row in rows:
            body = row["payload"]
            headers = messages.signed_headers(secret, row["message"], body)
            yield Webhook(id=row["id"], reference=row["reference"], headers=headers, body=body)

    def mark_delivered(self, webhook_id: int) -> None:
        """Record that one copy of a message was accepted; it is not due again."""
        with self._books() as books:
            books.execute("UPDATE webhook SET delivered = 1 WHERE id = ?", [webhook_id])

    def _books(self) -> AbstractContextManager[sqlite3.Connection]:
        return connected(self.path)

    def _call(self, request: Request) -> Result:
        _check(request)
        with self._books() as books:
            trouble = faults.draw(books, request.kind, ledger.reference_of(books, request))
            _wait(trouble)
            if "late_request" in trouble:
                books.execute(
                    "INSERT INTO late (request) VALUES (?)", [json.dumps(asdict(request))]
                )
            if trouble.keys() & {"late_request", "lost_request"}:
                raise _no_answer(request)
            with transaction(books):
                result = ledger.settle(books, request)
            if "hang" in trouble:
                self._hang(books, trouble["hang"])
            if "lost_answer" in trouble:
                raise _no_answer(request)
            return result

    def _hang(self, books: sqlite3.Connection, switch: Switch) -> None:
        """Block after acting, so that the caller can be killed before it learns the answer."""
        until = time.monotonic() + self.hang_seconds
        while (
            time.monotonic() < until
            and books.execute("SELECT 1 FROM switch WHERE id = ?", [switch.id]).fetchone()
        ):
            time.sleep(HANG_LOOK_SECONDS)


def _wait(trouble: dict[str, Switch]) -> None:
    if "latency" in trouble:
        time.sleep(trouble["latency"].seconds)


def _no_answer(request: Request) -> ProviderTimeout:
    return ProviderTimeout(f"No answer came to {request.kind} with key {request.key}.")


_REQUIRED: Final = {
    "authorise": ("key", "reference", "amount_minor", "currency", "card_token"),
    "capture": ("key", "parent", "amount_minor"),
    "void": ("key", "parent"),
    "refund": ("key", "parent", "amount_minor"),
    "close": ("key", "reference"),
}


def _check(request: Request) -> None:
    for name in _REQUIRED[request.kind]:
        value = getattr(request, name)
        if name != "amount_minor" and not (isinstance(value, str) and value):
            raise InvalidRequest(f"{request.kind} needs {name} as text, not {value!r}.")
        if name == "amount_minor" and (type(value) is not int or value <= 0):
            raise InvalidRequest(f"{request.kind} needs a positive whole amount, not {value!r}.")
