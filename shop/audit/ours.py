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
    captured: int
    voided: int
    refunded: int
    pending: int


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
    kind: str
    return_id: str | None
    loss_id: str | None
    state: str
    amount: int
    reference: str | None


class Return(NamedTuple):
    """A return, and what its lines add up to."""

    id: str
    order: str
    state: str
    refund: int
    lines: int


class Loss(NamedTuple):
    """A lost parcel."""

    id: str
    order: str
    state: str


class AcceptedCase(NamedTuple):
    """A cancellation that was granted."""

    id: str
    order: str


class SoldLine(NamedTuple):
    """A line of an order: sold, back, on its way back; the last two by the returns themselves."""

    order: str
    line_no: int
    sku: str
    quantity: int
    returned: int
    return_pending: int
    returned_by_returns: int
    pending_by_returns: int


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
    """One line of a reservation."""

    order: str
    state: str
    expires_at: datetime | None
    item: str
    sku: str
    quantity: int


class Returned(NamedTuple):
    """One line of returned goods."""

    return_id: str
    order: str
    state: str
    item: str
    sku: str
    quantity: int
    damaged: int


class Shipment(NamedTuple):
    """An order's parcel."""

    order: str
    number: str
    state: str
    tracking: str | None


class ReturnParcel(NamedTuple):
    """A parcel on its way back."""

    return_id: str
    order: str
    state: str
    tracking: str | None


_SQL: dict[type, str] = {
    Order: "SELECT id, number, state, total_minor, currency FROM orders_order",
    Payment: """
        SELECT id, order_id, number, state, currency, authorised_minor, captured_minor,
               voided_minor, refunded_minor, pending_minor
          FROM payments_payment""",
    LedgerEntry: """
        SELECT payment_id, kind, reference, amount_minor, currency FROM payments_ledgerentry""",
    Refund: """
        SELECT id, order_id, kind, return_id, loss_id, state, amount_minor, provider_refund_id
          FROM payments_refund""",
    Return: """
        SELECT r.id, r.order_id, r.state, r.refund_minor, COALESCE(SUM(l.amount_minor), 0)
          FROM orders_return r LEFT JOIN orders_returnline l ON l.parent_id = r.id
         GROUP BY r.id, r.order_id, r.state, r.refund_minor""",
    Loss: "SELECT id, order_id, state FROM orders_loss",
    AcceptedCase: "SELECT id, order_id FROM orders_case WHERE outcome = 'accepted'",
    SoldLine: """
        SELECT s.order_id, s.line_no, s.sku, s.quantity, s.returned, s.return_pending,
               COALESCE(SUM(CASE WHEN r.state = 'completed' THEN l.quantity END), 0),
               COALESCE(SUM(CASE WHEN r.state = 'requested' THEN l.quantity END), 0)
          FROM orders_soldline s
          LEFT JOIN orders_returnline l ON l.line_id = s.id
          LEFT JOIN orders_return r ON r.id = l.parent_id
         GROUP BY s.id, s.order_id, s.line_no, s.sku, s.quantity, s.returned, s.return_pending""",
    Item: """
        SELECT i.id, i.sku, i.available, i.reserved, i.committed, i.out, i.quarantine, i.damaged
          FROM inventory_stockitem i""",
    Reserved: """
        SELECT r.order_id, r.state, r.expires_at, i.id, i.sku, l.quantity
          FROM inventory_reservation r
          JOIN inventory_reservationline l ON l.reservation_id = r.id
          JOIN inventory_stockitem i ON i.id = l.item_id""",
    Returned: """
        SELECT g.return_id, g.order_id, g.state, i.id, i.sku, l.quantity, l.damaged
          FROM inventory_returnedgoods g
          JOIN inventory_returnedline l ON l.goods_id = g.id
          JOIN inventory_stockitem i ON i.id = l.item_id""",
    Shipment: "SELECT order_id, number, state, tracking FROM shipping_shipment",
    ReturnParcel: "SELECT return_id, order_id, state, tracking FROM shipping_returnparcel",
}
_ADJUSTMENTS = "SELECT payload FROM sagas_storedevent WHERE type = 'inventory.StockAdjusted'"

R = TypeVar("R", bound=tuple[Any, ...])


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """One look at all of it. Orders, money and parcels may be narrowed; stock never is."""

    orders: dict[str, Order]
    #: Every order there is, by id: stock belongs to all of them.
    states: dict[str, str]
    payments: tuple[Payment, ...]
    ledger: tuple[LedgerEntry, ...]
    refunds: tuple[Refund, ...]
    returns: tuple[Return, ...]
    losses: tuple[Loss, ...]
    cases: tuple[AcceptedCase, ...]
    lines: tuple[SoldLine, ...]
    items: tuple[Item, ...]
    reserved: tuple[Reserved, ...]
    goods: tuple[Returned, ...]
    shipments: tuple[Shipment, ...]
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
        everything = _rows(Order)
        orders = {order.id: order for order in everything if order.number.startswith(prefix)}
        payments = [p for p in _rows(Payment) if p.number.startswith(prefix)]
        held = {payment.id for payment in payments}
        return cls(
            orders=orders,
            states={order.id: order.state for order in everything},
            payments=tuple(payments),
            ledger=tuple(entry for entry in _rows(LedgerEntry) if entry.payment in held),
            refunds=_of(orders, _rows(Refund)),
            returns=_of(orders, _rows(Return)),
            losses=_of(orders, _rows(Loss)),
            cases=_of(orders, _rows(AcceptedCase)),
            lines=_of(orders, _rows(SoldLine)),
            items=tuple(_rows(Item)),
            reserved=tuple(_rows(Reserved)),
            goods=tuple(_rows(Returned)),
            shipments=_of(orders, _rows(Shipment)),
            return_parcels=_of(orders, _rows(ReturnParcel)),
            adjusted=_adjusted(),
            read_at=datetime.now(UTC),
        )


def _of(orders: dict[str, Order], rows: Iterable[R]) -> tuple[R, ...]:
    return tuple(row for row in rows if row.order in orders)  # type: ignore[attr-defined]


def _rows(kind: type[R]) -> list[R]:
    with connection.cursor() as cursor:
        cursor.execute(_SQL[kind])
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
