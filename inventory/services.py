"""Commands of inventory: count, buy, throw away. What orders need is decided by the participant."""

from collections.abc import Iterable, Mapping

from django.db import router, transaction
from django.utils.translation import gettext as _

from inventory.events import StockAdjusted
from inventory.models import StockItem
from sagas.locks import for_update
from sagas.outbox import publish, saga_transaction


class InvalidAdjustment(ValueError):
    """An adjustment that can't be made: `code` for programs, `message` for people."""

    def __init__(self, code: str, message: str) -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.code = code
        self.message = message


def adjust_stock(sku: str, delta: int, *, reason: str, actor: str = "") -> StockItem:
    """Add `delta` units to what is available (or take them away) and announce it.

    Raises StockItem.DoesNotExist; InvalidAdjustment when nothing changes, when no reason is given,
    or when more would go than is available: units that are kept for orders can't be taken away.
    """
    _refuse_pointless(delta, reason)
    using = router.db_for_write(StockItem)
    with transaction.atomic(using=using):
        item = for_update(StockItem.objects.using(using).filter(sku=sku)).get()
        if item.available + delta < 0:
            message = _("%(sku)s: %(available)d units are available, %(delta)d can't go.")
            values = {"sku": sku, "available": item.available, "delta": -delta}
            raise InvalidAdjustment("not_available", message % values)
        item.available += delta
        item.save(using=using, update_fields=["available"])
        fact = StockAdjusted(item_id=item.pk, sku=sku, delta=delta, reason=reason)
        publish(fact, of=item, actor=actor)
    return item


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
    StockItem.objects.bulk_create((StockItem(sku=sku) for sku in units), ignore_conflicts=True)
    first = StockItem.objects.filter(sku__in=units).order_by("pk").first()
    if first is None:
        return
    with saga_transaction(first, actor=actor) as row:
        rows = StockItem.objects.filter(sku__in=units).exclude(pk=row.pk)
        others = list(for_update(rows.order_by("pk")))
        for item in (row, *others):
            delta = units[item.sku]
            item.available += delta
            fact = StockAdjusted(item_id=item.pk, sku=item.sku, delta=delta, reason=reason)
            publish(fact, of=item)
        StockItem.objects.bulk_update(others, ["available"], batch_size=200)


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
