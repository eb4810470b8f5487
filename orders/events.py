"""What orders announces: facts about orders, and about the cases in which they end otherwise.

`CaseKind` is part of the contract: every fact of a way back says why, in one of fourteen words.
"""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import msgspec

from sagas.event import Event
from sagas.money import Money


class CaseKind(StrEnum):
    """Why something is undone, given back or replaced (R38). Never changes once a case is open."""

    #: The customer gave up before anything was paid (D-1).
    ABANDON = "abandon"
    #: No card was good for it, or no money came in time (D-2, D-3, D-6).
    PAYMENT_FAILED = "payment_failed"
    #: 주문취소: the customer wants the whole order cancelled (D-7, D-8, D-12).
    CANCEL = "cancel"
    #: The customer wants some units cancelled that have not left the house (D-16).
    CANCEL_PARTIAL = "cancel_partial"
    #: 품절취소: the shop can't deliver what it sold (D-9, D-10, D-11).
    OOS_CANCEL = "oos_cancel"
    #: The shop can't or won't fulfil it, such as when no carrier goes there (D-14).
    SELLER_CANCEL = "seller_cancel"
    #: The payment or the customer is not to be trusted (D-21, D-22, D-23).
    FRAUD_CANCEL = "fraud_cancel"
    #: 반품: goods come back, then their money (D-13, D-17, D-18, D-19).
    RETURN = "return"
    #: Goods come back and others go out (D-20).
    EXCHANGE = "exchange"
    #: The carrier lost the parcel (D-15).
    LOST = "lost"
    #: Money as an apology; the goods stay with the customer (D-28).
    GOODWILL = "goodwill"
    #: Money came after the order was given up (D-5).
    LATE_SUCCESS = "late_success"
    #: The customer's bank takes the money back (D-24, D-25).
    CHARGEBACK = "chargeback"
    #: An operator decided, on their own responsibility (D-27).
    FORCE = "force"


class PayBy(StrEnum):
    """How the customer pays."""

    CARD = "card"
    #: 가상계좌: the customer transfers to an account of the provider's.
    VIRTUAL_ACCOUNT = "virtual_account"


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an article; the price of one unit is in minor units of the order."""

    line_no: int
    sku: str
    quantity: int
    unit_price_minor: int


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a parcel goes to or comes from; `country` as the shop and its carrier write it."""

    name: str
    street: str
    city: str
    postcode: str
    country: str


class CaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of an order's line that a case is about, and what was paid for them."""

    line_no: int
    sku: str
    quantity: int
    amount_minor: int


# -- checkout -------------------------------------------------------------------------------------


class OrderPlaced(Event):
    """A customer wants this: the checkout begins."""

    order_id: UUID
    number: str
    customer: str
    total: Money
    lines: tuple[OrderLine, ...]
    ship_to: Address
    #: The customer's cards as tokens of the payment provider, tried in their order.
    payment_tokens: tuple[str, ...]
    pay_by: PayBy = PayBy.CARD


class OrderConfirmed(Event):
    """The order's money is certain: stock is committed, then the money is taken."""

    order_id: UUID


class OrderReady(Event):
    """Money is taken and stock is committed: a parcel can be made."""

    order_id: UUID


class OrderShipped(Event):
    """The order's first parcel is on its way."""

    order_id: UUID


class OrderDelivered(Event):
    """The customer has all that was sent."""

    order_id: UUID


class OrderCompleted(Event):
    """Delivered, and booked out of the stock: the checkout is over."""

    order_id: UUID
    customer: str
    total: Money


class OrderStalled(Event):
    """The order has stayed in `state` for longer than it should."""

    order_id: UUID
    state: str


class OrderLost(Event):
    """Nothing of the order will arrive: the checkout is over, a loss begins."""

    order_id: UUID


class OrderIntercepted(Event):
    """The parcel was stopped on its way: the checkout is over, its return goes on (D-13)."""

    order_id: UUID


class PaymentRetryRequested(Event):
    """The customer may pay again; `attempt` counts from 1."""

    order_id: UUID
    attempt: int


