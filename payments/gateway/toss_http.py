"""Toss's API: single requests, and whether each was answered, refused, unknown or never sent.

`http.client` of the standard library is all it takes: connecting and sending are two steps there,
which says for certain whether a request has left (R29), and five JSON requests are not worth a
dependency. Proxies from the environment are not used.
"""

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from payments.gateway.patience import begin_request, timeouts
from payments.gateway.port import Json, Refused
from sagas.exceptions import NotSent, Unanswered

#: Refusals of our credentials or of our pace: nothing was looked at, whatever their status.
_NOT_LOOKED_AT: Final = frozenset(
    {"UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "TOO_MANY_REQUESTS"}
)
#: Refusals that are none: something went wrong behind Toss, or the first request still runs.
_UNKNOWN: Final = frozenset({"PROVIDER_ERROR", "IDEMPOTENT_REQUEST_PROCESSING"})


class TossApi:
    """The API behind `base`, such as https://api.tosspayments.com, with one shop's secret key."""

    def __init__(self, secret_key: str, *, base: str) -> None:
        """The key is a user name without a password."""
        address = urlsplit(base)
        self._is_secure = address.scheme == "https"
        self._host, self._port = address.hostname or "", address.port
        credentials = base64.b64encode(f"{secret_key}:".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {credentials}",
            "Content-Type": "application/json",
        }

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Return what stands at `path`, or None where Toss knows nothing of it."""
        address = f"{path}?{urlencode(query)}" if query else path
        status, found = self._ask("GET", address)
        return None if status == HTTPStatus.NOT_FOUND else _understood(status, found)

    def post(self, path: str, body: Json, key: UUID) -> Json:
        """Return the answer to `body`. Raises Refused, Unanswered or NotSent."""
        text = json.dumps(body).encode()
        status, answer = self._ask("POST", path, text, {"Idempotency-Key": str(key)})
        understood: Json = _understood(status, answer)
        return understood

    def _ask(
        self, method: str, path: str, body: bytes | None = None, more: Mapping[str, str] = {}
    ) -> tuple[int, Any]:
        begin_request()
        connection = self._connected()
        try:
            connection.request(method, path, body, {**self._headers, **more})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            message = f"Toss gave no answer to {method} {path}: {error!r}."
            raise Unanswered(message) from error
        finally:
            connection.close()

    def _connected(self) -> HTTPConnection:
        kind = HTTPSConnection if self._is_secure else HTTPConnection
        to_connect, to_answer = timeouts()
        connection = kind(self._host, self._port, timeout=to_connect)
        try:
            connection.connect()
            connection.sock.settimeout(to_answer)
        except OSError as error:
            message = f"Toss can't be reached at {self._host}: {error}."
            raise NotSent(message) from error
        return connection


def _understood(status: int, answer: Any) -> Any:
    if status == HTTPStatus.OK:
        return answer
    code, message = _said(answer)
    if code in _NOT_LOOKED_AT or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent(message)
    if code in _UNKNOWN or status == HTTPStatus.CONFLICT or not _is_refusal(status):
        raise Unanswered(message)
    raise Refused(code, message)


def _is_refusal(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def _said(answer: Any) -> tuple[str, str]:
    """Return the code and the message of an error as Toss writes it."""
    error = answer if isinstance(answer, dict) else {}
    code = str(error.get("code") or "invalid_answer")
    return code, f"Toss says {code}: {error.get('message', '')}"
