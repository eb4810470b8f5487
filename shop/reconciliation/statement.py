"""Statement: S1, S2 and S4: the provider's lines and our ledger say the same, line by line.

Lines are summed per kind and id: what is taken back comes as a negative line. Fees are in no ledger
of ours; they count in what is paid out (S3).
"""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from payments.gateway import provider
from payments.models import LedgerEntry
from payments.reconciliation import OWNER, STATEMENT
from payments.services import learn
from sagas.reconciled import ReconciliationFinding, StatementLine
from sagas.reconciliation import BreakClass, Look, Predicate, Severity, Table, Watermark, declare
from shop.reconciliation.reading import must_be_read
from shop.reconciliation.touched import GRACE

#: What the provider tells of an order when it is asked, so that our books can learn it (R30).
_LEARNT: Final = ("capture", "refund", "refund_failed", "chargeback")

#: The kinds of lines that our ledger has, too.
_MOVED: Final = ("authorise", "capture", "void", "refund", "refund_failed", "chargeback")

#: What new lines of the statement are about.
STATED: Final = Watermark(
    model=StatementLine,
    column="loaded_at",
    key="their_id",
    only=Q(source=STATEMENT, kind__in=_MOVED),
)
_BOOKED: Final = Watermark(model=LedgerEntry, column="recorded_at", key="id")

# What is not in our ledger is left over before it is summed: nearly nothing is.
_STATED: Final = """
WITH stated AS (
    SELECT l.kind, l.their_id, MIN(l.reference) AS reference, MIN(l.currency) AS currency,
           MAX(l.currency) AS other_currency, SUM(l.amount_minor) AS amount_minor
      FROM changed c
      JOIN sagas_statementline l
        ON l.source = 'payments' AND l.their_id = c.id
       AND l.kind IN ('authorise', 'capture', 'void', 'refund', 'refund_failed', 'chargeback')
     WHERE {which}
     GROUP BY l.kind, l.their_id
    HAVING MAX(l.at) <= %(settled)s)
{select}"""
_UNBOOKED: Final = """NOT EXISTS (SELECT 1 FROM payments_ledgerentry e
                        WHERE e.kind = l.kind AND e.reference = l.their_id)"""


def _of_stated(select: str, *, which: str = "1 = 1") -> str:
    """Return a query that selects from the lines, summed; from `which` of them."""
    return _STATED.format(which=which, select=select.strip())


_MISSING: Final = _of_stated(
    """
SELECT s.their_id AS subject, s.kind, s.their_id, s.reference AS number, s.amount_minor, s.currency
  FROM stated s
  JOIN payments_payment p ON p.number = s.reference
 WHERE s.amount_minor <> 0
""",
    which=_UNBOOKED,
)
_DIFFERENT: Final = _of_stated("""
SELECT s.their_id AS subject, s.kind, s.their_id, s.reference AS number, s.currency,
       s.amount_minor - e.amount_minor AS amount_minor, s.amount_minor AS stated,
       e.amount_minor AS ours, e.currency AS our_currency, p.number AS our_number
  FROM stated s
  JOIN payments_ledgerentry e ON e.kind = s.kind AND e.reference = s.their_id
  JOIN payments_payment p ON p.id = e.payment_id
 WHERE s.amount_minor <> e.amount_minor OR s.currency <> e.currency
    OR s.other_currency <> e.currency OR (s.reference <> '' AND s.reference <> p.number)
""")
_UNKNOWN: Final = _of_stated(
    """
SELECT s.their_id AS subject, s.kind, s.their_id, s.reference AS number, s.amount_minor, s.currency
  FROM stated s
 WHERE s.amount_minor <> 0
   AND NOT EXISTS (SELECT 1 FROM payments_payment p WHERE p.number = s.reference)
""",
    which=_UNBOOKED,
)
_UNSTATED: Final = """
SELECT e.id AS subject, e.kind, e.reference, p.number, e.amount_minor, e.currency
  FROM changed c
  JOIN payments_ledgerentry e ON e.id = c.id AND e.recorded_at <= %(settled)s
  JOIN expected k ON k.kind = e.kind
  LEFT JOIN payments_payment p ON p.id = e.payment_id
 WHERE NOT EXISTS (SELECT 1 FROM sagas_statementline l
                    WHERE l.source = 'payments' AND l.kind = e.kind AND l.their_id = e.reference)
"""


def _lag() -> timedelta:
    lag: timedelta = settings.SHOP["SETTLEMENT_LAG"]
    return lag


def _unstated(look: Look) -> str:
    must_be_read(STATEMENT, look)
    return _UNSTATED


def _expected() -> Table:
    """Return the kinds of which the provider's statement has lines."""
    return Table(columns={"kind": str}, rows=[(kind,) for kind in sorted(provider().settles)])


def _learn(finding: ReconciliationFinding) -> bool:
    """Have our books learn what was taken or given back there, as if it had been told (R30)."""
    return finding.detail["kind"] in _LEARNT and learn(finding.detail["number"])


declare(
    Predicate(
        id="S1",
        sentence=_("Every line of the provider's statement is in our ledger."),
        query=_MISSING,
        key=("kind", "their_id"),
        watermark=STATED,
        grace=GRACE,
        says=_("%(number)s: %(kind)s %(their_id)s of %(amount_minor)s %(currency)s"),
        owner=OWNER,
        break_class=BreakClass.MISSING_LOCAL,
        severity=Severity.CRITICAL,
        repair=_learn,
    ),
    Predicate(
        id="S1-amount",
        sentence=_("The provider's statement and our ledger say the same amounts."),
        query=_DIFFERENT,
        key=("kind", "their_id"),
        watermark=STATED,
        grace=GRACE,
        says=_(
            "%(number)s: %(kind)s %(their_id)s is %(stated)s %(currency)s in the statement and"
            " %(ours)s %(our_currency)s of %(our_number)s in our ledger"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="S2",
        sentence=_("Every entry of our ledger is in the provider's statement in time."),
        query=_unstated,
        key=("kind", "reference"),
        watermark=_BOOKED,
        grace=_lag,
        tables={"expected": _expected},
        says=_("%(number)s: %(kind)s %(reference)s of %(amount_minor)s %(currency)s"),
        owner=OWNER,
        break_class=BreakClass.MISSING_PSP,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="S4",
        sentence=_("The provider's statement names only orders that are known here."),
        query=_UNKNOWN,
        key=("kind", "their_id"),
        watermark=STATED,
        grace=GRACE,
        says=_("%(kind)s %(their_id)s of %(amount_minor)s %(currency)s for %(number)s"),
        owner=OWNER,
        break_class=BreakClass.UNKNOWN_REF,
        severity=Severity.CRITICAL,
    ),
)
