"""Timeline of an order as its customer is told it: own facts only, in the customer's words."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders import events
from orders.choreography import checkout, losses, returns
from orders.models import Order
from sagas.event import Event
from sagas.models import Saga, StoredEvent

#: What customers are told; a fact that is not here is nobody's business but the shop's.
WORDS: Final[dict[type[Event], Promise]] = {
    events.OrderPlaced: _("You placed this order."),
    events.OrderConfirmed: _("Your payment method was accepted."),
    events.PaymentRetryRequested: _("Your payment was declined; another one is being tried."),
    events.PaymentGivenUp: _("No payment was accepted."),
    events.OrderReady: _("Your order is being packed."),
    events.OrderShipped: _("Your order is on its way."),
    events.OrderDelivered: _("Your order was delivered."),
    events.OrderLost: _("The carrier lost your parcel; you get your money back."),
    events.LossSettled: _("Your money for the lost parcel was paid back."),
    events.CancelRequested: _("Cancellation was asked for."),
    events.CancelRejected: _("It was too late to cancel: you can return the order instead."),
    events.OrderCancelled: _("Your order was cancelled."),
    events.OrderUndone: _("The cancellation is complete; you pay nothing."),
    events.ReturnRequested: _("You asked to return goods."),
    events.ReturnRejected: _("The return could not be arranged."),
    events.ReturnCompleted: _("Your returned goods arrived and your money was paid back."),
    events.OrderReturned: _("You have returned everything."),
}
_WORDS = {event.wire_name: words for event, words in WORDS.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Something that happened, at an aware UTC time."""

    at: datetime
    text: str


def moments(order: Order) -> Iterator[Moment]:
    """Yield what happened to `order` and its returns, the oldest first: one query."""
    told = StoredEvent.objects.filter(
        saga_id__in=_sagas_of(order).values("id"), type__in=_WORDS.keys()
    )
    for moment, kind in told.order_by("recorded_at", "id").values_list("recorded_at", "type"):
        yield Moment(at=moment, text=str(_WORDS[kind]))


def _sagas_of(order: Order) -> QuerySet[Saga]:
    wanted = Q(choreography=checkout.name, key=str(order.pk))
    returned = [str(each.pk) for each in order.returns.all()]
    wanted |= Q(choreography=returns.name, key__in=returned)
    loss = getattr(order, "loss", None)
    if loss is not None:
        wanted |= Q(choreography=losses.name, key=str(loss.pk))
    return Saga.objects.filter(wanted)
