"""Cases: the fourteen ways in which an order can end otherwise, as one table (R38).

A case says why, and so who is told what, which legal clock runs, who pays the postage, what waits
for what, and what becomes of goods, coupon and points. How money goes back is another matter, which
payments decides by the payment alone. Steps, services, wording and pages read this table; a policy
that a shop may choose otherwise stands in `settings.SHOP`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from django.conf import settings
from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.events import CaseKind
from sagas.calendar import due


class Clock(TextChoices):
    """From when the law counts the days within which money must be back."""

    #: No law says so; as soon as can be.
    NONE = "none", _("no legal clock")
    #: Goods that were never supplied, by the customer's wish (E-Commerce Act, article 18(2)3).
    FROM_WISH = "from_wish", _("from the customer's wish")
    #: Goods that the shop can't supply (article 15(2)).
    FROM_PAYMENT = "from_payment", _("from the payment")
    #: Goods that came back (article 18(2)1).
    FROM_RECEIPT = "from_receipt", _("from the receipt of the goods")


class Bearer(TextChoices):
    """Who pays for the way of the goods."""

    NOBODY = "nobody", _("nobody: nothing travels")
    SHOP = "shop", _("the shop")
    CUSTOMER = "customer", _("the customer")
    #: The shop for its own fault, the customer for a change of mind.
    BY_FAULT = "by_fault", _("whose fault it is")


class First(TextChoices):
    """What has to happen before money moves."""

    MONEY = "money_first", _("money moves at once")
    GOODS = "goods_first", _("the goods come back first")
    #: Who ships says whether the goods are still in the house (R32).
    ANSWER = "answer_first", _("who ships answers first")
    #: Money is held until somebody else has decided (R35).
    NOTHING = "nothing", _("money waits for a decision")


class Benefits(TextChoices):
    """What becomes of the coupon and the points that paid for the goods."""

    RESTORED = "restored", _("given back")
    #: The goods that are kept keep their share.
    PRO_RATA = "pro_rata", _("given back in proportion")
    FORFEITED = "forfeited", _("not given back")
    #: Restored for the shop's fault, pro rata for a change of mind (D-17, D-18).
    BY_FAULT = "by_fault", _("by whose fault it is")


class Stock(TextChoices):
    """What becomes of the units."""

    RELEASE = "release", _("released: they never left")
    RESTOCK = "restock_after_inspection", _("available again once inspected")
    QUARANTINE = "quarantine", _("kept apart, always")
    WRITE_OFF = "write_off", _("written off")
    CORRECT = "correct_stock", _("corrected: they were not there")
    NONE = "none", _("nothing: they stay where they are")
    #: Quarantine for the shop's fault, restock for a change of mind (D-17, D-18).
    BY_FAULT = "by_fault", _("by whose fault it is")


class Fee(TextChoices):
    """What becomes of the shipping fee that the customer paid (F)."""

    REFUNDED = "refunded", _("refunded")
    KEPT = "kept", _("kept")
    #: Refunded for the shop's fault, kept for a change of mind.
    BY_FAULT = "by_fault", _("by whose fault it is")


class TaxDocument(TextChoices):
    """What the tax office is told (현금영수증, tax invoice)."""

    CANCEL = "cancel", _("cancel entry")
    AMEND = "amend", _("amended entry")
    NONE = "none", _("none")


class Opener(TextChoices):
    """Who may open a case of this kind."""

    CUSTOMER = "customer", _("the customer")
    OPERATOR = "operator", _("an operator")
    SYSTEM = "system", _("the shop itself")


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRule:
    """One row of the table: everything that hangs on why."""

    kind: CaseKind
    title: Promise
    clock: Clock
    bearer: Bearer
    first: First
    benefits: Benefits
    stock: Stock
    fee: Fee
    tax: TaxDocument
    opened_by: frozenset[Opener]
    #: States in which it may leave the order, as `Order.State` has them; "" leaves it as it is.
    finals: tuple[str, ...]
    #: The customer is sent a coupon as an apology.
    apology: bool = False
    #: Somebody other than who proposed it has to approve.
    needs_approver: bool = False
    #: Stays open until a person has decided, whatever became of the goods (D-23).
    decided_by_person: bool = False
    #: The customer is not shown why: the kind and the reason are the shop's own business.
    is_discreet: bool = False

    def applied(self, *, fault: bool, is_whole: bool) -> Self:
        """Return the rule for one case: whose fault it is, and how much of the order it takes.

        Goods of a whole order that is cancelled never left; a part of one leaves an entry to amend.
        """
        changed = self._by_fault(fault=fault)
        if is_whole:
            stays = self.stock is Stock.CORRECT
            return replace(changed, stock=Stock.CORRECT if stays else Stock.RELEASE)
        amends = self.tax is TaxDocument.CANCEL
        return replace(changed, tax=TaxDocument.AMEND if amends else self.tax)

    def replaced(self) -> Self:
        """Return the rule where goods are sent instead: nothing is given up."""
        return replace(self, benefits=Benefits.FORFEITED, fee=Fee.KEPT)

    def _by_fault(self, *, fault: bool) -> Self:
        answers = _SHOPS_FAULT if fault else _CHANGE_OF_MIND
        open_columns: dict[str, Any] = {
            name: answer for name, answer in answers.items() if getattr(self, name) == "by_fault"
        }
        return replace(self, **open_columns)


_SHOPS_FAULT: Final = {
    "bearer": Bearer.SHOP,
    "benefits": Benefits.RESTORED,
    "stock": Stock.QUARANTINE,
    "fee": Fee.REFUNDED,
}
_CHANGE_OF_MIND: Final = {
    "bearer": Bearer.CUSTOMER,
    "benefits": Benefits.PRO_RATA,
    "stock": Stock.RESTOCK,
    "fee": Fee.KEPT,
}

_CUSTOMER: Final = frozenset([Opener.CUSTOMER])
_OPERATOR: Final = frozenset([Opener.OPERATOR])
_SYSTEM: Final = frozenset([Opener.SYSTEM])

_TABLE: Final = (
    CaseRule(
        kind=CaseKind.ABANDON,
        title=_("abandoned before payment"),
        clock=Clock.NONE,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.NONE,
        opened_by=_CUSTOMER | _OPERATOR,
        finals=("cancelled",),
    ),
    CaseRule(
        kind=CaseKind.PAYMENT_FAILED,
        title=_("payment failed"),
        clock=Clock.NONE,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.NONE,
        opened_by=_SYSTEM,
        finals=("cancelled",),
    ),
    CaseRule(
        kind=CaseKind.CANCEL,
        title=_("cancelled by the customer"),
        clock=Clock.FROM_WISH,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.CANCEL,
        opened_by=_CUSTOMER | _OPERATOR,
        finals=("cancelled",),
    ),
    CaseRule(
        kind=CaseKind.CANCEL_PARTIAL,
        title=_("partly cancelled by the customer"),
        clock=Clock.FROM_WISH,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.PRO_RATA,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.AMEND,
        opened_by=_CUSTOMER | _OPERATOR,
        finals=("",),
    ),
    CaseRule(
        kind=CaseKind.OOS_CANCEL,
        title=_("out of stock"),
        clock=Clock.FROM_PAYMENT,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.CORRECT,
        fee=Fee.REFUNDED,
        tax=TaxDocument.CANCEL,
        opened_by=_OPERATOR | _SYSTEM,
        finals=("cancelled", ""),
        apology=True,
    ),
    CaseRule(
        kind=CaseKind.SELLER_CANCEL,
        title=_("cancelled by the shop"),
        clock=Clock.FROM_PAYMENT,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.CANCEL,
        opened_by=_OPERATOR | _SYSTEM,
        finals=("cancelled",),
    ),
    CaseRule(
        kind=CaseKind.FRAUD_CANCEL,
        title=_("cancelled for suspected fraud"),
        clock=Clock.NONE,
        bearer=Bearer.SHOP,
        first=First.ANSWER,
        benefits=Benefits.FORFEITED,
        stock=Stock.QUARANTINE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.CANCEL,
        opened_by=_OPERATOR,
        finals=("cancelled", "returned", ""),
        decided_by_person=True,
        is_discreet=True,
    ),
    CaseRule(
        kind=CaseKind.RETURN,
        title=_("return"),
        clock=Clock.FROM_RECEIPT,
        bearer=Bearer.BY_FAULT,
        first=First.GOODS,
        benefits=Benefits.BY_FAULT,
        stock=Stock.BY_FAULT,
        fee=Fee.BY_FAULT,
        tax=TaxDocument.AMEND,
        opened_by=_CUSTOMER | _OPERATOR,
        finals=("returned", ""),
    ),
    CaseRule(
        kind=CaseKind.EXCHANGE,
        title=_("exchange"),
        clock=Clock.FROM_RECEIPT,
        bearer=Bearer.BY_FAULT,
        first=First.GOODS,
        benefits=Benefits.BY_FAULT,
        stock=Stock.BY_FAULT,
        fee=Fee.BY_FAULT,
        tax=TaxDocument.AMEND,
        opened_by=_CUSTOMER | _OPERATOR,
        finals=("", "returned"),
    ),
    CaseRule(
        kind=CaseKind.LOST,
        title=_("lost by the carrier"),
        clock=Clock.NONE,
        bearer=Bearer.SHOP,
        first=First.MONEY,
        benefits=Benefits.RESTORED,
        stock=Stock.WRITE_OFF,
        fee=Fee.REFUNDED,
        tax=TaxDocument.AMEND,
        opened_by=_SYSTEM,
        finals=("lost", ""),
    ),
    CaseRule(
        kind=CaseKind.GOODWILL,
        title=_("goodwill"),
        clock=Clock.NONE,
        bearer=Bearer.NOBODY,
        first=First.MONEY,
        benefits=Benefits.FORFEITED,
        stock=Stock.NONE,
        fee=Fee.KEPT,
        tax=TaxDocument.NONE,
        opened_by=_OPERATOR,
        finals=("",),
        needs_approver=True,
    ),
    CaseRule(
        kind=CaseKind.LATE_SUCCESS,
        title=_("paid after it was given up"),
        clock=Clock.FROM_PAYMENT,
        bearer=Bearer.NOBODY,
        first=First.MONEY,
        benefits=Benefits.RESTORED,
        stock=Stock.NONE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.NONE,
        opened_by=_SYSTEM,
        finals=("cancelled", "reinstated"),
    ),
    CaseRule(
        kind=CaseKind.CHARGEBACK,
        title=_("disputed by the customer's bank"),
        clock=Clock.NONE,
        bearer=Bearer.SHOP,
        first=First.NOTHING,
        benefits=Benefits.FORFEITED,
        stock=Stock.NONE,
        fee=Fee.KEPT,
        tax=TaxDocument.NONE,
        opened_by=_OPERATOR | _SYSTEM,
        finals=("", "cancelled"),
    ),
    CaseRule(
        kind=CaseKind.FORCE,
        title=_("cancelled by an operator"),
        clock=Clock.FROM_WISH,
        bearer=Bearer.NOBODY,
        first=First.ANSWER,
        benefits=Benefits.RESTORED,
        stock=Stock.RELEASE,
        fee=Fee.REFUNDED,
        tax=TaxDocument.CANCEL,
        opened_by=_OPERATOR,
        finals=("cancelled",),
    ),
)

#: The table, by why.
CASES: Final[dict[CaseKind, CaseRule]] = {rule.kind: rule for rule in _TABLE}

#: For model fields and forms.
CHOICES: Final = [(kind.value, rule.title) for kind, rule in CASES.items()]


def due_at(
    rule: CaseRule,
    *,
    wished_at: datetime,
    paid_at: datetime | None,
    received_at: datetime | None = None,
) -> datetime | None:
    """Return by when money has to be back, aware in UTC, or None where no clock runs (yet).

    Nothing is due while nothing was paid. All times are aware and UTC.
    """
    starts = {
        Clock.NONE: None,
        Clock.FROM_WISH: wished_at,
        Clock.FROM_PAYMENT: paid_at,
        Clock.FROM_RECEIPT: received_at,
    }
    start = starts[rule.clock]
    if start is None or paid_at is None:
        return None
    return due(start, settings.SHOP["LEGAL_DAYS"], zone=settings.SHOP["LEGAL_ZONE"])
