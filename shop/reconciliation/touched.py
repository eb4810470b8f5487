"""Touched: the orders that a page of sagas is about: their checkouts, cases and refunds."""

from datetime import timedelta
from typing import Final

from django.db import connections

from sagas.models import Saga, StoredEvent
from sagas.reconciliation import Look, Watermark

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
_TOUCHED: Final = """
touched AS (
    SELECT f.order_id, MIN(f.subject) AS subject
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
     GROUP BY f.order_id)"""


def touched(look: Look) -> str:
    """Return the table `touched` of a WITH clause: `order_id`, and the `subject` to look again."""
    return _TOUCHED.format(key=_KEY[connections[look.using].vendor])


def quoted(look: Look, name: str) -> str:
    """Return a column's name that is a word of SQL."""
    return str(connections[look.using].ops.quote_name(name))
