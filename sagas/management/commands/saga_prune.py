"""saga_prune: deletes what nobody needs any more, and says what."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from sagas.conf import settings
from sagas.management.options import add_using, require_database
from sagas.retention import prune


class Command(BaseCommand):
    help = "Delete old events of ended sagas, and what hangs on them."

    def add_arguments(self, parser: CommandParser) -> None:
        days = settings().KEEP_EVENTS.days
        parser.add_argument(
            "--older-than", type=int, default=days, metavar="DAYS", help=_("default: KEEP_EVENTS")
        )
        parser.add_argument(
            "--keep", type=int, default=0, metavar="ROWS", help=_("spare the newest events")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("only count"))
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        try:
            pruned = prune(
                older_than=timedelta(days=options["older_than"]),
                keep=options["keep"],
                dry_run=options["dry_run"],
                using=using,
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        said = _("Would delete") if options["dry_run"] else _("Deleted")
        self.stdout.write(
            _(
                "%(said)s %(events)s events, %(intents)s intents, %(cases)s cases, %(slots)s slots,"
                " %(requests)s answered requests, %(findings)s findings,"
                " %(reconciliations)s reconciliations"
            )
            % {"said": said, **asdict(pruned)}
        )
