"""Stock: I1-I6: every unit is in one bucket, and the buckets are what orders say they are."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sagas.reconciliation import Finding
from shop.audit.ours import Item, Ours, Returned

#: How long after its end a reservation may still be kept (I6).
_GRACE = timedelta(minutes=1)
_OVER = ("cancelled", "completed", "lost", "returned")
_BUCKETS = ("available", "reserved", "committed", "out", "quarantine", "damaged")
#: Where the units of a reservation are that it keeps in the house.
_KEEPS = {
    "reserved": "reserved",
    "extended": "reserved",
    "committed": "committed",
    "partly_out": "committed",
}


def stock(ours: Ours) -> Iterator[Finding]:
    """Yield what does not hold about stock."""
    expected = _expected(ours)
    for item in ours.items:
        yield from _adds_up(item, ours)
        yield from _as_booked(item, expected[item.id])
    yield from _nothing_kept_for_the_ended(ours)
    yield from _nothing_kept_too_long(ours)


def _adds_up(item: Item, ours: Ours) -> Iterator[Finding]:
    where = f"article {item.sku}"
    units = {bucket: getattr(item, bucket) for bucket in _BUCKETS}
    came = ours.adjusted.get(item.sku, 0)
    if sum(units.values()) != came:
        detail = f"{came} units came in, {sum(units.values())} are in the buckets"
        yield Finding(invariant="I1", where=where, detail=detail)
    for bucket, quantity in units.items():
        if quantity < 0:
            detail = f"{quantity} units are {bucket}"
            yield Finding(invariant="I2", where=where, detail=detail)


def _expected(ours: Ours) -> defaultdict[str, Counter[str]]:
    """Return the units that reservations and returned goods put in each bucket, by item."""
    units: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in ours.reserved:
        if line.state in _KEEPS:
            units[line.item][_KEEPS[line.state]] += line.kept
        units[line.item]["out"] += line.out - line.lost
        units[line.item]["damaged"] += line.short + line.lost
    for goods in ours.goods:
        units[goods.item].update(_came_back(goods))
    return units


def _came_back(goods: Returned) -> Counter[str]:
    """Return where the units of a return are now; what is the shop's fault is not sold again."""
    if goods.state in ("expected", "dropped"):
        return Counter()
    if goods.state == "quarantined":
        return Counter(out=-goods.quantity, quarantine=goods.quantity)
    units = Counter(out=-goods.quantity, damaged=goods.damaged)
    units["quarantine"] = goods.sellable if goods.is_fault else 0
    units["out" if goods.state == "sent_back" else "quarantine"] += goods.refused
    return units


def _as_booked(item: Item, booked: Counter[str]) -> Iterator[Finding]:
    """I3 and I5: a bucket is the sum of what reservations and returns have put there."""
    for bucket in _BUCKETS[1:]:
        quantity = getattr(item, bucket)
        if quantity != booked[bucket]:
            invariant = "I3" if bucket in ("reserved", "committed") else "I5"
            detail = f"{quantity} units are {bucket}, orders account for {booked[bucket]}"
            yield Finding(invariant=invariant, where=f"article {item.sku}", detail=detail)


def _nothing_kept_for_the_ended(ours: Ours) -> Iterator[Finding]:
    """I4: an order that is over keeps no stock from others, nor does a case that came to nothing.

    The replacement of a case may leave after both have ended.
    """
    for line in ours.reserved:
        state = ours.states.get(line.holder, "unknown")
        over = _OVER if line.holder == line.order else ("rejected",)
        if line.state in _KEEPS and line.kept and state in (*over, "unknown"):
            detail = f"{line.kept} {line.sku} are {line.state} for one that is {state}"
            yield Finding(invariant="I4", where=f"order {line.order}", detail=detail)


def _nothing_kept_too_long(ours: Ours) -> Iterator[Finding]:
    """I6: what nobody paid for in time is free again."""
    for line in ours.reserved:
        if line.state in ("reserved", "extended") and line.expires_at is not None:
            end = _aware(line.expires_at)
            if end + _GRACE < ours.read_at:
                detail = f"{line.kept} {line.sku} were kept until {end:%Y-%m-%d %H:%M}"
                yield Finding(invariant="I6", where=f"order {line.order}", detail=detail)


def _aware(moment: datetime | str) -> datetime:
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)
