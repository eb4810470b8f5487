"""Audit: holds the shop's books against those of the provider and the carrier, and themselves.

Independent of the code that writes them: our tables are read with SQL of its own, the others' books
through their own statements. Every broken invariant is a finding under its name: money M1-M8,
statement S1, S2 and S4, stock I1-I6, across contexts X1-X5, engine D1-D8, and P1: both sides know
the same parcels in the same states. It changes nothing, and is meant for quiet books: what is
on its way right now may look broken.
"""

from sagas import reconciliation
from sagas.reconciliation import Finding
from shop.audit.money import money
from shop.audit.ours import Ours
from shop.audit.parcels import parcels
from shop.audit.stock import stock
from shop.audit.theirs import Theirs

__all__ = ["Finding", "Ours", "Theirs", "audit"]


def audit(*, prefix: str = "") -> tuple[Finding, ...]:
    """Return what does not hold; `prefix` narrows money and parcels to order numbers beginning so.

    Stock and the engine's own tables are always looked at as a whole.
    """
    ours, theirs = Ours.read(prefix), Theirs.read(prefix)
    return (
        *money(ours, theirs),
        *stock(ours),
        *parcels(ours, theirs),
        *reconciliation.findings(),
    )
