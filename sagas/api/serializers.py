"""What the operators' endpoints take and give, and the shapes that every context shares."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from sagas.api.problem import MEDIA_TYPE
from sagas.models import Case, Delivery, Direction, Saga, SagaStatus, StoredEvent
from sagas.projection import WaitKind


class MoneySerializer(serializers.Serializer[Any]):
    """An amount in minor units, such as 1250 of EUR for 12.50 EUR."""

    minor = serializers.IntegerField(min_value=0, max_value=10**15)
    currency = serializers.RegexField(
        r"^[A-Z]{3}$",
        error_messages={"invalid": _("Give an ISO 4217 currency code such as EUR.")},
    )


class FieldErrorSerializer(serializers.Serializer[Any]):
    """One reason; `pointer` is a JSON pointer into the body."""

    pointer = serializers.CharField()
    detail = serializers.CharField()
    code = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """An RFC 9457 problem document."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    trace_id = serializers.CharField()
    # A declared field is taken off the class, so `Serializer.errors` stays what it is.
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]


def problems(*statuses: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """Return the OpenAPI responses of views that answer these statuses with a problem."""
    return {(status, MEDIA_TYPE): ProblemSerializer for status in (*statuses, 401, 403)}


class SagaFilter(serializers.Serializer[Any]):
    """What a list of sagas can be narrowed by."""

    choreography = serializers.CharField(required=False)
    status = serializers.ChoiceField(choices=SagaStatus.choices, required=False)
    direction = serializers.ChoiceField(choices=Direction.choices, required=False)
    key = serializers.CharField(required=False, help_text=_("The business key."))
    # A declared field is taken off the class, so `Field.label` stays what it is.
    label = serializers.CharField(  # type: ignore[assignment]
        required=False, help_text=_("What people call it, such as an order number.")
    )


class SagaSerializer(serializers.ModelSerializer[Saga]):
    """A saga as it stands."""

    class Meta:
        model = Saga
        fields: tuple[str, ...] = (
            "id",
            "choreography",
            "key",
            "label",
            "status",
            "direction",
            "position",
            "origin",
            "started_at",
            "deadline_at",
            "pivoted_at",
            "turned_at",
            "ended_at",
        )


class EventSerializer(serializers.ModelSerializer[StoredEvent]):
    """A fact: when, who, what changed and why."""

    class Meta:
        model = StoredEvent
        fields = (
            "id",
            "position",
            "recorded_at",
            "context",
            "type",
            "version",
            "payload",
            "subject_model",
            "subject_key",
            "transition",
            "from_state",
            "to_state",
            "cause",
            "reason",
            "actor",
            "traceparent",
        )


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """An event on its way to a consumer; a dead or braked one waits for a person."""

    class Meta:
        model = Delivery
        fields = (
            "id",
            "event",
            "consumer",
            "purpose",
            "kind",
            "state",
            "attempts",
            "available_at",
            "deadline_at",
            "reason",
            "error",
        )


class SagaCaseSerializer(serializers.ModelSerializer[Case]):
    """Something that waits for a person, or waited."""

    class Meta:
        model = Case
        fields = (
            "id",
            "kind",
            "owner",
            "detail",
            "delivery_id",
            "amount_minor",
            "currency",
            "approved",
            "opened_at",
            "closed_at",
            "note",
        )


class WaitSerializer(serializers.Serializer[Any]):
    """One thing that a saga waits for: since when, until when, what then, and who can act."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in WaitKind])
    what = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)
    then = serializers.CharField()
    who = serializers.CharField()
    delivery_id = serializers.UUIDField(allow_null=True)
    case_id = serializers.UUIDField(allow_null=True)


class SagaDetailSerializer(SagaSerializer):
    """A saga with everything that happened in it, and what it waits for."""

    timeline = EventSerializer(many=True)
    deliveries = DeliverySerializer(many=True)
    cases = SagaCaseSerializer(many=True)
    waiting = WaitSerializer(many=True)

    class Meta(SagaSerializer.Meta):
        fields = (*SagaSerializer.Meta.fields, "timeline", "deliveries", "cases", "waiting")


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a person does it; the reason is kept as part of the fact."""

    reason = serializers.CharField(max_length=2000)


class ActedSerializer(serializers.Serializer[Any]):
    """Whether anything changed: a repeated request changes nothing."""

    changed = serializers.BooleanField()
