"""Stock: I4 and I6: nothing is kept for what is over, nor longer than somebody may still pay.

Both look at live reservations alone, which have an index of their own.
"""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from inventory.reconciliation import OWNER
from sagas.reconciliation import BreakClass, Predicate, declare

# The replacement of a case may leave after the case and its order have ended.
_FOR_THE_ENDED = """
SELECT r.id AS reservation, r.holder_id AS holder, r.state,
       COALESCE(o.number, n.number) AS number, COALESCE(c.state, o.state) AS ended,
       SUM(l.quantity - l.out - l.released - l.short - l.lapsed) AS units
  FROM inventory_reservation r
  JOIN inventory_reservationline l ON l.reservation_id = r.id
  LEFT JOIN orders_order o ON o.id = r.holder_id
  LEFT JOIN orders_case c ON c.id = r.holder_id
  LEFT JOIN orders_order n ON n.id = r.order_id
 WHERE r.state IN ('reserved', 'extended', 'committed', 'partly_out')
   AND (o.id IS NOT NULL OR c.id IS NULL OR c.state = 'rejected')
   AND (o.id IS NULL OR o.state IN ('cancelled', 'completed', 'lost', 'returned'))
 GROUP BY r.id, r.holder_id, r.state, o.number, n.number, c.state, o.state
HAVING SUM(l.quantity - l.out - l.released - l.short - l.lapsed) > 0
"""

# A payment that is unknown, or an account that waits for a transfer, keeps it longer (E4, E5).
_TOO_LONG = """
SELECT r.id AS reservation, r.state, r.expires_at, o.number
  FROM inventory_reservation r
  LEFT JOIN orders_order o ON o.id = r.order_id
  LEFT JOIN payments_payment p ON p.order_id = r.order_id
 WHERE r.state IN ('reserved', 'extended') AND r.expires_at < %(settled)s
   AND (p.state IS NULL
        OR p.state NOT IN ('authorising', 'capturing', 'closing', 'voiding', 'awaiting_deposit'))
"""

declare(
    Predicate(
        id="I4",
        sentence=_("No stock is kept for an order or a case that is over."),
        query=_FOR_THE_ENDED,
        key=("reservation",),
        says=_("%(units)s units are %(state)s for %(number)s, which is %(ended)s"),
        owner=OWNER,
        break_class=BreakClass.STATE,
    ),
    Predicate(
        id="I6",
        sentence=_("Stock that nobody paid for in time is free again."),
        query=_TOO_LONG,
        key=("reservation",),
        grace=timedelta(minutes=5),
        says=_("%(number)s: %(state)s until %(expires_at)s"),
        owner=OWNER,
        break_class=BreakClass.TIMING,
    ),
)
