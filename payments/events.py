"""What payments announces: facts about an order's money and its way back.

Facts of a whole order are about `order_id`, facts of one case about `case_id`; a refund that the
provider would not pay is a matter of its own, by `refund_id`. `operation` is how the money goes, or
went, as things stood when the fact was announced.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from sagas.event import Event
from sagas.money import Money


class MoneyOp(StrEnum):
    """How money goes back; follows from the payment alone, never from the case (R38)."""

    #: There is nothing to give back.
    NONE = "none"
    #: No money moved: see to it that none will.
    CLOSE_SESSION = "close_session"
    #: 승인취소: the amount is only reserved; the customer sees no charge.
    VOID = "void"
    #: 매입 전 전체취소: taken today, and all of it is given back before it is settled.
    CANCEL_CAPTURE = "cancel_capture"
    #: 부분취소: taken today, and a part of it is given back before it is settled.
    PARTIAL_CANCEL = "partial_cancel"
    #: 환불: a new, visible transaction in the other direction.
    REFUND = "refund"
    #: 계좌 환불: to an account, because the way by which it came is closed.
    REFUND_ELSEWHERE = "refund_elsewhere"
    #: A dispute is open: nothing is given back until it is decided (R35).
    HOLD = "hold"
    #: A call is out or its outcome is unknown: ask first (R29).
    WAIT = "wait"


# -- checkout -------------------------------------------------------------------------------------


class PaymentOpened(Event):
    """The amount of an order is known; no money has moved."""

    order_id: UUID


class PaymentAuthorised(Event):
    """The customer's card has the amount reserved (TCC: the try has succeeded)."""

    order_id: UUID
    amount: Money


class DepositAwaited(Event):
    """An account was opened into which the customer is to pay until `until` (가상계좌)."""

    order_id: UUID
    until: datetime


class DepositReceived(Event):
    """The customer has paid into the account: the money is ours."""

    order_id: UUID
    amount: Money


class DepositExpired(Event):
    """Nothing was paid into the account in time (D-6)."""

    order_id: UUID


class PaymentDeclined(Event):
    """The provider refused a card; `code` is the provider's reason. Another card may work."""

    order_id: UUID
    code: str


class PaymentCaptured(Event):
    """The money was taken (TCC: confirmed)."""

    order_id: UUID
    amount: Money


class CaptureRefused(Event):
    """The provider would not take what it had authorised; the authorisation is still open."""

    order_id: UUID
    code: str


class AuthorisationExpiring(Event):
    """What is reserved will soon not be any more, and was not taken (R36)."""

    order_id: UUID


class PaymentUnderWay(Event):
    """The order's stock has been kept long enough, but its payment may yet come: keep it (E5).

    `until` is when an account that waits for a transfer is closed; None for a card.
    """

    order_id: UUID
    until: datetime | None = None


class PaymentNotInSight(Event):
    """The order's stock has been kept long enough, and no payment is under way."""

    order_id: UUID


# -- the whole order is cancelled -----------------------------------------------------------------


class PaymentClosed(Event):
    """No money is kept, and none will be taken: the payment session is closed (R39).

    `was_charged` says that some was taken before, and that the bank has had the rest (D-25).
    """

    order_id: UUID
    was_charged: bool = False
    operation: MoneyOp = MoneyOp.NONE


class PaymentVoided(Event):
    """An authorisation was given up; the customer sees no charge."""

    order_id: UUID
    amount: Money
    operation: MoneyOp = MoneyOp.VOID


class RefundPlanned(Event):
    """All that is left of a cancelled order's money is to go back; it is reserved (R31)."""

    refund_id: UUID
    order_id: UUID
    case_id: UUID
    amount: Money
    operation: MoneyOp


class RefundReleased(Event):
    """A cancelled order's refund waited for a dispute that is decided now: it goes on (R35)."""

    refund_id: UUID
    order_id: UUID
    case_id: UUID
    amount: Money
    operation: MoneyOp


class RefundRefused(Event):
    """The provider certainly did not give it back; it is still owed (R34)."""

    refund_id: UUID
    order_id: UUID
    case_id: UUID
    amount: Money
    code: str


class RefundPaid(Event):
    """The provider gave the money of a cancelled order back."""

    refund_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp = MoneyOp.REFUND


