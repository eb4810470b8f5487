"""Parcels: X1-X3: what leaves belongs to a live, paid order; P1, P2: the carrier says so, too."""

from typing import Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payments.reconciliation import OWNER as FINANCE
from sagas.reconciled import StatementLine
from sagas.reconciliation import (
    BreakClass,
    Look,
    Predicate,
    Severity,
    Table,
    Watermark,
    declare,
)
from shipping.reconciliation import OWNER, SCANS
from shop.reconciliation.reading import must_be_read
from shop.reconciliation.touched import GRACE, SAGAS, touched

# -- X1 to X3 --------------------------------------------------------------------------------------

_CANCELLED_LEFT: Final = """
WITH {touched}
SELECT t.subject, o.number, o.state, s.state AS parcel, s.tracking
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id AND o.state IN ('cancelling', 'cancelled')
  JOIN shipping_shipment s ON s.order_id = o.id AND s.case_id IS NULL
   AND s.state IN ('handed_over', 'delivered', 'lost', 'intercepted')
"""

# Cash on delivery there is none, and an order is captured before it is packed.
_UNPAID_LEFT: Final = """
WITH {touched}
SELECT t.subject, o.number, o.currency, o.state, s.state AS parcel, s.tracking,
       COALESCE(p.captured_minor, 0) AS captured, p.due_minor AS due,
       COALESCE(p.due_minor, o.total_minor) - COALESCE(p.captured_minor, 0) AS amount_minor
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id
  JOIN shipping_shipment s ON s.order_id = o.id AND s.case_id IS NULL
   AND s.state IN ('handed_over', 'delivered', 'lost', 'intercepted')
  LEFT JOIN payments_payment p ON p.order_id = o.id
 WHERE p.id IS NULL OR p.captured_minor < p.due_minor
"""

# Money that is kept of a cancelled order whose payment knows that it goes back is M4's.
_HOMELESS: Final = """
WITH {touched}
SELECT t.subject, o.number, o.state, p.state AS payment, p.currency,
       p.captured_minor - p.refunded_minor - p.charged_back_minor AS amount_minor
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id AND o.state = 'cancelled'
  JOIN payments_payment p ON p.order_id = o.id AND p.state = 'captured'
 WHERE NOT EXISTS (SELECT 1 FROM orders_case c
                    WHERE c.order_id = o.id AND c.state NOT IN ('settled', 'rejected'))
"""

# -- P1 and P2 -------------------------------------------------------------------------------------

#: What our parcels may be when the carrier's last word is this; a step further is P2's matter.
_SAID: Final = {
    "out": {
        "handed_over": ("handed_over", "delivered", "lost", "intercepted"),
        "intercepted": ("handed_over", "intercepted"),
        "delivered": ("delivered",),
        "lost": ("lost",),
        "received": ("intercepted",),
    },
    "back": {
        "handed_over": ("labelled", "received", "sending_back", "sent_back", "kept"),
        "intercepted": ("intercepted", "received", "sending_back", "sent_back", "kept"),
        # What a customer sends back and the carrier loses is for a person to decide.
        "lost": ("intercepted",),
        "received": ("received", "sending_back", "sent_back", "kept"),
    },
}
#: What the carrier must have said of a parcel in one of our states.
_MUST_SAY: Final = {
    "out": {
        "handed_over": "handed_over",
        "delivered": "delivered",
        "lost": "lost",
        "intercepted": "received",
    },
    "back": dict.fromkeys(("received", "sending_back", "sent_back", "kept"), "received"),
}
_SCANNED: Final = Watermark(
    model=StatementLine, column="loaded_at", key="their_id", only=Q(source=SCANS)
)

