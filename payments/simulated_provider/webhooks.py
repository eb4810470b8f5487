"""Messages from the provider to the shop, signed as https://www.standardwebhooks.com describes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from .clock import stamp
from .requests import digest
from .storage import Books
from .switches import Switch, draw_within

TOLERANCE_SECONDS: Final = 300
#: The ``code`` that lets ``contradictory_webhooks`` say the opposite order.
ABORTED_FIRST: Final = "aborted_first"

SCHEMA: Final = """
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL,
    reference TEXT NOT NULL,
    payload TEXT NOT NULL,
    place INTEGER,
    delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX webhook_due ON webhook (reference, id) WHERE delivered = 0;
CREATE TABLE secret (webhook BLOB NOT NULL);
INSERT INTO secret VALUES (randomblob(24));
"""


class InvalidWebhook(ValueError):
    """The message was not signed with this secret, was altered, or is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One copy of a message on its way out; repeated copies share the ``webhook-id`` header."""

    id: int
    reference: str
    headers: dict[str, str]
    body: str


def announce(books: Books, operation: str, outcome: str, data: dict[str, Any]) -> None:
    """Put a message about ``data`` (it names kind and reference) among those that are due.

    Needs an open transaction. The switches about webhooks may repeat it, let it overtake what is
    due for its reference, or send its opposite along.
    """
    faults = draw_within(books, operation, data["reference"], names=_DISTURBED_BY)
    messages = [(outcome, data)]
    if "contradictory_webhooks" in faults and outcome in _OPPOSITES:
        messages = _contradicted(outcome, data, faults["contradictory_webhooks"])
    copies = 1 + (faults["repeated_webhooks"].repeats if "repeated_webhooks" in faults else 0)
    for sent_outcome, sent in messages:
        payload = {
            "type": f"{data['kind']}.{sent_outcome}",
            "timestamp": stamp(books.now),
            "data": sent,
        }
        _send(books, payload, copies=copies, overtakes="reordered_webhooks" in faults)


_DISTURBED_BY: Final = frozenset(
    {"repeated_webhooks", "contradictory_webhooks", "reordered_webhooks"}
)
_OPPOSITES: Final = {"succeeded": "declined", "declined": "succeeded", "failed": "succeeded"}


def _contradicted(
    outcome: str, data: dict[str, Any], switch: Switch
) -> list[tuple[str, dict[str, Any]]]:
    """Return the true message and its opposite: done, then aborted, unless the switch turns it."""
    opposite = _OPPOSITES[outcome]
    done = opposite == "succeeded"
    false = data | {"ok": done, "code": "" if done else "aborted", "status": opposite}
    pair = [(outcome, data), (opposite, false)]
    return sorted(pair, key=lambda sent: sent[1]["ok"], reverse=switch.code != ABORTED_FIRST)


def _send(books: Books, payload: dict[str, Any], *, copies: int, overtakes: bool) -> None:
    body = json.dumps(payload)
    reference = payload["data"]["reference"]
    place = _place_in_front(books, reference) if overtakes else None
    for _ in range(copies):
        books.execute(
            "INSERT INTO webhook (message, reference, payload, place) VALUES (?, ?, ?, ?)",
            ["msg_" + digest(body), reference, body, place],
        )


def _place_in_front(books: Books, reference: str) -> int | None:
    (first,) = books.execute(
        "SELECT MIN(COALESCE(place, id)) - 1 AS place FROM webhook"
        " WHERE delivered = 0 AND reference = ?",
        [reference],
    )
    place: int | None = first["place"]
    return place


def due(books: Books, *, reference: str | None = None) -> Iterator[Webhook]:
    """Yield the undelivered messages, oldest first, signed for an attempt at this moment."""
    secret = read_secret(books)
    rows = books.execute(
        "SELECT * FROM webhook WHERE delivered = 0 AND (?1 IS NULL OR reference = ?1)"
        " ORDER BY COALESCE(place, id), id",
        [reference],
    ).fetchall()
    for row in rows:
        body = row["payload"]
        headers = signed_headers(secret, row["message"], body)
        yield Webhook(id=row["id"], reference=row["reference"], headers=headers, body=body)


def mark_delivered(books: Books, webhook_id: int) -> None:
    """Record that one copy of a message was accepted."""
    books.execute("UPDATE webhook SET delivered = 1 WHERE id = ?", [webhook_id])


def read_secret(books: Books) -> str:
    """Return the file's secret in the form both sides keep it: ``whsec_`` and base64."""
    (secret,) = books.execute("SELECT webhook FROM secret")
    return "whsec_" + base64.b64encode(secret["webhook"]).decode()


def signed_headers(secret: str, message: str, body: str) -> dict[str, str]:
    """Return the headers for sending ``body`` at this moment."""
    timestamp = str(int(time.time()))
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + _signature(secret, message, timestamp, body.encode()),
    }


def verify_webhook(
    secret: str, headers: Mapping[str, str], body: bytes | str, *, now: float | None = None
) -> dict[str, Any]:
    """Return the payload of a message that is genuine and at most five minutes old.

    ``headers`` may be written in any case; ``now`` is in seconds since 1970 (default: the clock).
    Raises InvalidWebhook otherwise.
    """
    raw = body.encode() if isinstance(body, str) else body
    given = {name.lower(): value for name, value in headers.items()}
    message, timestamp, signatures = (
        _header(given, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    expected = _signature(secret, message, timestamp, raw)
    # Several signatures may stand there while a secret is being replaced.
    versions = [signature.partition(",") for signature in signatures.split()]
    if not any(v == "v1" and hmac.compare_digest(s, expected) for v, _, s in versions):
        raise InvalidWebhook(f"Webhook {message} does not carry a signature made with this secret.")
    if abs((time.time() if now is None else now) - _seconds(timestamp)) > TOLERANCE_SECONDS:
        raise InvalidWebhook(f"Webhook {message} is more than five minutes off; ask for a new one.")
    payload: dict[str, Any] = json.loads(raw)
    return payload


def _header(headers: Mapping[str, str], name: str) -> str:
    if name not in headers:
        raise InvalidWebhook(f"The header {name} is missing.")
    return headers[name]


def _seconds(timestamp: str) -> int:
    if not timestamp.isdecimal():
        raise InvalidWebhook("The header webhook-timestamp is not a number of seconds.")
    return int(timestamp)


def _signature(secret: str, message: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
