"""Held: refunds that wait until a bank has decided, and get as much as it leaves (R35)."""

from uuid import UUID

from payments.events import CaseRefundReleased, MoneyOp, RefundReleased
from payments.models import Payment, Refund
from payments.operation import refund_op
from payments.services.refunds import ended, had_a_person, lock_payment, owe, still_owed
from sagas import clock
from sagas.outbox import publish, saga_transaction

State = Refund.State
ACTOR = "provider"


def hold_owed(order_id: UUID) -> None:
    """Have an order's owed refunds wait for the bank: it may pay the customer instead."""
    for refund in Refund.objects.filter(order_id=order_id, state=State.OWED):
        with saga_transaction(refund, actor=ACTOR) as locked:
            if locked.state == State.OWED:
                payment = lock_payment(locked.order_id)
                locked.hold(payment)
                publish(still_owed(locked), of=locked)
                payment.save()


def release_held(order_id: UUID) -> int:
    """Let an order's refunds go on that waited for its disputes; return how many there were.

    They get as much as the bank has left, the oldest first; what gets nothing is dropped, since
    the customer has the money from the bank.
    """
    held = Refund.objects.filter(order_id=order_id, state=State.HELD)
    return sum(_release(refund) for refund in held.order_by("planned_at", "pk"))


def _release(refund: Refund) -> bool:
    with saga_transaction(refund, actor=ACTOR) as locked:
        payment = lock_payment(locked.order_id)
        if locked.state != State.HELD or payment.is_frozen:
            return False
        if payment.left_minor:
            _go_on(payment, locked)
        else:
            locked.drop(payment)
            publish(ended(locked), of=locked)
        payment.save()
    return True


def _go_on(payment: Payment, refund: Refund) -> None:
    """Have a refund sent, or decided by a person if it was one's, or if nobody knows where to."""
    amount = payment.money(min(refund.amount_minor, payment.left_minor))
    refund.release(payment, refund_op(payment, amount, clock.now()))
    needs_account = refund.how is MoneyOp.REFUND_ELSEWHERE
    if needs_account or had_a_person(refund):
        refund.fail("needs_account" if needs_account else "dispute_decided")
        owe(refund)
        return
    released = RefundReleased if refund.is_whole else CaseRefundReleased
    fact = released(
        refund_id=refund.pk,
        case_id=refund.case_id,
        order_id=refund.order_id,
        amount=refund.amount,
        operation=refund.how,
    )
    publish(fact, of=refund)
