"""Endpoints of orders: place one, look at it, ask for its cancellation or for a return.

Who may: placing needs the permission orders.add_order, because who places an order states its
prices; a shop gives it to its storefront, which names the customer. A customer is the user of that
name and sees, cancels and returns their own orders. Others need orders.view_order to see them and
orders.change_order to act; without it, an order of somebody else does not exist.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import router
from django.http import Http404
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from orders import serializers, services
from orders.events import Address
from orders.models import Order
from sagas.api import idempotency
from sagas.api.door import Door, actor_of, needs
from sagas.api.problem import FieldError, invalid
from sagas.api.serializers import problems

KEY = OpenApiParameter(
    idempotency.HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="The same value when the request is repeated; a UUID, for example.",
)


class Orders(Door):
    """Places orders."""

    permission_classes = (needs("orders.add_order"),)

    @extend_schema(
        parameters=[KEY],
        request=serializers.NewOrderSerializer,
        responses={202: serializers.PlacedSerializer, **problems(400, 413, 422)},
    )
    def post(self, request: Request) -> Response:
        """Place an order. It is taken on, not done: follow its `url`."""
        return idempotency.once(request, lambda: _place(request), using=_database())


@method_decorator(conditional_page, name="dispatch")
@extend_schema(responses={200: serializers.OrderSerializer, **problems(404)})
class OrderDetail(Door, RetrieveAPIView[Order]):
    """One order with everything its customer may know; with an ETag to ask for news."""

    queryset = Order.objects.all()
    serializer_class = serializers.OrderSerializer
    permission_classes = (IsAuthenticated,)

    def get_object(self) -> Order:
        return _order(self.request, self.kwargs["number"], permission="orders.view_order")


class Cancel(Door):
    """Asks for the cancellation of an order."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        request=serializers.WhySerializer,
        responses={202: serializers.AskedSerializer, **problems(400, 404, 422)},
    )
    def post(self, request: Request, number: str) -> Response:
        """Ask for the cancellation of the whole order; asking again returns the first case."""
        body = _body(request, serializers.WhySerializer)
        order = _order(request, number, permission="orders.change_order")
        case = services.request_cancel(
            order, reason=body["reason"], actor=_actor(request, order.customer)
        )
        answer = {"case": str(case.pk), "kind": case.kind, "outcome": case.outcome}
        return _accepted(order.number, answer)


class Returns(Door):
    """Asks for returns."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        parameters=[KEY],
        request=serializers.NewReturnSerializer,
        responses={202: serializers.ReturnAskedSerializer, **problems(400, 404, 422)},
    )
    def post(self, request: Request, number: str) -> Response:
        """Ask for goods to be sent back; the money follows them."""
        return idempotency.once(request, lambda: _return(request, number), using=_database())


def _database() -> str:
    """Where orders are written, and so the answers about them."""
    return router.db_for_write(Order)


def _place(request: Request) -> Response:
    body = _body(request, serializers.NewOrderSerializer)
    customer = body.get("customer") or request.user.get_username()
    _refuse_unknown_skus(body["lines"])
    try:
        order = services.place_order(
            customer=customer,
            currency=body["currency"],
            lines=[
                (line["sku"], line["quantity"], line["unit_price"]["minor"])
                for line in body["lines"]
            ],
            ship_to=Address(**body["ship_to"]),
            payment_tokens=body["payment_tokens"],
            actor=_actor(request, customer),
        )
    except services.InvalidInput as refusal:
        raise _invalid(refusal) from refusal
    return _accepted(order.number, {"number": order.number, "status": order.state})


def _return(request: Request, number: str) -> Response:
    body = _body(request, serializers.NewReturnSerializer)
    order = _order(request, number, permission="orders.change_order")
    try:
        returned = services.request_return(
            order,
            lines=[(line["line_no"], line["quantity"]) for line in body["lines"]],
            reason=body["reason"],
            actor=_actor(request, order.customer),
        )
    except services.InvalidInput as refusal:
        raise _invalid(refusal) from refusal
    refund = {"minor": returned.refund_minor, "currency": returned.currency}
    return _accepted(order.number, {"id": str(returned.pk), "refund": refund})


def _actor(request: Request, customer: str) -> str:
    is_own = request.user.get_username() == customer
    return f"customer:{customer}" if is_own else actor_of(request)


def _accepted(number: str, answer: dict[str, Any]) -> Response:
    url = reverse("orders_api:order", args=[number])
    return Response({**answer, "url": url}, status=HTTPStatus.ACCEPTED, headers={"Location": url})


def _body(request: Request, serializer_class: type[Any]) -> dict[str, Any]:
    given = serializer_class(data=request.data)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _order(request: Request, number: str, *, permission: str) -> Order:
    """Return the order with what hangs on it, if this user may; raises Http404 otherwise."""
    found = (
        Order.objects.filter(number=number)
        .select_related("loss")
        .prefetch_related("lines", "cases", "returns__lines__line")
    )
    for order in found:
        if order.customer == request.user.get_username() or request.user.has_perm(permission):
            return order
    message = _("You have no order %(number)s.") % {"number": number}
    raise Http404(message)


def _refuse_unknown_skus(lines: list[dict[str, Any]]) -> None:
    """Ask SHOP["SKU_CHECK"], if the shop has one: orders do not know what inventory knows."""
    path = settings.SHOP.get("SKU_CHECK")
    if path:
        unknown = set(import_string(str(path))({line["sku"] for line in lines}))
        errors = list(_unknown(lines, unknown))
        if errors:
            raise invalid(errors)


def _unknown(lines: list[dict[str, Any]], unknown: set[str]) -> Iterator[FieldError]:
    for place, line in enumerate(lines):
        if line["sku"] in unknown:
            detail = _("There is no article %(sku)s.") % {"sku": line["sku"]}
            yield FieldError(pointer=f"#/lines/{place}/sku", detail=detail, code="unknown_sku")


def _invalid(refusal: services.InvalidInput) -> Exception:
    """`lines[0].quantity` is `#/lines/0/quantity` as a JSON pointer."""
    place = re.sub(r"\[(\d+)\]", r"/\1", refusal.field).replace(".", "/")
    return invalid([FieldError(pointer=f"#/{place}", detail=refusal.message, code=refusal.code)])
