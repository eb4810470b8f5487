"""Ours: the shop's own tables, read with plain SQL; no model and no service has a say here.

Ids are 32 hexadecimal digits on every database, amounts are in minor units.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection, transaction


class Order(NamedTuple):
    """An order as it stands."""

    id: str
    number: str
    state: str
    total: int
    currency: str


class Payment(NamedTuple):
    """What our books say the provider did for an order."""

    id: str
    order: str
    number: str
    state: str
    currency: str
    authorised: int
    #: Taken without having been reserved.
    direct: int
    captured: int
    voided: int
    refunded: int
    pending: int
    charged_back: int


class LedgerEntry(NamedTuple):
    """One line of our ledger."""

    payment: str
    kind: str
    reference: str
    amount: int
    currency: str


class Refund(NamedTuple):
    """Money that goes back, and for which case."""

    id: str
    order: str
    case: str
    kind: str
    state: str
    amount: int
    reference: str | None


class Case(NamedTuple):
    """Why something was undone or given back, what it comes to, and what its lines do."""

    id: str
    order: str
    kind: str
    state: str
    is_whole: bool
    #: The money was never taken, so that none goes back.
    is_uncharged: bool
    remedy: str
    refund: int
    goods: int
    #: What was paid for its lines; None where it has none.
    lines: int | None
    #: Units: all, and those that were accepted.
    quantity: int
    accepted: int
    coupon: int
    points: int


class SoldLine(NamedTuple):
    """A line of an order, and what became of its units by orders and by its cases."""

    order: str
    line_no: int
    sku: str
    quantity: int
    cancelled: int
    shipped: int
    #: Asked to come back and not judged yet.
    return_pending: int
    #: Came back, for money or for other goods.
    returned: int
    lost: int
    pending_by_cases: int
    returned_by_cases: int


class Benefit(NamedTuple):
    """A coupon or points that paid for a part of an order."""

    order: str
    kind: str
    used: int
    restored: int


class Item(NamedTuple):
    """A stock item and its buckets."""

    id: str
    sku: str
    available: int
    reserved: int
    committed: int
    out: int
    quarantine: int
    damaged: int


class Reserved(NamedTuple):
    """One line of a reservation; `holder` is its order, or the case whose replacement it is."""

    holder: str
    order: str
    state: str
    expires_at: datetime | None
    item: str
    sku: str
    quantity: int
    out: int
    released: int
    short: int
    lost: int

    @property
    def kept(self) -> int:
        """How many units it keeps in the house, where it keeps any."""
        return self.quantity - self.out - self.released - self.short


class Returned(NamedTuple):
    """One line of returned goods."""

    case: str
    order: str
    state: str
    is_fault: bool
    item: str
    sku: str
    quantity: int
    sellable: int
    damaged: int
    refused: int


class Shipment(NamedTuple):
    """A parcel of an order, or of a replacement."""

    id: str
    order: str
    case: str | None
    number: str
    state: str
    tracking: str | None


class Sent(NamedTuple):
    """So many units of an article that left the house in one parcel."""

    shipment: str
    order: str
    case: str | None
    sku: str
    quantity: int


class ReturnParcel(NamedTuple):
    """A parcel on its way back, and the one in which refused goods leave again."""

    case: str
    order: str
    state: str
    is_intercept: bool
    tracking: str | None
    sent_back_tracking: str | None


_SQL: dict[type, str] = {
    Order: "SELECT id, number, state, total_minor, currency FROM orders_order",
    Payment: """
        SELECT id, order_id, number, state, currency, authorised_minor, direct_minor,
               captured_minor, voided_minor, refunded_minor, pending_minor, charged_back_minor
          FROM payments_payment""",
    LedgerEntry: """
        SELECT payment_id, kind, reference, amount_minor, currency FROM payments_ledgerentry""",
    Refund: """
        SELECT r.id, r.order_id, r.case_id, r.{case}, r.state, r.amount_minor, r.provider_refund_id
          FROM payments_refund r""",
    Case: """
        SELECT c.id, c.order_id, c.kind, c.state, c.is_whole, c.is_uncharged, c.remedy,
               c.refund_minor, c.goods_minor, SUM(l.amount_minor),
               COALESCE(SUM(l.quantity), 0), COALESCE(SUM(l.accepted), 0),
               c.coupon_minor, c.points_minor
          FROM orders_case c LEFT JOIN orders_caseline l ON l.case_id = c.id
         GROUP BY c.id, c.order_id, c.kind, c.state, c.is_whole, c.is_uncharged, c.remedy,
                  c.refund_minor, c.goods_minor, c.coupon_minor, c.points_minor""",
    SoldLine: """
        SELECT s.order_id, s.line_no, s.sku, s.quantity, s.cancelled, s.shipped, s.return_pending,
               s.returned + s.exchanged, s.lost + s.lost_pending,
               COALESCE(SUM(CASE WHEN c.state = 'open' AND NOT c.is_goods_done
                                 THEN l.quantity END), 0),
               COALESCE(SUM(CASE WHEN c.state IN ('accepted', 'settled') THEN l.accepted END), 0)
          FROM orders_soldline s
          LEFT JOIN orders_caseline l ON l.line_id = s.id
               AND l.case_id IN (SELECT id FROM orders_case
                                  WHERE kind IN ('return', 'exchange', 'fraud_cancel'))
          LEFT JOIN orders_case c ON c.id = l.case_id
         GROUP BY s.id, s.order_id, s.line_no, s.sku, s.quantity, s.cancelled, s.shipped,
                  s.return_pending, s.returned, s.exchanged, s.lost, s.lost_pending""",
    Benefit: "SELECT order_id, kind, used_minor, restored_minor FROM orders_benefit",
    Item: """
        SELECT i.id, i.sku, i.available, i.reserved, i.committed, i.out, i.quarantine, i.damaged
          FROM inventory_stockitem i""",
    Reserved: """
        SELECT r.holder_id, r.order_id, r.state, r.expires_at, i.id, i.sku,
               l.quantity, l.out, l.released, l.short, l.lost
          FROM inventory_reservation r
          JOIN inventory_reservationline l ON l.reservation_id = r.id
          JOIN inventory_stockitem i ON i.id = l.item_id""",
    Returned: """
        SELECT g.case_id, g.order_id, g.state, g.is_fault, i.id, i.sku,
               l.quantity, l.sellable, l.damaged, l.refused
          FROM inventory_returnedgoods g
          JOIN inventory_returnedline l ON l.goods_id = g.id
          JOIN inventory_stockitem i ON i.id = l.item_id""",
    Shipment: "SELECT id, order_id, case_id, number, state, tracking FROM shipping_shipment",
    Sent: """
        SELECT s.id, s.order_id, s.case_id, l.sku, l.sent
          FROM shipping_shipment s JOIN shipping_shipmentline l ON l.shipment_id = s.id
         WHERE l.sent > 0""",
    ReturnParcel: """
        SELECT case_id, order_id, state, is_intercept, tracking, sent_back_tracking
          FROM shipping_returnparcel""",
}
_ADJUSTMENTS = "SELECT payload FROM sagas_storedevent WHERE type = 'inventory.StockAdjusted'"

R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """One look at all of it. Orders, money and parcels may be narrowed; stock never is."""

    orders: dict[str, Order]
    #: Every order and every case there is, by id: stock belongs to all of them.
    states: dict[str, str]
    payments: tuple[Payment, ...]
    ledger: tuple[LedgerEntry, ...]
    refunds: tuple[Refund, ...]
    cases: tuple[Case, ...]
    lines: tuple[SoldLine, ...]
    benefits: tuple[Benefit, ...]
    items: tuple[Item, ...]
    reserved: tuple[Reserved, ...]
    goods: tuple[Returned, ...]
    shipments: tuple[Shipment, ...]
    sent: tuple[Sent, ...]
    return_parcels: tuple[ReturnParcel, ...]
    #: Units added and taken away by people, by SKU.
    adjusted: dict[str, int]
    read_at: datetime

    @classmethod
    def read(cls, prefix: str = "") -> "Ours":
        """Read everything in one transaction; orders only if their number begins with `prefix`."""
        with transaction.atomic():
            return cls._read(prefix)

    @classmethod
    def _read(cls, prefix: str) -> "Ours":
        everything, cases = _rows(Order), _rows(Case)
        orders = {order.id: order for order in everything if order.number.startswith(prefix)}
        payments = [p for p in _rows(Payment) if p.number.startswith(prefix)]
        held = {payment.id for payment in payments}
        return cls(
            orders=orders,
            states={
                **{order.id: order.state for order in everything},
                **{case.id: case.state for case in cases},
            },
            payments=tuple(payments),
            ledger=tuple(entry for entry in _rows(LedgerEntry) if entry.payment in held),
            refunds=_of(orders, _rows(Refund)),
            cases=_of(orders, cases),
            lines=_of(orders, _rows(SoldLine)),
            benefits=_of(orders, _rows(Benefit)),
            items=tuple(_rows(Item)),
            reserved=tuple(_rows(Reserved)),
            goods=tuple(_rows(Returned)),
            shipments=_of(orders, _rows(Shipment)),
            sent=_of(orders, _rows(Sent)),
            return_parcels=_of(orders, _rows(ReturnParcel)),
            adjusted=_adjusted(),
            read_at=datetime.now(UTC),
        )


def _of(orders: dict[str, Order], rows: Iterable[R]) -> tuple[R, ...]:
    return tuple(row for row in rows if row.order in orders)  # type: ignore[attr-defined]


def _rows(kind: type[R]) -> list[R]:
    with connection.cursor() as cursor:
        # Some databases keep the word to themselves.
        cursor.execute(_SQL[kind].format(case=connection.ops.quote_name("case")))
        return [kind(*map(_plain, row)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    """Return the same value whichever database it came from."""
    if isinstance(value, UUID):
        return value.hex
    return value


def _adjusted() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(_ADJUSTMENTS)
        payloads = [row[0] for row in cursor.fetchall()]
    total: dict[str, int] = {}
    for found in payloads:
        payload = json.loads(found) if isinstance(found, str) else found
        total[payload["sku"]] = total.get(payload["sku"], 0) + payload["delta"]
    return total
