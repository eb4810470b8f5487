"""Report: what a run has come to, in tables, and one order's story with notes beside it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.models import Order
from sagas.models import Saga
from sagas.projection import Entry, timeline
from sagas.reconciliation import PREDICATES, Finding
from shop.demo import books
from shop.demo.observe import Recovery, ends, too_few
from shop.demo.plan import Plan
from shop.demo.screen import Screen
from shop.demo.ways import WORDS, Way

#: How many findings are told one by one.
_FINDINGS = 50
#: What a reader should notice, by event.
_NOTES = {
    "orders.CancelRequested": gettext_lazy("a wish: only shipping knows if the parcel has left"),
    "shipping.CancelAccepted": gettext_lazy("it has not, and will not"),
    "orders.OrderCancelled": gettext_lazy("from here on it only goes back"),
    "shipping.ShipmentStopped": gettext_lazy("first the parcel ..."),
    "payments.RefundPlanned": gettext_lazy("... then the money: kept safe before it is sent"),
    "payments.PaymentRefunded": gettext_lazy("a refund, not a void: it had been captured"),
    "inventory.StockReleased": gettext_lazy("... and the stock last"),
    "orders.OrderUndone": gettext_lazy("nothing of it is left"),
    "sagas.CallUnanswered": gettext_lazy("unknown is not failed: asked again under the same key"),
    "sagas.StepRefused": gettext_lazy("what was still to come is taken back"),
}


def tell_ends(screen: Screen, plan: Plan) -> None:
    """Say how the sagas ended."""
    screen.heading(_("How the sagas ended"))
    screen.table([(name, status, count) for name, status, count in ends(plan.prefix)])


def tell_ways(screen: Screen, plan: Plan, seen: dict[str, Way | None]) -> None:
    """Say how many orders went each way, and how many were meant to."""
    planned = Counter(order.way for order in plan.orders)
    counts = Counter(seen.values())
    few = too_few(plan, seen)
    screen.heading(_("Which way the orders went"))
    rows: list[tuple[object, ...]] = [(_("way"), _("planned"), _("seen"), "")]
    rows += [
        (WORDS[way], planned[way], counts[way], _("too few!") if way in few else "") for way in Way
    ]
    if counts[None]:
        rows.append((_("not ended"), 0, counts[None], ""))
    screen.table(rows)


def tell_books(screen: Screen, plan: Plan) -> None:
    """Hold totals against the provider's and the carrier's own books."""
    screen.heading(_("Money, in minor units"))
    screen.table([("", _("our books"), _("the provider's")), *_money_rows(plan.prefix)])
    screen.heading(_("Parcels"))
    screen.table([("", _("our books"), _("the carrier's")), *_parcel_rows(plan.prefix)])
    screen.heading(_("Stock, in units"))
    screen.table([(_("came in"), books.came_in()), *books.buckets().items()])


def _money_rows(prefix: str) -> Iterator[tuple[object, ...]]:
    kinds, balances = books.booked(prefix), books.balances(prefix)
    yield _("authorised"), kinds["authorise"], sum(b.authorised_minor for b in balances)
    given_up = sum(b.voided_minor + b.expired_minor for b in balances)
    yield _("voided"), kinds["void"] + kinds["lapse"], given_up
    yield _("captured"), kinds["capture"], sum(b.captured_minor for b in balances)
    refunded = kinds["refund"] - kinds["refund_failed"]
    yield _("refunded"), refunded, sum(b.refunded_minor for b in balances)
    by_banks = sum(b.charged_back_minor for b in balances)
    yield _("taken back by banks"), kinds["chargeback"], by_banks
    kept = kinds["capture"] - refunded - kinds["chargeback"]
    yield _("kept"), kept, sum(b.kept_minor for b in balances)


def _parcel_rows(prefix: str) -> Iterator[tuple[object, ...]]:
    sent, back, theirs = books.sent(prefix), books.came_back(prefix), books.parcels(prefix)
    stopped = back.filter(is_intercept=True).count()
    again = back.filter(sent_back_tracking__isnull=False).count()
    theirs_too = Counter((p.kind, p.state) for p in theirs if not p.intercepted)
    caught = [p for p in theirs if p.intercepted and p.state == "received"]
    yield _("delivered"), sent["delivered"], theirs_too["book", "delivered"]
    yield _("lost"), sent["lost"], theirs_too["book", "lost"]
    yield _("label voided"), sent["stopped"], theirs_too["book", "void"]
    yield _("stopped on its way"), stopped, len(caught)
    yield _("sent back"), back.count() - stopped, theirs_too["book_return", "received"]
    yield _("refused, sent again"), again, theirs_too["send_back", "delivered"]


def tell_recovery(screen: Screen, found: Recovery, *, lost_hints: int) -> None:
    """Say how often the engine had to help itself."""
    screen.heading(_("What went wrong on the way, and was mended"))
    screen.table(
        [
            (_("calls whose answer was asked for again"), found.inquiries),
            (_("leases that expired"), found.expired_leases),
            (_("late workers whose outcome was refused"), found.refused_fences),
            (_("hints lost by this process"), lost_hints),
        ]
    )


def tell_story(screen: Screen, plan: Plan, seen: dict[str, Way | None]) -> None:
    """Tell one order that went wrong, event by event."""
    number = _worth_telling(plan, seen)
    if number is None:
        return
    order = Order.objects.get(number=number)
    saga = Saga.objects.get(choreography="checkout", key=str(order.pk))
    screen.heading(_("The story of order %(number)s") % {"number": number})
    for entry in timeline(saga):
        screen.line(_told(entry))


def _worth_telling(plan: Plan, seen: dict[str, Way | None]) -> str | None:
    """Return the number of a cancelled order, if possible one whose refund had trouble, too."""
    cancelled = [order for order in plan.orders if seen.get(order.number) is Way.CANCEL_CAPTURED]
    cancelled.sort(key=lambda order: not order.faults)
    return cancelled[0].number if cancelled else None


def _told(entry: Entry) -> str:
    note = _NOTES.get(entry.type)
    return "  ".join(
        part
        for part in (
            f"  {entry.position:>3}",
            f"{entry.when:%H:%M:%S}",
            f"{entry.service:<9}",
            f"{entry.what:<48}",
            entry.change,
            f"<- {note}" if note else "",
        )
        if part
    ).rstrip()


def tell_findings(screen: Screen, findings: Sequence[Finding]) -> None:
    """Say what does not hold."""
    screen.heading(_("The audit: every order, payment, unit and parcel, against all books"))
    if not findings:
        names = {"names": ", ".join(sorted(PREDICATES))}
        screen.line(_("  all invariants hold: %(names)s") % names)
    for finding in findings[:_FINDINGS]:
        screen.line(f"  {finding}")
    if len(findings) > _FINDINGS:
        screen.line(_("  ... and %(count)d more") % {"count": len(findings) - _FINDINGS})
