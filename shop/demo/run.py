"""Run: one demonstration from the first table to the last total."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from orders.models import Order
from sagas import clock
from sagas.reconciliation import Finding
from sagas.transport import transport
from shop.demo import books, prepare, report
from shop.demo.cases import tell_cases
from shop.demo.crew import Crew, at_work, log_file
from shop.demo.drill import DRILL_ENVIRONMENT, Drill
from shop.demo.drive import Drive, Stalled
from shop.demo.observe import observe, recovery, too_few
from shop.demo.plan import Plan, make_plan
from shop.demo.plant import plant
from shop.demo.screen import Screen
from shop.demo.ways import WORDS
from shop.invoices import CreditNote, Invoice


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the caller asked for. `workers`: None is a thread in here, 0 that others work."""

    invoices: tuple[Invoice, ...]
    notes: tuple[CreditNote, ...]
    orders: int
    seed: int
    plant: str | None
    workers: int | None
    drill: bool
    keep: bool


def run(wanted: Wanted, screen: Screen) -> list[str]:
    """Run all of it and say everything; return what went wrong, in words."""
    with _logging_to_file():
        outside = prepare.open_outside()
        plan = _plan(wanted, outside)
        began = clock.now()
        login = prepare.make_login()
        articles = prepare.fill_stock(plan.orders)
        values = {"orders": len(plan.orders), "prefix": plan.prefix, "articles": articles}
        screen.line(
            _("%(orders)d real orders, numbered %(prefix)s..., over %(articles)d articles") % values
        )
        failures = _drive(wanted, Drive(plan, outside, screen), screen, began)
        if failures:
            wanted = replace(wanted, plant=None)  # what went wrong is to be seen, and nothing else
        failures += _tell(wanted, plan, screen, began)
    _tell_next(screen, login)
    return failures


def _plan(wanted: Wanted, outside: prepare.Outside) -> Plan:
    return make_plan(
        wanted.invoices,
        wanted.notes,
        size=wanted.orders,
        seed=wanted.seed,
        prefix=prepare.free_prefix(outside),
    )


def _drive(wanted: Wanted, drive: Drive, screen: Screen, began: datetime) -> list[str]:
    environment = DRILL_ENVIRONMENT if wanted.drill else {}
    with at_work(workers=wanted.workers, environment=environment) as crew:
        try:
            drive.sold_out()
            drive.cancelled_early()
            failures = _others(wanted, drive, crew, screen, began)
            drive.finish()
        except Stalled as stalled:
            return [_("nothing moved any more (%(what)s)") % {"what": stalled}]
    return failures


def _others(
    wanted: Wanted, drive: Drive, crew: Crew | None, screen: Screen, began: datetime
) -> list[str]:
    """Place the orders of the main wave; in a drill, kill workers while they come in."""
    if not wanted.drill or crew is None:
        drive.place(drive.others())
        return []
    drill = Drill(drive, crew, began)
    drill.run(drive.others())
    drive.finish()
    return drill.tell(screen)


def _tell(wanted: Wanted, plan: Plan, screen: Screen, began: datetime) -> list[str]:
    seen = observe(plan)
    report.tell_ends(screen, plan)
    report.tell_ways(screen, plan, seen)
    tell_cases(screen, plan.prefix)
    report.tell_books(screen, plan)
    report.tell_recovery(screen, recovery(began), lost_hints=transport().lost)
    report.tell_story(screen, plan, seen)
    findings = _audit(wanted, plan, screen)
    report.tell_findings(screen, findings)
    few = [str(WORDS[way]) for way in too_few(plan, seen)]
    broken = sorted({finding.invariant for finding in findings})
    failures = [_("too few orders went this way: %(way)s") % {"way": way} for way in few]
    if broken:
        failures.append(_("broken invariants: %(names)s") % {"names": ", ".join(broken)})
    return failures


def _audit(wanted: Wanted, plan: Plan, screen: Screen) -> tuple[Finding, ...]:
    """Audit; what was planted for it is taken back, unless it is to be kept."""
    if wanted.plant is None:
        return books.broken(plan.prefix)
    screen.heading(_("One row is damaged now: %(what)s") % {"what": wanted.plant})
    with transaction.atomic():
        plant(wanted.plant, prefix=plan.prefix)
        found = books.broken(plan.prefix)
        transaction.set_rollback(not wanted.keep)
    return found


def _tell_next(screen: Screen, login: prepare.Login) -> None:
    password = login.password or _("(as you have set it)")
    values = {"name": login.name, "password": password}
    screen.heading(_("To look around: make serve"))
    screen.line(_("  http://127.0.0.1:8000/admin/  login %(name)s, password %(password)s") % values)


@contextmanager
def _logging_to_file() -> Iterator[None]:
    """Keep warnings, such as planned faults, out of the picture; they are in `var/demo-run.log`."""
    handler = logging.FileHandler(log_file("run"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def orders_there() -> int:
    """Return how many orders the database holds already."""
    return Order.objects.count()


def is_embedded() -> bool:
    """Whether the shop has no broker, so that the work is done in this process."""
    return not settings.CELERY_BROKER_URL
