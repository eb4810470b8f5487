"""Environment: the credentials of a provider, read when they are needed and kept nowhere else."""

import os
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

_Read = TypeVar("_Read")


def required(name: str, purpose: str) -> str:
    """Return environment variable `name`. Raises ImproperlyConfigured where it is missing."""
    value = os.environ.get(name, "")
    if not value:
        message = f"{name} is not set: {purpose}."
        raise ImproperlyConfigured(message)
    return value


def optional(name: str, default: str = "") -> str:
    """Return environment variable `name`, or `default` where it is missing or empty."""
    return os.environ.get(name, "") or default


def converted(name: str, read: Callable[[str], _Read]) -> _Read | None:
    """Return environment variable `name` as `read` understands it, or None where it is missing.

    Raises ImproperlyConfigured where `read` raises ValueError.
    """
    value = optional(name)
    try:
        return read(value) if value else None
    except ValueError as error:
        message = f"{name} can't be {value!r}: {error}."
        raise ImproperlyConfigured(message) from error
