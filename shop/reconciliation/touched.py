"""Touched: the orders that a page of sagas is about: their checkouts, cases and refunds."""

import json
from datetime import timedelta
from typing import Final

from django.db import connections

from sagas.models import Saga, StoredEvent
from sagas.reconciliation import Look, Watermark, ask

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
SELECT CAST(f.order_id AS CHAR(36)), CAST(MIN(f.subject) AS CHAR(36))
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
_TOUCHED: Final = {
    "postgresql": "SELECT * FROM unnest(CAST(%(orders)s AS uuid[]), CAST(%(subjects)s AS text[]))",
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
    name = ("touched", look.settled)
    if name not in look.shared:
        look.shared[name] = _find(look)
    look.parameters.update(look.shared[name])
    return f"touched(order_id, subject) AS ({_TOUCHED[connections[look.using].vendor]})"


def _find(look: Look) -> dict[str, str]:
    """Return the orders of a page and their subjects, each as one parameter."""
    vendor = connections[look.using].vendor
    rows = ask(_ORDERS.format(key=_KEY[vendor]), SAGAS, look)
    columns = {"orders": [order for order, _ in rows], "subjects": [subject for _, subject in rows]}
    if vendor == "postgresql":
        return {name: f"{{{','.join(ids)}}}" for name, ids in columns.items()}
    return {name: json.dumps(ids) for name, ids in columns.items()}


def quoted(look: Look, name: str) -> str:
    """Return a column's name that is a word of SQL."""
    return str(connections[look.using].ops.quote_name(name))
