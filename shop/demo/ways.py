"""Ways: how an order can end, in words, and what is special about those that go one."""

from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Way(StrEnum):
    """How an order ends. All but those that are delivered and kept are ways back."""

    PLAIN = "plain"
    SECOND_CARD = "second_card"
    DEPOSIT_PAID = "deposit_paid"
    OUT_OF_STOCK = "out_of_stock"
    DECLINED = "declined"
    DEPOSIT_EXPIRED = "deposit_expired"
    DEPOSIT_LATE = "deposit_late"
    CARRIER_REFUSES = "carrier_refuses"
    CANCEL_UNPAID = "cancel_unpaid"
    CANCEL_AUTHORISED = "cancel_authorised"
    CANCEL_CAPTURED = "cancel_captured"
    CANCEL_LABELLED = "cancel_labelled"
    CANCEL_TOO_LATE = "cancel_too_late"
    CANCEL_PART = "cancel_part"
    CANCEL_REST = "cancel_rest"
    SHORTAGE = "shortage"
    FRAUD = "fraud"
    FORCE = "force"
    REFUND_FAILED = "refund_failed"
    INTERCEPTED = "intercepted"
    RETURN_WHOLE = "return_whole"
    RETURN_PART = "return_part"
    RETURN_SEVERAL = "return_several"
    RETURN_DEFECTIVE = "return_defective"
    RETURN_REFUSED = "return_refused"
    EXCHANGE = "exchange"
    LOSS_MONEY = "loss_money"
    LOSS_GOODS = "loss_goods"
    GOODWILL = "goodwill"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


WORDS: Final[dict[Way, Promise]] = {
    Way.PLAIN: _("delivered and kept"),
    Way.SECOND_CARD: _("first card declined, the second accepted"),
    Way.DEPOSIT_PAID: _("paid into an account of the order's own"),
    Way.OUT_OF_STOCK: _("out of stock: cancelled"),
    Way.DECLINED: _("no card accepted: cancelled"),
    Way.DEPOSIT_EXPIRED: _("no deposit in time: account closed"),
    Way.DEPOSIT_LATE: _("deposit came too late: paid back"),
    Way.CARRIER_REFUSES: _("no carrier goes there: refunded"),
    Way.CANCEL_UNPAID: _("cancelled before payment: session closed"),
    Way.CANCEL_AUTHORISED: _("cancelled when authorised: voided"),
    Way.CANCEL_CAPTURED: _("cancelled when captured: refunded"),
    Way.CANCEL_LABELLED: _("cancelled with a label: label voided, refunded"),
    Way.CANCEL_TOO_LATE: _("cancelled after hand-over: refused, sent back"),
    Way.CANCEL_PART: _("cancelled in part before it left"),
    Way.CANCEL_REST: _("shipped in part, the rest cancelled"),
    Way.SHORTAGE: _("found short when packed: that part refunded"),
    Way.FRAUD: _("suspected fraud: stopped, refunded, blocked"),
    Way.FORCE: _("cancelled by an operator's force"),
    Way.REFUND_FAILED: _("refund came back: paid to an account"),
    Way.INTERCEPTED: _("stopped on its way: brought back, refunded"),
    Way.RETURN_WHOLE: _("sent back whole"),
    Way.RETURN_PART: _("sent back in part"),
    Way.RETURN_SEVERAL: _("sent back in several parcels"),
    Way.RETURN_DEFECTIVE: _("sent back defective: the shop pays the way"),
    Way.RETURN_REFUSED: _("sent back used: refused at inspection"),
    Way.EXCHANGE: _("exchanged for the same goods"),
    Way.LOSS_MONEY: _("lost by the carrier: refunded, written off"),
    Way.LOSS_GOODS: _("lost by the carrier: sent once more"),
    Way.GOODWILL: _("kept, with some money back as an apology"),
    Way.DISPUTE_WON: _("disputed before it left: won, then sent"),
    Way.DISPUTE_LOST: _("disputed once delivered: lost to the bank"),
}

#: Of these, a few orders are enough; of all others, a dozen go.
FEW: Final = frozenset(
    {
        Way.DEPOSIT_PAID,
        Way.DEPOSIT_EXPIRED,
        Way.DEPOSIT_LATE,
        Way.CANCEL_PART,
        Way.CANCEL_REST,
        Way.SHORTAGE,
        Way.FRAUD,
        Way.FORCE,
        Way.REFUND_FAILED,
        Way.INTERCEPTED,
        Way.RETURN_DEFECTIVE,
        Way.RETURN_REFUSED,
        Way.EXCHANGE,
        Way.LOSS_GOODS,
        Way.GOODWILL,
        Way.DISPUTE_WON,
        Way.DISPUTE_LOST,
    }
)
#: Their end waits until days have passed.
WAIT_FOR_DAYS: Final = frozenset({Way.DEPOSIT_EXPIRED, Way.DEPOSIT_LATE, Way.DISPUTE_WON})

#: Paid into an account that the provider opens for the order (가상계좌).
BY_DEPOSIT: Final = frozenset({Way.DEPOSIT_PAID, Way.DEPOSIT_EXPIRED, Way.DEPOSIT_LATE})
#: The cards that a customer tries, in turn; the others pay with a good one.
CARDS: Final[dict[Way, tuple[str, ...]]] = {
    Way.SECOND_CARD: ("tok_insufficient", "tok_visa"),
    Way.DECLINED: ("tok_declined", "tok_insufficient"),
    **dict.fromkeys(BY_DEPOSIT, ()),
}
GOOD_CARD: Final = ("tok_visa",)
#: A coupon and points pay for a part of these.
WITH_BENEFITS: Final = frozenset({Way.CANCEL_CAPTURED, Way.RETURN_WHOLE, Way.RETURN_PART})
#: Goods go out twice.
REPLACED: Final = frozenset({Way.LOSS_GOODS, Way.EXCHANGE})
#: Only a part of the order is given up, so it needs two units at least.
DIVIDED: Final = frozenset({Way.CANCEL_PART, Way.CANCEL_REST, Way.SHORTAGE})
