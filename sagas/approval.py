"""Approval: a second person lets a braked call go out, although its cap is reached (G10).

Somebody else than who asked for the money: whoever stands behind the delivery's event or behind
what led to it. Approving is a fact in the log, and doing it twice does no harm.
"""

from uuid import UUID

from django.utils.translation import gettext as _

from sagas import delivery
from sagas.case import approve_case
from sagas.dead_letter import about, act_on
from sagas.exceptions import SecondPersonNeeded, StaleDelivery
from sagas.facts import CallApproved
from sagas.models import Case, CaseKind, Delivery, DeliveryState, Saga, StoredEvent
from sagas.money import Money
from sagas.participant import PARTICIPANTS
from sagas.unit import Unit


def approve(delivery_id: UUID, *, actor: str, reason: str, using: str = "default") -> bool:
    """Let a braked call go out. Says whether it was braked.

    It goes out for the amount that was asked for, or less; for more it is asked again. Raises
    Delivery.DoesNotExist, ValueError without a reason, and SecondPersonNeeded when `actor` is who
    asked for the money.
    """
    states = (DeliveryState.BRAKED,)
    return act_on(delivery_id, _let_go, states, actor=actor, reason=reason, using=using)


def _let_go(unit: Unit, saga: Saga, row: Delivery, actor: str, reason: str) -> None:
    _require_second_person(row, actor, unit.using)
    if not delivery.let_go(unit.using, row, at=unit.now):
        raise StaleDelivery
    cases = Case.objects.using(unit.using)
    case = cases.get(delivery_id=row.id, kind=CaseKind.BRAKED, closed_at=None)
    amount: Money = case.amount  # type: ignore[assignment]  # by constraint
    fact = CallApproved(delivery_id=row.id, consumer=row.consumer, step=row.purpose, amount=amount)
    unit.announce(fact, saga=saga, cause=about(row), actor=actor, reason=reason)
    approve_case(unit, saga, case, by=actor, note=reason)
    unit.woken.append((row.consumer, row.id))


def _require_second_person(row: Delivery, actor: str, using: str) -> None:
    asked = sorted(who for who in _behind(row, using) if _person(who) == _person(actor))
    if asked:
        raise SecondPersonNeeded(
            _("%(who)s has a hand in this already: somebody else has to approve it.")
            % {"who": asked[0]}
        )


def _behind(row: Delivery, using: str) -> set[str]:
    """Return the people behind a delivery's event, and behind what led to it."""
    people: set[str] = set()
    event_id: UUID | None = row.event_id
    while event_id is not None:
        known = StoredEvent.objects.using(using).filter(id=event_id).values_list("actor", "cause")
        actor, event_id = known.first() or ("", None)
        people.add(actor)
    return people - PARTICIPANTS.keys() - {"", "sagas"}


def _person(actor: str) -> str:
    """Return who acts, in whatever role: `admin:kim` and `user:kim` are one person."""
    return actor.rpartition(":")[2]
