"""demo: real orders go every way there is, workers may be killed, and all books must agree."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.test.utils import override_settings
from django.utils.translation import gettext as _

from shop.demo.drill import SMALLEST_DRILL
from shop.demo.plan import FULL_SIZE, SMALLEST
from shop.demo.plant import PLANTS
from shop.demo.prepare import make_tables, read_file
from shop.demo.run import Wanted, is_embedded, orders_there, run
from shop.demo.screen import Screen
from shop.invoices import CreditNote, Invoice, InvoiceFileError

#: How many Celery workers are started where there is a broker and nothing else is said.
_WORKERS = 2


class Command(BaseCommand):
    help = "Run real orders through every way there is, and hold all books against each other."
    # Tables are made by the command itself.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", metavar="FILE", help=_("invoices of your own, as CSV"))
        parser.add_argument("--orders", type=int, default=FULL_SIZE, metavar="N")
        parser.add_argument("--seed", type=int, default=1, help=_("another plan"))
        parser.add_argument(
            "--plant", choices=sorted(PLANTS), help=_("damage one row, to see it found")
        )
        parser.add_argument(
            "--workers", type=int, metavar="N", help=_("Celery workers; 0: they run already")
        )
        parser.add_argument("--drill", action="store_true", help=_("kill workers on the way"))
        parser.add_argument("--keep", action="store_true", help=_("keep what --plant damaged"))
        parser.add_argument(
            "--no-input", action="store_false", dest="interactive", help=_("do not ask")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = _wanted(options)
        screen = Screen(self.stdout)
        with override_settings(DEBUG=False):  # in debug mode, Django keeps every statement
            self._run(wanted, options, screen)

    def _run(self, wanted: Wanted, options: dict[str, Any], screen: Screen) -> None:
        make_tables()
        _ask(options, screen)
        with _leaving_on_sigterm():
            failures = run(wanted, screen)
        if failures:
            raise CommandError("; ".join(failures))


def _wanted(options: dict[str, Any]) -> Wanted:
    workers = _workers(options["workers"])
    if options["drill"]:
        _refuse_drill(workers)
    least = SMALLEST_DRILL if options["drill"] else SMALLEST
    _require_enough("--orders", options["orders"], least)
    invoices, notes = _read(options["data"])
    _require_enough("--data", len(invoices), least)
    names = ("orders", "seed", "plant", "drill", "keep")
    chosen = {name: options[name] for name in names}
    return Wanted(invoices=invoices, notes=notes, workers=workers, **chosen)


def _require_enough(option: str, count: int, least: int) -> None:
    if count < least:
        raise CommandError(
            _("%(option)s: %(count)d orders can't go every way; at least %(least)d are needed.")
            % {"option": option, "count": count, "least": least}
        )


def _read(file: str | None) -> tuple[tuple[Invoice, ...], tuple[CreditNote, ...]]:
    try:
        return read_file(file)
    except InvoiceFileError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        values = {"file": file, "why": error.strerror}
        raise CommandError(_("%(file)s can't be read: %(why)s.") % values) from error


def _workers(given: int | None) -> int | None:
    if given is None:
        return None if is_embedded() else _WORKERS
    if given < 0:
        raise CommandError(_("--workers is 0 or more."))
    if given and is_embedded():
        raise CommandError(
            _("--workers needs a broker: set CELERY_BROKER_URL, or leave --workers out.")
        )
    return given


def _refuse_drill(workers: int | None) -> None:
    if connection.vendor == "sqlite" or not workers or workers < _WORKERS:
        raise CommandError(
            _(
                "--drill kills workers while others go on: it needs a database server, a broker"
                " and --workers 2 or more. python tools/services.py python manage.py demo --drill"
                " starts both."
            )
        )


def _ask(options: dict[str, Any], screen: Screen) -> None:
    """Ask before adding to a database that is in use; only where somebody can answer."""
    there = orders_there()
    if not there:
        return
    screen.line(_("There are %(count)d orders already; this run adds its own.") % {"count": there})
    can_ask = options["interactive"] and sys.stdin.isatty() and sys.stdout.isatty()
    if can_ask and input(_("Go on? [Y/n] ")).strip().lower() in ("n", "no"):
        raise CommandError(_("Nothing was done."))


@contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """Let a request to terminate end the workers that were started, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
