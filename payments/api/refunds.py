"""Endpoints about an order's money: look at it, say where it goes, decide what is owed (D-26).

Paying elsewhere takes two people: one proposes an account, another one approves it (R34).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from payments import services
from payments.api import serializers
from payments.models import Dispute, LedgerEntry, Payment, Refund
from sagas.api.door import Door, actor_of, body_of, needs, query_of
from sagas.api.pages import NewestFirst
from sagas.api.problem import Problem
from sagas.api.serializers import ActedSerializer, ReasonSerializer, problems

Verb = Callable[[Refund, dict[str, Any], str], object]
ACTED: dict[Any, Any] = {200: ActedSerializer, **problems(400, 404, 409)}


@extend_schema(parameters=[serializers.RefundFilter], responses=serializers.RefundSerializer)
class RefundList(Door, ListAPIView[Refund]):
    """Refunds, the newest first."""

    queryset = Refund.objects.all()
    serializer_class = serializers.RefundSerializer
    pagination_class = NewestFirst
    permission_classes = (needs("payments.view_refund"),)

    def get_queryset(self) -> QuerySet[Refund]:
        return super().get_queryset().filter(**query_of(self.request, serializers.RefundFilter))


@extend_schema(responses={200: serializers.RefundSerializer, **problems(404)})
class RefundDetail(Door, RetrieveAPIView[Refund]):
    """One refund."""

    queryset = Refund.objects.all()
    serializer_class = serializers.RefundSerializer
    permission_classes = (needs("payments.view_refund"),)


@extend_schema(responses={200: serializers.PaymentSerializer, **problems(404)})
class PaymentDetail(Door, RetrieveAPIView[Payment]):
    """An order's money, with its ledger, refunds and disputes."""

    queryset = Payment.objects.all()
    serializer_class = serializers.PaymentSerializer
    permission_classes = (needs("payments.view_payment"),)
    lookup_field = "number"

    def get_object(self) -> Any:
        payment: Any = super().get_object()
        payment.ledger = LedgerEntry.objects.filter(payment_id=payment.pk)
        payment.refunds = Refund.objects.filter(order_id=payment.order_id).order_by("pk")
        payment.disputes = Dispute.objects.filter(order_id=payment.order_id).order_by("pk")
        return payment


class GiveAccount(Door):
    """Takes the customer's account."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        request=serializers.AccountSerializer,
        responses={200: ActedSerializer, **problems(400, 404, 409, 422)},
    )
    def post(self, request: Request, number: str) -> Response:
        """Say to which account money goes back that can't go back the way it came.

        For customers, and for who may decide about owed refunds. For an owed refund it is a
        proposal, which a person of the shop approves; giving the same account again changes
        nothing.
        """
        account = body_of(request, serializers.AccountSerializer)
        payment = _payment_of(request, number)
        is_own = payment.customer == request.user.get_username()
        actor = f"customer:{payment.customer}" if is_own else actor_of(request)
        with _refusals(_("That can't be done to this payment")):
            changed = services.give_account(payment, account, actor=actor)
        return Response({"changed": changed})


def _payment_of(request: Request, number: str) -> Payment:
    """Return the payment if it is this user's, or one that they may decide about; or Http404."""
    payment = Payment.objects.filter(number=number).first()
    may = request.user.has_perm("payments.order_refund")
    if payment is None or not (may or payment.customer == request.user.get_username()):
        raise Http404(_("You have no payment %(number)s.") % {"number": number})
    return payment


@contextmanager
def _refusals(title: str) -> Iterator[None]:
    """Answer 409 with the reason where something can't be done, or not by this person."""
    try:
        yield
    except services.NotPossible as refusal:
        raise Problem(
            str(refusal), status=HTTPStatus.CONFLICT, code="not-possible", title=title
        ) from refusal


def _act(request: Request, refund: UUID, body_class: type[Any], verb: Verb) -> Response:
    """Do what a person decided; 409 says why it can't be done, or not by them."""
    given = body_of(request, body_class)
    found = get_object_or_404(Refund, pk=refund)
    with _refusals(_("That can't be done to this refund")):
        verb(found, given, actor_of(request))
    return Response({"changed": True})


class Again(Door):
    """Tries an owed refund again."""

    permission_classes = (needs("payments.order_refund"),)

    @extend_schema(request=ReasonSerializer, responses=ACTED)
    def post(self, request: Request, pk: UUID) -> Response:
        """Have an owed refund tried once more, the way it was tried before."""
        return _act(request, pk, ReasonSerializer, _again)


class Elsewhere(Door):
    """Proposes another account."""

    permission_classes = (needs("payments.order_refund"),)

    @extend_schema(request=serializers.ElsewhereSerializer, responses=ACTED)
    def post(self, request: Request, pk: UUID) -> Response:
        """Propose to pay an owed refund to an account; somebody else has to approve it."""
        return _act(request, pk, serializers.ElsewhereSerializer, _elsewhere)


class Approve(Door):
    """Approves another account."""

    permission_classes = (needs("payments.order_refund"),)

    @extend_schema(request=serializers.ApprovalSerializer, responses=ACTED)
    def post(self, request: Request, pk: UUID) -> Response:
        """Approve the account that somebody else has proposed, by its number, and have it paid."""
        return _act(request, pk, serializers.ApprovalSerializer, _approve)


class Attest(Door):
    """Settles by the provider's reference."""

    permission_classes = (needs("payments.attest_outcome"),)

    @extend_schema(request=serializers.EvidenceSerializer, responses=ACTED)
    def post(self, request: Request, pk: UUID) -> Response:
        """Vouch with the provider's reference for what happened; it is verified within a day."""
        return _act(request, pk, serializers.EvidenceSerializer, _attest)


def _again(refund: Refund, body: dict[str, Any], actor: str) -> object:
    return services.order_refund_again(refund, actor=actor, reason=body["reason"])


def _elsewhere(refund: Refund, body: dict[str, Any], actor: str) -> object:
    return services.propose_elsewhere(refund, body["account"], actor=actor, reason=body["reason"])


def _approve(refund: Refund, body: dict[str, Any], actor: str) -> object:
    given = {"number": body["number"], "reason": body["reason"]}
    return services.approve_elsewhere(refund, **given, actor=actor)


def _attest(refund: Refund, body: dict[str, Any], actor: str) -> object:
    return services.settle_by_evidence(
        refund, reference=body["reference"], actor=actor, reason=body["reason"]
    )
