"""What every endpoint of orders does: who asks, for which order, and what is answered."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db import router
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from orders import services
from orders.models import Case, Order
from orders.models.case import CUSTOMER
from sagas.api import idempotency
from sagas.api.door import actor_of
from sagas.api.problem import FieldError, invalid

KEY = OpenApiParameter(
    idempotency.HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="The same value when the request is repeated; a UUID, for example.",
)


def order_of(
    request: Request, number: str, *, permission: str, beside: Sequence[str] = ()
) -> Order:
    """Return the order with what is `beside` it, if this user may; raises Http404 otherwise."""
    for order in Order.objects.filter(number=number).prefetch_related(*beside):
        if order.customer == request.user.get_username() or request.user.has_perm(permission):
            return order
    message = _("You have no order %(number)s.") % {"number": number}
    raise Http404(message)


def case_of(request: Request, number: str, case: UUID, *, permission: str) -> Case:
    """Return one case of an order, if this user may; raises Http404 otherwise."""
    order = order_of(request, number, permission=permission)
    found = next((each for each in order.cases.all() if each.pk == case), None)
    if found is None:
        message = _("Order %(number)s has no case %(case)s.")
        raise Http404(message % {"number": number, "case": case})
    return found


def asker(request: Request, customer: str) -> str:
    """Return who asks, as an actor of the log: a customer for themselves, or somebody else."""
    is_own = request.user.get_username() == customer
    return f"{CUSTOMER}{customer}" if is_own else actor_of(request)


def once(request: Request, act: Callable[[], Response]) -> Response:
    """Answer what creates something, once for each key."""
    return idempotency.once(request, act, using=router.db_for_write(Order))


def accepted(number: str, answer: dict[str, Any]) -> Response:
    """Answer that something was taken on; the order says what becomes of it."""
    url = reverse("orders_api:order", args=[number])
    return Response({**answer, "url": url}, status=HTTPStatus.ACCEPTED, headers={"Location": url})


def asked(order: Order, act: Callable[[], Case]) -> Response:
    """Do what was asked and answer with its case; raises a problem that says why not."""
    try:
        case = act()
    except services.InvalidInput as refusal:
        raise refused(refusal) from refusal
    answer = {
        "case": str(case.pk),
        "kind": case.kind,
        "state": case.state,
        "refund": {"minor": case.refund_minor, "currency": case.currency},
    }
    return accepted(order.number, answer)


def refused(refusal: services.InvalidInput) -> Exception:
    """Return the problem; `lines[0].quantity` is `#/lines/0/quantity` as a JSON pointer."""
    place = re.sub(r"\[(\d+)\]", r"/\1", refusal.field).replace(".", "/")
    return invalid([FieldError(pointer=f"#/{place}", detail=refusal.message, code=refusal.code)])
