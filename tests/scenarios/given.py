"""What a case gives its customer: money, postage, coupon and points, as its row says it."""

from dataclasses import dataclass
from typing import Any, Final

from orders.models import Benefit, Case, Order
from orders.wording import case_facts, facts_of, told, told_of
from tests.world import reload

#: Paid for three mugs (15.00) and their postage (3.00): 15.00 in money, the rest by other means.
WELCOME: Final[dict[str, Any]] = {
    "shipping_minor": 300,
    "coupon": ("WELCOME", 200),
    "points_minor": 100,
}

#: Said only of what has happened.
OVER: Final = ("complete", "paid back.", "given back.", "is cancelled", "not charged", "exchanged")
#: Said of what will.
PENDING: Final = ("will be paid back", "will be given back")


@dataclass(frozen=True, kw_only=True)
class Given:
    """Amounts in minor units: `refund` is all that goes back, `postage` what of F is in it.

    `fee` (X) was taken off it.
    """

    refund: int = 0
    postage: int = 0
    fee: int = 0
    coupon: int = 0
    points: int = 0


def given(order: Order, kind: str) -> Given:
    """Return what the order's case of this kind comes to, and see that the benefits agree (M7)."""
    assert _restored(order) == _settled(order)
    case = Case.objects.get(order=order, kind=kind)
    return Given(
        refund=case.refund_minor,
        postage=case.postage_minor,
        fee=case.return_fee_minor,
        coupon=case.coupon_minor,
        points=case.points_minor,
    )


def _restored(order: Order) -> int:
    return sum(benefit.restored_minor for benefit in Benefit.objects.filter(order=order))


def _settled(order: Order) -> int:
    """Return what the settled cases say of coupon and points; reinstating uses them again."""
    if reload(order).state == Order.State.REINSTATED:
        return 0
    settled = Case.objects.filter(order=order, state=Case.State.SETTLED)
    return sum(case.coupon_minor + case.points_minor for case in settled)


def assert_pending(order: Order, words: str) -> None:
    """The customer reads these words, and nowhere that what is pending is over."""
    now = told(facts_of(reload(order)))
    said = f"{now.headline} {now.detail}"
    assert words in said
    assert not now.is_final
    for sentence in PENDING:
        said = said.replace(sentence, "")
    assert [word for word in OVER if word in said.lower()] == []


def said_of(order: Order, kind: str) -> str:
    """Return what the customer reads of the order's last case of this kind."""
    case = Case.objects.filter(order=order, kind=kind).latest("opened_at")
    words = told_of(case_facts(case))
    return f"{words.headline} {words.detail}"
