"""How an order has ended: held against the row of the decision table that it stands in."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q

from orders.decision_table import DECISIONS
from orders.models import Case, Order
from orders.services import request_cancel
from orders.wording import facts_of, told
from payments.models import Refund
from sagas.models import Saga, StoredEvent
from sagas.pause import pause
from tests.scenarios.books import Stand, assert_books_agree, stand
from tests.scenarios.reconciled import found
from tests.world import World, kept, reload

Row = TypeVar("Row", bound=Model)

CUSTOMER = "customer:kim"
ANNA, BEN = "admin:anna", "admin:ben"


def at_most(world: World, step: str, **placed: object) -> Order:
    """Place an order that comes as far as `step`, which is paused."""
    pause(step, actor="test", reason="the order is to stay here")
    order = world.place(**placed)
    world.drain()
    return order


def cancel(world: World, order: Order) -> Case:
    """Have the customer cancel; return the case as it is once nothing is due any more."""
    case = request_cancel(reload(order), reason="changed my mind", actor=CUSTOMER)
    world.drain()
    return Case.objects.get(pk=case.pk)


def the_case(order: Order) -> Case:
    """Return the only case of the order."""
    return Case.objects.get(order=order)


def facts(order: Order, *named: str) -> list[str]:
    """Return which of the named facts happened to the order and its cases, in their order."""
    rows = StoredEvent.objects.filter(saga_id__in=sagas_of(order)).order_by("recorded_at", "id")
    names = [name.split(".")[1] for name in rows.values_list("type", flat=True)]
    return [name for name in names if name in named]


def sagas_of(order: Order) -> list[UUID]:
    """Return the sagas of the order, of its cases and of its refunds."""
    keys = [order.pk, *Case.objects.filter(order=order).values_list("pk", flat=True)]
    keys += Refund.objects.filter(order_id=order.pk).values_list("pk", flat=True)
    found = Saga.objects.filter(key__in=[str(key) for key in keys])
    return list(found.values_list("id", flat=True))


def said(order: Order) -> str:
    """Return what the order's customer reads now, headline first."""
    words = told(facts_of(reload(order)))
    return f"{words.headline} {words.detail}"


def amounts(case: Case) -> dict[str, int]:
    """Return what a case comes to, in minor units; what is nothing is left out."""
    now = again(case)
    values = {
        field.attname.removesuffix("_minor"): getattr(now, field.attname)
        for field in Case._meta.concrete_fields
        if field.attname.endswith("_minor")
    }
    return {name: minor for name, minor in values.items() if minor}


def again(row: Row) -> Row:
    """Return a row as it is stored now."""
    return type(row)._default_manager.get(pk=row.pk)


def running(order: Order) -> list[str]:
    """Return the choreographies of the order that have not ended."""
    found = Saga.objects.filter(Q(id__in=sagas_of(order)), ended_at=None)
    return sorted(found.values_list("choreography", flat=True))


def how_money_went(order: Order) -> list[str]:
    """Return how the money of the order's cases went, in the order in which they were opened."""
    return [case.operation for case in Case.objects.filter(order=order)]


def assert_cases_say_how(order: Order) -> None:
    """Every case says of its money what its refund says; where none was paid, what else it was.

    What the bank took instead went no way at all.
    """
    refunds = {refund.case_id: refund for refund in Refund.objects.filter(order_id=order.pk)}
    for case in Case.objects.filter(order=order, state=Case.State.SETTLED):
        refund = refunds.get(case.pk)
        if refund is None:
            assert case.operation in ("none", "close_session", "void"), case
        else:
            is_dropped = refund.state == Refund.State.DROPPED
            assert case.operation == ("none" if is_dropped else refund.operation), case


def assert_row(
    world: World,
    row: int,
    order: Order,
    *,
    end: Stand,
    actions: Iterable[str],
    keeps: int,
    words: str,
    open_sagas: Iterable[str] = (),
    stock: dict[str, int] | None = None,
) -> None:
    """The order has ended as row D-`row` says: case, states, actions, money and words.

    `actions` are the facts that must have happened, in this order; `keeps` is what the provider
    holds for the order in the end (N), in minor units; `words` is a part of what its customer
    reads.
    """
    decision = DECISIONS[row]
    actions = list(actions)
    kinds = {case.why for case in Case.objects.filter(order=order)}
    assert decision.kind is None or decision.kind in kinds
    assert stand(order) == end
    assert facts(order, *actions) == actions
    assert kept(world.provider, order) == keeps
    assert words in said(order)
    assert running(order) == sorted(open_sagas)
    assert_cases_say_how(order)
    assert_books_agree(world, **({} if stock is None else {"stock": stock}))
    assert found() == []
