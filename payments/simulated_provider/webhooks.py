"""Messages from the provider to the shop, signed as https://www.standardwebhooks.com describes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

TOLERANCE_SECONDS: Final = 300

SCHEMA: Final = """
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL,
    reference TEXT NOT NULL,
    payload TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX webhook_due ON webhook (id) WHERE delivered = 0;
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


def read_secret(books: sqlite3.Connection) -> str:
    """Return the file's secret in the form both sides keep it: ``whsec_`` and base64."""
    row = books.execute("SELECT webhook FROM secret").fetchone()
    return "whsec_" + base64.b64encode(row["webhook"]).decode()


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
