"""Wording: what a customer is told of an order and of each case, as one function of the facts.

The API, the admin and the mails all say it; nobody else words it. What waits is never called
complete: a refund that was ordered says how much and by when, one that is owed says that it is.
`facts_of` and `case_facts` read rows that are not given; nothing else here reads, nothing writes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format
from django.utils.functional import Promise

from orders.cases import CASES, Opener
from orders.events import CaseKind
from orders.models import Case, Order
from orders.phrases import (
    APOLOGY,
    BENEFITS,
    CHOOSE,
    MONEY,
    MONEY_BY,
    NO_MONEY,
    OFFER_RETURN,
    ORDERS,
    OTHER_GOODS,
    OWED,
    PAID_LATE,
    SAME_GOODS,
    TAKEN,
    UNCHARGED,
    WORDS,
    Phase,
    Words,
)
from sagas.money import Money

State = Order.State


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a customer reads; `is_final` says that nothing more will come of it."""

    headline: str
    detail: str
    is_final: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFacts:
    """What there is to tell of a case; times are aware and UTC."""

    kind: CaseKind
    state: str
    is_whole: bool
    remedy: str
    refund: Money
    coupon: Money
    points: Money
    #: The coupon that the shop gives as an apology; its code once it is given.
    apology: Money
    apology_code: str
    due_at: datetime | None
    #: Whether the money that goes back was taken.
    is_paid: bool
    #: Whether money came after the order was given up, of which a case of its own tells.
    is_paid_late: bool
    is_goods_done: bool
    is_uncharged: bool
    is_owed: bool
    #: Whether the customer's bank took the money, instead of the shop giving it.
    is_taken: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderFacts:
    """What there is to tell of an order; its cases in the order in which they were opened."""

    number: str
    state: str
    total: Money
    cases: tuple[CaseFacts, ...]


def facts_of(order: Order, cases: Iterable[Case] | None = None) -> OrderFacts:
    """Return the facts of an order and its cases; reads them where they are not given."""
    found = order.cases.all() if cases is None else sorted(cases, key=_opened)
    return OrderFacts(
        number=order.number,
        state=order.state,
        total=order.total,
        cases=tuple(case_facts(case, order) for case in found),
    )


def _opened(case: Case) -> tuple[datetime, UUID]:
    return case.opened_at, case.pk


def case_facts(case: Case, order: Order | None = None) -> CaseFacts:
    """Return the facts of one case; reads its order where that is not given."""
    order = order or case.order
    return CaseFacts(
        kind=case.why,
        state=case.state,
        is_whole=case.is_whole,
        remedy=case.remedy,
        refund=case.refund,
        coupon=Money(case.coupon_minor, case.currency),
        points=Money(case.points_minor, case.currency),
        apology=case.apology,
        apology_code=case.apology_code or "",
        due_at=case.due_at,
        is_paid=order.is_captured or bool(case.given_minor),
        is_paid_late=order.is_paid_late,
        is_goods_done=case.is_goods_done,
        is_uncharged=case.is_uncharged,
        is_owed=case.is_owed,
        is_taken=case.is_taken,
    )


# -- how far a case is ----------------------------------------------------------------------------


_PHASES: Final = {
    Case.State.OPEN: Phase.ASKED,
    Case.State.ASKED: Phase.CHOICE,
    Case.State.ACCEPTED: Phase.PENDING,
    Case.State.SETTLED: Phase.DONE,
    Case.State.REJECTED: Phase.REFUSED,
}


def phase_of(case: CaseFacts) -> Phase:
    """Return how far a case is."""
    phase = _PHASES[Case.State(case.state)]
    if case.is_owed:
        return Phase.OWED
    if phase is Phase.DONE and case.remedy == Case.Remedy.GOODS and not case.is_goods_done:
        return Phase.SENT
    return phase


_OVER: Final = frozenset([Phase.DONE, Phase.REFUSED])

#: States in which an order stays.
_ENDED: Final = frozenset([State.COMPLETED, State.RETURNED, State.CANCELLED])
#: States that say less than the case by which they came.
_BY_CASE: Final = frozenset(
    [
        State.LOST,
        State.INTERCEPTED,
        State.RETURNED,
        State.CANCELLING,
        State.CANCELLED,
        State.REINSTATED,
    ]
)

# -- the function ---------------------------------------------------------------------------------


def told(facts: OrderFacts) -> Told:
    """Return what the customer is told of an order: the matter that is open, or how it stands."""
    case = _matter(facts)
    if case is not None:
        return told_of(case)
    headline, detail = ORDERS[facts.state]
    refusal = _refusal(facts)
    return Told(
        headline=str(headline),
        detail=_refused(refusal) if refusal else str(detail),
        is_final=facts.state in _ENDED,
    )


def told_of(case: CaseFacts) -> Told:
    """Return what the customer is told of one case."""
    phase = phase_of(case)
    return Told(
        headline=str(_headline(case, phase) or ""),
        detail=" ".join(str(sentence) for sentence in _sentences(case, phase)),
        is_final=phase in _OVER,
    )


