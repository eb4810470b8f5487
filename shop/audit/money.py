"""Money: M1-M8 for each order, and the three-way match with the provider's statement."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from payments.simulated_provider import Transaction
from sagas.reconciliation import Finding
from shop.audit.ours import Case, LedgerEntry, Order, Ours, Payment
from shop.audit.theirs import Theirs

#: What moves money; closing a session, opening an account and asking do not.
_MONEY_MOVES = ("authorise", "capture", "void", "refund", "refund_failed", "chargeback")
_PAID = ("fulfilling", "shipped", "delivered", "completed", "returned", "intercepted", "lost")
#: What was reserved and ended by time stands in no statement.
_OURS_ALONE = ("lapse",)
#: Refunds of which nothing more will come.
_OVER = ("paid", "dropped")


def money(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """Yield what does not hold about money."""
    for payment in ours.payments:
        yield from _within_bounds(payment)
    yield from _ledger_adds_up(ours)
    yield from _refunds_have_cases(ours)
    yield from _cases_add_up(ours)
    cases = _by_order(ours)
    unpaid = {refund.order for refund in ours.refunds if refund.state not in _OVER}
    for order in ours.orders.values():
        yield from _ends_as_it_should(
            order, cases[order.id], theirs, is_quiet=order.id not in unpaid
        )
    yield from _benefits(ours, cases)
    yield from _statement(ours, theirs)


def _by_order(ours: Ours) -> defaultdict[str, list[Case]]:
    found: defaultdict[str, list[Case]] = defaultdict(list)
    for case in ours.cases:
        found[case.order].append(case)
    return found


def _within_bounds(payment: Payment) -> Iterator[Finding]:
    where = f"order {payment.number}"
    reserved = payment.authorised + payment.direct
    if payment.captured + payment.voided > reserved:
        detail = f"{payment.captured} captured and {payment.voided} voided of {reserved} authorised"
        yield Finding(invariant="M1", where=where, detail=detail)
    back = payment.refunded + payment.pending + payment.charged_back
    if not 0 <= back <= payment.captured:
        detail = (
            f"{payment.refunded} refunded, {payment.pending} promised and {payment.charged_back}"
            f" taken by a bank of {payment.captured} captured"
        )
        yield Finding(invariant="M2", where=where, detail=detail)


def _ledger_adds_up(ours: Ours) -> Iterator[Finding]:
    """M8: what a payment says is the sum of its ledger."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in ours.ledger:
        sums[entry.payment][entry.kind] += entry.amount
    for payment in ours.payments:
        booked = sums[payment.id]
        said = {
            "authorise": (payment.authorised, booked["authorise"]),
            "capture": (payment.captured, booked["capture"]),
            "void": (payment.voided, booked["void"] + booked["lapse"]),
            "refund": (payment.refunded, booked["refund"] - booked["refund_failed"]),
            "chargeback": (payment.charged_back, booked["chargeback"]),
        }
        for kind, (says, adds_up) in said.items():
            if says != adds_up:
                detail = f"{kind}: the payment says {says}, its ledger {adds_up}"
                yield Finding(invariant="M8", where=f"order {payment.number}", detail=detail)


# -- cases ----------------------------------------------------------------------------------------


def _refunds_have_cases(ours: Ours) -> Iterator[Finding]:
    """M3: a refund is for exactly one case, of the same amount, and the provider names it once."""
    cases = {case.id: case for case in ours.cases}
    named = Counter(refund.reference for refund in ours.refunds if refund.reference)
    for refund in ours.refunds:
        case, where = cases.get(refund.case), f"refund {refund.id}"
        if case is None or case.kind != refund.kind:
            detail = f"has no case {refund.case} of kind {refund.kind}"
            yield Finding(invariant="M3", where=where, detail=detail)
        elif case.state == "settled" and refund.state == "paid" and case.refund != refund.amount:
            detail = f"is {refund.amount}, its case asks for {case.refund}"
            yield Finding(invariant="M3", where=where, detail=detail)
        if refund.reference and named[refund.reference] > 1:
            detail = f"shares the provider's refund {refund.reference}"
            yield Finding(invariant="M3", where=where, detail=detail)


