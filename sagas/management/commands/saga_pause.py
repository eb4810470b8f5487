"""saga_pause: holds up a consumer, a step, a choreography or a gateway (decision 20)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from sagas.management.options import add_reason, add_using, require_database
from sagas.pause import pause


class Command(BaseCommand):
    help = (
        "Pause `payments`, `payments.capture`, `choreography:checkout` or"
        " `gateway:payments.provider`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "name", help=_("a participant, a step, choreography:<name> or gateway:<name>")
        )
        add_reason(parser)
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        name = options["name"]
        try:
            changed = pause(name, actor=options["actor"], reason=options["reason"], using=using)
        except ValueError as error:
            raise CommandError(str(error)) from error
        said = _("%(name)s is paused.") if changed else _("%(name)s was paused before.")
        self.stdout.write(said % {"name": name})