class PaymentRefunded(Event):
    """Nothing of a cancelled order's money is kept any more."""

    order_id: UUID
    amount: Money
    operation: MoneyOp = MoneyOp.REFUND


# -- one case -------------------------------------------------------------------------------------


class AmountReduced(Event):
    """So much less is taken, or was given up: cancelled units that were not paid yet (D-10)."""

    case_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp = MoneyOp.VOID


class CaseRefundPlanned(Event):
    """The amount of a case is reserved, so that no other refund can take it (R31)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp


class CaseRefundReleased(Event):
    """The refund of a case waited for a dispute that is decided now: it goes on (R35)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp


class CaseRefundRefused(Event):
    """The provider certainly did not give the amount of a case back; it is still owed (R34)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    amount: Money
    code: str


class CaseRefunded(Event):
    """The provider gave the amount of a case back; zero where nothing had to be given."""

    case_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp


class RefundImpossible(Event):
    """Less is left of the order's money than is due; nothing was given back (M2)."""

    case_id: UUID
    order_id: UUID
    left: Money


# -- a refund that is still owed ------------------------------------------------------------------


class RefundOwed(Event):
    """The provider will not pay a refund, or took it back later: a person decides (D-26)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    amount: Money
    code: str
    operation: MoneyOp = MoneyOp.REFUND


class RefundElsewhereProposed(Event):
    """Somebody proposes to pay it to an account; a second person is to approve (R34)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID


class OwedRefundOrdered(Event):
    """It is to be tried again, or paid elsewhere, which a second person approved (R34)."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID


class OwedRefundRefused(Event):
    """That did not work either; it is still owed."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    code: str
    operation: MoneyOp = MoneyOp.REFUND


class RefundStillOwed(Event):
    """A refund has been owed for longer than anybody should wait."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID


class OwedRefundPaid(Event):
    """The customer has the money after all."""

    refund_id: UUID
    case_id: UUID
    order_id: UUID
    amount: Money
    operation: MoneyOp = MoneyOp.REFUND


# -- money that comes too late, and money that the bank takes back --------------------------------


class LateCaptureFound(Event):
    """Money was taken for an order that was given up (R30): it goes back, as a case of its own."""

    case_id: UUID
    order_id: UUID
    amount: Money
    reference: str


class DisputeOpened(Event):
    """The customer's bank disputes a payment, or only asks about it (`inquiry`)."""

    case_id: UUID
    order_id: UUID
    amount: Money
    reference: str
    inquiry: bool


class DisputeEscalated(Event):
    """The customer's bank only asked before, and disputes the payment now."""

    case_id: UUID
    order_id: UUID


class DisputeWon(Event):
    """The bank left the money with the shop: refunds go on."""

    case_id: UUID
    order_id: UUID


class DisputeLost(Event):
    """The bank took the money: it counts as given back (B)."""

    case_id: UUID
    order_id: UUID
    amount: Money


# -- what the provider is asked about, and tells --------------------------------------------------


class OutcomeAttested(Event):
    """A person found out what became of a call, with the provider's reference as evidence (D-29).

    It is to be verified by `verify_by`; until then it counts as the call's answer.
    """

    order_id: UUID
    step: str
    reference: str
    verify_by: datetime


class PaymentHinted(Event):
    """Something may have happened to a payment at the provider: a reason to look (R37)."""

    free: ClassVar[bool] = True

    payment_id: UUID
    reference: str


class StandingFound(Event):
    """What the provider knows of an order, as it was asked; None where it knows nothing."""

    free: ClassVar[bool] = True

    payment_id: UUID
    reference: str
    standing: dict[str, Any] | None


class RefundAccountGiven(Event):
    """The customer said to which account money goes back that can't go back as it came."""

    free: ClassVar[bool] = True

    payment_id: UUID
    order_id: UUID


class StrayAuthorisationFound(Event):
    """An amount is reserved on a card for which nobody waits any more: it is given up."""

    free: ClassVar[bool] = True

    payment_id: UUID
    reference: str
    authorisation_id: str
    amount: Money


class StrayAuthorisationVoided(Event):
    """An amount that was reserved for nothing was given up; the customer sees no charge."""

    free: ClassVar[bool] = True

    payment_id: UUID
    reference: str
    amount: Money
