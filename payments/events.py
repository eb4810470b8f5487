"""What payments announces: facts about an order's money and its way back."""

from uuid import UUID

from sagas.event import Event
from sagas.money import Money


class PaymentOpened(Event):
    """The amount of an order is known; no money has moved."""

    order_id: UUID


class PaymentAuthorised(Event):
    """The customer's card has the amount reserved."""

    order_id: UUID
    amount: Money


class PaymentDeclined(Event):
    """The provider refused a card; `code` is the provider's reason. Another card may work."""

    order_id: UUID
    code: str


class PaymentCaptured(Event):
    """The authorised amount was taken."""

    order_id: UUID
    amount: Money


class CaptureRefused(Event):
    """The provider would not take what it had authorised; the authorisation is still open."""

    order_id: UUID
    code: str


class PaymentClosed(Event):
    """No money moved, and none will: the payment session is closed (R39)."""

    order_id: UUID


class PaymentVoided(Event):
    """An authorisation was given up; the customer sees no charge."""

    order_id: UUID
    amount: Money


class RefundPlanned(Event):
    """The whole amount of a cancelled order is to be given back; it is reserved for that (R31)."""

    refund_id: UUID
    order_id: UUID
    amount: Money


class RefundPaid(Event):
    """The provider gave the amount of a cancelled order back."""

    refund_id: UUID
    order_id: UUID
    amount: Money


class PaymentRefunded(Event):
    """Nothing of a cancelled order's money is kept any more."""

    order_id: UUID
    amount: Money


class ReturnRefundPlanned(Event):
    """The money of a return is reserved; it is paid once the goods were inspected."""

    return_id: UUID


class ReturnRefundDropped(Event):
    """A return will not happen; its reserved money is free again."""

    return_id: UUID
    order_id: UUID


class ReturnRefunded(Event):
    """The money of a return was given back."""

    return_id: UUID
    order_id: UUID
    amount: Money


class LossRefundPlanned(Event):
    """The money of a lost parcel is reserved."""

    loss_id: UUID
    order_id: UUID
    refund_id: UUID


class LossRefunded(Event):
    """The money of a lost parcel was given back."""

    loss_id: UUID
    order_id: UUID
    amount: Money
