"""What the orders' endpoints take and give. Money is {minor, currency}, times are aware UTC."""

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders import timeline, wording
from orders.cases import CHOICES
from orders.events import PayBy
from orders.models import Benefit, Case, CaseLine, Order, SoldLine
from orders.services import MAX_LINES, MAX_QUANTITY, MAX_TOTAL_MINOR
from sagas.api.serializers import MoneySerializer

MAX_TOKENS: Final = 10


class AddressSerializer(serializers.Serializer[Any]):
    """Where the parcel goes to."""

    name = serializers.CharField(max_length=200)
    street = serializers.CharField(max_length=200)
    city = serializers.CharField(max_length=200)
    postcode = serializers.CharField(max_length=20)
    country = serializers.CharField(max_length=60)


# -- what is given --------------------------------------------------------------------------------


class NewLineSerializer(serializers.Serializer[Any]):
    """So many units of an article at a price for each."""

    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    unit_price = MoneySerializer()


class CouponSerializer(serializers.Serializer[Any]):
    """A coupon, and what it takes off the goods."""

    code = serializers.CharField(max_length=64)
    minor = serializers.IntegerField(min_value=1, max_value=MAX_TOTAL_MINOR)


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
    pay_by = serializers.ChoiceField(choices=[way.value for way in PayBy], default=PayBy.CARD.value)
    payment_tokens = serializers.ListField(
        child=serializers.CharField(max_length=200),
        default=list,
        max_length=MAX_TOKENS,
        help_text=_("From the payment provider; tried in this order. Cards need at least one."),
    )
    shipping_minor = serializers.IntegerField(
        min_value=0, max_value=MAX_TOTAL_MINOR, default=0, help_text=_("The shipping fee.")
    )
    coupon = CouponSerializer(required=False, allow_null=True, default=None)
    points_minor = serializers.IntegerField(
        min_value=0, max_value=MAX_TOTAL_MINOR, default=0, help_text=_("What points pay.")
    )
    email = serializers.EmailField(
        default="", allow_blank=True, help_text=_("Where mails about the order go.")
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


class WhySerializer(serializers.Serializer[Any]):
    """Why, in the customer's words."""

    reason = serializers.CharField(max_length=2000, allow_blank=True, default="")


class NamedLineSerializer(serializers.Serializer[Any]):
    """So many units of a line of the order."""

    line_no = serializers.IntegerField(min_value=1, max_value=MAX_LINES)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY)


class NamedLinesSerializer(WhySerializer):
    """Some units of an order, and why."""

    lines = serializers.ListField(
        child=NamedLineSerializer(), allow_empty=False, max_length=MAX_LINES
    )


class NewReturnSerializer(NamedLinesSerializer):
    """What is to be sent back, why, and whether the shop is to blame."""

    fault = serializers.BooleanField(
        default=False,
        help_text=_(
            "Defective or wrong goods. A customer claims it; the shop pays once the inspection"
            " says so."
        ),
    )


class NewExchangeSerializer(NewReturnSerializer):
    """What is to be sent back, and what is to come instead."""

    wanted = serializers.ListField(
        child=NewLineSerializer(),
        default=list,
        max_length=MAX_LINES,
        help_text=_("The same goods, when it is left out; nothing dearer."),
    )


class RemedySerializer(serializers.Serializer[Any]):
    """What the customer of a lost parcel wants."""

    remedy = serializers.ChoiceField(choices=Case.Remedy.choices)


class ForcedSerializer(WhySerializer):
    """Why, and whether the customer's policy is skipped."""

    force = serializers.BooleanField(
        default=False, help_text=_("For operators: skips the customer's policy, never a guard.")
    )


class NewGoodwillSerializer(serializers.Serializer[Any]):
    """Money to give although nothing comes back; somebody else has to approve it."""

    amount_minor = serializers.IntegerField(min_value=1, max_value=MAX_TOTAL_MINOR)
    reason = serializers.CharField(max_length=2000)


class DecisionSerializer(WhySerializer):
    """What a person decides."""

    accept = serializers.BooleanField()


# -- what is answered -----------------------------------------------------------------------------


class PlacedSerializer(serializers.Serializer[Any]):
    """An order that was taken on; follow its `url`."""

    number = serializers.CharField()
    status = serializers.CharField()
    url = serializers.CharField()


class AskedSerializer(serializers.Serializer[Any]):
    """A case that was opened, or was open already; `refund` is an estimate until it is decided."""

    case = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=CHOICES)
    state = serializers.ChoiceField(choices=Case.State.choices)
    refund = MoneySerializer()
    url = serializers.CharField()


class ToldSerializer(serializers.Serializer[Any]):
    """What the customer is told; `is_final` says that nothing more will come of it."""

    headline = serializers.CharField()
    detail = serializers.CharField()
    is_final = serializers.BooleanField()


