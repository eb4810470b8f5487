"""Commands of inventory: count, buy, throw away; miss what was kept; look at what came back.

What orders need is decided by the participant. `actor` says who: "warehouse:lee", "admin:kim".
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import router
from django.db.models import Model
from django.utils.translation import gettext as _

from inventory import inspection, stock
from inventory.events import ShortageFound, ShortLine, StockAdjusted
from inventory.inspection import Verdict
from inventory.models import Reservation, ReservationLine, ReturnedGoods, ReturnedLine, StockItem
from sagas.locks import for_update
from sagas.outbox import publish, saga_transaction
from sagas.rows import update_rows

__all__ = [
    "InvalidAdjustment",
    "InvalidInput",
    "InvalidInspection",
    "InvalidShortage",
    "Verdict",
    "adjust_stock",
    "inspect",
    "receive_goods",
    "report_all_missing",
    "report_shortage",
    "set_stock",
    "unknown_skus",
]


class InvalidInput(ValueError):
    """What was given can't be done: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.message = message


class InvalidAdjustment(InvalidInput):
    """An adjustment that can't be made."""


class InvalidShortage(InvalidInput):
    """A shortage that can't be: so much is not kept."""


class InvalidInspection(InvalidInput):
    """An inspection that does not fit the goods."""


# -- adjusting ------------------------------------------------------------------------------


def adjust_stock(sku: str, delta: int, *, reason: str, actor: str = "") -> StockItem:
    """Add `delta` units to what is available (or take them away) and announce it.

    Raises StockItem.DoesNotExist; InvalidAdjustment when nothing changes, when no reason is given,
    or when more would go than is available: units that are kept for orders can't be taken away.
    """
    _refuse_pointless(delta, reason)
    found = StockItem.objects.using(router.db_for_write(StockItem)).get(sku=sku)
    with saga_transaction(found, actor=actor) as item:
        if item.available + delta < 0:
            message = _("%(sku)s: %(available)d units are available, %(delta)d can't go.")
            values = {"sku": sku, "available": item.available, "delta": -delta}
            raise InvalidAdjustment("not_available", message % values)
        _adjust(item, delta, reason)
    return item


def _adjust(item: StockItem, delta: int, reason: str) -> None:
    item.available += delta
    publish(StockAdjusted(item_id=item.pk, sku=item.sku, delta=delta, reason=reason), of=item)


def _refuse_pointless(delta: int, reason: str) -> None:
    if delta == 0:
        raise InvalidAdjustment("no_change", _("An adjustment of 0 units changes nothing."))
    if not reason:
        raise InvalidAdjustment("no_reason", _("An adjustment needs a reason."))


def receive_goods(units: Mapping[str, int], *, reason: str, actor: str = "") -> None:
    """Add units of many articles at once, new ones included, and announce each article's.

    Raises InvalidAdjustment when an article gets none or fewer, or when no reason is given.
    """
    for sku, delta in units.items():
        _refuse_pointless(delta, reason)
        if delta < 0:
            message = _("%(sku)s: %(delta)d units can't be received.") % {
                "sku": sku,
                "delta": delta,
            }
            raise InvalidAdjustment("not_received", message)
    if not units:
        return
    StockItem.objects.bulk_create((StockItem(sku=sku) for sku in units), ignore_conflicts=True)
    rows = StockItem.objects.filter(sku__in=units).order_by("pk")
    first, *rest = rows
    with saga_transaction(first, actor=actor, beside=rest) as row:
        others = list(for_update(rows.exclude(pk=row.pk)))
        for item in (row, *others):
            _adjust(item, units[item.sku], reason)
        _write(others, ["available"])


def set_stock(sku: str, available: int, *, reason: str = "counted", actor: str = "") -> StockItem:
    """Make exactly `available` units available; the item is created if it is new."""
    item, _created = StockItem.objects.get_or_create(sku=sku)
    if item.available == available:
        return item
    return adjust_stock(sku, available - item.available, reason=reason, actor=actor)


def unknown_skus(skus: Iterable[str]) -> set[str]:
    """Return those of `skus` that no stock item has; one query, whatever their number."""
    asked = set(skus)
    return asked - set(StockItem.objects.filter(sku__in=asked).values_list("sku", flat=True))


# -- missing what was kept ------------------------------------------------------------------


def report_shortage(
    order_id: UUID, lines: Mapping[str, int], *, reason: str, actor: str
) -> ShortageFound:
    """Say that kept units of an order are not where they should be, by article, and announce it.

    They count as damaged from now on, and orders decides what is still sent (D-9, D-10, D-11).
    Raises Reservation.DoesNotExist; InvalidShortage when the order keeps fewer units, or none.
    """
    found = Reservation.objects.get(holder_id=order_id, order_id=order_id)
    with saga_transaction(found, actor=actor) as row:
        if row.state not in Reservation.BUCKETS:
            message = _("Order %(order)s keeps no stock: it is %(state)s.")
            values = {"order": order_id, "state": row.get_state_display()}
            raise InvalidShortage("nothing_kept", message % values)
        kept = list(for_update(row.lines.order_by("pk")))
        items = _lock_items(kept)
        _refuse_more_than_kept(kept, items, lines)
        for line, item, count in stock.asked_of(kept, items, lines):
            line.miss(item, count, bucket=row.bucket)
        _write(kept, ["short"])
        _write(items, [row.bucket, "damaged"])
        missed = tuple(ShortLine(sku=sku, quantity=count) for sku, count in lines.items())
        fact = ShortageFound(order_id=order_id, lines=missed)
        publish(fact, of=row, reason=reason)
    return fact


