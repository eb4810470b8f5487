"""Checks: what is wrong with the declarations and the settings, said when Django starts (G6, G7).

Each message has a stable id, names the object and the row, and says in its hint what to do.
There is a page for each id in docs/reference/checks/. Nothing here reads a database.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.checks import CheckMessage, register

from sagas.checks import back, calls, flow, names, settings, states
from sagas.exceptions import ConfigurationError
from sagas.routing import routes

__all__ = ["check_declarations", "check_deploy_settings", "check_settings", "say_coverage"]

TAG = "sagas"

Check = Callable[[], Iterable[CheckMessage]]
_DECLARATIONS: tuple[Check, ...] = (
    *names.CHECKS,
    *flow.CHECKS,
    *states.CHECKS,
    *back.CHECKS,
    *calls.CHECKS,
)
_SETTINGS: tuple[Check, ...] = (*settings.CHECKS, *calls.SETTINGS_CHECKS)


@register(TAG)
def check_declarations(**_: Any) -> list[CheckMessage]:
    """Check the choreographies, steps, undo tables and timers of all participants."""
    try:
        routes()
    except ConfigurationError as error:
        return [names.unresolved(str(error))]
    return list(_each(_DECLARATIONS))


@register(TAG)
def check_settings(**_: Any) -> list[CheckMessage]:
    """Check settings that would lose messages or stop workers."""
    return list(_each(_SETTINGS))


@register(TAG, deploy=True)
def check_deploy_settings(**_: Any) -> list[CheckMessage]:
    """Check what suits a laptop and not a production server."""
    return list(_each(settings.DEPLOY_CHECKS))


@register(TAG)
def say_coverage(**_: Any) -> list[CheckMessage]:
    """Say what is covered and what runs alone; only to who asks by `manage.py check`."""
    # Every command prints what its checks say, and migrate or runserver have nothing to do with it.
    return list(_each(states.INFORMATION)) if sys.argv[1:2] == ["check"] else []


def _each(checks: Iterable[Check]) -> Iterator[CheckMessage]:
    for check in checks:
        yield from check()
