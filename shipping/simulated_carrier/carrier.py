"""The carrier as its customers and its drivers use it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from . import books as ledger
from . import parcels
from . import switches as faults
from .parcels import Parcel, Scan
from .requests import CarrierTimeout, InvalidRequest, Request, Result
from .storage import connected, make_file, transaction
from .switches import Switch

#: Who drives when nobody is named.
CARRIER: Final = "swift"
HANG_SECONDS: Final = 60.0
HANG_LOOK_SECONDS: Final = 0.02


class SimulatedCarrier:
    """The carrier behind the file at ``path``; the file is made when it does not exist.

    Calls raise CarrierTimeout when no answer comes back, IdempotencyConflict when a key returns
    with another body and InvalidRequest when they make no sense. Everything else is a Result.
    Whatever uses a file of another version raises OutdatedBooks.
    """

    def __init__(self, path: str | Path, *, hang_seconds: float = HANG_SECONDS) -> None:
        self.path = Path(path)
        self.hang_seconds = hang_seconds
        if not self.path.exists():
            make_file(self.path, ledger.SCHEMA + parcels.SCHEMA + faults.SCHEMA)

    def book(
        self, key: str, reference: str, address: Mapping[str, str], carrier: str = CARRIER
    ) -> Result:
        """Order a parcel to ``address`` (needs ``country``); the result holds its tracking number.

        ``carrier`` is who drives it; every name is served. Refused with ``no_service`` for a
        country that is not served, or ``address_incomplete``.
        """
        return self._book("book", key, reference, address, carrier)

    def book_return(
        self, key: str, reference: str, address: Mapping[str, str], carrier: str = CARRIER
    ) -> Result:
        """Order a parcel back from ``address``; refused as :meth:`book` is."""
        return self._book("book_return", key, reference, address, carrier)

    def send_back(
        self, key: str, reference: str, address: Mapping[str, str], carrier: str = CARRIER
    ) -> Result:
        """Order a parcel to the customer's ``address`` with what came back and was not accepted.

        Refused as :meth:`book` is.
        """
        return self._book("send_back", key, reference, address, carrier)

    def intercept(self, key: str, tracking: str) -> Result:
        """Stop a parcel under way and send it back; it ends by :meth:`receive_return`.

        Refused with ``too_late`` once it is delivered, ``not_intercepted`` when nobody found it
        in time, ``returning`` when it is on its way back, or the state that it is in.
        """
        return self._call(Request(kind="intercept", key=key, tracking=tracking, address={}))

    def void(self, key: str, tracking: str) -> Result:
        """Cancel a label; refused, with the parcel's state as code, once a driver scanned it."""
        return self._call(Request(kind="void", key=key, tracking=tracking, address={}))

    def inquire(self, key: str) -> Result | None:
        """Return the stored result of ``key``, or None when the carrier has not acted on it.

        None is no promise: a request still on its way may be carried out later (R29). Only switches
        that name the operation ``inquire`` disturb it.
        """
        with self._books() as books:
            stored = ledger.find(books, key)
            trouble = faults.draw(books, ledger.inquiry_about(stored))
            _wait(trouble)
            if trouble.keys() & {"lost_request", "lost_answer"}:
                raise CarrierTimeout(f"No answer came to the inquiry about key {key}.")
            return ledger.result_of(stored) if stored else None

    def hand_over(self, tracking: str) -> Result:
        """Let the driver take a parcel: from here on its label cannot be voided.

        With ``pickup_failed`` it stays where it is and may be tried again, here or by another
        carrier; the attempt is scanned.
        """
        return self._scan("hand_over", tracking)

    def deliver(self, tracking: str) -> Result:
        """Let the driver leave a parcel with the customer."""
        return self._scan("deliver", tracking)

    def lose(self, tracking: str) -> Result:
        """Let a parcel under way disappear."""
        return self._scan("lose", tracking)

    def receive_return(self, tracking: str) -> Result:
        """Let a returning parcel arrive at the shop's warehouse, scanned on the way or not."""
        return self._scan("receive_return", tracking)

    def scans_after(self, number: int) -> tuple[Scan, ...]:
        """Return the scans with a higher running number, oldest first; start with 0."""
        with self._books() as books:
            rows = books.execute(
                "SELECT * FROM scan WHERE number > ? ORDER BY number", [number]
            ).fetchall()
        return tuple(Scan(**(row | {"at": datetime.fromisoformat(row["at"])})) for row in rows)

    def list_parcels(self, *, reference: str | None = None) -> tuple[Parcel, ...]:
        """Return all parcels, or those of one reference, in the order they were booked."""
        with self._books() as books:
            rows = books.execute(
                "SELECT * FROM parcel WHERE ?1 IS NULL OR reference = ?1 ORDER BY rowid",
                [reference],
            ).fetchall()
        return tuple(Parcel(**(row | {"intercepted": bool(row["intercepted"])})) for row in rows)

    def switch_on(
        self,
        name: str,
        *,
        reference: str = "",
        operation: str = "",
        carrier: str = "",
        times: int | None = None,
        share: float = 1.0,
        seed: int = 0,
        code: str = "no_service",
        seconds: float = 0.0,
    ) -> None:
        """Arrange a fault for every process that uses this file; replaces one of the same scope.

        ``reference``, ``operation`` and ``carrier`` narrow it (``refuse`` alone means ``book``),
        ``times`` ends it after that many hits, ``share`` (0 to 1) chooses calls by ``seed``.
        ``code`` belongs to ``refuse``, ``seconds`` to ``latency``. ``pickup_failed`` is about
        ``hand_over`` and ``no_intercept`` about ``intercept``.
        """
        if name not in faults.NAMES:
            known = ", ".join(faults.NAMES)
            raise InvalidRequest(f"The carrier has no switch {name!r}; choose one of {known}.")
        if operation not in {"", "inquire", *ledger.OPERATIONS}:
            known = ", ".join([*ledger.OPERATIONS, "inquire"])
            raise InvalidRequest(f"The carrier has no operation {operation!r}; choose {known}.")
        with self._books() as books:
            books.execute(
                "INSERT OR REPLACE INTO switch (name, reference, operation, carrier, times, share,"
                " seed, code, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [name, reference, operation, carrier, times, share, seed, code, seconds],
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

    def _books(self) -> AbstractContextManager[sqlite3.Connection]:
        return connected(self.path)

    def _scan(self, kind: str, tracking: str) -> Result:
        with self._books() as books, transaction(books):
            return parcels.scan(books, kind, tracking)

    def _book(
        self, kind: str, key: str, reference: str, address: Mapping[str, str], carrier: str
    ) -> Result:
        return self._call(
            Request(kind=kind, key=key, reference=reference, address=dict(address), carrier=carrier)
        )

    def _call(self, request: Request) -> Result:
        _check(request)
        with self._books() as books:
            trouble = faults.draw(books, ledger.subject_of(books, request))
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


def _no_answer(request: Request) -> CarrierTimeout:
    return CarrierTimeout(f"No answer came to {request.kind} with key {request.key}.")


_BOOKED: Final = ("key", "reference", "carrier")
_TRACKED: Final = ("key", "tracking")


def _check(request: Request) -> None:
    needed = _TRACKED if request.kind in {"void", "intercept"} else _BOOKED
    for name in needed:
        value = getattr(request, name)
        if not (isinstance(value, str) and value):
            raise InvalidRequest(f"{request.kind} needs {name} as text, not {value!r}.")
