"""Touched: the orders that a page of sagas is about: their checkouts, cases and refunds."""

import json
from datetime import timedelta
from typing import Final

from django.db import connections

from sagas.models import Saga, StoredEvent
from sagas.reconciliation import Look, Watermark, ask, share

#: Sagas that have a new event; the engine's own predicates share its pages.
SAGAS: Final = Watermark(model=StoredEvent, column="recorded_at", key="saga_id", of=Saga)
#: How long what follows from a fact may take to reach every context.
GRACE: Final = timedelta(minutes=10)

_KEY: Final = {
    "postgresql": "CASE WHEN LENGTH(s.key) = 36 THEN CAST(s.key AS uuid) END",
    "sqlite": "REPLACE(s.key, '-', '')",
    "mysql": "REPLACE(s.key, '-', '')",
}
# A saga that has just moved is looked at by a later run. Free lanes are about no order.
_ORDERS: Final = """
SELECT f.order_id, MIN(f.subject)
  FROM (SELECT COALESCE(o.id, k.order_id, r.order_id) AS order_id,
               CAST(c.id AS CHAR(36)) AS subject
          FROM changed c
          JOIN sagas_saga s ON s.id = c.id AND s.status <> 'free'
          LEFT JOIN orders_order o ON o.id = {key}
          LEFT JOIN orders_case k ON k.id = {key}
          LEFT JOIN payments_refund r ON r.id = {key}
         WHERE NOT EXISTS (
                SELECT 1 FROM sagas_storedevent e
                 WHERE e.saga_id = c.id AND e.recorded_at > %(settled)s)) f
 WHERE f.order_id IS NOT NULL
 GROUP BY f.order_id
"""
_KEPT: Final = "touched_orders"
_TOUCHED: Final = {
    "postgresql": "SELECT order_id, subject FROM pg_temp.touched_orders",
    "sqlite": "SELECT o.value, s.value FROM json_each(%(orders)s) o"
    " JOIN json_each(%(subjects)s) s ON s.key = o.key",
    "mysql": "SELECT o.id, s.id FROM"
    " JSON_TABLE(%(orders)s, '$[*]' COLUMNS (n FOR ORDINALITY, id CHAR(36) PATH '$')) o JOIN"
    " JSON_TABLE(%(subjects)s, '$[*]' COLUMNS (n FOR ORDINALITY, id CHAR(36) PATH '$')) s"
    " ON s.n = o.n",
}


def touched(look: Look) -> str:
    """Return the table `touched` of a WITH clause: `order_id`, and the `subject` to look again.

    Which orders they are is asked once for all predicates that look at the same page.
    """
    vendor = connections[look.using].vendor
    settled, found = look.shared.get(_KEPT, (None, {}))
    if settled != look.settled:
        found = _find(look, _ORDERS.format(key=_KEY[vendor]), vendor)
        look.shared[_KEPT] = look.settled, found
    look.parameters.update(found)
    inline = "NOT MATERIALIZED " if vendor == "postgresql" else ""
    return f"touched(order_id, subject) AS {inline}({_TOUCHED[vendor]})"


def _find(look: Look, orders: str, vendor: str) -> dict[str, str]:
    """Find the orders of a page and their subjects; return the parameters that name them."""
    if vendor == "postgresql":
        share(_KEPT, "order_id uuid PRIMARY KEY, subject text", orders, SAGAS, look)
        return {}
    rows = ask(orders, SAGAS, look)
    return {
        "orders": json.dumps([str(order) for order, _ in rows]),
        "subjects": json.dumps([subject for _, subject in rows]),
    }


def quoted(look: Look, name: str) -> str:
    """Return a column's name that is a word of SQL."""
    return str(connections[look.using].ops.quote_name(name))