class PaymentGivenUp(Event):
    """The order was declined as often as it may be."""

    order_id: UUID


# -- the whole order is cancelled: the checkout turns ---------------------------------------------


class CancelRequested(Event):
    """Somebody wants the whole order cancelled; who ships decides whether it still can be (R32)."""

    order_id: UUID
    case_id: UUID
    case: CaseKind
    reason: str


class CancelRejected(Event):
    """The order goes on; a return is the way back now."""

    order_id: UUID
    case_id: UUID
    reason: str


class OrderCancelled(Event):
    """The order will not be fulfilled; whatever was done for it is now undone."""

    order_id: UUID
    case_id: UUID
    case: CaseKind
    reason: str


class OrderUndone(Event):
    """Parcel, money, stock, coupons and points of a cancelled order are back."""

    order_id: UUID
    case_id: UUID
    case: CaseKind


# -- some units are cancelled ---------------------------------------------------------------------


class PartialCancelRequested(Event):
    """Some units are to be cancelled; who ships decides whether they are still in the house."""

    case_id: UUID
    order_id: UUID
    number: str
    case: CaseKind
    lines: tuple[CaseLine, ...]
    reason: str


class LinesCancelled(Event):
    """These units will not be sent; `amount` was paid, or would be, for them."""

    case_id: UUID
    order_id: UUID
    case: CaseKind
    lines: tuple[CaseLine, ...]
    amount: Money


class PartialCancelRejected(Event):
    """The units have left the house; a return is their way back."""

    case_id: UUID
    order_id: UUID
    reason: str


class PartialCancelSettled(Event):
    """Money and stock of the cancelled units are where they belong."""

    case_id: UUID
    order_id: UUID


# -- goods come back ------------------------------------------------------------------------------


class ReturnRequested(Event):
    """Goods are to come back; their money is paid once they were inspected.

    With `intercept` the parcel is still on its way to the customer and is to be stopped (D-13).
    With `fault` none of them is sold again: the shop is to blame, or somebody is suspected to have
    tampered with them (D-18, D-23). `claimed` says that only the customer blames the shop so far:
    who inspects the goods decides.
    """

    case_id: UUID
    order_id: UUID
    number: str
    case: CaseKind
    lines: tuple[CaseLine, ...]
    ship_from: Address
    intercept: bool
    reason: str
    fault: bool = False
    claimed: bool = False


class GoodsRefused(Event):
    """These units were refused at inspection: they go back to the customer, unpaid (D-19)."""

    case_id: UUID
    order_id: UUID
    number: str
    lines: tuple[CaseLine, ...]
    ship_to: Address


class ReturnRejected(Event):
    """Nothing came back, or nothing of it was accepted."""

    case_id: UUID
    order_id: UUID
    reason: str


class ReturnCompleted(Event):
    """The accepted goods are back and their money is paid."""

    case_id: UUID
    order_id: UUID
    everything_returned: bool


class OrderReturned(Event):
    """Nothing of the order is left with the customer."""

    order_id: UUID


# -- goods are exchanged, lost or sent once more --------------------------------------------------


class ExchangeRequested(Event):
    """Goods are to come back and `wanted` is to go out for them: it is reserved first (D-20)."""

    case_id: UUID
    order_id: UUID
    number: str
    lines: tuple[CaseLine, ...]
    wanted: tuple[OrderLine, ...]
    reason: str


class ExchangeAgreed(Event):
    """It is known what the customer gets, the goods or their money: now the goods come back.

    `intercept`, `fault` and `claimed` are those of a return.
    """

    case_id: UUID
    order_id: UUID
    number: str
    case: CaseKind
    lines: tuple[CaseLine, ...]
    ship_from: Address
    intercept: bool
    reason: str
    fault: bool = False
    claimed: bool = False


class ReplacementUnwanted(Event):
    """What was reserved as a replacement is not to be sent."""

    case_id: UUID
    order_id: UUID


class ExchangeRejected(Event):
    """The exchange did not come about: nothing came back, or nothing of it was accepted."""

    case_id: UUID
    order_id: UUID
    reason: str


