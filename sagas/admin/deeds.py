"""What the admin's verbs need beyond one call of the engine."""

from sagas.choreography import CHOREOGRAPHIES
from sagas.participant import PARTICIPANTS


def pausable_names() -> list[tuple[str, str]]:
    """Return what can be paused, as choices: participants, their steps, choreographies."""
    names = [f"choreography:{name}" for name in CHOREOGRAPHIES]
    for participant in PARTICIPANTS.values():
        names += [participant.name, *(step.full_name for step in participant.steps.values())]
    return [(name, name) for name in sorted(names)]
