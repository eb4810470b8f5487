"""Choreography: the declared shape of one business transaction across contexts.

Nobody conducts it. A choreography names the business key, what starts and ends it, its point of no
return, and how long it may take; participants declare the steps.
"""

from collections.abc import Callable
from datetime import timedelta

from sagas.event import Event
from sagas.exceptions import ConfigurationError, DuplicateDeclaration

EventType = type[Event]

CHOREOGRAPHIES: dict[str, "Choreography"] = {}


def _as_tuple(given: EventType | tuple[EventType, ...] | None) -> tuple[EventType, ...]:
    if given is None:
        return ()
    return given if isinstance(given, tuple) else (given,)


class Choreography:
    """One kind of business transaction, such as "checkout".

    `key` names the attribute of its events that holds the business key (an order number, a return
    number): one saga per key (design decision 1). `pivot` is the event after which there is no way
    back but a new choreography (G8). `aborts` turns the saga around. `completes` and
    `compensated` end it. `deadline` counts from the start; before the pivot it announces what
    `requests(key)` returns, after it a case is opened (design decision 25). `terminal` events are
    meant for nobody. `label` names the attribute of the first event that people know the whole
    thing by, such as an order number. Raise `version` when routes change (design decision 29).
    """

    def __init__(
        self,
        name: str,
        *,
        key: str,
        starts: EventType,
        completes: EventType | tuple[EventType, ...],
        deadline: timedelta,
        pivot: EventType | None = None,
        aborts: EventType | tuple[EventType, ...] | None = None,
        compensated: EventType | tuple[EventType, ...] | None = None,
        terminal: EventType | tuple[EventType, ...] | None = None,
        requests: Callable[[str], Event] | None = None,
        label: str = "",
        version: int = 1,
    ) -> None:
        """Declare and register. Raises DuplicateDeclaration, ConfigurationError."""
        self.name = name
        self.key = key
        self.starts = starts
        self.completes = _as_tuple(completes)
        self.deadline = deadline
        self.pivot = pivot
        self.aborts = _as_tuple(aborts)
        self.compensated = _as_tuple(compensated)
        self.terminal = _as_tuple(terminal)
        self.requests = requests
        self.label = label
        self.version = version
        self._register()

    def _register(self) -> None:
        if self.name in CHOREOGRAPHIES:
            message = f"Choreography {self.name!r} is declared twice; names are unique."
            raise DuplicateDeclaration(message)
        if bool(self.aborts) != bool(self.compensated):
            message = f"Choreography {self.name!r}: `aborts` and `compensated` belong together."
            raise ConfigurationError(message)
        CHOREOGRAPHIES[self.name] = self

    def __repr__(self) -> str:
        """Say its name."""
        return f"<Choreography {self.name}>"

    def key_of(self, event: Event) -> str:
        """Return the business key that `event` carries."""
        return str(getattr(event, self.key))

    def label_of(self, event: Event) -> str:
        """Return what people call the saga that `event` starts."""
        return str(getattr(event, self.label)) if self.label else ""

    @property
    def ends(self) -> tuple[EventType, ...]:
        """Every event that ends a saga of this kind."""
        return self.completes + self.compensated
