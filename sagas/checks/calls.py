"""Calls: what is under a brake says how much it moves, and what has caps is called."""

from collections.abc import Iterator
from difflib import get_close_matches

from django.core.checks import CheckMessage

from sagas.checks.message import error
from sagas.conf import settings
from sagas.exceptions import ConfigurationError
from sagas.routing import all_steps


def brakes_know_amounts() -> Iterator[CheckMessage]:
    """E025: a call is under a brake and does not say what it moves."""
    for step in all_steps():
        if step.calls is not None and step.calls.brake and step.calls.amount is None:
            yield error(
                25,
                step,
                f"Its call {step.calls.name!r} is under the brake {step.calls.brake!r} and does not"
                " say what it moves, so nothing would ever be stopped.",
                hint="Give the Call amount=, a pure function of its request that returns Money.",
            )


def brakes_are_used() -> Iterator[CheckMessage]:
    """E105: caps are set for a brake that no call is under, so that they stop nothing."""
    try:
        brakes = settings().BRAKES
    except ConfigurationError:
        return  # E100 says so
    used = {step.calls.brake for step in all_steps() if step.calls is not None} - {""}
    for name in sorted(brakes.keys() - used):
        close = get_close_matches(name, used, n=1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        yield error(
            105,
            f'SAGAS["BRAKES"][{name!r}]',
            "No call is under a brake of this name: its caps would stop nothing.",
            hint=f"{meant}Brakes of calls are: {', '.join(sorted(used)) or 'none'}.",
        )


CHECKS = (brakes_know_amounts,)
SETTINGS_CHECKS = (brakes_are_used,)
