"""Reading reconciliations: the runs, each with its predicates, and what they found.

Reading needs the permissions sagas.view_reconciliationrun and sagas.view_reconciliationfinding.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView, RetrieveAPIView

from sagas.api.door import Door, needs, query_of
from sagas.api.pages import NewestFirst
from sagas.api.serializers import problems
from sagas.reconciled import (
    ReconciliationFinding,
    ReconciliationPass,
    ReconciliationRun,
    RunState,
)
from sagas.reconciliation.predicate import sentence_of, text_of

#: What a run and each of its predicates say of what came of them.
_COUNTED = ("looked", "busy", "found", "resolved", "repaired", "asked", "error")


class RunFilter(serializers.Serializer[Any]):
    """What a list of runs can be narrowed by."""

    state = serializers.ChoiceField(choices=RunState.choices, required=False)


class RunSerializer(serializers.ModelSerializer[ReconciliationRun]):
    """One look at the books; `looked` counts business things, `busy` is in seconds."""

    class Meta:
        model = ReconciliationRun
        fields: tuple[str, ...] = (
            "id",
            "state",
            "is_periodic",
            "is_full",
            "repairs",
            "actor",
            "started_at",
            "ended_at",
            *_COUNTED,
        )


class PassSerializer(serializers.ModelSerializer[ReconciliationPass]):
    """What a run did about one predicate, and from where to where it has looked."""

    sentence = serializers.SerializerMethodField()

    class Meta:
        model = ReconciliationPass
        fields = (
            "predicate",
            "sentence",
            "phase",
            "since",
            "until",
            "reached",
            *_COUNTED,
        )

    def get_sentence(self, row: ReconciliationPass) -> str:
        return sentence_of(row.predicate)


class RunDetailSerializer(RunSerializer):
    """A run with its predicates."""

    passes = PassSerializer(many=True)

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "passes")


class FindingFilter(serializers.Serializer[Any]):
    """What a list of findings can be narrowed by."""

    predicate = serializers.CharField(required=False, help_text=_("Such as M2."))
    business_key = serializers.CharField(required=False)
    saga_id = serializers.UUIDField(required=False)
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text=_("Whether it is still there.")
    )


class FindingSerializer(serializers.ModelSerializer[ReconciliationFinding]):
    """Something that breaks a predicate, or did until `resolved_at`."""

    sentence = serializers.SerializerMethodField(help_text=_("What must hold."))
    text = serializers.SerializerMethodField(help_text=_("What was seen."))
    detail = extend_schema_field(serializers.DictField)(serializers.JSONField)()

    class Meta:
        model = ReconciliationFinding
        fields = (
            "id",
            "predicate",
            "sentence",
            "business_key",
            "text",
            "detail",
            "amount_minor",
            "currency",
            "saga_id",
            "case_id",
            "first_run_id",
            "last_run_id",
            "resolved_run_id",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
            "repaired_by",
        )

    def get_sentence(self, row: ReconciliationFinding) -> str:
        return sentence_of(row.predicate)

    def get_text(self, row: ReconciliationFinding) -> str:
        return text_of(row.predicate, row)


@extend_schema(parameters=[RunFilter], responses={200: RunSerializer(many=True), **problems(400)})
class RunList(Door, ListAPIView[ReconciliationRun]):
    """Reconciliations, the newest first."""

    queryset = ReconciliationRun.objects.all()
    serializer_class = RunSerializer
    pagination_class = NewestFirst
    permission_classes = (needs("sagas.view_reconciliationrun"),)

    def get_queryset(self) -> QuerySet[ReconciliationRun]:
        return super().get_queryset().filter(**query_of(self.request, RunFilter))


@extend_schema(responses={200: RunDetailSerializer, **problems(404)})
class RunDetail(Door, RetrieveAPIView[ReconciliationRun]):
    """One reconciliation, with every predicate that it looked at."""

    queryset = ReconciliationRun.objects.prefetch_related("passes")
    serializer_class = RunDetailSerializer
    permission_classes = (needs("sagas.view_reconciliationrun"),)


@extend_schema(
    parameters=[FindingFilter], responses={200: FindingSerializer(many=True), **problems(400)}
)
class FindingList(Door, ListAPIView[ReconciliationFinding]):
    """Findings, the newest first."""

    queryset = ReconciliationFinding.objects.all()
    serializer_class = FindingSerializer
    pagination_class = NewestFirst
    permission_classes = (needs("sagas.view_reconciliationfinding"),)

    def get_queryset(self) -> QuerySet[ReconciliationFinding]:
        wanted = query_of(self.request, FindingFilter)
        is_open = wanted.pop("open", None)
        found = super().get_queryset().filter(**wanted)
        return found if is_open is None else found.filter(resolved_at__isnull=is_open)


@extend_schema(responses={200: FindingSerializer, **problems(404)})
class FindingDetail(Door, RetrieveAPIView[ReconciliationFinding]):
    """One finding."""

    queryset = ReconciliationFinding.objects.all()
    serializer_class = FindingSerializer
    permission_classes = (needs("sagas.view_reconciliationfinding"),)
