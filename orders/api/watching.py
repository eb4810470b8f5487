"""What people of the shop may do: give money, suspect fraud, decide what waits for a person."""

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from orders import serializers, services
from orders.api.asking import KEY, asked, case_of, once, order_of
from sagas.api.door import Door, actor_of, body_of, needs
from sagas.api.serializers import problems

ADD, CHANGE = "orders.add_case", "orders.change_case"
ANSWERS: Final[dict[Any, Any]] = {202: serializers.AskedSerializer, **problems(400, 404, 422)}


class Goodwill(Door):
    """Proposes to give money back."""

    permission_classes = (needs(ADD),)

    @extend_schema(parameters=[KEY], request=serializers.NewGoodwillSerializer, responses=ANSWERS)
    def post(self, request: Request, number: str) -> Response:
        """Propose an amount; nothing is paid before somebody else approves it."""
        return once(request, lambda: _propose(request, number))


class GoodwillDecision(Door):
    """Approves a proposed goodwill, or declines it."""

    permission_classes = (needs(CHANGE),)

    @extend_schema(request=serializers.DecisionSerializer, responses=ANSWERS)
    def post(self, request: Request, number: str, case: UUID) -> Response:
        """Decide what somebody else has proposed."""
        body = body_of(request, serializers.DecisionSerializer)
        found = case_of(request, number, case, permission=CHANGE)
        actor = actor_of(request)
        if body["accept"]:
            return asked(found.order, lambda: services.approve_goodwill(found, actor=actor))
        return asked(
            found.order,
            lambda: services.decline_goodwill(found, actor=actor, reason=body["reason"]),
        )


class Suspicion(Door):
    """Takes the suspicion that an order is fraud."""

    permission_classes = (needs(ADD),)

    @extend_schema(request=serializers.WhySerializer, responses=ANSWERS)
    def post(self, request: Request, number: str) -> Response:
        """Stop the order and block its customer; asking again returns the first case."""
        body = body_of(request, serializers.WhySerializer)
        order = order_of(request, number, permission=ADD)
        return asked(
            order,
            lambda: services.flag_fraud(order, reason=body["reason"], actor=actor_of(request)),
        )


class FraudDecision(Door):
    """Decides a suspicion about goods that did not come back."""

    permission_classes = (needs(CHANGE),)

    @extend_schema(request=serializers.DecisionSerializer, responses=ANSWERS)
    def post(self, request: Request, number: str, case: UUID) -> Response:
        """Refund what is left of the payment, or nothing."""
        body = body_of(request, serializers.DecisionSerializer)
        found = case_of(request, number, case, permission=CHANGE)
        return asked(
            found.order,
            lambda: services.decide_fraud(
                found, refund=body["accept"], actor=actor_of(request), reason=body["reason"]
            ),
        )


class Inquiry(Door):
    """Closes a bank's inquiry by a refund."""

    permission_classes = (needs(CHANGE),)

    @extend_schema(request=serializers.WhySerializer, responses=ANSWERS)
    def post(self, request: Request, number: str, case: UUID) -> Response:
        """Give all that is left back; asking again returns the first case."""
        body = body_of(request, serializers.WhySerializer)
        found = case_of(request, number, case, permission=CHANGE)
        return asked(
            found.order,
            lambda: services.close_inquiry(found, actor=actor_of(request), reason=body["reason"]),
        )


def _propose(request: Request, number: str) -> Response:
    body = body_of(request, serializers.NewGoodwillSerializer)
    order = order_of(request, number, permission=ADD)
    return asked(
        order,
        lambda: services.propose_goodwill(
            order,
            amount_minor=body["amount_minor"],
            reason=body["reason"],
            actor=actor_of(request),
        ),
    )
