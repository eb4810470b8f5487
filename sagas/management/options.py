"""Options that several commands share: who acts and why, and on which database."""

import getpass

from django.core.management.base import CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections
from django.utils.translation import gettext as _


def add_using(parser: CommandParser) -> None:
    """Let the caller name a database."""
    parser.add_argument(
        "--using", default=DEFAULT_DB_ALIAS, metavar="ALIAS", help=_("the database")
    )


def require_database(alias: str) -> str:
    """Return a database's alias. Raises CommandError naming those that exist."""
    if alias not in connections:
        known = ", ".join(connections)
        raise CommandError(
            _("There is no database “%(alias)s”; there is %(known)s.")
            % {"alias": alias, "known": known}
        )
    return alias


def add_reason(parser: CommandParser, *, required: bool = True) -> None:
    """Let the caller say who acts, and make him say why (G10)."""
    parser.add_argument(
        "--reason", required=required, default="", help=_("why; it is kept in the log")
    )
    parser.add_argument("--actor", default=os_user(), help=_("who; by default the system's user"))


def os_user() -> str:
    """Return who is logged in, as an actor of the log."""
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):
        return "shell:unknown"
