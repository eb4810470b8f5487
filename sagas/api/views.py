"""Views for operators: every saga with its timeline, and what can be done about its deliveries.

Reading needs the permission sagas.view_saga; retrying what is dead, skipping what is dead or
braked, and approving what is braked need sagas.retry_delivery, sagas.skip_delivery and
sagas.approve_call. All act through the functions that the admin uses, so the log is the same.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from sagas import event_log
from sagas.api.door import Door, actor_of, body_of, needs, query_of
from sagas.api.pages import NewestFirst
from sagas.api.problem import Problem
from sagas.api.serializers import (
    ActedSerializer,
    ReasonSerializer,
    SagaDetailSerializer,
    SagaFilter,
    SagaSerializer,
    problems,
)
from sagas.approval import approve
from sagas.dead_letter import retry_dead, skip_dead
from sagas.exceptions import SecondPersonNeeded
from sagas.models import Case, Delivery, Saga, SagaStatus
from sagas.projection import waiting


@extend_schema(parameters=[SagaFilter], responses={200: SagaSerializer(many=True), **problems(400)})
class SagaList(Door, ListAPIView[Saga]):
    """Sagas, the newest first."""

    queryset = Saga.objects.all()
    serializer_class = SagaSerializer
    pagination_class = NewestFirst
    permission_classes = (needs("sagas.view_saga"),)

    def get_queryset(self) -> QuerySet[Saga]:
        wanted = query_of(self.request, SagaFilter)
        sagas = super().get_queryset().filter(**wanted)
        return sagas if "status" in wanted else sagas.exclude(status=SagaStatus.FREE)


@method_decorator(conditional_page, name="dispatch")
@extend_schema(responses={200: SagaDetailSerializer, **problems(404)})
class SagaDetail(Door, RetrieveAPIView[Saga]):
    """One saga with its timeline and what it waits for; with an ETag to ask for news."""

    queryset = Saga.objects.all()
    serializer_class = SagaDetailSerializer
    permission_classes = (needs("sagas.view_saga"),)

    def get_object(self) -> Any:
        saga: Any = super().get_object()
        using = saga._state.db
        saga.timeline = event_log.timeline(saga.id, using)
        saga.deliveries = Delivery.objects.using(using).filter(saga_id=saga.id).order_by("id")
        saga.cases = Case.objects.using(using).filter(saga_id=saga.id).order_by("id")
        saga.waiting = waiting(saga, using=using)
        return saga


class HeldDelivery(Door):
    """One thing that a person can do to a delivery that waits for one, with a reason."""

    act: ClassVar[Callable[..., bool]]

    def post(self, request: Request, pk: UUID) -> Response:
        reason = body_of(request, ReasonSerializer)["reason"]
        try:
            changed = self.act(pk, actor=actor_of(request), reason=reason)
        except Delivery.DoesNotExist as gone:
            message = _("This delivery is done, was skipped, or never was.")
            raise Http404(message) from gone
        except SecondPersonNeeded as refused:
            raise _second_person(str(refused)) from refused
        return Response({"changed": changed})


def _second_person(detail: str) -> Problem:
    return Problem(
        detail,
        status=HTTPStatus.FORBIDDEN,
        code="second-person-needed",
        title=_("A second person has to approve it"),
    )


_ACT = extend_schema(
    request=ReasonSerializer, responses={200: ActedSerializer, **problems(400, 404, 422)}
)


@_ACT
class RetryDelivery(HeldDelivery):
    """Sends a dead delivery back to work."""

    act = staticmethod(retry_dead)
    permission_classes = (needs("sagas.retry_delivery"),)


@_ACT
class ApproveDelivery(HeldDelivery):
    """Lets a braked call go out, although its cap is reached."""

    act = staticmethod(approve)
    permission_classes = (needs("sagas.approve_call"),)


@_ACT
class SkipDelivery(HeldDelivery):
    """Decides that a dead or braked delivery will not be done."""

    act = staticmethod(skip_dead)
    permission_classes = (needs("sagas.skip_delivery"),)
