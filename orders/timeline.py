"""Timeline of an order as its customer is told it: own facts only, in the customer's words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders import events
from orders.choreography import checkout
from orders.models import Order
from sagas.event import Event
from sagas.models import Saga, StoredEvent

#: What customers are told; a fact that is not here is nobody's business but the shop's.
WORDS: Final[dict[type[Event], Promise]] = {
    events.OrderPlaced: _("You placed this order."),
    events.OrderConfirmed: _("Your payment was accepted."),
    events.PaymentRetryRequested: _("Your payment was declined; another one is being tried."),
    events.PaymentGivenUp: _("No payment was accepted."),
    events.OrderReady: _("Your order is being packed."),
    events.OrderShipped: _("Your order is on its way."),
    events.OrderDelivered: _("Your order was delivered."),
    events.OrderLost: _("The carrier lost your parcel."),
    events.OrderIntercepted: _("Your parcel was stopped on its way."),
    events.CancelRequested: _("Cancellation was asked for."),
    events.CancelRejected: _("It was too late to cancel: you can return the order instead."),
    events.OrderCancelled: _("Your order will not be sent."),
    events.OrderUndone: _("Your order is cancelled."),
    events.PartialCancelRequested: _("The cancellation of a part was asked for."),
    events.LinesCancelled: _("A part of your order will not be sent."),
    events.PartialCancelRejected: _("The part had left already, so it was not cancelled."),
    events.PartialCancelSettled: _("A part of your order is cancelled."),
    events.ReturnRequested: _("A return was asked for."),
    events.ReturnRejected: _("The return did not come about."),
    events.ReturnCompleted: _("Your returned goods arrived and your money was paid back."),
    events.GoodsRefused: _("Goods were refused at inspection and go back to you."),
    events.OrderReturned: _("You have returned everything."),
    events.ExchangeRequested: _("You asked to exchange goods."),
    events.ExchangeRejected: _("The exchange did not come about."),
    events.ExchangeSettled: _("Your goods are back with us."),
    events.ReplacementDue: _("Other goods are being packed for you."),
    events.RemedyAsked: _("We asked you whether you want the goods once more, or your money."),
    events.LossUndecided: _("You did not choose in time, so you get your money."),
    events.LossSettled: _("Your lost parcel was made good."),
    events.CreditSettled: _("You got money back."),
    events.LateSuccessSettled: _("Your late payment was dealt with."),
    events.OrderReinstated: _("Your order goes on after all."),
    events.DisputeAnswered: _("Your bank disputes your payment."),
    events.DisputeSettled: _("Your bank has decided about your payment."),
}
_WORDS = {event.wire_name: words for event, words in WORDS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened, at an aware UTC time."""

    at: datetime
    text: str


def moments(order: Order) -> Iterator[Moment]:
    """Yield what happened to `order` and in its cases, the oldest first: one query."""
    happened = StoredEvent.objects.filter(
        saga_id__in=_sagas_of(order).values("id"), type__in=_WORDS.keys()
    )
    for moment, kind in happened.order_by("recorded_at", "id").values_list("recorded_at", "type"):
        yield Moment(at=moment, text=str(_WORDS[kind]))


def _sagas_of(order: Order) -> QuerySet[Saga]:
    """Return the order's checkout and all sagas of its cases, which are named by them."""
    of_cases = Q(key__in=[str(case.pk) for case in order.cases.all()])
    return Saga.objects.filter(Q(choreography=checkout.name, key=str(order.pk)) | of_cases)
