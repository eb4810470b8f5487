"""Ownerless: what nobody would move any more, and about which a person is asked (D3, D8, G5)."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from sagas import clock, delivery
from sagas.case import open_case
from sagas.claim import lock_sagas
from sagas.models import Case, CaseKind, Delivery, DeliveryState, Saga, SagaStatus
from sagas.outbox import locked_saga
from sagas.unit import Unit

#: How many sagas one pass asks about.
_AT_ONCE = 100
_STRANDED = "No delivery is left and nobody announced the end."


def without_next_move(using: str) -> QuerySet[Saga]:
    """Return the running sagas that have no delivery and no open case of their own.

    A case of reconciliation says that books disagree, not who moves the saga.
    """
    deliveries = Delivery.objects.using(using).filter(saga_id=OuterRef("id"))
    cases = Case.objects.using(using).filter(saga_id=OuterRef("id"), closed_at=None)
    own_cases = cases.exclude(kind=CaseKind.RECONCILIATION)
    running = Saga.objects.using(using).filter(status=SagaStatus.RUNNING)
    return running.filter(~Exists(deliveries), ~Exists(own_cases))


def open_cases_for_stranded(using: str = "default") -> int:
    """Ask a person about every saga without a next move (D3, G5). Returns how many (decision 4)."""
    found = list(without_next_move(using).values_list("id", flat=True)[:_AT_ONCE])
    return ask_about_stranded(found, using) if found else 0


def ask_about_stranded(saga_ids: Iterable[UUID], using: str = "default") -> int:
    """Ask a person about those of the sagas that have no next move. Returns how many."""
    with transaction.atomic(using=using):
        sagas = lock_sagas(using, saga_ids, skip_locked=True)
        unit = Unit(using, now=clock.now(using), careful=True)
        unit.hold(list(sagas.values()))
        still = without_next_move(using).filter(id__in=sagas)
        found = list(still.values_list("id", flat=True))
        for saga_id in found:
            open_case(unit, sagas[saga_id], CaseKind.NO_NEXT_MOVE, detail=_STRANDED)
        unit.flush()
    return len(found)


def without_case(using: str) -> QuerySet[Delivery]:
    """Return the dead and braked deliveries about which nobody is asked (D8)."""
    cases = Case.objects.using(using).filter(delivery_id=OuterRef("id"), closed_at=None)
    waiting = (DeliveryState.DEAD, DeliveryState.BRAKED)
    return Delivery.objects.using(using).filter(~Exists(cases), state__in=waiting)


def ask_about_dead(delivery_id: UUID, using: str = "default") -> bool:
    """Ask a person about a delivery that has no case. Says whether that was so.

    A braked one is let go to its brake once more, which asks and says how much it is about.
    """
    row = without_case(using).filter(id=delivery_id).first()
    if row is None:
        return False
    with locked_saga(row.saga_id, using) as (unit, saga):
        row = without_case(using).filter(id=delivery_id).first()
        if row is None:
            return False
        if row.state == DeliveryState.BRAKED:
            return delivery.let_go(using, row, at=unit.now)
        detail = row.error.strip().rpartition("\n")[2]
        open_case(unit, saga, CaseKind.DEAD_LETTER, detail=detail, delivery_id=row.id)
    return True
