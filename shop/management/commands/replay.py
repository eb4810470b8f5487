"""replay: all orders and credit notes of a file go through the shop, by the file's own clock."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.test.utils import override_settings
from django.utils.translation import gettext as _

from shop.csvfile import InvoiceFileError
from shop.demo.prepare import make_tables
from shop.demo.screen import Screen
from shop.replay.report import as_json, failures, tell
from shop.replay.run import Outcome, Wanted, rehearse, replay


class Command(BaseCommand):
    help = "Let every order and credit of an invoice file happen, and agree with it to the penny."
    # Tables are made by the command itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, metavar="FILE", help=_("invoices"))
        parser.add_argument(
            "--returns", type=Path, required=True, metavar="FILE", help=_("credit notes")
        )
        parser.add_argument("--limit", type=int, metavar="N", help=_("the first N orders only"))
        parser.add_argument(
            "--dry-run", action="store_true", help=_("plan and add up only, without a database")
        )
        parser.add_argument("--json", action="store_true", help=_("for programs"))

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = _wanted(options)
        # What is said on the way does not belong into JSON.
        screen = Screen(self.stderr if options["json"] else self.stdout)
        outcome = _run(wanted, screen, is_rehearsal=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(as_json(outcome), indent=2))
        else:
            tell(outcome, screen)
        if differing := failures(outcome):
            raise CommandError(_("These differ: %(names)s.") % {"names": ", ".join(differing)})


def _wanted(options: dict[str, Any]) -> Wanted:
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError(_("--limit is 1 or more."))
    return Wanted(data=options["data"], returns=options["returns"], limit=options["limit"])


def _run(wanted: Wanted, screen: Screen, *, is_rehearsal: bool) -> Outcome:
    try:
        if is_rehearsal:
            return rehearse(wanted, screen)
        with override_settings(DEBUG=False):  # in debug mode, Django keeps every statement
            make_tables()
            return replay(wanted, screen)
    except InvoiceFileError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        values = {"file": error.filename, "why": error.strerror}
        raise CommandError(_("%(file)s can't be read: %(why)s.") % values) from error
