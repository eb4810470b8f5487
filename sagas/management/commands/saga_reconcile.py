"""saga_reconcile: holds contexts, their books and other parties' statements against each other."""

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError
from django.utils.translation import gettext as _

from sagas.exceptions import SagaError
from sagas.management.options import add_using, os_user, require_database
from sagas.management.page import Page
from sagas.management.stopping import stop_on_signal
from sagas.projection.books import Books, as_dict, books
from sagas.reconciled import ReconciliationFinding, RunState
from sagas.reconciliation import PREDICATES, reconcile
from sagas.reconciliation.predicate import amount_of, sentence_of, text_of

#: What the command ends with, besides 0.
FINDINGS, FAILED = 1, 2
#: How many findings of one predicate are shown.
_SHOWN = 20


class Command(BaseCommand):
    help = "Reconcile the books. Ends with 0 if they agree, 1 if not, 2 if that can't be said."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair", action="store_true", help=_("repair what can't be repaired wrongly")
        )
        parser.add_argument("--json", action="store_true", help=_("for programs"))
        parser.add_argument(
            "--full", action="store_true", help=_("look at everything, not only at what changed")
        )
        parser.add_argument(
            "--only", default="", metavar="IDS", help=_("these predicates, such as M2,S1")
        )
        parser.add_argument(
            "--source",
            action="append",
            metavar="NAME",
            help=_("read this statement before; by default all of them"),
        )
        add_using(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        using = require_database(options["using"])
        try:
            with stop_on_signal() as stop:
                run = reconcile(
                    only=filter(None, options["only"].split(",")),
                    full=options["full"],
                    repairs=options["repair"],
                    sources=options["source"],
                    actor=os_user(),
                    stop=stop.is_set,
                    using=using,
                )
        except (SagaError, ValueError, DatabaseError) as error:
            raise CommandError(str(error), returncode=FAILED) from error
        seen = books(run)
        self._say(seen, as_json=options["json"])
        _exit(seen)

    def _say(self, seen: Books, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(as_dict(seen), cls=DjangoJSONEncoder, indent=2))
            return
        page = Page(width=shutil.get_terminal_size((100, 40)).columns, style=self.style)
        self.stdout.writelines(f"{line}\n" for line in _lines(seen, page))


def _exit(seen: Books) -> None:
    """Say by the exit code how it is; whatever was not looked at weighs more than a finding."""
    if seen.errors or seen.run.state != RunState.DONE:
        sys.exit(FAILED)
    if seen.findings:
        sys.exit(FINDINGS)


def _lines(seen: Books, page: Page) -> Iterator[str]:
    run = seen.run
    yield page.title(_("Reconciliation of %(when)s") % {"when": run})
    yield page.pair(_("state"), run.get_state_display())
    yield page.pair(_("predicates"), str(len(seen.passes)))
    yield page.pair(_("looked at"), _looked(seen))
    yield page.pair(_("no longer there"), str(run.resolved))
    if run.repairs:
        yield page.pair(_("repaired"), str(run.repaired))
    yield page.pair(_("cases opened"), str(run.asked))
    for source in seen.statements:
        yield page.pair(source.name, _("%(count)s lines") % {"count": source.lines})
    yield from _errors(seen, page)
    yield from _findings(seen, page)


def _looked(seen: Books) -> str:
    values = {"count": seen.run.looked, "rate": f"{seen.run.rate or 0:,.0f}"}
    return _("%(count)s (%(rate)s per second)") % values


def _errors(seen: Books, page: Page) -> Iterator[str]:
    if seen.errors:
        yield page.heading(_("What could not be looked at"))
    for error in seen.errors:
        yield page.item(error, urgent=True)


def _findings(seen: Books, page: Page) -> Iterator[str]:
    if not seen.findings:
        yield page.heading(_("Nothing is wrong in what was looked at."))
    ordered = sorted(seen.findings, key=lambda finding: finding.predicate)
    for predicate, found in groupby(ordered, key=lambda finding: finding.predicate):
        yield page.heading(f"{predicate}  {sentence_of(predicate)}")
        yield from _of_predicate(list(found), page)


def _of_predicate(found: list[ReconciliationFinding], page: Page) -> Iterator[str]:
    for finding in found[:_SHOWN]:
        yield page.item(f"{finding.business_key}: {_told(finding)}", urgent=True)
        yield page.note(_("since %(at)s") % {"at": f"{finding.first_seen_at:%Y-%m-%d %H:%M:%S}"})
        if finding.case_id:
            values = {"owner": PREDICATES[finding.predicate].owner, "case": finding.case_id}
            yield page.note(_("case %(case)s, for %(owner)s") % values)
    if len(found) > _SHOWN:
        yield page.note(_("and %(count)s more") % {"count": len(found) - _SHOWN})


def _told(finding: ReconciliationFinding) -> str:
    text, amount = text_of(finding.predicate, finding), amount_of(finding)
    return f"{text} ({amount})" if amount else text
