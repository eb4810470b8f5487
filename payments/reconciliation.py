"""Reconciliation: what payments can say of its own books, and the provider's statements (R41).

What compares them with the statement or with other contexts is the shop's.
"""

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from payments.gateway import provider
from payments.models import Evidence, LedgerEntry, Payment
from payments.services import FINANCE, verify_evidence
from sagas.reconciled import ReconciliationFinding
from sagas.reconciliation import (
    BreakClass,
    Line,
    Look,
    Predicate,
    Severity,
    Source,
    Watermark,
    declare,
    declare_source,
)

#: Who is asked about money.
OWNER = FINANCE
#: The provider's statement, its payouts, and the statement of the shop's bank about these, as the
#: lines of them are stored under.
STATEMENT, PAYOUTS, BANK = "payments", "payouts", "credits"

#: Payments that have a new line in the ledger.
BOOKED = Watermark(model=LedgerEntry, column="recorded_at", key="payment_id", of=Payment)


def _statement(after: str) -> Iterator[Line]:
    """Yield the lines of the provider's statement, as they come."""
    for line in provider().settlement_lines(after=after):
        yield Line(
            position=line.position,
            kind=line.kind,
            their_id=line.id,
            at=line.at,
            reference=line.reference,
            parent=line.parent,
            amount_minor=line.amount_minor,
            currency=line.currency,
            payout=line.payout,
        )


def _payouts(after: str) -> Iterator[Line]:
    """Yield what the provider paid out, as it comes."""
    for line in provider().payout_lines(after=after):
        yield Line(
            position=line.position,
            kind=line.kind,
            their_id=line.id,
            at=line.at,
            amount_minor=line.amount_minor,
            currency=line.currency,
            payout=line.payout,
        )


def _credits(after: str) -> Iterator[Line]:
    """Yield what the shop's bank says of payouts, where the shop reads that."""
    path = settings.SHOP["BANK_STATEMENT"]
    if path is not None:
        yield from import_string(path)(after)


declare_source(Source(name=STATEMENT, read=_statement))
# After the statement, so that the lines of a payout are there before it is.
declare_source(Source(name=PAYOUTS, read=_payouts))
declare_source(Source(name=BANK, read=_credits))

# The database itself refuses C + V > A + D. What was taken without having been reserved (D) is the
# declared overcapture, so it is never more than was taken; only what was reserved is given up.
_WITHIN_RESERVED = """
SELECT p.id AS subject, p.number, p.currency, p.authorised_minor AS authorised,
       p.direct_minor AS direct, p.captured_minor AS captured, p.voided_minor AS voided
  FROM changed c
  JOIN payments_payment p ON p.id = c.id
 WHERE p.captured_minor + p.voided_minor > p.authorised_minor + p.direct_minor
    OR p.direct_minor > p.captured_minor
    OR p.voided_minor > p.authorised_minor
"""

_WITHIN_CAPTURED = """
WITH promised AS (
    SELECT p.id,
           SUM(CASE WHEN r.state IN ('planned', 'sent', 'failed', 'owed')
                    THEN r.amount_minor ELSE 0 END) AS pending,
           SUM(CASE WHEN r.state = 'held' THEN r.amount_minor ELSE 0 END) AS held,
           SUM(CASE WHEN r.state = 'paid' THEN r.amount_minor ELSE 0 END) AS paid
      FROM changed c
      JOIN payments_payment p ON p.id = c.id
      LEFT JOIN payments_refund r ON r.order_id = p.order_id
     GROUP BY p.id)
SELECT p.id AS subject, p.number, p.currency, p.captured_minor AS captured,
       p.refunded_minor AS refunded, p.pending_minor AS pending, p.held_minor AS held,
       p.charged_back_minor AS charged_back, q.paid AS paid_by_refunds,
       q.pending AS pending_by_refunds, q.held AS held_by_refunds
  FROM promised q
  JOIN payments_payment p ON p.id = q.id
 WHERE p.refunded_minor + p.pending_minor + p.charged_back_minor > p.captured_minor
    OR p.pending_minor <> COALESCE(q.pending, 0)
    OR p.held_minor <> COALESCE(q.held, 0)
    OR COALESCE(q.paid, 0) + COALESCE(q.pending, 0) + p.charged_back_minor > p.captured_minor
"""

