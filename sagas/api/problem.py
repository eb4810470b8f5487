"""Errors as RFC 9457 problem documents, for the views that mix them in and for no others.

    {"type": "urn:problem-type:sagas:invalid", "title": "The request is not valid", "status": 422,
     "detail": "…", "instance": "/api/orders/", "trace_id": "…",
     "errors": [{"pointer": "#/lines/0/quantity", "detail": "…", "code": "min_value"}]}

What is malformed (no JSON, a missing header, a query that makes no sense) answers 400; what is well
formed and still cannot be done answers 422, with every reason at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.utils.encoding import force_str
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from sagas.exceptions import PayloadTooLarge
from sagas.trace import current_traceparent

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:problem-type:sagas:"


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """What is wrong with one value; `pointer` is a JSON pointer into the request's body."""

    pointer: str
    detail: str
    code: str


class Problem(APIException):
    """An answer that says why not. `code` ends its type, `title` says the type in words."""

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        code: str,
        title: str,
        errors: Sequence[FieldError] = (),
    ) -> None:
        """Keep what the answer says."""
        super().__init__(detail, code)
        self.status_code = status
        self.title = title
        self.errors = errors


def invalid(errors: Sequence[FieldError]) -> Problem:
    """Return the answer to a well-formed request whose values cannot be accepted."""
    return Problem(
        _("See `errors` for what to change."),
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        code="invalid",
        title=_("The request is not valid"),
        errors=errors,
    )


def too_large(detail: str) -> Problem:
    """Return the answer to a request that is larger than the shop accepts."""
    return Problem(
        detail,
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        code="too-large",
        title=_("The request is too large"),
    )


def handle(failure: Exception, context: dict[str, Any]) -> Response | None:
    """Answer `failure` as a problem; None for what nobody expected, which is a 500."""
    problem = _as_problem(failure)
    response = exception_handler(problem, context)
    if response is not None:
        response.data = _document(problem, response.status_code, context["request"].path)
        response.content_type = MEDIA_TYPE
    return response


def _as_problem(failure: Exception) -> Exception:
    if isinstance(failure, ValidationError):
        return invalid(list(field_errors(failure.detail)))
    if isinstance(failure, PayloadTooLarge | RequestDataTooBig):
        return too_large(str(failure))
    return failure


def _document(problem: Exception, status: int, path: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": force_str(getattr(problem, "detail", None) or _("There is no such thing.")),
        "instance": path,
        "trace_id": current_traceparent.get()[3:35],
    }
    if isinstance(problem, Problem):
        document["type"] = TYPE_PREFIX + str(problem.get_codes())
        document["title"] = problem.title
        document["errors"] = [asdict(error) for error in problem.errors]
    return document


def field_errors(detail: Any, pointer: str = "#") -> Iterator[FieldError]:
    """Flatten what DRF's validation found into one error for each reason."""
    if isinstance(detail, ErrorDetail):
        yield FieldError(pointer=pointer, detail=str(detail), code=str(detail.code))
    elif isinstance(detail, dict):
        for name, inner in detail.items():
            yield from field_errors(inner, _below(pointer, name))
    else:
        for place, inner in enumerate(detail):
            is_reason = isinstance(inner, ErrorDetail)
            yield from field_errors(inner, pointer if is_reason else _below(pointer, place))


def _below(pointer: str, name: object) -> str:
    if name == "non_field_errors":
        return pointer
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


class ProblemMixin:
    """A view whose errors are problems; the project's own EXCEPTION_HANDLER stays what it is."""

    def get_exception_handler(self) -> Any:
        return handle
