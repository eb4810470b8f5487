"""Pause: a person stops a consumer, a step, a choreography or a gateway for a while (decision 20).

Names are `payments`, `payments.capture`, `choreography:checkout` and `gateway:payments.provider`,
which holds up every step that may call it. What is paused waits where it is; wishes and other
sagas' lanes go on. Pausing and resuming are facts in the log.
"""

from django.db import transaction

from sagas import clock
from sagas.choreography import CHOREOGRAPHIES
from sagas.event import Event
from sagas.event_log import Subject
from sagas.facts import Paused, Resumed
from sagas.models import Pause
from sagas.participant import PARTICIPANTS
from sagas.routing import routes
from sagas.transport import wake_all
from sagas.unit import Unit


def pause(name: str, *, actor: str, reason: str, using: str = "default") -> bool:
    """Pause; says whether anything changed. Raises ValueError for an unknown name or no reason."""
    _require_known(name)
    if not reason.strip():
        message = "Say why: a reason is part of the fact that is kept."
        raise ValueError(message)
    with transaction.atomic(using=using):
        now = clock.now(using)
        _row, made = Pause.objects.using(using).get_or_create(
            name=name, defaults={"reason": reason, "actor": actor, "paused_at": now}
        )
        if made:
            _say(Paused(name=name), name, actor=actor, reason=reason, using=using)
    return made


def resume(name: str, *, actor: str, reason: str = "", using: str = "default") -> bool:
    """Resume; says whether it was paused. Consumers that may have work are woken."""
    with transaction.atomic(using=using):
        gone, _ = Pause.objects.using(using).filter(name=name).delete()
        if gone:
            _say(Resumed(name=name), name, actor=actor, reason=reason, using=using)
            transaction.on_commit(_wake_everyone, using=using, robust=True)
    return bool(gone)


def _wake_everyone() -> None:
    wake_all({consumer: [] for consumer in PARTICIPANTS})


def _say(event: Event, name: str, *, actor: str, reason: str, using: str) -> None:
    unit = Unit(using, now=clock.now(using), careful=True)
    about = Subject(model="sagas.Pause", key=name)
    unit.announce(event, saga=None, subject=about, actor=actor, reason=reason)
    unit.flush()


def _require_known(name: str) -> None:
    kind, _, which = name.partition(":")
    others = {"choreography": CHOREOGRAPHIES.keys(), "gateway": routes().gateways.keys()}
    if which in others.get(kind, ()):
        return
    consumer, _, step = name.partition(".")
    participant = PARTICIPANTS.get(consumer)
    if participant is None or (step and step not in participant.steps):
        message = f"{name!r} is no consumer, no step, no choreography and no gateway of this shop."
        raise ValueError(message)
