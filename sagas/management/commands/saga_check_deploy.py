"""saga_check_deploy: whether this code can finish everything that is under way."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from sagas.deploy import Unfinished, unfinished
from sagas.management.options import add_using, require_database


class Command(BaseCommand):
    help = "Fail when a delivery or a running saga has no handler, choreography or schema here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help=_("for programs"))
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        found = unfinished(require_database(options["using"]))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(row) for row in found]))
        else:
            self._say(found)
        if found:
            sys.exit(1)

    def _say(self, found: tuple[Unfinished, ...]) -> None:
        if not found:
            self.stdout.write(_("This code can finish everything that is under way."))
        for row in found:
            self.stdout.write(_("%(name)s: no %(kind)s for %(count)s in this code") % asdict(row))
