"""What the admin's verbs need beyond one call of the engine."""

from sagas.choreography import CHOREOGRAPHIES
from sagas.claim import GATEWAY_PREFIX
from sagas.participant import PARTICIPANTS
from sagas.routing import routes


def pausable_names() -> list[tuple[str, str]]:
    """Return what can be paused, as choices: participants, steps, choreographies, gateways."""
    names = [f"choreography:{name}" for name in CHOREOGRAPHIES]
    names += [f"{GATEWAY_PREFIX}{name}" for name in routes().gateways]
    for participant in PARTICIPANTS.values():
        names += [participant.name, *(step.full_name for step in participant.steps.values())]
    return [(name, name) for name in sorted(names)]