# A parcel that is stopped on its way keeps its number: either of its rows may say where it is.
# Refused goods on their way to the customer again are followed by nobody.
_ELSEWHERE: Final = """
WITH words AS (
    SELECT l.their_id AS tracking, MIN(l.reference) AS number, MAX(l.at) AS at,
           MAX(CASE l.kind WHEN 'handed_over' THEN 1 WHEN 'intercepted' THEN 2 ELSE 3 END) AS stage
      FROM changed c
      JOIN sagas_statementline l
        ON l.source = 'parcels' AND l.their_id = c.id AND l.kind <> 'pickup_failed'
     GROUP BY l.their_id
    HAVING MAX(l.at) <= %(settled)s),
last AS (
    SELECT w.tracking, w.number,
           CASE w.stage WHEN 1 THEN 'handed_over' WHEN 2 THEN 'intercepted'
                ELSE (SELECT MIN(l.kind) FROM sagas_statementline l
                       WHERE l.source = 'parcels' AND l.their_id = w.tracking
                         AND l.kind IN ('delivered', 'lost', 'received')) END AS said
      FROM words w)
SELECT w.tracking AS subject, w.tracking, w.number, w.said, s.state AS parcel, b.state AS way_back
  FROM last w
  LEFT JOIN shipping_shipment s ON s.tracking = w.tracking
  LEFT JOIN shipping_returnparcel b ON b.tracking = w.tracking
 WHERE NOT EXISTS (SELECT 1 FROM shipping_returnparcel r WHERE r.sent_back_tracking = w.tracking)
   AND NOT EXISTS (SELECT 1 FROM agrees a
                    WHERE a.said = w.said
                      AND ((a.way = 'out' AND a.state = s.state)
                        OR (a.way = 'back' AND a.state = b.state)))
"""

_UNSCANNED: Final = """
WITH {touched},
ours AS (
    SELECT t.subject, s.number, s.tracking, s.state, 'out' AS way
      FROM touched t JOIN shipping_shipment s ON s.order_id = t.order_id
     UNION ALL
    SELECT t.subject, b.number, b.tracking, b.state, 'back'
      FROM touched t JOIN shipping_returnparcel b ON b.order_id = t.order_id)
SELECT p.subject, p.number, p.tracking, p.state, p.way, m.said
  FROM ours p
  JOIN must_say m ON m.way = p.way AND m.state = p.state
 WHERE NOT EXISTS (SELECT 1 FROM sagas_statementline l
                    WHERE l.source = 'parcels' AND l.kind = m.said AND l.their_id = p.tracking)
"""


def _agrees() -> Table:
    rows = [
        (way, said, state)
        for way, words in _SAID.items()
        for said, states in words.items()
        for state in states
    ]
    return Table(columns={"way": str, "said": str, "state": str}, rows=rows)


def _must_say() -> Table:
    rows = [(way, *words) for way, states in _MUST_SAY.items() for words in states.items()]
    return Table(columns={"way": str, "state": str, "said": str}, rows=rows)


def _cancelled_left(look: Look) -> str:
    return _CANCELLED_LEFT.format(touched=touched(look))


def _unpaid_left(look: Look) -> str:
    return _UNPAID_LEFT.format(touched=touched(look))


def _homeless(look: Look) -> str:
    return _HOMELESS.format(touched=touched(look))


def _unscanned(look: Look) -> str:
    must_be_read(SCANS, look)
    return _UNSCANNED.format(touched=touched(look))


declare(
    Predicate(
        id="X1",
        sentence=_("No parcel of a cancelled order has left the house."),
        query=_cancelled_left,
        key=("number", "tracking"),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s is %(state)s; its parcel %(tracking)s is %(parcel)s"),
        owner=OWNER,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="X2",
        sentence=_("No parcel has left the house that was not paid for."),
        query=_unpaid_left,
        key=("number", "tracking"),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s: %(tracking)s is %(parcel)s; %(captured)s captured of %(due)s"),
        owner=FINANCE,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="X3",
        sentence=_("A captured payment has a live order or an open case."),
        query=_homeless,
        key=("number",),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s is %(state)s and its payment %(payment)s, and no case is open"),
        owner=FINANCE,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="P1",
        sentence=_("A parcel is here where the carrier says that it is."),
        query=_ELSEWHERE,
        key=("tracking",),
        watermark=_SCANNED,
        grace=GRACE,
        tables={"agrees": _agrees},
        says=_("%(tracking)s of %(number)s is %(said)s there, %(parcel)s or %(way_back)s here"),
        owner=OWNER,
        break_class=BreakClass.MISSING_LOCAL,
    ),
    Predicate(
        id="P2",
        sentence=_("The carrier has scanned what we say of a parcel."),
        query=_unscanned,
        key=("way", "tracking"),
        watermark=SAGAS,
        grace=GRACE,
        tables={"must_say": _must_say},
        says=_("%(tracking)s of %(number)s is %(state)s here, and was never scanned as %(said)s"),
        owner=OWNER,
        break_class=BreakClass.MISSING_PSP,
    ),
)
