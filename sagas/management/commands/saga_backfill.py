"""saga_backfill: gives new steps of a choreography the events of sagas that began before them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from sagas.deploy import backfill
from sagas.management.options import add_using, os_user, require_database


class Command(BaseCommand):
    help = "Give steps declared with since= the events of running sagas that are older than they."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help=_("do it; else only count"))
        parser.add_argument("--reason", default="", help=_("why; it is kept in the log"))
        parser.add_argument("--actor", default=os_user(), help=_("who; it is kept in the log"))
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["apply"] and not options["reason"]:
            raise CommandError(_("Say why with --reason: it is kept in the log."))
        missed = backfill(
            apply=options["apply"],
            reason=options["reason"],
            actor=options["actor"],
            using=require_database(options["using"]),
        )
        said = _("%(step)s was given %(n)s") if options["apply"] else _("%(step)s missed %(n)s")
        for step, count in sorted(missed.items()):
            self.stdout.write(said % {"step": step, "n": count})
        if not options["apply"]:
            self.stdout.write(_("Nothing was changed; add --apply --reason to give the events."))