def report_all_missing(reservation: Reservation, *, reason: str, actor: str) -> ShortageFound:
    """Say that nothing of what an order still keeps is there; raises as `report_shortage`."""
    if reservation.holder_id != reservation.order_id:
        message = _("It is kept for case %(case)s: only an order's stock can be reported missing.")
        raise InvalidShortage("replacement", message % {"case": reservation.holder_id})
    kept = reservation.lines.select_related("item")
    missed = {line.item.sku: line.kept for line in kept if line.kept}
    return report_shortage(reservation.holder_id, missed, reason=reason, actor=actor)


def _lock_items(lines: Sequence[ReservationLine] | Sequence[ReturnedLine]) -> list[StockItem]:
    """Lock the articles of lines that are locked already (decision 8)."""
    using = lines[0]._state.db if lines else None
    rows = StockItem.objects.using(using).filter(pk__in={line.item_id for line in lines})
    return list(for_update(rows.order_by("pk")))


def _write(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write these fields of rows of one model: as many statements as it takes, not one for each."""
    if rows:
        update_rows(rows[0]._state.db or "default", rows, fields)


def _refuse_more_than_kept(
    lines: Iterable[ReservationLine], items: Iterable[StockItem], missed: Mapping[str, int]
) -> None:
    if not missed:
        raise InvalidShortage("empty", _("A shortage needs at least one article."))
    kept = {item.sku: line.kept for line, item in stock.with_items(lines, items)}
    for sku, count in missed.items():
        if not 1 <= count <= kept.get(sku, 0):
            message = _("%(sku)s: %(kept)d units are kept for the order, %(count)d can't miss.")
            values = {"sku": sku, "kept": kept.get(sku, 0), "count": count}
            raise InvalidShortage("not_kept", message % values)


# -- looking at what came back --------------------------------------------------------------


def inspect(
    goods: ReturnedGoods,
    verdicts: Mapping[int, Verdict],
    *,
    actor: str,
    reason: str = "",
    fault: bool | None = None,
) -> ReturnedGoods:
    """Say what was found of goods in quarantine, for each line of the order, and announce it.

    Sellable units are available again, unless the return is the shop's own fault (D-18); refused
    ones wait to be sent back (D-19). `fault` is whether the shop is to blame; it has to be said
    where the customer claims so and something is accepted, and counts only where they do. Raises
    InvalidInspection without it, when the goods are not in quarantine, or when the verdicts do not
    speak of every unit.
    """
    with saga_transaction(goods, actor=actor) as row:
        if row.state != ReturnedGoods.State.QUARANTINED:
            message = _("Goods that are %(state)s can't be inspected.")
            values = {"state": row.get_state_display()}
            raise InvalidInspection("not_in_quarantine", message % values)
        lines = list(for_update(row.lines.order_by("pk")))
        _refuse_misfit(lines, verdicts)
        if fault is None:
            _refuse_unjudged(row, verdicts)
        items = _lock_items(lines)
        fact = inspection.book(row, lines, items, verdicts, fault=bool(fault))
        _write(lines, ["sellable", "damaged", "refused"])
        _write(items, ["available", "quarantine", "damaged"])
        publish(fact, of=row, reason=reason)
    return row


def _refuse_unjudged(goods: ReturnedGoods, verdicts: Mapping[int, Verdict]) -> None:
    """Let nobody pay for what a customer only claims (D-18)."""
    if goods.is_claimed and any(found.accepted for found in verdicts.values()):
        message = _("The customer says that the shop is to blame: say whether it is.")
        raise InvalidInspection("fault_unsaid", message)


def _refuse_misfit(lines: Sequence[ReturnedLine], verdicts: Mapping[int, Verdict]) -> None:
    unknown = sorted(verdicts.keys() - {line.line_no for line in lines})
    if unknown:
        message = _("Line %(n)d is not part of these goods.") % {"n": unknown[0]}
        raise InvalidInspection("unknown_line", message)
    for line in lines:
        found = verdicts.get(line.line_no, Verdict())
        if found.units != line.quantity or min(found.sellable, found.damaged, found.refused) < 0:
            message = _("Line %(n)d: %(quantity)d units came back, not %(found)d.")
            values = {"n": line.line_no, "quantity": line.quantity, "found": found.units}
            raise InvalidInspection("wrong_count", message % values)
