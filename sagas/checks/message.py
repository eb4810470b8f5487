"""Message: how a check says what is wrong, with which thing, and what to do."""

from typing import Any

from django.core.checks import Error, Info, Warning  # noqa: A004  Django's own word


def error(number: int, about: Any, what: str, *, hint: str) -> Error:
    """Return the error `sagas.E<number>`."""
    return Error(what, hint=hint, obj=str(about), id=f"sagas.E{number:03}")


def warning(number: int, about: Any, what: str, *, hint: str) -> Warning:
    """Return the warning `sagas.W<number>`."""
    return Warning(what, hint=hint, obj=str(about), id=f"sagas.W{number:03}")


def info(number: int, what: str) -> Info:
    """Return the remark `sagas.I<number>`."""
    return Info(what, id=f"sagas.I{number:03}")
