"""The provider's answers: each kept under its key, so that the same request is carried out once.

Every function that writes needs an open transaction. What a request does to the books is in the
module of its subject: cards, deposits, refunds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from . import cards, deposits, refunds
from .clock import stamp
from .requests import IdempotencyConflict, Request, Result
from .storage import Books
from .switches import Switch, draw_one, draw_within
from .webhooks import announce

SCHEMA: Final = """
CREATE TABLE answer (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    reference TEXT NOT NULL,
    result TEXT NOT NULL,
    error INTEGER NOT NULL,
    at TEXT NOT NULL,
    forgotten INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX one_result_per_key ON answer (key) WHERE NOT forgotten;
CREATE INDEX answer_forgotten ON answer (key) WHERE forgotten;
CREATE TABLE late (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    inquiries INTEGER CONSTRAINT never_asked_more_than_needed CHECK (inquiries >= 0)
);
CREATE INDEX late_key ON late (key);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a request, and whether the provider hides it behind an error."""

    result: Result
    error: bool


def settle(books: Books, request: Request) -> Answer:
    """Replay what is stored under the request's key, or act and store answer and webhook."""
    stored = remembered(books, request.key)
    if stored is None:
        return _act(books, replace(request, use=_uses(books, request.key)))
    if stored["body"] != request.body:
        raise IdempotencyConflict(
            f"Key {request.key} was used for another request; send the same body or a new key."
        )
    return Answer(result=_result(stored), error=bool(stored["error"]))


def find(books: Books, key: str) -> dict[str, Any] | None:
    """Return the stored answer of a key."""
    return books.one("SELECT * FROM answer WHERE key = ? AND NOT forgotten", [key])


def remembered(books: Books, key: str) -> dict[str, Any] | None:
    """Return the stored answer of a key, unless its time is over: then it is forgotten."""
    stored = find(books, key)
    if stored is None or not _is_over(books, stored):
        return stored
    books.execute("UPDATE answer SET forgotten = 1 WHERE number = :number", stored)
    return None


def _is_over(books: Books, stored: dict[str, Any]) -> bool:
    age = books.now - datetime.fromisoformat(stored["at"])

    def has_passed(switch: Switch) -> bool:
        return age >= timedelta(seconds=switch.seconds)

    kind = json.loads(stored["result"])["kind"]
    return bool(draw_one(books, "expired_keys", kind, stored["reference"], fits=has_passed))


def _uses(books: Books, key: str) -> int:
    (row,) = books.execute("SELECT COUNT(*) AS n FROM answer WHERE key = ? AND forgotten", [key])
    return int(row["n"])


def _result(stored: dict[str, Any]) -> Result:
    return Result(**json.loads(stored["result"]))


def inquire(books: Books, key: str) -> Result | None:
    """Return what came of a key; what is held back for it may be carried out afterwards."""
    stored = remembered(books, key)
    if stored is None:
        _count_inquiry(books, key)
        return None
    return _present(books, _result(stored))


def recall(books: Books, key: str) -> Result | None:
    """Return what was carried out under a key that is forgotten: the shop's note of it stays."""
    rows = books.execute("SELECT * FROM answer WHERE key = ? AND forgotten ORDER BY number", [key])
    done = next((result for row in rows if (result := _result(row)).ok), None)
    return _present(books, done) if done else None


def _present(books: Books, result: Result) -> Result:
    """Return a result with the status that its refund or deposit has come to since."""
    if result.kind == "refund" and (refund := refunds.find(books, result.id)):
        ok = refund["status"] != "failed"
        return replace(result, ok=ok, status=refund["status"], code=refund["code"])
    if result.kind == "open_deposit" and (deposit := deposits.find(books, result.id)):
        return replace(result, status=deposit["status"])
    return result


def reference_of(books: Books, request: Request) -> str:
    """Return the reference a request is about, by its authorisation or capture if need be."""
    parent = books.one(
        "SELECT reference FROM capture WHERE id = ?1"
        " UNION ALL SELECT reference FROM authorisation WHERE id = ?1",
        [request.parent],
    )
    return parent["reference"] if parent else request.reference


def _act(books: Books, request: Request) -> Answer:
    reference = reference_of(books, request)
    faults = draw_within(
        books, request.kind, reference, names=frozenset({"decline", "stored_error"})
    )
    if "decline" in faults:
        result = request.refused(faults["decline"].code)
    else:
        result = _OPERATIONS[request.kind](books, request)
    answer = Answer(result=result, error="stored_error" in faults)
    _store(books, request, reference, answer)
    about = {"key": request.key, "reference": reference, "parent": request.parent}
    announce(books, request.kind, result.status, about | asdict(result))
    return answer


def _store(books: Books, request: Request, reference: str, answer: Answer) -> None:
    books.execute(
        "INSERT INTO answer (key, body, reference, result, error, at) VALUES (?, ?, ?, ?, ?, ?)",
        [
            request.key,
            request.body,
            reference,
            json.dumps(asdict(answer.result)),
            answer.error,
            stamp(books.now),
        ],
    )


def _close(books: Books, request: Request) -> Result:
    deposits.close(books, request.reference)
    return cards.close(books, request)


_OPERATIONS: Final[dict[str, Callable[[Books, Request], Result]]] = {
    "authorise": cards.authorise,
    "capture": cards.capture,
    "void": cards.void,
    "refund": refunds.refund,
    "close": _close,
    "open_deposit": deposits.open_deposit,
}


def hold_back(books: Books, request: Request, inquiries: int | None) -> None:
    """Keep a request for later: until it is told, or was inquired about so many times."""
    books.execute(
        "INSERT INTO late (key, request, inquiries) VALUES (?, ?, ?)",
        [request.key, json.dumps(asdict(request)), inquiries],
    )


def _count_inquiry(books: Books, key: str) -> None:
    books.execute("UPDATE late SET inquiries = inquiries - 1 WHERE key = ?", [key])
    due = "SELECT * FROM late WHERE key = ? AND inquiries = 0 ORDER BY number"
    _carry_out(books, books.execute(due, [key]).fetchall())


def carry_out_late(books: Books) -> tuple[Result, ...]:
    """Carry out all that was held back, in the order it came."""
    return _carry_out(books, books.execute("SELECT * FROM late ORDER BY number").fetchall())


def _carry_out(books: Books, held: list[dict[str, Any]]) -> tuple[Result, ...]:
    results = []
    for row in held:
        books.execute("DELETE FROM late WHERE number = :number", row)
        # Whoever sent another body under the key meanwhile was served; the late one is not.
        with suppress(IdempotencyConflict):
            results.append(settle(books, Request(**json.loads(row["request"]))).result)
    return tuple(results)
