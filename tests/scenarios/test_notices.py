"""What customers are mailed: after the fact, once per case and occasion, and never too early."""

from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import translation

from orders.models import Order
from sagas.models import Delivery, Intent
from tests.scenarios.endings import at_most, cancel, said
from tests.world import reload

pytestmark = pytest.mark.both_databases

KIM = "kim@example.org"


def sent():
    return [message.body for message in mail.outbox]


def test_a_parcel_that_left_is_told_of_once_and_nothing_is_called_complete_before(world):
    order = world.place(email=KIM)
    world.drain()
    assert sent() == []

    world.hand_over(order)
    world.pass_time(timedelta(hours=1))

    (message,) = mail.outbox
    assert message.to == [KIM]
    assert order.number in message.subject
    assert "on its way" in message.body
    assert "complete" not in message.body.lower()


def test_a_cancelled_order_is_told_of_when_it_turns_and_when_its_money_is_back(world):
    order = at_most(world, "shipping.book_label", email=KIM)
    world.provider.switch_on("pending_refund", times=1)

    cancel(world, order)
    assert reload(order).state == Order.State.CANCELLING
    (first,) = sent()
    assert "15.00 GBP" in first
    assert "complete" not in first.lower()
    (refund,) = world.provider.standing(order.number).refunds
    world.provider.settle_refund(refund.id)
    world.pass_time(timedelta(minutes=10))

    assert len(sent()) == 2
    assert sent()[1].split("\n\n")[0] in said(order)


def test_who_cancels_too_late_reads_so_and_is_offered_a_return(world):
    order = world.place(email=KIM)
    world.drain()
    world.hand_over(order)
    mail.outbox.clear()

    cancel(world, order)

    (message,) = sent()
    assert "it could not be cancelled" in message
    assert "You can send it back once you have it." in message


def test_a_part_that_is_not_sent_is_told_of_although_the_order_goes_on(world):
    order = world.place(email=KIM)
    world.drain()

    world.miss(order, MUG=1)

    (message,) = sent()
    assert "A part of your order was out of stock and is cancelled." in message
    assert "5.00 GBP was paid back." in message


def test_a_mail_is_in_the_language_in_which_the_order_was_placed(world):
    with translation.override("ko"):
        order = world.place(email=KIM)
    world.drain()
    world.hand_over(order)

    (intent,) = Intent.objects.filter(step="notices.tell_on_the_way")
    with translation.override("ko"):
        assert intent.request["body"].split("\n\n")[0] in said(order)


def test_an_order_without_an_address_is_told_nothing(world):
    order = world.place()
    world.drain()
    world.hand_over(order)

    assert mail.outbox == []
    assert not Delivery.objects.filter(consumer="notices").exists()


def test_a_mail_server_that_hangs_up_gets_the_mail_again_under_the_same_id(world, monkeypatch):
    failures = [SMTPServerDisconnected("gone")]

    class Unsteady(mail.EmailMessage):
        def send(self, *args, **kwargs):
            if failures:
                raise failures.pop()
            return super().send(*args, **kwargs)

    monkeypatch.setattr("orders.gateway.EmailMessage", Unsteady)
    order = world.place(email=KIM)
    world.drain()
    world.hand_over(order)
    assert mail.outbox == []

    world.pass_time(timedelta(minutes=1))

    (intent,) = Intent.objects.filter(step="notices.tell_on_the_way")
    (message,) = mail.outbox
    assert str(intent.idempotency_key) in message.extra_headers["Message-ID"]