class ExchangeSettled(Event):
    """The goods are back; their replacement is on its way, or their money is paid."""

    case_id: UUID
    order_id: UUID
    everything_returned: bool


class LossOpened(Event):
    """A parcel got lost; its customer chooses between the goods once more and the money (D-15)."""

    case_id: UUID
    order_id: UUID
    number: str
    lines: tuple[CaseLine, ...]


class LossHeld(Event):
    """A lost order may be fraud: its customer is asked nothing before that is decided (D-23)."""

    case_id: UUID
    order_id: UUID


class SuspicionDecided(Event):
    """Whether a lost order was fraud is decided, so that its loss goes on (D-23)."""

    case_id: UUID
    order_id: UUID


class RemedyAsked(Event):
    """The customer is asked what they want for a lost parcel; until then nothing moves."""

    case_id: UUID
    order_id: UUID


class RemedyChosen(Event):
    """The customer wants the "goods" once more, or the "money"."""

    case_id: UUID
    order_id: UUID
    remedy: str


class LossUndecided(Event):
    """The customer has not chosen in time: the money goes back."""

    case_id: UUID
    order_id: UUID


class LossSettled(Event):
    """The customer has the money of the lost goods, or gets them once more."""

    case_id: UUID
    order_id: UUID


class ReshipWanted(Event):
    """The same goods are to be sent once more, if there are any."""

    case_id: UUID
    order_id: UUID
    wanted: tuple[OrderLine, ...]


class ReplacementDue(Event):
    """Reserved goods are to be sent in place of others: a replacement begins."""

    case_id: UUID
    order_id: UUID
    number: str
    wanted: tuple[OrderLine, ...]
    ship_to: Address


class ReplacementSettled(Event):
    """The customer has the replacement, or its worth is paid instead."""

    case_id: UUID
    order_id: UUID


# -- money alone ----------------------------------------------------------------------------------


class RefundDue(Event):
    """The customer is to get `amount` back for this case; payments chooses how (R38)."""

    case_id: UUID
    order_id: UUID
    case: CaseKind
    amount: Money
    reason: str


class CreditRequested(Event):
    """Money is to go back although no goods do.

    Goodwill that a second person approved (D-28), a decided suspicion (D-23), an inquiry that is
    closed by paying (D-24), or a replacement that could not be sent.
    """

    case_id: UUID
    order_id: UUID
    case: CaseKind
    amount: Money
    reason: str


class CreditRejected(Event):
    """There is less left of the order's money than was to be given."""

    case_id: UUID
    order_id: UUID
    reason: str


class CreditSettled(Event):
    """The customer has the money."""

    case_id: UUID
    order_id: UUID
    #: It paid for goods that had come back before, and nothing of the order is left with them.
    everything_returned: bool = False


class OrderReinstated(Event):
    """An order that was given up is fulfilled after all: its money came, and there is stock."""

    case_id: UUID
    order_id: UUID


class LateSuccessSettled(Event):
    """The money that came too late is back, or the order was reinstated for it (D-5)."""

    case_id: UUID
    order_id: UUID


class DisputeAnswered(Event):
    """The case of a dispute is open here; refunds are frozen until it is decided (R35)."""

    case_id: UUID
    order_id: UUID


class DisputeSettled(Event):
    """The bank has decided a dispute."""

    case_id: UUID
    order_id: UUID
    won: bool


# -- what waits for a person ----------------------------------------------------------------------


class CaseStalled(Event):
    """A case has stayed in `state` for longer than it should."""

    case_id: UUID
    order_id: UUID
    state: str


class DecisionWanted(Event):
    """A case is open on which only a person can decide, such as a proposed goodwill."""

    free: ClassVar[bool] = True

    case_id: UUID
    order_id: UUID
    case: CaseKind
    reason: str


class CaseDenied(Event):
    """A person has decided against a case: nothing is given back for it."""

    free: ClassVar[bool] = True

    case_id: UUID
    order_id: UUID
    reason: str
