"""Payouts: S3: what the provider settles is what it pays out, and what the bank has.

Fees count here, which are in no ledger of ours. Of a provider that names no payouts in its
statement, payouts bring their own lines; of one that lists none, nothing can be said.
"""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from payments.gateway import provider
from payments.reconciliation import BANK, OWNER, PAYOUTS, STATEMENT
from sagas.reconciled import StatementLine
from sagas.reconciliation import BreakClass, Look, Predicate, Severity, Watermark, declare
from shop.reconciliation.reading import must_be_read
from shop.reconciliation.touched import GRACE

_NOTHING: Final = StatementLine.objects.none().values()

#: The payouts that new lines are about, whoever states them.
_NAMED: Final = Watermark(
    model=StatementLine,
    column="loaded_at",
    key="payout",
    only=Q(source__in=(STATEMENT, PAYOUTS, BANK)) & ~Q(payout=""),
)

_DIFFERENT: Final = """
WITH paid AS (
    SELECT l.payout, l.amount_minor, l.currency
      FROM changed c
      JOIN sagas_statementline l
        ON l.source = 'payouts' AND l.payout = c.id AND l.kind = 'payout'),
summed AS (
    SELECT p.payout, MIN(l.currency) AS currency, MAX(l.currency) AS other_currency,
           SUM(CASE WHEN l.kind IN ('capture', 'refund_failed', 'net') THEN l.amount_minor
                    ELSE -l.amount_minor END) AS amount_minor
      FROM paid p
      JOIN sagas_statementline l
        ON l.source IN ('payments', 'payouts') AND l.payout = p.payout AND l.kind <> 'payout'
     GROUP BY p.payout)
SELECT p.payout AS subject, p.payout, p.amount_minor AS paid_out, p.currency,
       COALESCE(s.amount_minor, 0) AS of_lines,
       p.amount_minor - COALESCE(s.amount_minor, 0) AS amount_minor
  FROM paid p
  LEFT JOIN summed s ON s.payout = p.payout
 WHERE p.amount_minor <> COALESCE(s.amount_minor, 0)
    OR s.currency <> p.currency OR s.other_currency <> p.currency
"""
_UNPAID: Final = """
SELECT l.payout AS subject, l.payout, MIN(l.currency) AS currency,
       SUM(CASE WHEN l.kind IN ('capture', 'refund_failed') THEN l.amount_minor
                ELSE -l.amount_minor END) AS amount_minor
  FROM changed c
  JOIN sagas_statementline l ON l.source = 'payments' AND l.payout = c.id
 WHERE NOT EXISTS (SELECT 1 FROM sagas_statementline p
                    WHERE p.source = 'payouts' AND p.payout = l.payout AND p.kind = 'payout')
 GROUP BY l.payout
HAVING MAX(l.at) <= %(settled)s
"""
_UNCREDITED: Final = """
SELECT p.payout AS subject, p.payout, p.amount_minor AS paid_out, p.currency,
       COALESCE(SUM(b.amount_minor), 0) AS credited,
       p.amount_minor - COALESCE(SUM(b.amount_minor), 0) AS amount_minor
  FROM changed c
  JOIN sagas_statementline p
    ON p.source = 'payouts' AND p.payout = c.id AND p.kind = 'payout' AND p.at <= %(settled)s
  LEFT JOIN sagas_statementline b ON b.source = 'credits' AND b.payout = p.payout
 GROUP BY p.payout, p.amount_minor, p.currency
HAVING p.amount_minor <> COALESCE(SUM(b.amount_minor), 0)
    OR MIN(b.currency) <> p.currency OR MAX(b.currency) <> p.currency
"""


def _different(look: Look) -> str:
    must_be_read(STATEMENT, look)
    must_be_read(PAYOUTS, look)
    return _DIFFERENT


def _unpaid(look: Look) -> str | QuerySet[Any, Any]:
    if not provider().lists_payouts:
        return _NOTHING
    must_be_read(PAYOUTS, look)
    return _UNPAID


def _uncredited(look: Look) -> str | QuerySet[Any, Any]:
    if settings.SHOP["BANK_STATEMENT"] is None:
        return _NOTHING
    must_be_read(BANK, look)
    return _UNCREDITED


def _lag() -> timedelta:
    lag: timedelta = settings.SHOP["PAYOUT_LAG"]
    return lag


declare(
    Predicate(
        id="S3",
        sentence=_("Every payout is the sum of its lines in the provider's statement."),
        query=_different,
        key=("payout",),
        watermark=_NAMED,
        grace=GRACE,
        says=_("%(payout)s: %(paid_out)s %(currency)s paid out, its lines come to %(of_lines)s"),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="S3-late",
        sentence=_("What the provider has settled is paid out in time."),
        query=_unpaid,
        key=("payout",),
        watermark=_NAMED,
        grace=_lag,
        says=_("%(payout)s: %(amount_minor)s %(currency)s are settled and were not paid out"),
        owner=OWNER,
        break_class=BreakClass.MISSING_PSP,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="S3-bank",
        sentence=_("Every payout has reached the shop's bank in time."),
        query=_uncredited,
        key=("payout",),
        watermark=_NAMED,
        grace=_lag,
        says=_("%(payout)s: %(paid_out)s %(currency)s paid out, the bank has %(credited)s"),
        owner=OWNER,
        break_class=BreakClass.MISSING_PSP,
        severity=Severity.CRITICAL,
    ),
)
