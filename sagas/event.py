"""Events: immutable facts in the past tense, each owned by one context.

An event class is declared in a context's `events.py` and known on the wire as `<context>.<Name>`,
with an integer version. Older versions are lifted by upcasters when they are read.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from sagas.exceptions import DuplicateDeclaration

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]


if TYPE_CHECKING:
    from typing import dataclass_transform

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class _Frozen:
        """What type checkers are told: subclasses are frozen and keyword-only, too."""

        __struct_fields__: ClassVar[tuple[str, ...]]

        def __init_subclass__(cls, **kwargs: Any) -> None: ...
else:
    _Frozen = msgspec.Struct


class Event(_Frozen, frozen=True, kw_only=True):
    """Base of all events; fields are annotations, values are checked when decoded.

    Raise `version` when a field changes meaning or disappears, and declare an `upcast`.
    """

    #: The schema version that this class describes.
    version: ClassVar[int] = 1
    #: The owning context; by default the package that holds `events.py`.
    context: ClassVar[str] = ""
    #: A free event belongs to no saga; its lane is its subject (design decision 3).
    free: ClassVar[bool] = False
    #: The name in the log, in routes and in documents.
    wire_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class under its wire name."""
        super().__init_subclass__(**kwargs)
        cls.context = cls.context or _context_of(cls.__module__)
        cls.wire_name = f"{cls.context}.{cls.__name__}"
        _register(cls)


EVENT_TYPES: dict[str, type[Event]] = {}
UPCASTERS: dict[tuple[str, int], Upcaster] = {}


def _context_of(module: str) -> str:
    """`shop.payments.events` is owned by `payments`; a module without a package by itself."""
    parts = module.split(".")
    return parts[-2] if len(parts) > 1 else parts[0]


def _register(event_type: type[Event]) -> None:
    known = EVENT_TYPES.get(event_type.wire_name)
    if known is not None and known.__module__ != event_type.__module__:
        message = (
            f"{event_type.wire_name} is declared in {known.__module__} and in"
            f" {event_type.__module__}; rename one or set its `context`."
        )
        raise DuplicateDeclaration(message)
    EVENT_TYPES[event_type.wire_name] = event_type


def upcast(event_type: type[Event], *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how a payload of `from_version` becomes one of the next version.

    The function takes and returns a dict of JSON values and must be pure.
    """

    def register(function: Upcaster) -> Upcaster:
        UPCASTERS[event_type.wire_name, from_version] = function
        return function

    return register


def fill(event_type: type[Event], *origins: Any) -> Event:
    """Return an event whose fields are the same-named attributes of `origins`, first one first.

    `order_id` of an Order is its primary key. A field that no origin has keeps its default;
    raises TypeError when it has none.
    """
    values: Payload = {}
    for name in event_type.__struct_fields__:
        for origin in origins:
            found = _attribute(origin, name)
            if found is not None:
                values[name] = found
                break
    return event_type(**values)


def _attribute(origin: Any, name: str) -> Any:
    found = getattr(origin, name, None)
    if found is None and hasattr(origin, "_meta") and name == f"{origin._meta.model_name}_id":
        return origin.pk
    return found