def _cases_add_up(ours: Ours) -> Iterator[Finding]:
    """M3: what a case gives back for goods is what was paid for its lines."""
    for case in ours.cases:
        if case.state == "settled" and case.lines is not None and case.lines != case.goods:
            detail = f"asks for {case.goods}, its lines for {case.lines}"
            yield Finding(invariant="M3", where=f"case {case.id}", detail=detail)


def _ends_as_it_should(
    order: Order, cases: list[Case], theirs: Theirs, *, is_quiet: bool
) -> Iterator[Finding]:
    """M4-M6: what the provider keeps of an order is what its state and its cases say."""
    balance = theirs.balance(order.number)
    where = f"order {order.number}"
    if order.state == "cancelled" and is_quiet and (balance.kept_minor or balance.open_minor):
        detail = f"is cancelled; {balance.kept_minor} kept, {balance.open_minor} held on the card"
        yield Finding(invariant="M4", where=where, detail=detail)
    if order.state not in _PAID:
        return
    settled = [case for case in cases if case.state == "settled"]
    asked = order.total - sum(case.refund for case in settled if case.is_uncharged)
    if balance.captured_minor != asked:
        detail = f"is {order.state}; {balance.captured_minor} captured of {asked}"
        yield Finding(invariant="M6", where=where, detail=detail)
    is_settled = is_quiet and all(case.state in ("settled", "rejected") for case in cases)
    due = order.total - sum(case.refund for case in settled)
    if is_settled and balance.kept_minor != due:
        detail = f"is {order.state}; {balance.kept_minor} kept, {due} due"
        yield Finding(invariant="M5", where=where, detail=detail)


def _benefits(ours: Ours, cases: defaultdict[str, list[Case]]) -> Iterator[Finding]:
    """M7: coupon and points come back as the settled cases say, and never more than was used."""
    for benefit in ours.benefits:
        settled = [case for case in cases[benefit.order] if case.state == "settled"]
        due = sum(case.coupon if benefit.kind == "coupon" else case.points for case in settled)
        if not due == benefit.restored <= benefit.used:
            detail = (
                f"{benefit.kind}: {benefit.restored} of {benefit.used} came back, its cases say"
                f" {due}"
            )
            where = f"order {ours.orders[benefit.order].number}"
            yield Finding(invariant="M7", where=where, detail=detail)


# -- the provider ---------------------------------------------------------------------------------


def _statement(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """S1, S2, S4: every line of the provider's statement is in our ledger, and the reverse."""
    ledger = {(entry.kind, entry.reference): entry for entry in ours.ledger}
    numbers = {payment.number for payment in ours.payments}
    stated = [line for line in theirs.transactions if line.kind in _MONEY_MOVES]
    for line in stated:
        yield from _line_is_known(line, ledger.get((line.kind, line.id)), numbers)
    known = {(line.kind, line.id) for line in stated}
    for entry in ours.ledger:
        if (entry.kind, entry.reference) not in known and entry.kind not in _OURS_ALONE:
            detail = f"{entry.kind} of {entry.amount} is not in the provider's statement"
            yield Finding(invariant="S2", where=f"ledger {entry.reference}", detail=detail)


def _line_is_known(
    line: Transaction, entry: LedgerEntry | None, numbers: set[str]
) -> Iterator[Finding]:
    where = f"order {line.reference}, {line.kind} {line.id}"
    if line.kind == "capture" and line.reference not in numbers:
        yield Finding(invariant="S4", where=where, detail="the order is not known here")
    if entry is None:
        detail = f"the provider's {line.amount_minor} {line.currency} is not in our ledger"
        yield Finding(invariant="S1", where=where, detail=detail)
    elif (entry.amount, entry.currency) != (line.amount_minor, line.currency):
        detail = (
            f"the provider says {line.amount_minor} {line.currency}, our ledger"
            f" {entry.amount} {entry.currency}"
        )
        yield Finding(invariant="S1", where=where, detail=detail)