class LineSerializer(serializers.ModelSerializer[SoldLine]):
    """A line as it was sold, what became of its units, and how many can still be taken."""

    unit_price = serializers.SerializerMethodField()
    cancellable = serializers.IntegerField()
    returnable = serializers.IntegerField()

    class Meta:
        model = SoldLine
        fields = (
            "line_no",
            "sku",
            "quantity",
            "unit_price",
            "paid_minor",
            "refunded_minor",
            "cancelled",
            "shipped",
            "returned",
            "exchanged",
            "lost",
            "cancellable",
            "returnable",
        )

    @extend_schema_field(MoneySerializer)
    def get_unit_price(self, line: SoldLine) -> dict[str, Any]:
        return {"minor": line.unit_price_minor, "currency": line.order.currency}


class BenefitSerializer(serializers.ModelSerializer[Benefit]):
    """A coupon or points that paid for goods, and what came back of them."""

    kind_label = serializers.CharField(source="get_kind_display")

    class Meta:
        model = Benefit
        fields = ("kind", "kind_label", "reference", "used_minor", "restored_minor")


class CaseLineSerializer(serializers.ModelSerializer[CaseLine]):
    """So many units of a line that a case is about."""

    line_no = serializers.IntegerField(source="line.line_no")

    class Meta:
        model = CaseLine
        fields = ("line_no", "quantity", "amount_minor", "accepted", "refused", "refunded_minor")


class WordField(serializers.CharField):
    """A column of the table, in words."""

    def to_representation(self, value: Any) -> str:
        """Return what the column says, in the reader's language."""
        return str(value.label)


class RuleSerializer(serializers.Serializer[Any]):
    """What hangs on a case, in the table's words."""

    clock = WordField()
    postage = WordField(source="bearer")
    first = WordField()
    benefits = WordField()
    stock = WordField()
    shipping_fee = WordField(source="fee")
    tax_document = WordField(source="tax")
    apology = serializers.BooleanField()


class CaseSerializer(serializers.ModelSerializer[Case]):
    """Why an order, or a part of it, ends otherwise; who pays what; what the customer is told."""

    kind_label = serializers.CharField(source="get_kind_display")
    state_label = serializers.CharField(source="get_state_display")
    operation_label = serializers.CharField(source="get_operation_display")
    refund = MoneySerializer()
    told = serializers.SerializerMethodField()
    is_claim = serializers.BooleanField()
    rule = RuleSerializer()
    lines = CaseLineSerializer(many=True)

    class Meta:
        model = Case
        fields = (
            "id",
            "kind",
            "kind_label",
            "state",
            "state_label",
            "is_whole",
            "reason",
            "fault",
            "is_claim",
            "remedy",
            "told",
            "refund",
            "operation",
            "operation_label",
            "goods_minor",
            "postage_minor",
            "given_minor",
            "return_fee_minor",
            "replaced_minor",
            "withheld_minor",
            "coupon_minor",
            "points_minor",
            "apology_minor",
            "apology_code",
            "is_owed",
            "opened_at",
            "received_at",
            "decided_at",
            "settled_at",
            "due_at",
            "rule",
            "lines",
        )

    @extend_schema_field(ToldSerializer)
    def get_told(self, case: Case) -> Any:
        return ToldSerializer(wording.told_of(wording.case_facts(case))).data


class MomentSerializer(serializers.Serializer[Any]):
    """Something that happened, in the customer's words."""

    at = serializers.DateTimeField()
    text = serializers.CharField()


class OrderSerializer(serializers.ModelSerializer[Order]):
    """An order with everything its customer may know."""

    state_label = serializers.CharField(source="get_state_display")
    told = serializers.SerializerMethodField()
    total = MoneySerializer()
    ship_to = AddressSerializer()
    lines = LineSerializer(many=True)
    benefits = BenefitSerializer(many=True)
    cases = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = (
            "number",
            "customer",
            "state",
            "state_label",
            "told",
            "total",
            "goods_minor",
            "shipping_minor",
            "discount_minor",
            "points_minor",
            "given_back_minor",
            "pay_by",
            "ship_to",
            "placed_at",
            "paid_at",
            "delivered_at",
            "lines",
            "benefits",
            "cases",
            "timeline",
        )

    @extend_schema_field(ToldSerializer)
    def get_told(self, order: Order) -> Any:
        return ToldSerializer(wording.told(wording.facts_of(order))).data

    @extend_schema_field(CaseSerializer(many=True))
    def get_cases(self, order: Order) -> Any:
        shown = [case for case in order.cases.all() if self._may_see(case)]
        return CaseSerializer(shown, many=True).data

    def _may_see(self, case: Case) -> bool:
        """Whether the reader is of the shop, or is told of the case at all."""
        if self.context["request"].user.has_perm("orders.view_order"):
            return True
        is_told = bool(wording.told_of(wording.case_facts(case)).headline)
        return is_told and not case.rule.is_discreet

    @extend_schema_field(MomentSerializer(many=True))
    def get_timeline(self, order: Order) -> Any:
        return MomentSerializer(timeline.moments(order), many=True).data
