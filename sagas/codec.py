"""Codec: events to JSON values and back, with versions, upcasting and a size limit."""

import msgspec

from sagas.conf import settings
from sagas.event import EVENT_TYPES, UPCASTERS, Event, Payload
from sagas.exceptions import MalformedEvent, PayloadTooLarge, UndecodableEvent, UnknownEvent


def encode(event: Event) -> Payload:
    """Return the event's fields as JSON values.

    Raises MalformedEvent when a value is not of its declared type, PayloadTooLarge when the JSON is
    larger than `SAGAS["MAX_PAYLOAD_BYTES"]`.
    """
    limit = settings().MAX_PAYLOAD_BYTES
    size = len(msgspec.json.encode(event))
    if size > limit:
        message = (
            f"{event.wire_name} takes {size:,} bytes, more than SAGAS['MAX_PAYLOAD_BYTES'] ="
            f" {limit:,}: announce ids and let consumers keep what they need."
        )
        raise PayloadTooLarge(message)
    payload: Payload = msgspec.to_builtins(event)
    try:
        msgspec.convert(payload, type(event))
    except (msgspec.ValidationError, ValueError) as error:
        message = f"{event.wire_name} was made with a value of another type: {error}."
        raise MalformedEvent(message) from error
    return payload


def decode(name: str, version: int, payload: Payload) -> Event:
    """Return the event that was stored under wire name `name` with `version`.

    Raises UnknownEvent when this code has no such class or version yet (a newer version is
    running elsewhere: R20), UndecodableEvent when the payload does not fit.
    """
    event_type = event_type_of(name, version)
    payload = _lift(name, version, event_type.version, payload)
    try:
        return msgspec.convert(payload, event_type)
    except (msgspec.ValidationError, ValueError) as error:
        message = f"{name} v{version} does not fit its schema: {error}."
        raise UndecodableEvent(message) from error


def event_type_of(name: str, version: int) -> type[Event]:
    """Return the class for a stored name and version. Raises UnknownEvent."""
    event_type = EVENT_TYPES.get(name)
    if event_type is None:
        message = f"No event class is called {name!r} in the code that is running."
        raise UnknownEvent(message)
    if version > event_type.version:
        message = (
            f"{name} v{version} is newer than v{event_type.version}, which this code knows:"
            " it stays ready for a worker that has been deployed."
        )
        raise UnknownEvent(message)
    return event_type


def _lift(name: str, version: int, target: int, payload: Payload) -> Payload:
    while version < target:
        upcaster = UPCASTERS.get((name, version))
        if upcaster is None:
            message = f"{name} v{version} has no upcaster to v{version + 1}: declare one."
            raise UndecodableEvent(message)
        payload = upcaster(dict(payload))
        version += 1
    return payload
