"""Deeds: what the admin's verbs need beyond one call of the engine."""

from django.utils.translation import gettext as _

from sagas.case import close_case
from sagas.choreography import CHOREOGRAPHIES
from sagas.models import Case, Delivery, DeliveryState
from sagas.outbox import locked_saga
from sagas.participant import PARTICIPANTS


def close(case: Case, *, actor: str, reason: str) -> bool:
    """Close a case under its saga's lock. Says whether it was open.

    Raises ValueError while its delivery is dead: everything dead has an open case (D8).
    """
    using = case._state.db or "default"
    with locked_saga(case.saga_id, using) as (unit, saga):
        fresh = Case.objects.using(using).get(id=case.id)
        if fresh.closed_at is not None:
            return False
        _refuse_while_dead(fresh, using)
        close_case(unit, saga, fresh, by=actor, note=reason)
    return True


def _refuse_while_dead(case: Case, using: str) -> None:
    if case.delivery_id is None:
        return
    dead = Delivery.objects.using(using).filter(id=case.delivery_id, state=DeliveryState.DEAD)
    if dead.exists():
        raise ValueError(_("Its delivery is still dead: try it again, correct it, or skip it."))


def pausable_names() -> list[tuple[str, str]]:
    """Return what can be paused, as choices: participants, their steps, choreographies."""
    names = [f"choreography:{name}" for name in CHOREOGRAPHIES]
    for participant in PARTICIPANTS.values():
        names += [participant.name, *(step.full_name for step in participant.steps.values())]
    return [(name, name) for name in sorted(names)]
