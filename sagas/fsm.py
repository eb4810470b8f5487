"""FSM: the only module that knows how django-fsm (or django-fsm-2) describes a state machine.

It reads; transitions are run by the models' own methods.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import Model
from django_fsm import FSMFieldDescriptor, FSMFieldMixin, TransitionNotAllowed, can_proceed

from sagas.exceptions import ConfigurationError

__all__ = ["Edge", "TransitionNotAllowed", "can_proceed", "edges", "is_ahead", "sources", "states"]

TransitionMethod = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """One arrow of a state machine: transition `name` leads from `source` to `target`."""

    name: str
    source: str
    target: str


@cache
def fsm_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the names of the model's FSM fields, in order."""
    return tuple(f.name for f in model._meta.get_fields() if isinstance(f, FSMFieldMixin))


def _field(model: type[Model], name: str) -> Any:
    """Return the field; untyped, since django-fsm's own attributes are."""
    return model._meta.get_field(name)


def field_name_of(descriptor: object) -> str:
    """Return the field name of `Payment.state`. Raises ConfigurationError for anything else."""
    if not isinstance(descriptor, FSMFieldDescriptor):
        message = f"{descriptor!r} is no FSM field: write it as Model.field, such as Payment.state."
        raise ConfigurationError(message)
    name: str = descriptor.field.name
    return name


def _meta_of(method: TransitionMethod) -> Any:
    meta = getattr(method, "_django_fsm", None)
    if meta is None:
        message = f"{method!r} is no transition: write it as Model.method, such as Payment.capture."
        raise ConfigurationError(message)
    return meta


def transition_field(method: TransitionMethod) -> str:
    """Return the name of the field that a transition method moves."""
    meta = _meta_of(method)
    return meta.field if isinstance(meta.field, str) else str(meta.field.name)


@cache
def states(model: type[Model], field: str) -> tuple[str, ...]:
    """Return every state of the field: its choices, or what its transitions name."""
    choices = _field(model, field).choices
    if choices:
        return tuple(str(getattr(value, "value", value)) for value, _ in choices)
    named = {s for edge in edges(model, field) for s in (edge.source, edge.target)}
    named.add(_text(_field(model, field).get_default()))
    return tuple(sorted(named))


@cache
def edges(model: type[Model], field: str) -> tuple[Edge, ...]:
    """Return every arrow of the field's state machine, with "any state" spelled out."""
    methods = _field(model, field).transitions.get(model, {})
    return tuple(
        edge for name, method in methods.items() for edge in _edges_of(model, field, name, method)
    )


def _edges_of(
    model: type[Model], field: str, name: str, method: TransitionMethod
) -> Iterator[Edge]:
    for source, transition in _meta_of(method).transitions.items():
        for target in _targets(transition.target):
            for actual in _spell_out(model, field, source, target):
                yield Edge(name=name, source=actual, target=target or actual)


def _targets(target: Any) -> Iterable[str]:
    allowed = getattr(target, "allowed_states", None)
    if allowed is not None:
        return [_text(state) for state in allowed]
    return [_text(target) if target is not None else ""]


def _spell_out(model: type[Model], field: str, source: Any, target: str) -> Iterable[str]:
    if source not in ("*", "+"):
        return [_text(source)]
    choices = _field(model, field).choices or ()
    every = [_text(value) for value, _ in choices]
    return [state for state in every if source == "*" or state != target]


def _text(state: Any) -> str:
    return str(getattr(state, "value", state))


def state_of(obj: Model, field: str) -> str:
    """Return the object's state as text; FSMIntegerField and enums included."""
    return _text(getattr(obj, field))


def sources(model: type[Model], field: str, transitions: Iterable[str]) -> frozenset[str]:
    """Return the states from which any of the named transitions may start."""
    names = set(transitions)
    return frozenset(edge.source for edge in edges(model, field) if edge.name in names)


def path_name(
    model: type[Model], field: str, *, names: frozenset[str], source: str, target: str
) -> str | None:
    """Return how `names` lead from `source` to `target`, such as "deliver+complete", or None."""
    seen = {source}
    frontier: list[tuple[str, tuple[str, ...]]] = [(source, ())]
    while frontier:
        state, way = frontier.pop(0)
        for edge in edges(model, field):
            if edge.source != state or edge.name not in names or edge.target in seen:
                continue
            if edge.target == target:
                return "+".join((*way, edge.name))
            seen.add(edge.target)
            frontier.append((edge.target, (*way, edge.name)))
    return None


def arrow_name(model: type[Model], field: str, source: str, target: str) -> str:
    """Return the name of the transition that leads from `source` to `target` in one step."""
    every = frozenset(edge.name for edge in edges(model, field))
    return path_name(model, field, names=every, source=source, target=target) or "set"


@cache
def is_ahead(model: type[Model], field: str, state: str, goals: frozenset[str]) -> bool:
    """Whether one of `goals` can still be reached from `state` without coming back to it."""
    seen = {state}
    frontier = [state]
    while frontier:
        here = frontier.pop()
        reached = {edge.target for edge in edges(model, field) if edge.source == here} - seen
        if reached & goals:
            return True
        seen |= reached
        frontier.extend(reached)
    return False
