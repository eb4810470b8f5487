"""Money: M1-M6 and M8 for each order, and the three-way match with the provider's statement."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from payments.simulated_provider import Transaction
from sagas.reconciliation import Finding
from shop.audit.ours import LedgerEntry, Order, Ours, Payment, Refund
from shop.audit.theirs import Theirs

#: What moves money; closing a session does not.
_MONEY_MOVES = ("authorise", "capture", "void", "refund")
_PAID = ("fulfilling", "shipped", "delivered", "completed", "returned", "lost")
_KEPT = ("shipped", "delivered", "completed", "returned")


def money(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """Yield what does not hold about money."""
    for payment in ours.payments:
        yield from _within_bounds(payment)
    yield from _ledger_adds_up(ours)
    yield from _refunds_have_cases(ours)
    for order in ours.orders.values():
        yield from _ends_as_it_should(order, ours, theirs)
    yield from _statement(ours, theirs)


def _within_bounds(payment: Payment) -> Iterator[Finding]:
    where = f"order {payment.number}"
    if payment.captured + payment.voided > payment.authorised:
        detail = (
            f"{payment.captured} captured and {payment.voided} voided of {payment.authorised}"
            " authorised"
        )
        yield Finding(invariant="M1", where=where, detail=detail)
    if not 0 <= payment.refunded + payment.pending <= payment.captured:
        detail = (
            f"{payment.refunded} refunded and {payment.pending} promised of {payment.captured}"
            " captured"
        )
        yield Finding(invariant="M2", where=where, detail=detail)


def _ledger_adds_up(ours: Ours) -> Iterator[Finding]:
    """M8: what a payment says is the sum of its ledger."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for entry in ours.ledger:
        sums[entry.payment][entry.kind] += entry.amount
    for payment in ours.payments:
        said = {
            "authorise": payment.authorised,
            "capture": payment.captured,
            "void": payment.voided,
            "refund": payment.refunded,
        }
        for kind, amount in said.items():
            if sums[payment.id][kind] != amount:
                detail = f"{kind}: the payment says {amount}, its ledger {sums[payment.id][kind]}"
                yield Finding(invariant="M8", where=f"order {payment.number}", detail=detail)


def _refunds_have_cases(ours: Ours) -> Iterator[Finding]:
    """M3: a refund is for exactly one case, of the same amount, and the provider names it once."""
    cases: dict[str, dict[str, int | None]] = {
        "cancel": {case.order: None for case in ours.cases},
        "return": {found.id: found.refund for found in ours.returns},
        "loss": {loss.id: None for loss in ours.losses},
    }
    named = Counter(refund.reference for refund in ours.refunds if refund.reference)
    for refund in ours.refunds:
        case = _case_of(refund)
        amount = cases[refund.kind].get(case or "", -1)
        where = f"refund {refund.id}"
        if amount == -1:
            yield Finding(invariant="M3", where=where, detail=f"has no {refund.kind} {case}")
        elif amount is not None and amount != refund.amount:
            detail = f"is {refund.amount}, its return asks for {amount}"
            yield Finding(invariant="M3", where=where, detail=detail)
        if refund.reference and named[refund.reference] > 1:
            detail = f"shares the provider's refund {refund.reference}"
            yield Finding(invariant="M3", where=where, detail=detail)
    for found in ours.returns:
        if found.lines != found.refund:
            detail = f"asks for {found.refund}, its lines for {found.lines}"
            yield Finding(invariant="M3", where=f"return {found.id}", detail=detail)


def _case_of(refund: Refund) -> str | None:
    by_kind = {"cancel": refund.order, "return": refund.return_id, "loss": refund.loss_id}
    return by_kind[refund.kind]


def _ends_as_it_should(order: Order, ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """M4-M6: what the provider keeps of an order is what its state says."""
    balance = theirs.balance(order.number)
    where = f"order {order.number}"
    if order.state == "cancelled" and (balance.kept_minor or balance.open_minor):
        detail = f"is cancelled; {balance.kept_minor} kept, {balance.open_minor} held on the card"
        yield Finding(invariant="M4", where=where, detail=detail)
    if order.state in _PAID and balance.captured_minor != order.total:
        detail = f"is {order.state}; {balance.captured_minor} captured of {order.total}"
        yield Finding(invariant="M6", where=where, detail=detail)
    due = _due(order, ours)
    if due is not None and balance.kept_minor != due:
        detail = f"is {order.state}; {balance.kept_minor} kept, {due} due"
        yield Finding(invariant="M5", where=where, detail=detail)


def _due(order: Order, ours: Ours) -> int | None:
    """Return what the shop may keep of an order's money; None where that is not settled yet."""
    if order.state in _KEPT:
        back = [r.refund for r in ours.returns if r.order == order.id and r.state == "completed"]
        return order.total - sum(back)
    lost = [loss for loss in ours.losses if loss.order == order.id]
    if order.state == "lost" and lost and lost[0].state == "settled":
        return 0
    return None


def _statement(ours: Ours, theirs: Theirs) -> Iterator[Finding]:
    """S1, S2, S4: every line of the provider's statement is in our ledger, and the reverse."""
    ledger = {(entry.kind, entry.reference): entry for entry in ours.ledger}
    numbers = {payment.number for payment in ours.payments}
    stated = [line for line in theirs.transactions if line.kind in _MONEY_MOVES]
    for line in stated:
        yield from _line_is_known(line, ledger.get((line.kind, line.id)), numbers)
    known = {(line.kind, line.id) for line in stated}
    for entry in ours.ledger:
        if (entry.kind, entry.reference) not in known:
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
