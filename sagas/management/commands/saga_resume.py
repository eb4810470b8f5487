"""saga_resume: lets go on what was paused (decision 20)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from sagas.management.options import add_reason, add_using, require_database
from sagas.models import Pause
from sagas.pause import resume


class Command(BaseCommand):
    help = "Resume what was paused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help=_("the name that was paused"))
        add_reason(parser)
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        name = options["name"]
        if not resume(name, actor=options["actor"], reason=options["reason"], using=using):
            paused = Pause.objects.using(using).order_by("name").values_list("name", flat=True)
            raise CommandError(
                _("%(name)s is not paused; paused: %(paused)s.")
                % {"name": name, "paused": ", ".join(paused) or _("nothing")}
            )
        self.stdout.write(_("%(name)s goes on.") % {"name": name})
