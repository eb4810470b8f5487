"""Verifying: whether the provider says what people vouched for, whoever has asked it (D-29)."""

from payments.gateway import Standing
from payments.models import Evidence, Payment
from sagas import clock


def verify(payment: Payment, standing: Standing) -> list[Evidence]:
    """Mark what people vouched for about a payment as verified, as far as the provider says it.

    Returns what was not verified before and is now.
    """
    open_ones = Evidence.objects.filter(payment_id=payment.pk, verified_at=None)
    said = [evidence for evidence in open_ones if _is_said(standing, evidence)]
    if said:
        rows = Evidence.objects.filter(pk__in=[evidence.pk for evidence in said], verified_at=None)
        rows.update(verified_at=clock.now())
    return said


def _is_said(standing: Standing, evidence: Evidence) -> bool:
    """Whether the provider knows the reference, or shows what a void leaves behind: nothing."""
    if evidence.step in ("payments.void", "payments.close"):
        return not any(held.open_minor for held in standing.authorisations)
    return evidence.reference in _names(standing)


def _names(standing: Standing) -> set[str]:
    """Return the provider's names for everything it has done."""
    reserved = {found.id for found in standing.authorisations}
    taken = {found.id for found in standing.captures}
    return reserved | taken | {found.id for found in standing.refunds if found.status == "paid"}