_FOLDED = """
WITH booked AS (
    SELECT p.id,
           SUM(CASE WHEN e.kind = 'authorise' THEN e.amount_minor ELSE 0 END) AS authorised,
           SUM(CASE WHEN e.kind = 'capture' THEN e.amount_minor ELSE 0 END) AS captured,
           SUM(CASE WHEN e.kind IN ('void', 'lapse') THEN e.amount_minor ELSE 0 END) AS voided,
           SUM(CASE WHEN e.kind = 'refund' THEN e.amount_minor
                    WHEN e.kind = 'refund_failed' THEN -e.amount_minor ELSE 0 END) AS refunded,
           SUM(CASE WHEN e.kind = 'chargeback' THEN e.amount_minor ELSE 0 END) AS charged_back
      FROM changed c
      JOIN payments_payment p ON p.id = c.id
      LEFT JOIN payments_ledgerentry e ON e.payment_id = p.id
     GROUP BY p.id)
SELECT p.id AS subject, p.number, p.currency,
       p.authorised_minor AS authorised, b.authorised AS authorised_by_ledger,
       p.captured_minor AS captured, b.captured AS captured_by_ledger,
       p.voided_minor AS voided, b.voided AS voided_by_ledger,
       p.refunded_minor AS refunded, b.refunded AS refunded_by_ledger,
       p.charged_back_minor AS charged_back, b.charged_back AS charged_back_by_ledger
  FROM booked b
  JOIN payments_payment p ON p.id = b.id
 WHERE p.authorised_minor <> b.authorised OR p.captured_minor <> b.captured
    OR p.voided_minor <> b.voided OR p.refunded_minor <> b.refunded
    OR p.charged_back_minor <> b.charged_back
"""

_UNVERIFIED = """
SELECT e.id AS evidence, p.number, e.step, e.reference, e.actor
  FROM payments_evidence e
  JOIN payments_payment p ON p.id = e.payment_id
 WHERE e.verified_at IS NULL AND e.verify_by <= %(now)s
"""

# The question is opened and closed with the state, so that only what became owed before it was
# asked, or was changed behind everybody's back, has none. The case of this finding is another one.
_UNASKED = """
SELECT r.id AS refund, r.number, r.amount_minor, r.currency, r.failure_code AS code, s.id AS saga_id
  FROM payments_refund r
  LEFT JOIN sagas_saga s ON s.choreography = 'owed_refund' AND {same}
 WHERE r.state = 'owed'
   AND NOT EXISTS (SELECT 1 FROM sagas_case k
                    WHERE k.saga_id = s.id AND k.kind = 'held' AND k.owner = '{owner}'
                      AND k.closed_at IS NULL)
"""
#: Whether a saga's key is a refund's id.
_SAME: Final = {
    "postgresql": "s.key = CAST(r.id AS text)",
    "sqlite": "REPLACE(s.key, '-', '') = r.id",
    "mysql": "REPLACE(s.key, '-', '') = r.id",
}


def _unasked(look: Look) -> str:
    return _UNASKED.format(same=_SAME[connections[look.using].vendor], owner=OWNER)


def _verify(finding: ReconciliationFinding) -> bool:
    return verify_evidence(Evidence.objects.get(pk=finding.detail["evidence"]))


declare(
    Predicate(
        id="M1",
        sentence=_("No more is captured and voided than was authorised or declared."),
        query=_WITHIN_RESERVED,
        key=("number",),
        watermark=BOOKED,
        says=_(
            "%(captured)s captured and %(voided)s voided of %(authorised)s authorised"
            " and %(direct)s taken directly"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="M2",
        sentence=_("No more is given back, promised or charged back than was captured."),
        query=_WITHIN_CAPTURED,
        key=("number",),
        watermark=BOOKED,
        says=_(
            "%(refunded)s refunded, %(pending)s promised, %(held)s held and %(charged_back)s"
            " charged back of %(captured)s captured; its refunds: %(paid_by_refunds)s paid,"
            " %(pending_by_refunds)s promised, %(held_by_refunds)s held"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="M8",
        sentence=_("What a payment says is the sum of its ledger."),
        query=_FOLDED,
        key=("number",),
        watermark=BOOKED,
        says=_(
            "authorised %(authorised)s (%(authorised_by_ledger)s by the ledger), captured"
            " %(captured)s (%(captured_by_ledger)s), voided %(voided)s (%(voided_by_ledger)s),"
            " refunded %(refunded)s (%(refunded_by_ledger)s), charged back %(charged_back)s"
            " (%(charged_back_by_ledger)s)"
        ),
        owner=OWNER,
        break_class=BreakClass.AMOUNT,
        severity=Severity.CRITICAL,
    ),
    Predicate(
        id="E26",
        # Row D-26.
        sentence=_("For every refund that is owed, a person is asked."),
        query=_unasked,
        key=("refund",),
        says=_("%(number)s: a refund is owed (%(code)s), and nobody is asked"),
        owner=OWNER,
        break_class=BreakClass.GAP,
    ),
    Predicate(
        id="E29",
        # Evidence of row D-29.
        sentence=_("What a person vouched for is what the provider says, within a day."),
        query=_UNVERIFIED,
        key=("evidence",),
        says=_("%(number)s: %(actor)s vouched for %(step)s with %(reference)s"),
        owner=OWNER,
        break_class=BreakClass.MISSING_PSP,
        severity=Severity.CRITICAL,
        repair=_verify,
    ),
)
