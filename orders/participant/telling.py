"""Telling: customers are told by mail what became of their order, once per case and occasion.

A participant of its own, so that mail never holds up an order. It reacts to facts that are
committed, and says what `orders.wording` says of the case, or else of the order, as it is then:
nothing that is pending is ever called complete. A mail is a delivery like any other, so none is
lost.
"""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from orders import wording
from orders.events import (
    CancelRejected,
    CreditRejected,
    CreditSettled,
    ExchangeAgreed,
    ExchangeRejected,
    ExchangeSettled,
    LateSuccessSettled,
    LossOpened,
    LossSettled,
    OrderCancelled,
    OrderShipped,
    OrderUndone,
    PartialCancelRejected,
    PartialCancelSettled,
    ReplacementSettled,
    ReturnCompleted,
    ReturnRejected,
    ReturnRequested,
)
from orders.gateway import GATEWAY, send_mail, was_mail_sent
from orders.models import Case, Order
from orders.participant.rows import CASES_OF_ORDER, ORDER
from payments.events import OwedRefundPaid, RefundOwed
from sagas.call import Call, Outcome, Request
from sagas.event import Event
from sagas.participant import Participant

notices = Participant("notices")


def mail_about(event: Event, order: Order, cases: list[Case]) -> Request:
    """Return the mail that tells the customer how their order stands, in their language."""
    with translation.override(order.language or None):
        told = _told(event, order, cases)
        subject = _("Your order %(number)s") % {"number": order.number}
        body = "\n\n".join(part for part in (told.headline, told.detail) if part)
    return {"to": order.email, "subject": subject, "body": body}


def _told(event: Event, order: Order, cases: list[Case]) -> wording.Told:
    """Return what is said of the case that the event is about, or of the order."""
    case_id = getattr(event, "case_id", None)
    case = next((case for case in cases if case.pk == case_id), None)
    if case is None:
        return wording.told(wording.facts_of(order, cases))
    return wording.told_of(wording.case_facts(case, order))


MAIL = Call(
    name="mail",
    request=mail_about,
    send=send_mail,
    inquire=was_mail_sent,
    gateway=GATEWAY,
)
ABOUT: Any = {"subject": ORDER, "locks": CASES_OF_ORDER, "calls": MAIL}


@notices.on(OrderShipped, CancelRejected, saga="checkout", **ABOUT)
def tell_on_the_way(event: OrderShipped | CancelRejected, order: Order, outcome: Outcome) -> None:
    """Say that the parcel has left, or that it is too late to cancel."""


@notices.on_undo(OrderCancelled, OrderUndone, saga="checkout", **ABOUT)
def tell_cancelled(event: OrderCancelled | OrderUndone, order: Order, outcome: Outcome) -> None:
    """Say that the order is cancelled and what happens to its money; then that it has happened."""


@notices.on(
    PartialCancelSettled,
    PartialCancelRejected,
    ReturnRequested,
    ReturnCompleted,
    ReturnRejected,
    ExchangeAgreed,
    ExchangeSettled,
    ExchangeRejected,
    LossOpened,
    LossSettled,
    ReplacementSettled,
    CreditSettled,
    CreditRejected,
    LateSuccessSettled,
    saga=("partial", "return", "exchange", "loss", "replacement", "credit", "late_success"),
    **ABOUT,
)
def tell_case(event: Event, order: Order, outcome: Outcome) -> None:
    """Say how a case stands: asked for, refused, or settled."""


@notices.on(RefundOwed, OwedRefundPaid, saga="owed_refund", **ABOUT)
def tell_owed(event: RefundOwed | OwedRefundPaid, order: Order, outcome: Outcome) -> None:
    """Say that money is still owed, and then that it is paid."""
