"""Cases: of every case that has ended, which of the fourteen it was, who pays what, why, and words.

Cases that are alike in all that are told together; each is named with its amount.
"""

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.case_book import is_customers
from orders.cases import CASES
from orders.events import CaseKind
from orders.models import Case
from orders.wording import case_facts, told_of
from payments.events import MoneyOp
from payments.models import Payment, Refund
from sagas.money import Money, total
from shop.demo.screen import Screen
from shop.invoices import CURRENCY

_WIDTH: Final = 100
_INDENT: Final = " " * 6
_SUM: Final = "%(sum)s"
#: Keeps an order and its amount on one line.
_TOGETHER: Final = "\N{NO-BREAK SPACE}"

#: How money goes back, as `payments` decides by the payment alone.
_HOW: Final[dict[MoneyOp, Promise]] = {
    MoneyOp.NONE: gettext_lazy("no money moves"),
    MoneyOp.CLOSE_SESSION: gettext_lazy("nothing was paid: the payment session is closed"),
    MoneyOp.VOID: gettext_lazy("nothing was taken: the reservation is given up"),
    MoneyOp.CANCEL_CAPTURE: gettext_lazy("the shop pays %(sum)s back: the capture is cancelled"),
    MoneyOp.PARTIAL_CANCEL: gettext_lazy("the shop pays %(sum)s back: a part of it is cancelled"),
    MoneyOp.REFUND: gettext_lazy("the shop pays %(sum)s back: a refund"),
    MoneyOp.REFUND_ELSEWHERE: gettext_lazy("the shop pays %(sum)s back: to an account"),
}
_UNCHARGED: Final = gettext_lazy("the shop takes %(sum)s less")
_BANK: Final = gettext_lazy("the customer's bank took %(sum)s")
_LEFT: Final = gettext_lazy("the customer's bank left the money with the shop")
_GOODS: Final = gettext_lazy("no money moves: goods are sent instead")

#: What became of a payment of which nothing had to be given back.
_UNTAKEN: Final = {
    Payment.State.VOIDED: MoneyOp.VOID,
    Payment.State.CLOSED: MoneyOp.CLOSE_SESSION,
    # Closed, and paid into after that: another case gives it back.
    Payment.State.LATE: MoneyOp.CLOSE_SESSION,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """What cases have in common that are told together."""

    kind: CaseKind
    #: Who pays what; "%(sum)s" stands for the sum.
    money: str
    goods: str
    why: str
    #: What the customer reads, without the amount.
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """One case."""

    number: str
    #: What moves for it; nothing where it was rejected or goods stand for it.
    amount: Money
    said: str


def tell_cases(screen: Screen, prefix: str) -> None:
    """Say it of all cases of a run."""
    screen.heading(
        _("The cases: which of the fourteen, who pays what, why, and what the customer is told")
    )
    found = _by_likeness(prefix)
    for kind in CaseKind:
        groups = [(alike, ended) for alike, ended in found.items() if alike.kind is kind]
        if groups:
            count = sum(len(ended) for _alike, ended in groups)
            screen.line(f"\n  {CASES[kind].title} ({kind.value}): {count}")
        for alike, ended in groups:
            for line in _told(alike, ended):
                screen.line(line)


def _by_likeness(prefix: str) -> dict[Alike, list[Ended]]:
    refunds = {
        refund.case_id: refund for refund in Refund.objects.filter(number__startswith=prefix)
    }
    payments = {p.order_id: p for p in Payment.objects.filter(number__startswith=prefix)}
    found: defaultdict[Alike, list[Ended]] = defaultdict(list)
    rows = Case.objects.filter(order__number__startswith=prefix).select_related("order")
    for case in rows.order_by("opened_at", "pk"):
        if case.is_over:
            alike, ended = _look_at(case, refunds.get(case.pk), payments)
            found[alike].append(ended)
    return found


def _look_at(
    case: Case, refund: Refund | None, payments: dict[UUID, Payment]
) -> tuple[Alike, Ended]:
    told = told_of(case_facts(case))
    said = f"{told.headline} {told.detail}".strip()
    alike = Alike(
        kind=case.why,
        money=_money(case, refund, payments.get(case.order_id)),
        goods=str(case.rule.bearer.label),
        why=_why(case, refund),
        words=said.replace(str(case.refund), "…"),
    )
    amount = case.refund if _SUM in alike.money else case.refund * 0
    return alike, Ended(number=case.order.number, amount=amount, said=said)


def _money(case: Case, refund: Refund | None, payment: Payment | None) -> str:
    """Return who pays, and how: what payments made of it, or why nothing was to be paid."""
    if case.why is CaseKind.CHARGEBACK and refund is None:
        return str(_BANK if case.refund_minor else _LEFT)
    if case.is_uncharged:
        return str(_UNCHARGED)
    if refund is not None:
        return str(_HOW[refund.how])
    if case.remedy == Case.Remedy.GOODS:
        return str(_GOODS)
    if not case.is_whole or case.state == Case.State.REJECTED or payment is None:
        return str(_HOW[MoneyOp.NONE])
    return str(_HOW[_UNTAKEN.get(Payment.State(payment.state), MoneyOp.NONE)])


def _why(case: Case, refund: Refund | None) -> str:
    """Return the reason, without what is special to one order, and who stands for it."""
    said = [case.reason.partition(":")[0], _("by %(actor)s") % {"actor": _who(case.actor)}]
    if case.approver:
        said.append(_("approved by %(actor)s") % {"actor": case.approver})
    if refund is not None and refund.approved_by:
        values = {"one": refund.proposed_by, "other": refund.approved_by}
        said.append(_("account named by %(one)s, approved by %(other)s") % values)
    return ", ".join(said)


def _who(actor: str) -> str:
    if is_customers(actor):
        return _("the customer")
    return actor or _("the shop itself")


def _told(alike: Alike, ended: list[Ended]) -> Iterator[str]:
    paid = {"sum": total((one.amount for one in ended), currency=CURRENCY)}
    ways = _("way of the goods: %(bearer)s") % {"bearer": alike.goods}
    yield f"  {len(ended):>3} x {alike.money % paid}; {ways}"
    why, told = _("why"), _("told")
    yield from _wrapped(f"{why}: {alike.why}")
    yield from _wrapped(f"{told}: “{ended[0].said}”")
    yield from _wrapped(", ".join(map(_one, ended)))


def _one(case: Ended) -> str:
    amount = str(case.amount).partition(" ")[0]
    return f"{case.number}{_TOGETHER}{amount}" if case.amount.minor else case.number


def _wrapped(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT):
        yield line.replace(_TOGETHER, " ")
