"""Acts: what is to happen to the orders of a file, and what is left out, with its money.

`exact` is always the file's own amount, in pounds with all its decimals; `minor` is what the shop
books, in pence. Where they differ, an act says why: by rounding, or by another price than was paid.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from shop.invoices import Invoice


class Stage(IntEnum):
    """In which order acts about one order can happen."""

    PLACE = 0
    CANCEL = 1
    DEPART = 2
    RETURN = 3
    GOODWILL = 4


class Way(StrEnum):
    """How goods that were credited come back."""

    #: Nothing of the order is left, and its parcel was still in the house.
    CANCEL = "cancel"
    #: Some units; the parcel was still in the house.
    CANCEL_PARTIAL = "cancel_partial"
    #: The parcel had left.
    RETURN = "return"


class Gift(StrEnum):
    """Why money goes back although no goods do."""

    #: The credit note names a higher price than was paid.
    HIGHER_PRICE = "higher_price"
    #: The credit note holds no goods: postage, a discount, a manual entry.
    MONEY_ONLY = "money_only"


class Reason(StrEnum):
    """Why a credit is refused."""

    NO_CUSTOMER = "no_customer"
    NO_ORDER = "no_order"
    NOT_BOUGHT = "not_bought"
    MORE_THAN_BOUGHT = "more_than_bought"
    ALREADY_CREDITED = "already_credited"
    MORE_THAN_PAID = "more_than_paid"
    NOT_MATCHED = "not_matched"


class Bucket(StrEnum):
    """What a line of the file is if it is neither sold nor credited."""

    CHARGE = "charge"
    FREE = "free"
    WRITE_OFF = "write_off"
    BAD_DEBT = "bad_debt"
    BEYOND_LIMIT = "beyond_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """An order is placed."""

    at: datetime
    invoice: Invoice
    exact: Decimal
    stage: Stage = field(default=Stage.PLACE, init=False)

    @property
    def order(self) -> str:
        """Its number in the file."""
        return self.invoice.number

    @property
    def minor(self) -> int:
        """What the customer pays."""
        return self.invoice.total_minor

    @property
    def units(self) -> int:
        """How many units are bought."""
        return sum(line.quantity for line in self.invoice.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What is left of an order leaves the house, and arrives."""

    at: datetime
    order: str
    stage: Stage = field(default=Stage.DEPART, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsBack:
    """Units of an order are credited at what was paid for them.

    `lines` are (line number, units); `reduction` is by how much less the credit note was about.
    """

    at: datetime
    note: str
    order: str
    way: Way
    lines: tuple[tuple[int, int], ...]
    minor: int
    exact: Decimal
    reduction: int

    @property
    def stage(self) -> Stage:
        """Cancelling comes before the parcel leaves, returning after."""
        return Stage.RETURN if self.way is Way.RETURN else Stage.CANCEL

    @property
    def units(self) -> int:
        """How many units come back."""
        return sum(units for _, units in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """Money goes back to the customer of an order, and the goods stay."""

    at: datetime
    note: str
    order: str
    gift: Gift
    what: str
    minor: int
    exact: Decimal
    stage: Stage = field(default=Stage.GOODWILL, init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A credit that the shop does not grant; `exact` is positive."""

    at: datetime
    note: str
    what: str
    reason: Reason
    exact: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A line of the file that no order and no credit is made of; `exact` has the file's sign."""

    bucket: Bucket
    exact: Decimal


#: Something that is to be done.
Act = Placing | Departure | GoodsBack | MoneyBack
#: Anything that a plan says.
Said = Act | Refused | LeftOut
