"""Phrases: the words for every state of an order and every phase of a case, as tables.

`orders.wording` picks from them; nothing else words what a customer reads. What waits is never
called complete.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.models import Order

State = Order.State


class Phase(StrEnum):
    """How far a case is, as its customer sees it."""

    #: Somebody has to answer first.
    ASKED = "asked"
    #: The customer has to.
    CHOICE = "choice"
    #: Granted; money or goods are on their way back.
    PENDING = "pending"
    #: Goods are on their way to the customer instead.
    SENT = "sent"
    #: The money could not be paid out.
    OWED = "owed"
    #: Over.
    DONE = "done"
    #: Over, and nothing came of it.
    REFUSED = "refused"


#: What is said of an order that no case speaks of: headline, detail.
ORDERS: Final[dict[str, tuple[Promise, Promise]]] = {
    State.PLACED: (_("We have your order."), _("Your payment is being checked.")),
    State.CONFIRMED: (_("Your payment is accepted."), _("Your order is being prepared.")),
    State.FULFILLING: (_("Your order is being packed."), _("You hear from us when it leaves.")),
    State.SHIPPED: (_("Your order is on its way."), _("The carrier has it.")),
    State.DELIVERED: (_("Your order has arrived."), _("We hope that you like it.")),
    State.COMPLETED: (
        _("Your order is complete."),
        _("If something is wrong with it, you can send it back."),
    ),
    State.LOST: (_("The carrier lost your parcel."), _("We are looking into it.")),
    State.INTERCEPTED: (_("Your parcel was stopped."), _("It is on its way back to us.")),
    State.RETURNED: (_("You have sent everything back."), _("Nothing is left to be done.")),
    State.CANCELLING: (_("Your order is being cancelled."), _("Nothing of it will be sent.")),
    State.CANCELLED: (_("Your order is cancelled."), _("Nothing of it was sent.")),
    State.REINSTATED: (_("Your order goes on after all."), _("Your payment has arrived.")),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The headline of a case in each phase; None where its customer is told nothing."""

    asked: Promise | None
    pending: Promise
    done: Promise
    refused: Promise


_CANCEL: Final = Words(
    asked=_("You asked to cancel your order."),
    pending=_("Your order is being cancelled."),
    done=_("Your order is cancelled."),
    refused=_("Your order had left already, so it could not be cancelled."),
)

#: By the value of the kind; with ":whole" where a case of that kind takes the whole order.
WORDS: Final[dict[str, Words]] = {
    "abandon": _CANCEL,
    "cancel": _CANCEL,
    "payment_failed": Words(
        asked=_("Your payment has not arrived."),
        pending=_("Your payment has not arrived, so your order is being cancelled."),
        done=_("Your payment has not arrived, so your order is cancelled."),
        refused=_("Your payment has arrived after all."),
    ),
    "cancel_partial": Words(
        asked=_("You asked to cancel a part of your order."),
        pending=_("A part of your order is being cancelled."),
        done=_("A part of your order is cancelled."),
        refused=_("What you wanted to cancel had left already."),
    ),
    "oos_cancel": Words(
        asked=_("A part of your order is out of stock."),
        pending=_("A part of your order is out of stock and is being cancelled."),
        done=_("A part of your order was out of stock and is cancelled."),
        refused=_("What was out of stock could be sent after all."),
    ),
    "oos_cancel:whole": Words(
        asked=_("Your order is out of stock."),
        pending=_("Your order is out of stock and is being cancelled."),
        done=_("Your order was out of stock and is cancelled."),
        refused=_("What was out of stock could be sent after all."),
    ),
    "seller_cancel": Words(
        asked=_("We may not be able to send your order."),
        pending=_("We can't send your order, so it is being cancelled."),
        done=_("We could not send your order, so it is cancelled."),
        refused=_("Your order could be sent after all."),
    ),
    "fraud_cancel": Words(
        asked=_("Your order is being checked."),
        pending=_("Your order was stopped, and your money goes back."),
        done=_("Your order was stopped, and your money went back."),
        refused=_("Your order was checked; nothing is paid back for it."),
    ),
    "fraud_cancel:whole": Words(
        asked=_("Your order is being checked."),
        pending=_("Your order is being cancelled."),
        done=_("Your order is cancelled."),
        refused=_("Your order was checked and is on its way."),
    ),
    "return": Words(
        asked=_("You asked to send goods back."),
        pending=_("Your goods are back with us."),
        done=_("Your goods are back with us."),
        refused=_("Nothing is paid back: the goods did not come back, or stay with you."),
    ),
    "exchange": Words(
        asked=_("You asked to exchange goods."),
        pending=_("Your goods are back with us."),
        done=_("Your goods are exchanged."),
        refused=_("Nothing is exchanged: the goods did not come back, or stay with you."),
    ),
    "lost": Words(
        asked=_("The carrier lost your parcel."),
        pending=_("The carrier lost your parcel."),
        done=_("The carrier lost your parcel."),
        refused=_("Your parcel was found."),
    ),
    "goodwill": Words(
        asked=None,
        pending=_("You get money back as an apology."),
        done=_("You got money back as an apology."),
        refused=_("Nothing was left of your payment to give back."),
    ),
    "late_success": Words(
        asked=_("Your payment came too late."),
        pending=_("Your payment came after your order was given up."),
        done=_("Your payment came after your order was given up."),
        refused=_("Your payment came too late."),
    ),
    "chargeback": Words(
        asked=_("Your bank disputes your payment: we wait for what it decides."),
        pending=_("Your bank disputes your payment."),
        done=_("Your bank has decided about your payment."),
        refused=_("Your bank left your payment with us."),
    ),
    "chargeback:whole": Words(
        asked=_("Your bank took your payment back."),
        pending=_("Your bank took your payment back, so your order is being cancelled."),
        done=_("Your bank took your payment back, so your order is cancelled."),
        refused=_("Your order had left already, so it could not be cancelled."),
    ),
    "force": _CANCEL,
}

