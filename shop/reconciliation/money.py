"""Money: M3-M7: what is kept of an order is what its state and its cases say."""

from django.utils.translation import gettext_lazy as _

from payments.reconciliation import OWNER
from sagas.reconciliation import BreakClass, Look, Predicate, Severity, declare
from shop.reconciliation.touched import GRACE, SAGAS, quoted, touched

# -- M3: refunds have cases ------------------------------------------------------------------------

# A case about a whole order has no lines: it gives back what was left of each.
_REFUNDS = """
WITH {touched}
SELECT t.subject, o.number, r.currency, r.amount_minor, 'refund' AS part, r.id AS about,
       r.amount_minor AS says, c.refund_minor AS must
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id
  JOIN payments_refund r ON r.order_id = t.order_id
  LEFT JOIN orders_case c ON c.id = r.case_id AND c.order_id = r.order_id
 WHERE c.id IS NULL OR c.kind <> r.{case}
    OR (c.state = 'settled' AND r.state = 'paid' AND c.refund_minor <> r.amount_minor)
 UNION ALL
SELECT t.subject, o.number, c.currency, c.goods_minor, 'case', c.id, c.goods_minor,
       SUM(l.amount_minor)
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id
  JOIN orders_case c ON c.order_id = t.order_id AND c.state = 'settled'
  JOIN orders_caseline l ON l.case_id = c.id
 GROUP BY t.subject, o.number, c.currency, c.goods_minor, c.id
HAVING SUM(l.amount_minor) <> c.goods_minor
 UNION ALL
SELECT t.subject, o.number, o.currency, l.refunded_minor, 'line', l.id, l.refunded_minor,
       COALESCE(SUM(k.refunded_minor), 0)
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id
  JOIN orders_soldline l ON l.order_id = t.order_id
  LEFT JOIN orders_caseline k ON k.line_id = l.id
 WHERE NOT EXISTS (SELECT 1 FROM orders_case w
                    WHERE w.order_id = t.order_id AND w.is_whole AND w.state <> 'rejected')
 GROUP BY t.subject, o.number, o.currency, l.refunded_minor, l.paid_minor, l.id
HAVING l.refunded_minor <> COALESCE(SUM(k.refunded_minor), 0) OR l.refunded_minor > l.paid_minor
"""

# -- M4 to M6: what is kept ------------------------------------------------------------------------

_KEPT = """
WITH {touched},
books AS (
    SELECT t.subject, o.number, o.currency, o.state, o.is_captured, o.total_minor AS total,
           COALESCE(p.state, '') AS payment,
           COALESCE(p.captured_minor, 0) AS captured,
           COALESCE(p.captured_minor - p.refunded_minor - p.charged_back_minor, 0) AS kept,
           COALESCE(p.authorised_minor + p.direct_minor - p.captured_minor - p.voided_minor, 0)
               AS reserved,
           COALESCE((SELECT SUM(c.refund_minor) FROM orders_case c
                      WHERE c.order_id = o.id AND c.state = 'settled'), 0) AS given_back,
           COALESCE((SELECT SUM(c.refund_minor) FROM orders_case c
                      WHERE c.order_id = o.id AND c.state = 'settled' AND c.is_uncharged), 0)
               AS uncharged,
           CASE WHEN EXISTS (SELECT 1 FROM orders_case c
                              WHERE c.order_id = o.id AND c.state NOT IN ('settled', 'rejected'))
                  OR EXISTS (SELECT 1 FROM payments_refund r
                              WHERE r.order_id = o.id AND r.state NOT IN ('paid', 'dropped'))
                THEN 0 ELSE 1 END AS is_quiet
      FROM touched t
      JOIN orders_order o ON o.id = t.order_id
      LEFT JOIN payments_payment p ON p.order_id = o.id)
SELECT subject, number, currency, state, total, captured, kept, reserved, given_back, uncharged,
       {wrong} AS amount_minor
  FROM books
 WHERE {broken}
"""
_CANCELLED = "state = 'cancelled' AND is_quiet = 1 AND (kept <> 0 OR reserved <> 0)"
_SENT = """
state IN ('shipped', 'delivered', 'completed', 'returned', 'intercepted', 'lost')
   AND is_quiet = 1 AND kept <> total - given_back"""
