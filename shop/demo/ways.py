"""Ways: how an order can end, and how to tell from the books which way one has gone."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Way(StrEnum):
    """How an order ends. All but the first two are ways back."""

    PLAIN = "plain"
    SECOND_CARD = "second_card"
    OUT_OF_STOCK = "out_of_stock"
    DECLINED = "declined"
    CARRIER_REFUSES = "carrier_refuses"
    CANCEL_UNPAID = "cancel_unpaid"
    CANCEL_AUTHORISED = "cancel_authorised"
    CANCEL_CAPTURED = "cancel_captured"
    CANCEL_LABELLED = "cancel_labelled"
    CANCEL_TOO_LATE = "cancel_too_late"
    RETURN_WHOLE = "return_whole"
    RETURN_PART = "return_part"
    RETURN_SEVERAL = "return_several"
    LOSS = "loss"


WORDS: dict[Way, Promise] = {
    Way.PLAIN: _("delivered and kept"),
    Way.SECOND_CARD: _("first card declined, the second accepted"),
    Way.OUT_OF_STOCK: _("out of stock: cancelled"),
    Way.DECLINED: _("no card accepted: cancelled"),
    Way.CARRIER_REFUSES: _("no carrier goes there: refunded"),
    Way.CANCEL_UNPAID: _("cancelled before payment: session closed"),
    Way.CANCEL_AUTHORISED: _("cancelled when authorised: voided"),
    Way.CANCEL_CAPTURED: _("cancelled when captured: refunded"),
    Way.CANCEL_LABELLED: _("cancelled with a label: label voided, refunded"),
    Way.CANCEL_TOO_LATE: _("cancelled after hand-over: refused, sent back"),
    Way.RETURN_WHOLE: _("sent back whole"),
    Way.RETURN_PART: _("sent back in part"),
    Way.RETURN_SEVERAL: _("sent back in several parcels"),
    Way.LOSS: _("lost by the carrier: refunded, written off"),
}

#: The cards that a customer tries, in turn; the others pay with a good one.
CARDS: dict[Way, tuple[str, ...]] = {
    Way.SECOND_CARD: ("tok_insufficient", "tok_visa"),
    Way.DECLINED: ("tok_declined", "tok_insufficient"),
}
GOOD_CARD = ("tok_visa",)
