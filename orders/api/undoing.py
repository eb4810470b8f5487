"""What a customer may ask for: cancel it, cancel a part, send back, exchange, choose."""

from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from orders import serializers, services
from orders.api.asking import KEY, asked, asker, case_of, once, order_of
from orders.api.ordering import new_lines
from orders.events import CaseKind
from orders.models import Order
from sagas.api.door import Door, body_of
from sagas.api.serializers import problems

CHANGE = "orders.change_order"
CREATED: Final[dict[Any, Any]] = {202: serializers.AskedSerializer, **problems(400, 404, 422)}


class Cancel(Door):
    """Asks for the cancellation of an order."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=serializers.ForcedSerializer, responses=CREATED)
    def post(self, request: Request, number: str) -> Response:
        """Ask for the cancellation of the whole order; asking again returns the first case."""
        body = body_of(request, serializers.ForcedSerializer)
        order = order_of(request, number, permission=CHANGE)
        if body["force"] and not request.user.has_perm(CHANGE):
            raise PermissionDenied
        return asked(
            order,
            lambda: services.request_cancel(
                order,
                kind=CaseKind.FORCE if body["force"] else None,
                reason=body["reason"],
                actor=asker(request, order.customer),
            ),
        )


class PartialCancels(Door):
    """Asks for the cancellation of a part of an order."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(parameters=[KEY], request=serializers.NamedLinesSerializer, responses=CREATED)
    def post(self, request: Request, number: str) -> Response:
        """Ask for some units not to be sent."""
        return once(request, lambda: _cancel_part(request, number))


class Returns(Door):
    """Asks for returns."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(parameters=[KEY], request=serializers.NewReturnSerializer, responses=CREATED)
    def post(self, request: Request, number: str) -> Response:
        """Ask for goods to be sent back; the money follows them."""
        return once(request, lambda: _return(request, number))


class Exchanges(Door):
    """Asks for exchanges."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(parameters=[KEY], request=serializers.NewExchangeSerializer, responses=CREATED)
    def post(self, request: Request, number: str) -> Response:
        """Ask for goods to be exchanged; what is to be sent instead is reserved first."""
        return once(request, lambda: _exchange(request, number))


class Remedy(Door):
    """Takes a customer's choice about a lost parcel."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=serializers.RemedySerializer, responses=CREATED)
    def post(self, request: Request, number: str, case: UUID) -> Response:
        """Choose between the goods once more and the money; the same choice may be repeated."""
        body = body_of(request, serializers.RemedySerializer)
        found = case_of(request, number, case, permission=CHANGE)
        actor = asker(request, found.order.customer)
        return asked(
            found.order, lambda: services.choose_remedy(found, body["remedy"], actor=actor)
        )


def _cancel_part(request: Request, number: str) -> Response:
    body = body_of(request, serializers.NamedLinesSerializer)
    order = order_of(request, number, permission=CHANGE)
    return asked(
        order,
        lambda: services.request_partial_cancel(order, **_named(request, order, body)),
    )


def _return(request: Request, number: str) -> Response:
    body = body_of(request, serializers.NewReturnSerializer)
    order = order_of(request, number, permission=CHANGE)
    return asked(
        order,
        lambda: services.request_return(order, fault=body["fault"], **_named(request, order, body)),
    )


def _exchange(request: Request, number: str) -> Response:
    body = body_of(request, serializers.NewExchangeSerializer)
    order = order_of(request, number, permission=CHANGE)
    if body["wanted"] and not request.user.has_perm("orders.add_order"):
        raise PermissionDenied(_("Who states prices needs the permission to place orders."))
    return asked(
        order,
        lambda: services.request_exchange(
            order,
            wanted=new_lines(body["wanted"]),
            fault=body["fault"],
            **_named(request, order, body),
        ),
    )


def _named(request: Request, order: Order, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "lines": [(line["line_no"], line["quantity"]) for line in body["lines"]],
        "reason": body["reason"],
        "actor": asker(request, order.customer),
    }
