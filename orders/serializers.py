"""What the orders' endpoints take and give. Money is {minor, currency}, times are aware UTC."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders import timeline
from orders.models import Case, Order, Return, ReturnLine, SoldLine
from orders.services import MAX_LINES, MAX_QUANTITY
from sagas.api.serializers import MoneySerializer

MAX_TOKENS: Final = 10


class AddressSerializer(serializers.Serializer[Any]):
    """Where the parcel goes to."""

    name = serializers.CharField(max_length=200)
    street = serializers.CharField(max_length=200)
    city = serializers.CharField(max_length=200)
    postcode = serializers.CharField(max_length=20)
    country = serializers.CharField(max_length=60)


class NewLineSerializer(serializers.Serializer[Any]):
    """So many units of an article at a price for each."""

    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    unit_price = MoneySerializer()


class NewOrderSerializer(serializers.Serializer[Any]):
    """An order to place."""

    customer = serializers.CharField(
        required=False,
        max_length=200,
        help_text=_("For whom; the user who asks, when it is left out."),
    )
    currency = MoneySerializer().fields["currency"]
    lines = serializers.ListField(
        child=NewLineSerializer(), allow_empty=False, max_length=MAX_LINES
    )
    ship_to = AddressSerializer()
    payment_tokens = serializers.ListField(
        child=serializers.CharField(max_length=200),
        allow_empty=False,
        max_length=MAX_TOKENS,
        help_text=_("From the payment provider; tried in this order."),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse lines whose currency is not the order's."""
        wanted = attrs["currency"]
        message = _("The order is in %(currency)s.") % {"currency": wanted}
        wrong = {
            str(place): {"unit_price": {"currency": [message]}}
            for place, line in enumerate(attrs["lines"])
            if line["unit_price"]["currency"] != wanted
        }
        if wrong:
            raise serializers.ValidationError({"lines": wrong}, code="currency_mismatch")
        return attrs


class PlacedSerializer(serializers.Serializer[Any]):
    """An order that was taken on; follow its `url`."""

    number = serializers.CharField()
    status = serializers.CharField()
    url = serializers.CharField()


class LineSerializer(serializers.ModelSerializer[SoldLine]):
    """A line as it was sold, and how much of it may still be sent back."""

    unit_price = serializers.SerializerMethodField()
    returnable = serializers.IntegerField()

    class Meta:
        model = SoldLine
        fields = ("line_no", "sku", "quantity", "unit_price", "returned", "returnable")

    @extend_schema_field(MoneySerializer)
    def get_unit_price(self, line: SoldLine) -> dict[str, Any]:
        return {"minor": line.unit_price_minor, "currency": line.order.currency}


class CaseSerializer(serializers.ModelSerializer[Case]):
    """Why an order was to be cancelled, and what came of it."""

    kind_label = serializers.CharField(source="get_kind_display")
    outcome_label = serializers.CharField(source="get_outcome_display")

    class Meta:
        model = Case
        fields = (
            "id",
            "kind",
            "kind_label",
            "outcome",
            "outcome_label",
            "reason",
            "opened_at",
            "decided_at",
        )


class ReturnedLineSerializer(serializers.ModelSerializer[ReturnLine]):
    """So many units of a line that one return is about."""

    line_no = serializers.IntegerField(source="line.line_no")

    class Meta:
        model = ReturnLine
        fields = ("line_no", "quantity")


class ReturnSerializer(serializers.ModelSerializer[Return]):
    """Goods that come back, and their money."""

    state_label = serializers.CharField(source="get_state_display")
    refund = MoneySerializer()
    lines = ReturnedLineSerializer(many=True)

    class Meta:
        model = Return
        fields = ("id", "state", "state_label", "refund", "reason", "requested_at", "lines")


class MomentSerializer(serializers.Serializer[Any]):
    """Something that happened, in the customer's words."""

    at = serializers.DateTimeField()
    text = serializers.CharField()


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with everything its customer may know."""

    state_label = serializers.CharField(source="get_state_display")
    total = MoneySerializer()
    ship_to = AddressSerializer()
    lines = LineSerializer(many=True)
    cases = CaseSerializer(many=True)
    returns = ReturnSerializer(many=True)
    timeline = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = (
            "number",
            "customer",
            "state",
            "state_label",
            "total",
            "ship_to",
            "placed_at",
            "delivered_at",
            "lines",
            "cases",
            "returns",
            "timeline",
        )

    @extend_schema_field(MomentSerializer(many=True))
    def get_timeline(self, order: Order) -> Any:
        return MomentSerializer(timeline.moments(order), many=True).data


class WhySerializer(serializers.Serializer[Any]):
    """Why, in the customer's words."""

    reason = serializers.CharField(max_length=2000, allow_blank=True, default="")


class AskedSerializer(serializers.Serializer[Any]):
    """A case that was opened, or was open already."""

    case = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Case.Kind.choices)
    outcome = serializers.ChoiceField(choices=Case.Outcome.choices)
    url = serializers.CharField()


class NewReturnLineSerializer(serializers.Serializer[Any]):
    """So many units of a line of the order."""

    line_no = serializers.IntegerField(min_value=1, max_value=MAX_LINES)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class NewReturnSerializer(WhySerializer):
    """What is to be sent back, and why."""

    lines = serializers.ListField(
        child=NewReturnLineSerializer(), allow_empty=False, max_length=MAX_LINES
    )


class ReturnAskedSerializer(serializers.Serializer[Any]):
    """A return that was taken on; the money follows the goods."""

    id = serializers.UUIDField()
    refund = MoneySerializer()
    url = serializers.CharField()
