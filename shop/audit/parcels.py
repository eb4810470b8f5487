"""Parcels: X1-X5 across contexts, and P1: the carrier knows the same parcels in the same states."""

from collections import Counter
from collections.abc import Iterator

from sagas.reconciliation import Finding
from shop.audit.ours import Order, Ours
from shop.audit.theirs import Theirs

_GONE = ("handed_over", "delivered", "lost", "intercepted")
_CANCELLED = ("cancelled", "cancelling")
#: What the carrier may say of a parcel whose state we know. A label that it did not take back is
#: a cost, nothing worse (D-14).
_OUT = {
    "labelled": ("label",),
    "held": ("label",),
    "voiding": ("label", "void"),
    "stopped": ("label", "void"),
    "handed_over": ("handed_over",),
    "delivered": ("delivered",),
    "lost": ("lost",),
    "intercepted": ("received",),
}
_BACK = {
    "labelled": ("label", "handed_over"),
    "intercepted": ("handed_over",),
    "received": ("received",),
    "sending_back": ("received",),
    "sent_back": ("received",),
    "kept": ("received",),
}
#: Refused goods on their way to the customer: nobody here follows them.
_AGAIN = ("label", "handed_over", "delivered", "lost")


def parcels(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """Yield what does not hold between orders, parcels, money and units."""
    yield from _cancelled_stays(ours)
    yield from _carrier_left_it(ours, theirs)
    yield from _sent_is_paid(ours, theirs)
    yield from _paid_is_alive(ours, theirs)
    yield from _units(ours)
    yield from _shipped_as_ordered(ours)
    yield from _returned_is_refunded(ours)
    yield from _both_sides_agree(ours, theirs)


def _cancelled_stays(ours: Ours) -> Iterator[Finding]:
    """X1 by our own books."""
    for sent in ours.shipments:
        order = ours.orders[sent.order]
        if order.state in _CANCELLED and sent.state in _GONE:
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


def _sent_is_paid(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """X2: nothing leaves that was not paid for."""
    gone = {sent.order: sent.state for sent in ours.shipments if sent.state in _GONE}
    uncharged = Counter[str]()
    for case in ours.cases:
        uncharged[case.order] += case.refund if case.is_uncharged else 0
    for order_id, state in gone.items():
        order = ours.orders[order_id]
        captured, asked = theirs.balance(order.number).captured_minor, order.total
        asked -= uncharged[order_id]
        if captured < asked:
            detail = f"its parcel is {state}; {captured} captured of {asked}"
            yield Finding(invariant="X2", where=f"order {order.number}", detail=detail)


def _paid_is_alive(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """X3: money is kept only of orders that live or have been sent."""
    orders: dict[str, Order] = {order.number: order for order in ours.orders.values()}
    owed = {refund.order for refund in ours.refunds if refund.state not in ("paid", "dropped")}
    for number, balance in theirs.balances.items():
        order = orders.get(number)
        state = order.state if order else "not known here"
        is_over = order is None or (order.state == "cancelled" and order.id not in owed)
        if balance.kept_minor and is_over:
            detail = f"{balance.kept_minor} {balance.currency} kept of an order that is {state}"
            yield Finding(invariant="X3", where=f"order {number}", detail=detail)


# -- units ----------------------------------------------------------------------------------------


def _units(ours: Ours) -> Iterator[Finding]:
    """X4 by orders: units came back as their cases say, and no more than were shipped."""
    for line in ours.lines:
        where = f"order {ours.orders[line.order].number}, line {line.line_no}"
        back = line.return_pending + line.returned + line.lost
        booked = (line.return_pending, line.returned)
        asked = (line.pending_by_cases, line.returned_by_cases)
        is_within = back <= line.shipped <= line.quantity - line.cancelled
        if not is_within or booked != asked:
            detail = (
                f"{line.quantity} sold, {line.cancelled} cancelled, {line.shipped} shipped,"
                f" {line.lost} lost; {booked[1]} back and {booked[0]} on their way by the line,"
                f" {asked[1]} and {asked[0]} by its cases"
            )
            yield Finding(invariant="X4", where=where, detail=detail)


def _shipped_as_ordered(ours: Ours) -> Iterator[Finding]:
    """X4 across contexts: orders, stock and parcels count the same units; fewer came back.

    An order that was paid too late and sent after all was sent as the replacement of its case.
    """
    by_orders, by_parcels = Counter[str](), Counter[str]()
    for line in ours.lines:
        by_orders[line.order + line.sku] += line.shipped
    for sent in ours.sent:
        by_parcels[sent.order + sent.sku] += 0 if sent.case else sent.quantity
    by_stock, replaced, back = _booked(ours)
    late = {case.order for case in ours.cases if case.kind == "late_success"}
    for key, line in {line.order + line.sku: line for line in ours.lines}.items():
        counts = (by_orders[key], by_stock[key], by_parcels[key])
        differ = len(set(counts)) > 1 and line.order not in late
        if differ or back[key] > by_stock[key] + replaced[key]:
            detail = (
                f"{counts[0]} shipped by orders, {counts[1]} by stock, {counts[2]} by parcels;"
                f" {back[key]} back"
            )
            where = f"order {ours.orders[line.order].number}, {line.sku}"
            yield Finding(invariant="X4", where=where, detail=detail)


def _booked(ours: Ours) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return the units that stock has booked out for orders and cases, and back in."""
    sent, replaced, back = Counter[str](), Counter[str](), Counter[str]()
    for line in ours.reserved:
        (sent if line.holder == line.order else replaced)[line.order + line.sku] += line.out
    for goods in ours.goods:
        if goods.state in ("quarantined", "inspected", "sent_back"):
            back[goods.order + goods.sku] += goods.quantity
    return sent, replaced, back


def _returned_is_refunded(ours: Ours) -> Iterator[Finding]:
    """X5: what was accepted of returned goods is paid for, unless other goods stand for it."""
    paid = {refund.case for refund in ours.refunds if refund.state in ("paid", "dropped")}
    owing = {case.id for case in ours.cases if case.refund or case.state != "settled"}
    here = {
        goods.case
        for goods in ours.goods
        if goods.sellable + goods.damaged and goods.order in ours.orders
    }
    for case_id in sorted(here & owing - paid):
        detail = "its goods are back, its money is not"
        yield Finding(invariant="X5", where=f"case {case_id}", detail=detail)


# -- the carrier ----------------------------------------------------------------------------------


def _both_sides_agree(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    known = dict(_known(ours))
    for tracking, (state, allowed) in known.items():
        parcel = theirs.parcels.get(tracking)
        said = parcel.state if parcel else "not known"
        if said not in allowed:
            detail = f"is {state} here and {said} at the carrier"
            yield Finding(invariant="P1", where=f"parcel {tracking}", detail=detail)
    for tracking in sorted(theirs.parcels.keys() - known.keys()):
        parcel = theirs.parcels[tracking]
        detail = f"of order {parcel.reference} is {parcel.state} at the carrier and not known here"
        yield Finding(invariant="P1", where=f"parcel {tracking}", detail=detail)


def _known(ours: Ours) -> Iterator[tuple[str, tuple[str, tuple[str, ...]]]]:
    """Yield every parcel's number, its state here, and what the carrier may say then.

    A parcel that is stopped on its way keeps its number: how it comes back counts.
    """
    for sent in ours.shipments:
        if sent.tracking:
            yield sent.tracking, (sent.state, _OUT.get(sent.state, ()))
    for back in ours.return_parcels:
        if back.tracking:
            yield back.tracking, (back.state, _BACK.get(back.state, ()))
        if back.sent_back_tracking:
            yield back.sent_back_tracking, (back.state, _AGAIN)
