"""The line to the provider: its file, its arranged faults, and what is lost on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from . import books as ledger
from . import cards, clock, deposits, disputes, refunds, settlement, statement
from . import switches as faults
from . import webhooks as messages
from .clock import KOREA, Calendar, utc_now
from .lapses import acting, catch_up
from .requests import InvalidRequest, ProviderError, ProviderTimeout, Request, Result, check
from .storage import Books, connected, make_file
from .switches import Switch
from .webhooks import Webhook

HANG_SECONDS: Final = 60.0
HANG_LOOK_SECONDS: Final = 0.02
SCHEMA: Final = "".join(
    module.SCHEMA
    for module in (
        clock,
        ledger,
        cards,
        deposits,
        refunds,
        disputes,
        statement,
        settlement,
        faults,
        messages,
    )
)


class Line:
    """The file at ``path``, made when it does not exist, and how its users reach it.

    ``now`` gives aware times (default: the clock). A business day ends at midnight in ``zone``;
    a capture can be cancelled until then, and ``reversible_extra`` longer. ``on_webhook`` takes
    the messages that ``early_webhook`` delivers. Whatever uses a file of another version raises
    OutdatedBooks.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        hang_seconds: float = HANG_SECONDS,
        now: Callable[[], datetime] = utc_now,
        zone: tzinfo = KOREA,
        reversible_extra: timedelta = timedelta(0),
        on_webhook: Callable[[Webhook], object] | None = None,
    ) -> None:
        self.path = Path(path)
        self.hang_seconds = hang_seconds
        self.calendar = Calendar(now=now, zone=zone, reversible_extra=reversible_extra)
        self.on_webhook = on_webhook
        if not self.path.exists():
            make_file(self.path, SCHEMA)

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
        to ``decline``; with ``aborted_first``, ``contradictory_webhooks`` say so first, done
        otherwise. ``seconds`` belongs to ``latency``, ``expired_keys`` (a key is forgotten at that
        age) and ``short_authorisation``. ``repeats`` belongs to ``repeated_webhooks`` and
        ``not_found_then_executes`` (that many inquiries find nothing).
        """
        if name not in faults.NAMES:
            known = ", ".join(faults.NAMES)
            raise InvalidRequest(f"The provider has no switch {name!r}; choose one of {known}.")
        if operation not in {"", "inquire", *faults.OPERATIONS}:
            known = ", ".join([*faults.OPERATIONS, "inquire"])
            raise InvalidRequest(f"The provider has no operation {operation!r}; choose {known}.")
        with self._reading() as books:
            books.execute(
                "INSERT OR REPLACE INTO switch (name, reference, operation, times, share, seed,"
                " code, seconds, repeats) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [name, reference, operation, times, share, seed, code, seconds, repeats],
            )

    def switch_off(self, name: str = "", *, reference: str | None = None) -> None:
        """Remove switches: all of them, those of one name, or those of one name and reference."""
        with self._reading() as books:
            books.execute(
                "DELETE FROM switch WHERE ?1 IN ('', name) AND (?2 IS NULL OR reference = ?2)",
                [name, reference],
            )

    def switches(self) -> tuple[Switch, ...]:
        """Return the arranged faults; one whose ``times`` is 0 is used up."""
        with self._reading() as books:
            return faults.read_switches(books)

    def pass_time(self, by: timedelta) -> None:
        """Let every process that uses this file live that much later. Signatures stay of today."""
        if by < timedelta(0):
            raise InvalidRequest(f"Time passes forward alone, not by {by}.")
        with self._reading() as books:
            books.execute(
                "UPDATE clock SET ahead_seconds = ahead_seconds + ?", [by.total_seconds()]
            )

    def execute_late(self) -> tuple[Result, ...]:
        """Carry out the requests that are held back, in the order they came."""
        with self._writing() as books:
            return ledger.carry_out_late(books)

    @contextmanager
    def _reading(self) -> Iterator[Books]:
        with connected(self.path, self.calendar) as books:
            catch_up(books)
            yield books

    @contextmanager
    def _writing(self) -> Iterator[Books]:
        with connected(self.path, self.calendar) as books, acting(books):
            yield books

    def _call(self, request: Request) -> Result:
        check(request)
        with connected(self.path, self.calendar) as books:
            reference = ledger.reference_of(books, request)
            trouble = faults.draw(books, request.kind, reference)
            _wait(trouble)
            _lose_request(books, request, trouble)
            with acting(books):
                answer = ledger.settle(books, request)
        self._delay_answer(reference, trouble)
        if "lost_answer" in trouble:
            raise _no_answer(request)
        if answer.error:
            raise ProviderError(f"{request.kind} with key {request.key} was answered by a 500.")
        return answer.result

    def _ask(self, books: Books, reference: str, about: str) -> None:
        """Let the switches that name ``inquire`` disturb a question."""
        trouble = faults.draw(books, "inquire", reference)
        _wait(trouble)
        if trouble.keys() & {"lost_request", "lost_answer"}:
            raise ProviderTimeout(f"No answer came to the inquiry about {about}.")

    def _delay_answer(self, reference: str, trouble: dict[str, Switch]) -> None:
        """Deliver webhooks first, or block, so that the caller can be killed before it learns."""
        if "early_webhook" in trouble and self.on_webhook is not None:
            self._hand_to(self.on_webhook, reference)
        elif "early_webhook" in trouble:
            self._block_while(lambda books: any(messages.due(books, reference=reference)))
        if "hang" in trouble:
            switch = [trouble["hang"].id]
            self._block_while(
                lambda books: books.one("SELECT 1 FROM switch WHERE id = ?", switch) is not None
            )

    def _hand_to(self, listener: Callable[[Webhook], object], reference: str) -> None:
        with self._reading() as books:
            for webhook in list(messages.due(books, reference=reference)):
                messages.mark_delivered(books, webhook.id)
                listener(webhook)

    def _block_while(self, holds: Callable[[Books], bool]) -> None:
        until = time.monotonic() + self.hang_seconds
        with self._reading() as books:
            while time.monotonic() < until and holds(books):
                time.sleep(HANG_LOOK_SECONDS)


def _wait(trouble: dict[str, Switch]) -> None:
    if "latency" in trouble:
        time.sleep(trouble["latency"].seconds)


def _lose_request(books: Books, request: Request, trouble: dict[str, Switch]) -> None:
    if "not_found_then_executes" in trouble:
        ledger.hold_back(books, request, inquiries=trouble["not_found_then_executes"].repeats)
    elif "late_request" in trouble:
        ledger.hold_back(books, request, inquiries=None)
    if trouble.keys() & {"not_found_then_executes", "late_request", "lost_request"}:
        raise _no_answer(request)


def _no_answer(request: Request) -> ProviderTimeout:
    return ProviderTimeout(f"No answer came to {request.kind} with key {request.key}.")
