"""Parcels: X1-X5 across contexts, and P1: the carrier knows the same parcels in the same states."""

from collections import Counter
from collections.abc import Iterator

from sagas.reconciliation import Finding
from shop.audit.ours import Order, Ours, ReturnParcel, Shipment
from shop.audit.theirs import Theirs

_GONE = ("handed_over", "delivered", "lost")
_CANCELLED = ("cancelled", "cancelling")
_ENDED = ("cancelled", "returned", "lost")
#: What the carrier may say of a parcel whose state we know. A label that it did not take back is
#: a cost, nothing worse (D-14).
_SAME = {
    "labelled": ("label",),
    "held": ("label",),
    "voiding": ("label", "void"),
    "stopped": ("label", "void"),
    "handed_over": ("handed_over",),
    "delivered": ("delivered",),
    "lost": ("lost",),
    "received": ("received",),
}


def parcels(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """Yield what does not hold between orders, parcels, money and units."""
    sent = {shipment.order: shipment for shipment in ours.shipments}
    for order in ours.orders.values():
        yield from _cancelled_stays(order, sent.get(order.id))
        yield from _sent_is_paid(order, sent.get(order.id), theirs)
    yield from _carrier_left_it(ours, theirs)
    yield from _paid_is_alive(ours, theirs)
    yield from _units(ours)
    yield from _returned_is_refunded(ours)
    yield from _both_sides_agree(ours, theirs)


def _cancelled_stays(order: Order, sent: Shipment | None) -> Iterator[Finding]:
    """X1 by our own books."""
    if order.state in _CANCELLED and sent is not None and sent.state in _GONE:
        detail = f"is {order.state}; we say that its parcel is {sent.state}"
        yield Finding(invariant="X1", where=f"order {order.number}", detail=detail)


def _carrier_left_it(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """X1 by the carrier's books."""
    states = {order.number: order.state for order in ours.orders.values()}
    for parcel in theirs.parcels.values():
        state = states.get(parcel.reference)
        if state in _CANCELLED and parcel.direction == "out" and parcel.state in _GONE:
            detail = f"is {state}; the carrier says that its parcel is {parcel.state}"
            yield Finding(invariant="X1", where=f"order {parcel.reference}", detail=detail)


def _sent_is_paid(order: Order, sent: Shipment | None, theirs: Theirs) -> Iterator[Finding]:
    captured = theirs.balance(order.number).captured_minor
    if sent is not None and sent.state in _GONE and captured < order.total:
        detail = f"its parcel is {sent.state}; {captured} captured of {order.total}"
        yield Finding(invariant="X2", where=f"order {order.number}", detail=detail)


def _paid_is_alive(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    states = {order.number: order.state for order in ours.orders.values()}
    unsettled = {ours.orders[loss.order].number for loss in ours.losses if loss.state != "settled"}
    for number, balance in theirs.balances.items():
        state = states.get(number, "not known here")
        is_ended = state in (*_ENDED, "not known here") and number not in unsettled
        if balance.kept_minor and is_ended:
            detail = f"{balance.kept_minor} {balance.currency} kept of an order that is {state}"
            yield Finding(invariant="X3", where=f"order {number}", detail=detail)


def _units(ours: Ours) -> Iterator[Finding]:
    """X4: returned units were shipped, shipped units were ordered."""
    for line in ours.lines:
        where = f"order {ours.orders[line.order].number}, line {line.line_no}"
        booked = (line.returned, line.return_pending)
        asked = (line.returned_by_returns, line.pending_by_returns)
        if sum(booked) > line.quantity or booked != asked:
            detail = (
                f"{line.quantity} sold; {line.returned} back and {line.return_pending} on their"
                f" way by the line, {asked[0]} and {asked[1]} by its returns"
            )
            yield Finding(invariant="X4", where=where, detail=detail)
    yield from _shipped_as_ordered(ours)


def _shipped_as_ordered(ours: Ours) -> Iterator[Finding]:
    ordered, shipped, back = Counter[str](), Counter[str](), Counter[str]()
    names = {}
    for line in ours.lines:
        names[line.order + line.sku] = f"order {ours.orders[line.order].number}, {line.sku}"
        ordered[line.order + line.sku] += line.quantity
    for kept in ours.reserved:
        if kept.state in ("out", "written_off"):
            shipped[kept.order + kept.sku] += kept.quantity
    for goods in ours.goods:
        if goods.state in ("quarantined", "inspected"):
            back[goods.order + goods.sku] += goods.quantity
    for key, where in names.items():
        if not back[key] <= shipped[key] <= ordered[key]:
            detail = f"{ordered[key]} ordered, {shipped[key]} shipped, {back[key]} back"
            yield Finding(invariant="X4", where=where, detail=detail)


def _returned_is_refunded(ours: Ours) -> Iterator[Finding]:
    paid = {refund.return_id for refund in ours.refunds if refund.state == "paid"}
    here = {
        goods.return_id
        for goods in ours.goods
        if goods.state == "inspected" and goods.order in ours.orders
    }
    for return_id in sorted(here - paid):
        detail = "its goods are back, its money is not"
        yield Finding(invariant="X5", where=f"return {return_id}", detail=detail)


def _both_sides_agree(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    known = set()
    rows: list[Shipment | ReturnParcel] = [*ours.shipments, *ours.return_parcels]
    for row in rows:
        if row.tracking is None:
            continue
        known.add(row.tracking)
        parcel = theirs.parcels.get(row.tracking)
        said = parcel.state if parcel else "not known"
        if said not in _SAME.get(row.state, ()):
            detail = f"is {row.state} here and {said} at the carrier"
            yield Finding(invariant="P1", where=f"parcel {row.tracking}", detail=detail)
    for tracking in sorted(theirs.parcels.keys() - known):
        parcel = theirs.parcels[tracking]
        detail = f"of order {parcel.reference} is {parcel.state} at the carrier and not known here"
        yield Finding(invariant="P1", where=f"parcel {tracking}", detail=detail)
