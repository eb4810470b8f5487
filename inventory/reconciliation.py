"""Reconciliation: what inventory can say of its own units (I1, I2, I3, I5).

An article's buckets are counted over all that was ever kept or returned of it, so these are always
looked at as a whole: one grouped scan each, one row per article in memory.
"""

from django.db import connections
from django.utils.translation import gettext_lazy as _

from sagas.reconciliation import BreakClass, Look, Predicate, Severity, declare

#: Who is asked about stock.
OWNER = "warehouse"

_CAME_IN = """
WITH came AS (
    SELECT {sku} AS sku, SUM(CAST({delta} AS {number})) AS units
      FROM sagas_storedevent e
     WHERE e.type = 'inventory.StockAdjusted'
     GROUP BY {sku})
SELECT i.sku, COALESCE(c.units, 0) AS came_in,
       i.available + i.reserved + i.committed + i.out + i.quarantine + i.damaged AS here
  FROM inventory_stockitem i
  LEFT JOIN came c ON c.sku = i.sku
 WHERE i.available + i.reserved + i.committed + i.out + i.quarantine + i.damaged
       <> COALESCE(c.units, 0)
"""

_NEGATIVE = """
SELECT i.sku, i.available, i.reserved, i.committed, i.out AS sent, i.quarantine, i.damaged
  FROM inventory_stockitem i
 WHERE i.available < 0 OR i.reserved < 0 OR i.committed < 0 OR i.out < 0 OR i.quarantine < 0
    OR i.damaged < 0
"""

_RESERVED = """
WITH kept AS (
    SELECT k.item_id,
           SUM(CASE WHEN k.state IN ('reserved', 'extended') THEN k.units ELSE 0 END) AS reserved,
           SUM(CASE WHEN k.state IN ('committed', 'partly_out') THEN k.units ELSE 0 END)
               AS committed
      FROM (SELECT l.item_id, r.state,
                   l.quantity - l.out - l.released - l.short - l.lapsed AS units
              FROM inventory_reservation r
              JOIN inventory_reservationline l ON l.reservation_id = r.id
             WHERE r.state IN ('reserved', 'extended', 'committed', 'partly_out')) k
     GROUP BY k.item_id)
SELECT i.sku, i.reserved, COALESCE(k.reserved, 0) AS reserved_by_rows,
       i.committed, COALESCE(k.committed, 0) AS committed_by_rows
  FROM inventory_stockitem i
  LEFT JOIN kept k ON k.item_id = i.id
 WHERE i.reserved <> COALESCE(k.reserved, 0) OR i.committed <> COALESCE(k.committed, 0)
"""

# What left is out until it is lost or comes back; returned units wait in quarantine until they were
# judged, and stay there when the shop is to blame (D-18) or they were refused and not sent back.
_ELSEWHERE = """
WITH moved AS (
    SELECT l.item_id, l.out - l.lost AS sent, 0 AS quarantine, l.short + l.lost AS damaged
      FROM inventory_reservationline l
     UNION ALL
    SELECT l.item_id,
           CASE g.state WHEN 'sent_back' THEN l.refused - l.quantity ELSE -l.quantity END,
           CASE WHEN g.state = 'quarantined' THEN l.quantity
                ELSE CASE WHEN g.is_fault THEN l.sellable ELSE 0 END
                   + CASE g.state WHEN 'inspected' THEN l.refused ELSE 0 END END,
           CASE g.state WHEN 'quarantined' THEN 0 ELSE l.damaged END
      FROM inventory_returnedgoods g
      JOIN inventory_returnedline l ON l.goods_id = g.id
     WHERE g.state IN ('quarantined', 'inspected', 'sent_back')),
summed AS (
    SELECT item_id, SUM(sent) AS sent, SUM(quarantine) AS quarantine, SUM(damaged) AS damaged
      FROM moved GROUP BY item_id)
SELECT i.sku, i.out AS sent, COALESCE(s.sent, 0) AS sent_by_rows,
       i.quarantine, COALESCE(s.quarantine, 0) AS quarantine_by_rows,
       i.damaged, COALESCE(s.damaged, 0) AS damaged_by_rows
  FROM inventory_stockitem i
  LEFT JOIN summed s ON s.item_id = i.id
 WHERE i.out <> COALESCE(s.sent, 0) OR i.quarantine <> COALESCE(s.quarantine, 0)
    OR i.damaged <> COALESCE(s.damaged, 0)
"""


def _came_in(look: Look) -> str:
    if connections[look.using].vendor == "mysql":
        sku, delta = "e.payload ->> '$.sku'", "e.payload ->> '$.delta'"
        return _CAME_IN.format(sku=sku, delta=delta, number="SIGNED")
    sku, delta = "(e.payload ->> 'sku')", "(e.payload ->> 'delta')"
    return _CAME_IN.format(sku=sku, delta=delta, number="BIGINT")


declare(
    Predicate(
        id="I1",
        sentence=_("What came in of an article is what is in its buckets."),
        query=_came_in,
        key=("sku",),
        says=_("%(sku)s: %(came_in)s came in, %(here)s are in the buckets"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="I2",
        sentence=_("No bucket of an article holds less than nothing."),
        query=_NEGATIVE,
        key=("sku",),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="I3",
        sentence=_("What is reserved and committed is the sum of the live reservations."),
        query=_RESERVED,
        key=("sku",),
        says=_(
            "%(sku)s: %(reserved)s reserved and %(committed)s committed, by its reservations"
            " %(reserved_by_rows)s and %(committed_by_rows)s"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="I5",
        sentence=_("Every unit that left or came back is in the one bucket where it belongs."),
        query=_ELSEWHERE,
        key=("sku",),
        says=_(
            "%(sku)s: %(sent)s out, %(quarantine)s in quarantine and %(damaged)s damaged, by what"
            " left and came back %(sent_by_rows)s, %(quarantine_by_rows)s and %(damaged_by_rows)s"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
)
