"""Idempotency-Key: a repeated request gets the first one's answer and changes nothing.

As draft-ietf-httpapi-idempotency-key-header-07 has it. A key belongs to a user, a method and a
path. The answer is stored in the transaction of what was done, so neither exists without the other;
a refusal is not stored, because nothing was done. Two at once: the second waits for the first and
then gets its answer.
"""

import hashlib
import json
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from sagas import clock
from sagas.api.problem import Problem
from sagas.models import IdempotentRequest

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"

#: A structured field's string, RFC 9651 section 3.3.3.
_QUOTED = re.compile(r'^"((?:[^"\\]|\\["\\])*)"$')
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")


def once(request: Request, act: Callable[[], Response], *, using: str = "default") -> Response:
    """Answer `request` with what `act` returns, or with what it returned before.

    `act` runs in a transaction on database `using` and raises for every refusal; its data must be
    plain JSON and, where there is a `url`, that is the Location. Raises Problem: 400 without a
    usable key, 422 when the key came with another body.
    """
    key, scope, fingerprint = _key_of(request), _scope_of(request), _fingerprint_of(request)
    try:
        with transaction.atomic(using=using):
            known = _find(using, scope, key)
            if known is None:
                return _act_and_keep(act, using, scope=scope, key=key, fingerprint=fingerprint)
    except IntegrityError:
        known = _find(using, scope, key)
        if known is None:
            raise
    return _replay(known, fingerprint)


def _act_and_keep(act: Callable[[], Response], using: str, **identity: str) -> Response:
    response = act()
    IdempotentRequest.objects.using(using).create(
        **identity, status=response.status_code, body=response.data, created_at=clock.now(using)
    )
    return response


def _find(using: str, scope: str, key: str) -> IdempotentRequest | None:
    return IdempotentRequest.objects.using(using).filter(scope=scope, key=key).first()


def _replay(known: IdempotentRequest, fingerprint: str) -> Response:
    if known.fingerprint != fingerprint:
        raise Problem(
            _("This key came with another body before: use a new key for a new request."),
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
            code="idempotency-key-reused",
            title=_("The idempotency key was used for another request"),
        )
    response = Response(known.body, status=known.status, headers={REPLAYED: "true"})
    if "url" in known.body:
        response["Location"] = known.body["url"]
    return response


def _key_of(request: Request) -> str:
    given = request.headers.get(HEADER, "").strip()
    quoted = _QUOTED.match(given)
    key = re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else given
    if not _KEY.match(key):
        raise Problem(
            _(
                "Send the header Idempotency-Key: 1 to 200 visible ASCII characters, such as a"
                " UUID, the same ones when you repeat this request and new ones for another."
            ),
            status=HTTPStatus.BAD_REQUEST,
            code="idempotency-key-required",
            title=_("The request needs an idempotency key"),
        )
    return key


def _scope_of(request: Request) -> str:
    who = f"user:{request.user.pk}" if request.user.is_authenticated else "anonymous"
    return f"{who} {request.method} {request.path}"


def _fingerprint_of(request: Request) -> str:
    body: Any = request.data
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
