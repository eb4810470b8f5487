"""saga_relay: finds what is due and wakes workers, pass after pass (G9)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from sagas.management.options import add_using, require_database
from sagas.management.stopping import stop_on_signal
from sagas.relay import RelayReport, relay_forever, relay_once


class Command(BaseCommand):
    help = "Find what is due and wake workers, until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help=_("make one pass and say what was found")
        )
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        if options["once"]:
            self.stdout.write(_said(relay_once(using=using)))
            return
        with stop_on_signal() as stop:
            self.stdout.write(_("The relay looks after “%(using)s”.") % {"using": using})
            relay_forever(using=using, stop=stop.wait)
        self.stdout.write(_("The relay has stopped."))


def _said(report: RelayReport) -> str:
    return _(
        "woken: %(woken)s; leases expired: %(expired)s; slots of dead workers: %(orphaned)s;"
        " looking again: %(looking)s; cases opened: %(stranded)s; done here: %(drained)s"
    ) % {
        "woken": ", ".join(sorted(report.woken)) or _("nobody"),
        "expired": report.expired_leases,
        "orphaned": report.orphaned_slots,
        "looking": report.looking_again,
        "stranded": report.stranded,
        "drained": report.drained,
    }
