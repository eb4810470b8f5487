"""Units: X4-X6: every context counts the same units, and what was given up is paid back in time."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from sagas.reconciliation import BreakClass, Look, Predicate, Severity, declare
from shop.reconciliation.touched import GRACE, SAGAS, touched

#: Who is asked about customers' cases.
OWNER: Final = "support"

# Refused units that have left again may come back once more.
# An order that was paid too late and sent after all was sent as the replacement of its case, and is
# counted there. Several lines of an order may be of the same article, so articles are compared.
_COUNTED: Final = """
WITH {touched},
ordered AS (
    SELECT t.subject, t.order_id, l.sku, SUM(l.quantity) AS ordered, SUM(l.cancelled) AS cancelled,
           SUM(l.shipped) AS shipped,
           SUM(l.return_pending + l.returned + l.exchanged + l.lost_pending + l.lost) AS back
      FROM touched t JOIN orders_soldline l ON l.order_id = t.order_id
     GROUP BY t.subject, t.order_id, l.sku),
kept AS (
    SELECT t.order_id, i.sku, SUM(CASE WHEN r.holder_id = r.order_id THEN l.out ELSE 0 END) AS sent,
           SUM(l.out) AS sent_in_all
      FROM touched t
      JOIN inventory_reservation r ON r.order_id = t.order_id
      JOIN inventory_reservationline l ON l.reservation_id = r.id
      JOIN inventory_stockitem i ON i.id = l.item_id
     GROUP BY t.order_id, i.sku),
packed AS (
    SELECT t.order_id, l.sku, SUM(l.sent) AS sent
      FROM touched t
      JOIN shipping_shipment s ON s.order_id = t.order_id AND s.case_id IS NULL
      JOIN shipping_shipmentline l ON l.shipment_id = s.id
     GROUP BY t.order_id, l.sku),
came AS (
    SELECT t.order_id, i.sku,
           SUM(l.quantity - CASE g.state WHEN 'sent_back' THEN l.refused ELSE 0 END) AS units
      FROM touched t
      JOIN inventory_returnedgoods g ON g.order_id = t.order_id
       AND g.state IN ('quarantined', 'inspected', 'sent_back')
      JOIN inventory_returnedline l ON l.goods_id = g.id
      JOIN inventory_stockitem i ON i.id = l.item_id
     GROUP BY t.order_id, i.sku)
SELECT o.subject, n.number, o.sku, o.ordered, o.cancelled, o.shipped, o.back,
       COALESCE(k.sent, 0) AS by_stock, COALESCE(p.sent, 0) AS by_parcels,
       COALESCE(c.units, 0) AS came_back
  FROM ordered o
  JOIN orders_order n ON n.id = o.order_id
  LEFT JOIN kept k ON k.order_id = o.order_id AND k.sku = o.sku
  LEFT JOIN packed p ON p.order_id = o.order_id AND p.sku = o.sku
  LEFT JOIN came c ON c.order_id = o.order_id AND c.sku = o.sku
 WHERE o.cancelled + o.shipped > o.ordered OR o.back > o.shipped
    OR COALESCE(c.units, 0) > COALESCE(k.sent_in_all, 0)
    OR ((o.shipped <> COALESCE(k.sent, 0) OR o.shipped <> COALESCE(p.sent, 0))
        AND NOT EXISTS (SELECT 1 FROM orders_case l
                         WHERE l.order_id = o.order_id AND l.kind = 'late_success'))
"""

# Nothing happens when a day is over, so these are looked at as a whole: cases that are not settled,
# which are few and have an index, and refunds that are not paid.
_UNSETTLED: Final = """
WITH late AS (
    SELECT c.id FROM orders_case c
     WHERE c.state IN ('open', 'asked', 'accepted') AND c.due_at < %(now)s
     UNION
    SELECT c.id
      FROM payments_refund r
      JOIN orders_case c ON c.id = r.case_id AND c.state <> 'rejected' AND c.due_at < %(now)s
     WHERE r.state NOT IN ('paid', 'dropped'))
SELECT o.number, c.id AS about, c.kind, c.state, c.due_at, c.refund_minor AS amount_minor,
       c.currency
  FROM late
  JOIN orders_case c ON c.id = late.id
  JOIN orders_order o ON o.id = c.order_id
"""


def _of_late(which: str) -> str:
    """Return a query for some of the cases that are late."""
    return f"{_UNSETTLED.strip()}{which}"


_GOODS: Final = _of_late("""
 WHERE EXISTS (SELECT 1
                 FROM inventory_returnedgoods g
                 JOIN inventory_returnedline l ON l.goods_id = g.id
                WHERE g.case_id = c.id AND g.state IN ('inspected', 'sent_back')
                  AND l.sellable + l.damaged > 0)
""")
_SHORTAGE: Final = _of_late("""
 WHERE c.kind = 'oos_cancel'
""")


def _counted(look: Look) -> str:
    return _COUNTED.format(touched=touched(look))


declare(
    Predicate(
        id="X4",
        sentence=_(
            "Orders, stock and parcels count the same units, and no more than were ordered."
        ),
        query=_counted,
        key=("number", "sku"),
        watermark=SAGAS,
        grace=GRACE,
        says=_(
            "%(number)s, %(sku)s: %(ordered)s ordered, %(cancelled)s cancelled; %(shipped)s shipped"
            " by orders, %(by_stock)s by stock, %(by_parcels)s by parcels; %(came_back)s came back"
        ),
        owner="warehouse",
        break_class=BreakClass.STATE,
    ),
    Predicate(
        id="X5",
        sentence=_("Accepted returns are paid back or exchanged within the legal time."),
        query=_GOODS,
        key=("number", "about"),
        says=_("%(number)s: %(kind)s %(about)s is %(state)s and was due at %(due_at)s"),
        owner=OWNER,
        break_class=BreakClass.TIMING,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="X6",
        sentence=_("What was out of stock is paid back within the legal time."),
        query=_SHORTAGE,
        key=("number", "about"),
        says=_("%(number)s: %(about)s is %(state)s and was due at %(due_at)s"),
        owner=OWNER,
        break_class=BreakClass.TIMING,
        severity=Severity.CRITICAL,
    ),
)
