"""Door: what every view of the API has in common; contexts build theirs on it, too."""

from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from sagas.api.parser import DepthSafeJSONParser
from sagas.api.problem import FieldError, Problem, ProblemMixin, field_errors
from sagas.api.trace import TraceMixin


class Door(TraceMixin, ProblemMixin, APIView):
    """Base of every view of the API: traced, with problems for errors, JSON in and out."""

    renderer_classes = (JSONRenderer,)
    parser_classes = (DepthSafeJSONParser,)


def needs(permission: str) -> type[BasePermission]:
    """Return the DRF permission class that asks for a Django permission."""

    class Needs(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            return bool(request.user.is_authenticated and request.user.has_perm(permission))

    return Needs


def actor_of(request: Request) -> str:
    """Return how the log names who is asking, such as `admin:kim` or `user:storefront`."""
    role = "admin" if request.user.is_staff else "user"
    return f"{role}:{request.user.get_username()}"


def body_of(request: Request, serializer_class: type[Any]) -> dict[str, Any]:
    """Return the checked body; raises a problem with every reason."""
    given = serializer_class(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def query_of(request: Request, serializer_class: type[Any]) -> dict[str, Any]:
    """Return the checked query parameters; raises Problem 400."""
    query = serializer_class(data=request.query_params)
    if query.is_valid():
        return dict(query.validated_data)
    raise Problem(
        _("The query parameters make no sense; see `errors`."),
        status=HTTPStatus.BAD_REQUEST,
        code="bad-query",
        title=_("The query is not valid"),
        errors=[
            FieldError(
                pointer=error.pointer.replace("#/", "?"), detail=error.detail, code=error.code
            )
            for error in field_errors(query.errors)
        ],
    )