_PAID = """
(captured < total - uncharged
   AND (is_captured OR state IN ('shipped', 'delivered', 'completed', 'returned', 'intercepted',
                                 'lost'))
   AND state NOT IN ('cancelling', 'cancelled'))
    OR (state = 'placed' AND payment = 'captured' AND captured >= total AND is_quiet = 1)"""

# -- M7: coupons and points ------------------------------------------------------------------------

# An order that was reinstated uses again what its cancellation had given back.
_BENEFITS = """
WITH {touched}
SELECT t.subject, o.number, o.currency, b.kind, b.used_minor AS used, b.restored_minor AS restored,
       COALESCE(SUM(CASE b.kind WHEN 'coupon' THEN c.coupon_minor ELSE c.points_minor END), 0)
           AS must
  FROM touched t
  JOIN orders_order o ON o.id = t.order_id
  JOIN orders_benefit b ON b.order_id = o.id
  LEFT JOIN orders_case c ON c.order_id = o.id AND c.state = 'settled'
   AND NOT (c.is_whole AND EXISTS (SELECT 1 FROM orders_case l
                                    WHERE l.order_id = o.id AND l.kind = 'late_success'
                                      AND l.state = 'settled' AND l.replaced_minor > 0))
 GROUP BY t.subject, o.number, o.currency, b.kind, b.used_minor, b.restored_minor
HAVING b.restored_minor <>
       COALESCE(SUM(CASE b.kind WHEN 'coupon' THEN c.coupon_minor ELSE c.points_minor END), 0)
    OR b.restored_minor > b.used_minor
"""


def _refunds(look: Look) -> str:
    return _REFUNDS.format(touched=touched(look), case=quoted(look, "case"))


def _cancelled(look: Look) -> str:
    return _KEPT.format(touched=touched(look), broken=_CANCELLED, wrong="kept + reserved")


def _sent(look: Look) -> str:
    wrong = "kept - total + given_back"
    return _KEPT.format(touched=touched(look), broken=_SENT, wrong=wrong)


def _paid(look: Look) -> str:
    wrong = "captured - total + uncharged"
    return _KEPT.format(touched=touched(look), broken=_PAID, wrong=wrong)


def _benefits(look: Look) -> str:
    return _BENEFITS.format(touched=touched(look))


declare(
    Predicate(
        id="M3",
        sentence=_("Every refund has one case and its amount, and lines add up to them."),
        query=_refunds,
        key=("number", "part", "about"),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s: %(part)s %(about)s says %(says)s and must say %(must)s"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="M4",
        sentence=_("Nothing is kept or reserved of a cancelled order."),
        query=_cancelled,
        key=("number",),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s is cancelled; %(kept)s kept, %(reserved)s reserved on the card"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="M5",
        sentence=_("What is kept of a sent order is its total less what its cases gave back."),
        query=_sent,
        key=("number",),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s is %(state)s; %(kept)s kept of %(total)s, %(given_back)s given back"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
    ),
    Predicate(
        id="M6",
        sentence=_("An order counts as paid exactly if all of its total was captured."),
        query=_paid,
        key=("number",),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s is %(state)s; %(captured)s captured of %(total)s"),
        owner=OWNER,
        break_class=BreakClass.STATE,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="M7",
        sentence=_("Coupons and points come back as the settled cases say."),
        query=_benefits,
        key=("number", "kind"),
        watermark=SAGAS,
        grace=GRACE,
        says=_("%(number)s: %(kind)s, %(restored)s of %(used)s came back, its cases say %(must)s"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
    ),
)