def _matter(facts: OrderFacts) -> CaseFacts | None:
    """Return the case to speak of: the last one that is open, or that made the order's state."""
    shown = [case for case in facts.cases if _headline(case, phase_of(case))]
    going_on = [case for case in shown if phase_of(case) not in _OVER]
    if going_on:
        return going_on[-1]
    done = [case for case in shown if phase_of(case) is Phase.DONE]
    if not done:
        return None
    if facts.state in (State.CANCELLING, State.CANCELLED):
        whole = [case for case in done if case.is_whole or case.kind is CaseKind.LATE_SUCCESS]
        return (whole or done)[-1] if facts.state == State.CANCELLED else None
    if facts.state not in _BY_CASE:
        return _taken(facts, done)
    telling = [case for case in done if case.refund.minor or case.remedy == Case.Remedy.GOODS]
    return (telling or done)[-1]


def _taken(facts: OrderFacts, done: Sequence[CaseFacts]) -> CaseFacts | None:
    """Return the case of a bank that took all that was left: nothing is sent back for money."""
    taken = [case for case in done if case.is_taken and case.refund.minor]
    is_all = sum(case.refund.minor for case in done) >= facts.total.minor
    return taken[-1] if taken and is_all else None


def _refusal(facts: OrderFacts) -> CaseFacts | None:
    """Return the last case if it was refused and its customer wanted it: that is not hushed up.

    That an order could not be cancelled is said as long as it is on its way.
    """
    last = facts.cases[-1] if facts.cases else None
    if last is None or phase_of(last) is not Phase.REFUSED or CASES[last.kind].is_discreet:
        return None
    is_news = not last.is_whole or facts.state == State.SHIPPED
    return last if is_news and Opener.CUSTOMER in CASES[last.kind].opened_by else None


def _refused(case: CaseFacts) -> str:
    said = told_of(case)
    return " ".join(part for part in (said.headline, said.detail) if part)


def _headline(case: CaseFacts, phase: Phase) -> Promise | None:
    if phase is Phase.OWED:
        return OWED
    words = _words(case, phase)
    return {
        Phase.ASKED: words.asked,
        Phase.CHOICE: words.asked,
        Phase.PENDING: words.pending,
        Phase.SENT: words.pending,
        Phase.REFUSED: words.refused,
    }.get(phase, words.done)


def _words(case: CaseFacts, phase: Phase) -> Words:
    """Return a case's words; an exchange that ends with money has become a return (D-20)."""
    is_paid = case.kind is CaseKind.EXCHANGE and case.remedy == Case.Remedy.MONEY
    is_return = is_paid and phase in (Phase.PENDING, Phase.DONE)
    key = (CaseKind.RETURN if is_return else case.kind).value
    whole = WORDS.get(f"{key}:whole") if case.is_whole else None
    return whole or WORDS[key]


def _sentences(case: CaseFacts, phase: Phase) -> list[object]:
    """Return what is said beside the headline: choice, goods, money, coupon and points."""
    said: list[object | None] = [
        CHOOSE if phase is Phase.CHOICE else None,
        OFFER_RETURN if phase is Phase.REFUSED and case.is_whole else None,
        _goods(case, phase),
        _money(case, phase),
        _benefits(case, phase),
        _apology(case, phase),
    ]
    return [sentence for sentence in said if sentence is not None]


def _goods(case: CaseFacts, phase: Phase) -> object | None:
    if case.remedy != Case.Remedy.GOODS:
        return None
    return (OTHER_GOODS if case.kind is CaseKind.EXCHANGE else SAME_GOODS).get(phase)


def _benefits(case: CaseFacts, phase: Phase) -> object | None:
    amount, words = case.coupon + case.points, BENEFITS.get(phase)
    return words % {"amount": str(amount)} if words is not None and amount.minor else None


def _apology(case: CaseFacts, phase: Phase) -> object | None:
    words, said = APOLOGY.get(phase), {"amount": str(case.apology), "code": case.apology_code}
    return words % said if words is not None and case.apology.minor else None


def _money(case: CaseFacts, phase: Phase) -> object | None:
    if not case.refund.minor:
        nothing = PAID_LATE if case.is_paid_late else NO_MONEY
        return nothing.get(phase) if case.is_whole and not case.is_paid else None
    said = {"amount": str(case.refund)}
    if case.due_at is not None:
        said["date"] = last_day(case.due_at)
    words = _money_words(case, phase)
    return words % said if words is not None else None


def _money_words(case: CaseFacts, phase: Phase) -> Promise | None:
    if case.is_taken:
        return TAKEN.get(phase)
    if case.is_uncharged or (phase is Phase.PENDING and not case.is_paid):
        return UNCHARGED.get(phase)
    is_due = phase is Phase.PENDING and case.due_at is not None
    return MONEY_BY if is_due else MONEY.get(phase)


def last_day(due_at: datetime) -> str:
    """Return the last day before `due_at`, where the law counts, as people write it."""
    place = ZoneInfo(settings.SHOP["LEGAL_ZONE"])
    return date_format((due_at - timedelta(seconds=1)).astimezone(place).date())
