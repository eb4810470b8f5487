"""saga_show: one saga in the terminal: what it waits for, and what has happened."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from sagas.management.options import add_using, require_database
from sagas.management.page import Page
from sagas.projection import Overview, as_dict, find, overview


class Command(BaseCommand):
    help = "Show what has happened in a saga and what it waits for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("saga", help=_("a saga's id, a business key, or an order number"))
        parser.add_argument("--json", action="store_true", help=_("for programs"))
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        found = find(options["saga"], using=using)
        if not found:
            raise CommandError(
                _("No saga has the id, the key or the number “%(text)s”.")
                % {"text": options["saga"]}
            )
        seen = [overview(saga, using=using) for saga in found]
        if options["json"]:
            self.stdout.write(
                json.dumps([as_dict(s) for s in seen], cls=DjangoJSONEncoder, indent=2)
            )
            return
        page = Page(width=shutil.get_terminal_size((100, 40)).columns, style=self.style)
        for one in seen:
            self.stdout.writelines(f"{line}\n" for line in _lines(one, page))


def _lines(seen: Overview, page: Page) -> Iterator[str]:
    saga = seen.saga
    yield page.title(
        " ".join(part for part in (saga.choreography, saga.label, str(saga.id)) if part)
    )
    yield page.pair(_("key"), saga.key)
    yield page.pair(_("status"), f"{saga.get_status_display()}, {saga.get_direction_display()}")
    yield page.pair(_("since"), f"{saga.started_at:%Y-%m-%d %H:%M:%S} UTC")
    for other in seen.related:
        yield page.pair(_("related"), f"{other.choreography} {other.key} ({other.relation})")
    yield from _waits(seen, page)
    yield from _timeline(seen, page)


def _waits(seen: Overview, page: Page) -> Iterator[str]:
    yield page.heading(_("What it waits for"))
    if not seen.waits:
        yield page.text(_("Nothing: it has ended.") if seen.saga.ended_at else _("Nothing."))
    for wait in seen.waits:
        yield page.item(wait.what, urgent=wait.needs_a_person)
        yield page.note(_("since %(at)s") % {"at": f"{wait.since:%Y-%m-%d %H:%M:%S}"})
        if wait.until:
            yield page.note(_("until %(at)s") % {"at": f"{wait.until:%Y-%m-%d %H:%M:%S}"})
        yield page.note(_("then: %(then)s") % {"then": wait.then})
        yield page.note(_("who: %(who)s") % {"who": wait.who})


def _timeline(seen: Overview, page: Page) -> Iterator[str]:
    yield page.heading(_("What has happened"))
    for entry in seen.entries:
        when = f"{entry.position:>4}  {entry.when:%Y-%m-%d %H:%M:%S}  {entry.service:<10}"
        yield page.text(f"{when}  {entry.what}")
        details = (
            f"{entry.subject}: {entry.change}" if entry.change else "",
            entry.why,
            entry.actor if entry.actor != entry.service else "",
        )
        for detail in filter(None, details):
            yield page.note(detail)
