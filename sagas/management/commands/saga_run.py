"""saga_run: worker and relay in one process, without a broker: for SQLite and for development."""

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from sagas.embedded import run_until
from sagas.management.options import add_using, require_database
from sagas.management.stopping import stop_on_signal
from sagas.participant import PARTICIPANTS

_LOUD = 2


class Command(BaseCommand):
    help = "Do all steps in this process and relay, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        if options["verbosity"] >= _LOUD:
            logging.getLogger("sagas").setLevel(logging.INFO)
        served = ", ".join(sorted(PARTICIPANTS)) or _("nobody")
        with stop_on_signal() as stop:
            self.stdout.write(
                _("Serving %(served)s on “%(using)s”; Ctrl-C stops.")
                % {"served": served, "using": using}
            )
            run_until(stop, using=using)
        self.stdout.write(_("Stopped; what is due stays in the database."))