OWED: Final = _("A refund is still owed to you.")
CHOOSE: Final = _("Would you like the goods once more, or your money back?")
OFFER_RETURN: Final = _("You can send it back once you have it.")

#: What is said of a case's money in each phase.
MONEY: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("%(amount)s will be paid back."),
    Phase.OWED: _("%(amount)s could not be paid out yet; we see to it."),
    Phase.DONE: _("%(amount)s was paid back."),
    Phase.SENT: _("%(amount)s was paid back."),
}
#: What is said of money that the customer's bank took.
TAKEN: Final[dict[Phase, Promise]] = {Phase.DONE: _("It took %(amount)s back.")}
MONEY_BY: Final = _("%(amount)s will be paid back by %(date)s.")
#: Where money was not taken yet; it may not be when the case is over.
UNCHARGED: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("%(amount)s less will be charged."),
    Phase.DONE: _("You pay %(amount)s less."),
}
#: What is said where an order is cancelled and no money is known to have been taken.
NO_MONEY: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("What is reserved on your card will be released."),
    Phase.DONE: _("You were not charged."),
}
#: What is said there once money has come after all: a later case tells what becomes of it (D-5).
PAID_LATE: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("Your payment came later; what becomes of it is told separately."),
    Phase.DONE: _(
        "No payment had reached us by then. Yours came later; what becomes of it is told"
        " separately."
    ),
}
#: What is said of goods that are sent instead; SENT begins while they are still being packed.
OTHER_GOODS: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("Other goods will be sent to you."),
    Phase.SENT: _("Other goods are being sent to you."),
    Phase.DONE: _("Other goods have reached you."),
}
#: What is said of the goods that were ordered, where they are sent after all.
SAME_GOODS: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("What you ordered will be sent to you."),
    Phase.SENT: _("What you ordered is being sent to you."),
    Phase.DONE: _("What you ordered has reached you."),
}
#: What is said of coupon and points that come back.
BENEFITS: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("%(amount)s of your coupon and points will be given back."),
    Phase.DONE: _("%(amount)s of your coupon and points was given back."),
}
#: What is said of the coupon that the shop gives for goods that it did not have.
APOLOGY: Final[dict[Phase, Promise]] = {
    Phase.PENDING: _("You will get a coupon of %(amount)s as an apology."),
    Phase.DONE: _("As an apology you get a coupon of %(amount)s: %(code)s."),
}
