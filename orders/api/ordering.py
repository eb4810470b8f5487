"""Placing an order, and looking at it."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import extend_schema
from rest_framework.generics import RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from orders import serializers, services
from orders.api.asking import KEY, accepted, asker, once, order_of, refused
from orders.events import Address, PayBy
from orders.models import Order
from sagas.api.door import Door, body_of, needs
from sagas.api.problem import FieldError, invalid
from sagas.api.serializers import problems

#: What is shown of an order beside its own fields.
_SHOWN = ("lines", "benefits", "cases__lines__line")


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
        return once(request, lambda: _place(request))


@method_decorator(conditional_page, name="dispatch")
@extend_schema(responses={200: serializers.OrderSerializer, **problems(404)})
class OrderDetail(Door, RetrieveAPIView[Order]):
    """One order with everything its customer may know; with an ETag to ask for news."""

    queryset = Order.objects.all()
    serializer_class = serializers.OrderSerializer
    permission_classes = (IsAuthenticated,)

    def get_object(self) -> Order:
        number = self.kwargs["number"]
        return order_of(self.request, number, permission="orders.view_order", beside=_SHOWN)


def _place(request: Request) -> Response:
    body = body_of(request, serializers.NewOrderSerializer)
    customer = body.get("customer") or request.user.get_username()
    _refuse_unknown_skus(body["lines"])
    coupon = body["coupon"]
    try:
        order = services.place_order(
            customer=customer,
            currency=body["currency"],
            lines=new_lines(body["lines"]),
            ship_to=Address(**body["ship_to"]),
            payment_tokens=body["payment_tokens"],
            pay_by=PayBy(body["pay_by"]),
            shipping_minor=body["shipping_minor"],
            coupon=(coupon["code"], coupon["minor"]) if coupon else None,
            points_minor=body["points_minor"],
            email=body["email"],
            actor=asker(request, customer),
        )
    except services.InvalidInput as refusal:
        raise refused(refusal) from refusal
    return accepted(order.number, {"number": order.number, "status": order.state})


def new_lines(given: list[dict[str, Any]]) -> list[services.NewLine]:
    """Return lines as the services take them."""
    return [(line["sku"], line["quantity"], line["unit_price"]["minor"]) for line in given]


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
